//! The audit dataset: the Parquet tables of one output folder or prefix.
//!
//! Small tables are single files, `OUT/<table>.parquet`; large ones are folders of
//! `OUT/<table>/date=YYYY-MM-DD/<table>.parquet`. Each file is replaced by one atomic act of its store.

pub mod dataset;
pub mod ledger;
pub mod parquet;
