//! Standard output: written whole, and gracious about a reader that went away.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

/// Narrowest and widest text that is laid out; beyond, lines get hard to follow.
const MIN_WIDTH: usize = 60;
const MAX_WIDTH: usize = 200;

/// Columns where nothing says otherwise.
const DEFAULT_WIDTH: usize = 80;

/// Writes text to standard output.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("standard output")
}

/// Columns of the terminal, or what `COLUMNS` says, or 80.
pub(super) fn width() -> usize {
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let seen = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    told.or_else(seen).unwrap_or(DEFAULT_WIDTH).clamp(MIN_WIDTH, MAX_WIDTH)
}

/// Whether an error came of a reader that closed our output, as `head` does.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}
