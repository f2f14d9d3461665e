//! `halfrate serve`: an audit's tables over the PostgreSQL protocol, for reading only.

#[cfg(feature = "serve")]
mod connection;
#[cfg(feature = "serve")]
mod guard;
#[cfg(feature = "serve")]
mod listener;
#[cfg(feature = "serve")]
mod yielding;

use super::Outcome;
use crate::cli::ServeArgs;

/// Serves until it is interrupted.
#[cfg(feature = "serve")]
pub(super) async fn run(args: ServeArgs) -> anyhow::Result<Outcome> {
    listener::run(args).await
}

/// Says how to get a build that serves.
#[cfg(not(feature = "serve"))]
pub(super) async fn run(_: ServeArgs) -> anyhow::Result<Outcome> {
    anyhow::bail!(
        "this build has no serve; build one with: cargo install --path . --features serve"
    )
}
