//! The audit dataset: the Parquet tables of one output folder or prefix, and the state that they are made of.
//!
//! Small tables are single files, `OUT/<table>.parquet`; large ones are folders of
//! `OUT/<table>/date=YYYY-MM-DD/<table>.parquet`. `OUT/_state/YYYY-MM-DD.parquet` holds, for the objects of
//! one day, what was read and what it amounts to; a day of which much was read goes on in
//! `OUT/_state/YYYY-MM-DD.1.parquet` and so on. Each file is replaced by one atomic act of its store.
//!
//! State is the truth: a state file is the only thing that a commit writes. Tables are a function of state,
//! configuration and window, and whatever differs from what the state says is made again.

mod by_column;
pub mod dataset;
pub mod index;
pub mod ledger;
pub mod lock;
pub mod parquet;
mod pieces;
mod ranges;
pub mod segment;
pub mod state;
pub mod tables;
