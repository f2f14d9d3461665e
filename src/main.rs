//! The `halfrate` command: parses flags and hands them to the library.

use std::process::ExitCode;

use clap::Parser;
use halfrate::cli::Cli;

/// Queries allocate and free many small buffers on several threads, where mimalloc is the faster one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    halfrate::commands::run(Cli::parse())
}
