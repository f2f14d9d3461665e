//! Joins that can be interrupted: without this a join of large tables would hold its thread until it ends,
//! whatever its client or the clock say.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use datafusion::prelude::SessionContext;

tokio::task_local! {
    /// When the statement that this task plans has to be done.
    pub(super) static DEADLINE: Instant;
}

/// The session with the rule added.
pub(super) fn with_yielding_joins(session: &SessionContext) -> SessionContext {
    let state = SessionStateBuilder::new_from_existing(session.state());
    let state = state.with_physical_optimizer_rule(Arc::new(YieldingJoins)).build();
    SessionContext::new_with_state(state)
}

/// Gives way after each join, and ends joins that find nothing when their time is up. DataFusion's own rule
/// gives way after each scan, which is enough where every row that comes out came in; a join makes many out
/// of few, or compares many and lets none out.
#[derive(Debug)]
struct YieldingJoins;

impl PhysicalOptimizerRule for YieldingJoins {
    fn name(&self) -> &'static str {
        "yielding_joins"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let deadline = DEADLINE.try_with(|deadline| *deadline).ok();
        let wrap = |node: Arc<dyn ExecutionPlan>| {
            if node.children().len() < 2 {
                return Ok(Transformed::no(node));
            }
            let node = match deadline {
                Some(deadline) => bounded(node, deadline)?,
                None => node,
            };
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(node)) as _))
        };
        plan.transform_up(wrap).map(|done| done.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The join with a filter that fails after the deadline: within one poll a join may compare as many pairs of
/// rows as there are, and its filter is all that it asks meanwhile.
fn bounded(node: Arc<dyn ExecutionPlan>, deadline: Instant) -> Result<Arc<dyn ExecutionPlan>> {
    let until = |filter: &JoinFilter| {
        let inner = Arc::clone(filter.expression());
        let (columns, schema) = (filter.column_indices().to_vec(), Arc::clone(filter.schema()));
        Some(JoinFilter::new(Arc::new(Until { inner, deadline }), columns, schema))
    };
    if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>()
        && let Some(filter) = join.filter()
    {
        let join = NestedLoopJoinExecBuilder::from(join).with_filter(until(filter)).build()?;
        return Ok(Arc::new(join));
    }
    if let Some(join) = node.downcast_ref::<HashJoinExec>()
        && let Some(filter) = join.filter()
    {
        return join.builder().with_filter(until(filter)).build_exec();
    }
    Ok(node)
}

/// An expression that fails after the deadline.
#[derive(Debug)]
struct Until {
    inner: Arc<dyn PhysicalExpr>,
    deadline: Instant,
}

impl PartialEq for Until {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner) && self.deadline == other.deadline
    }
}

impl Eq for Until {}

impl Hash for Until {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
        self.deadline.hash(state);
    }
}

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.inner, f)
    }
}

impl PhysicalExpr for Until {
    fn data_type(&self, input: &Schema) -> Result<DataType> {
        self.inner.data_type(input)
    }

    fn nullable(&self, input: &Schema) -> Result<bool> {
        self.inner.nullable(input)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if Instant::now() >= self.deadline {
            return exec_err!("statement took too long (--timeout)");
        }
        self.inner.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let inner = children.pop().unwrap_or_else(|| Arc::clone(&self.inner));
        Ok(Arc::new(Self { inner, deadline: self.deadline }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
