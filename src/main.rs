//! The `halfrate` command: parses flags and hands them to the library.

use std::process::ExitCode;

use clap::Parser;
use halfrate::cli::Cli;

fn main() -> ExitCode {
    halfrate::commands::run(Cli::parse())
}
