//! The commands: each resolves its flags, runs, and prints; errors become a message and an exit code.

mod audit;
mod earlier;
mod evaluate;
mod explain;
mod hints;
mod inputs;
mod judging;
mod log;
mod memory;
mod output;
mod prices;
mod progress;
mod report;
mod rows;
mod schema;
mod serve;
mod shell;
mod simulate;
mod sql;

use std::panic::resume_unwind;
use std::process::ExitCode;

use anyhow::Context;

use crate::cli::{Cli, Command};
use crate::engine::gate;

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

impl Outcome {
    /// The exit code.
    fn number(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Missed => FAILED,
            Self::Incomplete => INCOMPLETE,
        }
    }
}

/// Exit code of a command that failed, or missed a bound.
const FAILED: u8 = 1;
/// Exit code of an audit that finished without having read everything.
const INCOMPLETE: u8 = 3;

/// Runs the command and returns the process's exit code.
pub fn run(cli: Cli) -> ExitCode {
    memory::reuse_freed();
    log::begin(cli.log);
    // Plans are visited by recursion, and a statement's plan may be deeper than the main thread's stack.
    let planning = std::thread::Builder::new().stack_size(gate::PLANNING_STACK);
    let outcome = planning
        .spawn(move || started(cli.command))
        .context("cannot start")
        .and_then(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
    match outcome {
        Ok(outcome) => ExitCode::from(outcome.number()),
        // Whoever read our output has had enough: not our failure.
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            log::tell_failure(&output::message(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// Threads of an audit that wait for objects and hand on what came of them: half as many as there are cores, because
/// every core decodes as well, and more threads mean that each hand-over wakes one.
pub fn waiting_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2)
}

fn started(command: Command) -> anyhow::Result<Outcome> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().thread_stack_size(gate::RUNNING_STACK);
    match command {
        Command::Sql(_) => _ = runtime.max_blocking_threads(memory::BLOCKING_THREADS),
        Command::Audit(_) => _ = runtime.worker_threads(waiting_threads()),
        _ => {}
    }
    let runtime = runtime.build().context("cannot start")?;
    runtime.block_on(async {
        match command {
            Command::Audit(args) => audit::run(args).await,
            Command::Sql(args) => sql::run(args).await,
            Command::Evaluate(args) => evaluate::run(args).await,
            Command::Report(args) => report::run(args).await,
            Command::Explain(args) => explain::run(args).await,
            Command::Prices(args) => prices::run(&args),
            Command::Simulate(args) => simulate::run(&args),
            Command::Schema(args) => schema::run(&args),
            Command::Serve(args) => serve::run(args).await,
            Command::Completions(args) => shell::completions(&args),
            Command::Man(args) => shell::man(&args),
        }
    })
}
