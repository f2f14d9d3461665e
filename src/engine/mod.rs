//! The engine: one session builder, the scan job over it, and the merging of facts.
//!
//! A scan is many small jobs without a shuffle: each yields the partial facts of a chunk of objects, and
//! what came back is checked (every object exactly once, nothing lost) before it counts. Merging and
//! ordering is SQL (`queries/facts`), run where the scan was started.

pub mod catalog;
pub mod gate;
pub mod merge;
pub mod scan;
pub mod session;
mod spool;

use datafusion::common::DataFusionError;

/// The engine could not finish.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// DataFusion failed to plan or run a query.
    #[error("query failed: {0}")]
    Query(#[from] DataFusionError),
    /// Arrow data did not have the expected shape.
    #[error("unexpected data: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// What came back from a job does not add up; nothing of the job was counted.
    #[error("counts do not add up: {0}")]
    Conservation(String),
    /// The temporary folder cannot be used.
    #[error("temporary file: {0}")]
    Spool(#[from] std::io::Error),
}
