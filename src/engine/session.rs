//! The one session builder: every query of halfrate, local or distributed, runs in a session made here.

use std::sync::Arc;

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::EngineError;
use crate::config::Limits;
use crate::source::Source;

/// A session with bounded memory that reaches the stores of `sources`.
///
/// # Errors
/// The temporary folder cannot be set up.
pub fn session<'s>(
    limits: &Limits,
    sources: impl IntoIterator<Item = &'s Source>,
) -> Result<SessionContext, EngineError> {
    let config = SessionConfig::new()
        .with_information_schema(true)
        // A gzip object cannot be cut into ranges, and files of facts are small.
        .with_repartition_file_scans(false)
        .with_collect_statistics(true);
    let runtime = RuntimeEnvBuilder::new()
        // Otherwise a listing is remembered for ever, and a later audit's files are never seen.
        .with_object_list_cache_limit(0)
        .with_memory_pool(Arc::new(FairSpillPool::new(limits.query_memory_bytes)))
        .build_arc()?;
    for source in sources {
        runtime.register_object_store(&source.store_url, Arc::clone(&source.store));
    }
    Ok(SessionContext::new_with_config_rt(config, runtime))
}
