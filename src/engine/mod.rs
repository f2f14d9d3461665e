//! The engine: one session builder, the scan job over it, and the merging of facts.
//!
//! A scan is many small jobs without a shuffle: each yields the partial facts of a slice of objects, and
//! what came back is checked (every object exactly once, nothing lost) before it is committed to the state.
//! Merging adds a day up in memory, where the scan was started; of a day that does not fit, SQL
//! (`queries/facts`) adds up and sorts what was set aside.

pub mod catalog;
mod commit;
mod days;
mod fresh;
pub mod gate;
pub mod kept;
pub mod merge;
mod names;
pub mod plan;
mod repeats;
pub mod scan;
pub mod session;
mod settle;
mod spool;
mod sums;
pub mod update;

use datafusion::common::DataFusionError;

use crate::store::dataset::DatasetError;
use crate::store::lock::LockError;

/// The engine could not finish.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// DataFusion failed to plan or run a query.
    #[error("query failed: {0}")]
    Query(#[from] DataFusionError),
    /// Arrow data did not have the expected shape.
    #[error("unexpected data: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// State could not be encoded.
    #[error("cannot encode the state: {0}")]
    Encode(#[from] parquet::errors::ParquetError),
    /// What came back from a job does not add up; nothing of the job was counted.
    #[error("counts do not add up: {0}")]
    Conservation(String),
    /// The temporary folder cannot be used.
    #[error("temporary file: {0}")]
    Spool(#[from] std::io::Error),
    /// The dataset cannot be read or written.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The lock was lost.
    #[error(transparent)]
    Lock(#[from] LockError),
}
