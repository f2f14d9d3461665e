//! `halfrate sql`: any text is refused with a message, or its statements are planned and read only.

#![no_main]

#[allow(dead_code, missing_docs)]
#[path = "../../../src/engine/gate.rs"]
mod gate;

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, LazyLock, Mutex};

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::SchemaProvider;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::empty::EmptyTable;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use futures::executor::block_on;
use libfuzzer_sys::fuzz_target;

/// The stack that planning has in the program, times four: frames are larger under the address sanitizer.
const STACK: usize = 4 * gate::PLANNING_STACK;

/// Hands a text to the planning thread and waits until it is done with it.
static PLANNER: LazyLock<Mutex<(SyncSender<String>, Receiver<()>)>> = LazyLock::new(|| {
    let (texts, text) = sync_channel::<String>(0);
    let (done, waiting) = sync_channel(0);
    let planning = std::thread::Builder::new().stack_size(STACK);
    let thread = planning.spawn(move || {
        let session = session();
        while let Ok(text) = text.recv() {
            check(&session, &text);
            done.send(()).expect("the fuzzer waits");
        }
    });
    thread.expect("one thread");
    Mutex::new((texts, waiting))
});

/// Two tables without rows.
fn session() -> SessionContext {
    let config = SessionConfig::new().with_information_schema(true);
    let session = SessionContext::new_with_config(config);
    let of = |name: &str, kind| Field::new(name, kind, true);
    let workloads = vec![of("caller", DataType::Utf8), of("total_tokens", DataType::Int64)];
    let usage = vec![of("date", DataType::Date32), of("cost_usd", DataType::Decimal128(20, 6))];
    for (name, fields) in [("workloads", workloads), ("usage", usage)] {
        let table = EmptyTable::new(Arc::new(Schema::new(fields)));
        session.register_table(name, Arc::new(table)).expect("a new table");
    }
    session
}

fn tables(session: &SessionContext) -> Vec<String> {
    let catalog = session.catalog("datafusion").expect("the default catalog");
    let schema: Arc<dyn SchemaProvider> = catalog.schema("public").expect("the default schema");
    let mut names = schema.table_names();
    names.sort();
    names
}

fn check(session: &SessionContext, text: &str) {
    let statements = match gate::parse(text) {
        Ok(statements) => statements,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(!statements.is_empty());
    for statement in statements {
        match block_on(gate::plan(session, statement)) {
            Ok(plan) => assert!(reads_only(&plan), "{plan}"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    assert_eq!(tables(session), ["usage", "workloads"]);
}

/// Whether no part of a plan does anything but read, subqueries included.
fn reads_only(plan: &LogicalPlan) -> bool {
    let mut reads = true;
    let visited = plan.apply_with_subqueries(|part| {
        reads &= !matches!(
            part,
            LogicalPlan::Dml(_)
                | LogicalPlan::Ddl(_)
                | LogicalPlan::Copy(_)
                | LogicalPlan::Statement(_)
        );
        Ok(TreeNodeRecursion::Continue)
    });
    visited.is_ok() && reads
}

fuzz_target!(|text: &str| {
    let planner = PLANNER.lock().expect("a panic ends the process");
    planner.0.send(text.to_owned()).expect("the thread waits");
    planner.1.recv().expect("the thread answers");
});
