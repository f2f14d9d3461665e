//! The key columns that rows of every workload table share, and the order by them.

use super::cells::Get;
use crate::report::{Report, WorkloadReport};

/// A workload with its id.
pub(super) struct Keyed<'r> {
    pub(super) id: String,
    pub(super) workload: &'r WorkloadReport,
}

/// A row that belongs to a workload.
pub(super) trait OfWorkload {
    fn keyed(&self) -> &Keyed<'_>;

    fn workload(&self) -> &WorkloadReport {
        self.keyed().workload
    }
}

impl OfWorkload for Keyed<'_> {
    fn keyed(&self) -> &Keyed<'_> {
        self
    }
}

/// The workloads in the tables' order: by account, region, caller, model, scope, operation and
/// tags.
pub(super) fn sorted(report: &Report) -> Vec<Keyed<'_>> {
    let keyed = |workload: &'_ WorkloadReport| workload.key.id();
    let mut workloads: Vec<Keyed<'_>> =
        report.workloads.iter().map(|workload| Keyed { id: keyed(workload), workload }).collect();
    workloads.sort_by(|a, b| order(a.workload).cmp(&order(b.workload)));
    workloads
}

fn order(workload: &WorkloadReport) -> [&str; 7] {
    let key = &workload.key;
    [&key.account, &key.region, &key.caller, &key.model, &key.scope, &key.operation, &key.tags]
}

/// The getter of a key column.
pub(super) fn getter<R: OfWorkload>(column: &str) -> Option<Get<R>> {
    let get: Get<R> = match column {
        "workload" => |row| (&row.keyed().id).into(),
        "account" => |row| (&row.workload().key.account).into(),
        "region" => |row| (&row.workload().key.region).into(),
        "caller" => |row| (&row.workload().key.caller).into(),
        "caller_kind" => |row| row.workload().key.caller_kind.as_str().into(),
        "model" => |row| (&row.workload().key.model).into(),
        "scope" => |row| (&row.workload().key.scope).into(),
        "operation" => |row| (&row.workload().key.operation).into(),
        "tags" => |row| (&row.workload().key.tags).into(),
        _ => return None,
    };
    Some(get)
}
