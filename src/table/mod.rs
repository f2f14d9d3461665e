//! Bedrock logs as tables for DataFusion: one file source with two views.
//!
//! [`View::Invocations`] yields a row a record, for SQL. [`View::Facts`] yields a row an object with that
//! object's partial facts inside, for the audit: partial facts add up, so a job over any objects, in any
//! order, on any machine, merges by addition.
//!
//! Both are a [`source::LogSource`] inside a `DataSourceExec`, never a plan node of our own: a distributed
//! engine rewrites the file groups of scans it knows and would run a foreign leaf once per task.
//!
//! Architecture invariant: a plan node holds plain values. What it counted travels as rows or metrics.

pub mod columns;
mod decoding;
mod facts;
pub mod interned;
mod invocations;
mod opener;
pub mod packed;
pub mod partial;
pub mod provider;
pub mod source;
mod waiting;

pub use facts::{ORDINAL, facts_schema};
pub use invocations::invocations_schema;

use std::collections::HashMap;
use std::time::Duration;

use crate::config::{Limits, Retry};
use crate::source::{Allowance, Deadline};
use crate::units::Day;

/// Which rows a scan yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// A row a record.
    Invocations,
    /// A row an object.
    Facts,
}

/// What decides the rows of a scan; plain values, the same on every machine.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanOptions {
    /// Bounds on records and objects.
    pub limits: Limits,
    /// Time for one object, retries included.
    pub object_time: Duration,
    /// When reading stops; an object not read by then is unreadable.
    pub deadline: Deadline,
    /// requestMetadata keys that split workloads, in this order.
    pub group_by: Vec<String>,
    /// First day whose records count, by the record's own timestamp.
    pub from: Option<Day>,
    /// Last day whose records count.
    pub to: Option<Day>,
    /// Total input above which a call of the base model is priced as long context.
    pub long_context: HashMap<String, i64>,
    /// Whether a request id counts once a day; otherwise every record counts and no ids are kept.
    pub dedupe: bool,
    /// Requests that another object already counts.
    pub exclude: Vec<partial::RequestId>,
}

impl ScanOptions {
    /// Options without a window, grouping or long-context prices.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            object_time: Retry::default().object_time(),
            deadline: Deadline::default(),
            group_by: Vec::new(),
            from: None,
            to: None,
            long_context: HashMap::new(),
            dedupe: true,
            exclude: Vec::new(),
        }
    }

    /// What reading one object may cost.
    pub fn allowance(&self) -> Allowance {
        let bytes = self.limits.max_object_bytes;
        Allowance { bytes, time: self.object_time, deadline: self.deadline }
    }

    /// Whether a record of `day` lies in the window.
    pub fn covers(&self, day: Day) -> bool {
        self.from.is_none_or(|from| day >= from) && self.to.is_none_or(|to| day <= to)
    }
}
