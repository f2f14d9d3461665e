//! Joins that can be interrupted: without this a cross join of large tables would hold its thread until it
//! ends, whatever its client or the clock say.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::prelude::SessionContext;

/// The session with the rule added.
pub(super) fn with_yielding_joins(session: &SessionContext) -> SessionContext {
    let state = SessionStateBuilder::new_from_existing(session.state());
    let state = state.with_physical_optimizer_rule(Arc::new(YieldingJoins)).build();
    SessionContext::new_with_state(state)
}

/// Gives way after each join. DataFusion's own rule does so after each scan, which is enough where every
/// row that comes out came in; a join makes many out of few.
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
        let wrap = |node: Arc<dyn ExecutionPlan>| {
            let joins = node.children().len() > 1;
            Ok(if joins {
                Transformed::yes(Arc::new(CooperativeExec::new(node)) as _)
            } else {
                Transformed::no(node)
            })
        };
        plan.transform_up(wrap).map(|done| done.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}
