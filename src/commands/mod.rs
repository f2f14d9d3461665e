//! The commands: each resolves its flags, runs, and prints; errors become a message and an exit code.

mod audit;
mod evaluate;
mod explain;
mod inputs;
mod judging;
mod log;
mod output;
mod prices;
mod progress;
mod rows;
mod simulate;
mod sql;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// How a command that did not fail ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Everything was read.
    Complete,
    /// Finished, but something could not be read.
    Incomplete,
    /// Finished, but a bound that was set is missed.
    Missed,
}

/// Exit code of a command that failed, or missed a bound.
const FAILED: u8 = 1;
/// Exit code of an audit that finished without having read everything.
const INCOMPLETE: u8 = 3;

/// Runs the command and returns the process's exit code.
pub fn run(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("halfrate: cannot start: {error}");
            return ExitCode::from(FAILED);
        }
    };
    let outcome = runtime.block_on(async {
        match cli.command {
            Command::Audit(args) => audit::run(args).await,
            Command::Sql(args) => sql::run(args).await,
            Command::Evaluate(args) => evaluate::run(args).await,
            Command::Explain(args) => explain::run(args).await,
            Command::Prices(args) => prices::run(&args),
            Command::Simulate(args) => simulate::run(&args),
        }
    });
    match outcome {
        Ok(Outcome::Complete) => ExitCode::SUCCESS,
        Ok(Outcome::Missed) => ExitCode::from(FAILED),
        Ok(Outcome::Incomplete) => ExitCode::from(INCOMPLETE),
        // Whoever read our output has had enough: not our failure.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("halfrate: {}", output::message(&error));
            ExitCode::from(FAILED)
        }
    }
}
