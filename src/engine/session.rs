//! The one session builder: every query of halfrate, local or distributed, runs in a session made here.

use std::sync::{Arc, OnceLock};

use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::EngineError;
use crate::config::Limits;
use crate::source::Source;

/// What plans run on: stores and bounded memory. A scan needs no more. The session, with its planner and all its
/// functions, is made for the first statement: most audits have none, and its code is 20 MB of pages.
pub struct Ground {
    config: SessionConfig,
    runtime: Arc<RuntimeEnv>,
    session: OnceLock<SessionContext>,
}

impl Ground {
    /// Ground that reaches the stores of `sources`.
    ///
    /// # Errors
    /// The temporary folder cannot be set up.
    pub fn new<'s>(
        limits: &Limits,
        sources: impl IntoIterator<Item = &'s Source>,
    ) -> Result<Self, EngineError> {
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
        Ok(Self { config, runtime, session: OnceLock::new() })
    }

    /// The context that a plan without statement runs in.
    pub fn task(&self) -> Arc<TaskContext> {
        let task = TaskContext::default().with_session_config(self.config.clone());
        Arc::new(task.with_runtime(Arc::clone(&self.runtime)))
    }

    /// The session that statements run in.
    pub fn session(&self) -> &SessionContext {
        self.session.get_or_init(|| {
            SessionContext::new_with_config_rt(self.config.clone(), Arc::clone(&self.runtime))
        })
    }
}

/// A session with bounded memory that reaches the stores of `sources`.
///
/// # Errors
/// The temporary folder cannot be set up.
pub fn session<'s>(
    limits: &Limits,
    sources: impl IntoIterator<Item = &'s Source>,
) -> Result<SessionContext, EngineError> {
    Ok(Ground::new(limits, sources)?.session().clone())
}
