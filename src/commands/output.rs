//! Standard output: written whole, and gracious about a reader that went away.

use std::io::{self, ErrorKind, Write};

use anyhow::Context;

use crate::workload::is_unsafe;

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

/// The text without characters that would act on a terminal: names in raw logs and of files are whatever
/// somebody chose.
pub(super) fn harmless(text: &str) -> String {
    let is_plain = |c| matches!(c, '\n' | '\t') || !is_unsafe(c);
    text.chars().map(|c| if is_plain(c) { c } else { '\u{fffd}' }).collect()
}

/// An error with its causes, without those that the text before already tells: query errors repeat theirs.
pub(super) fn message(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        let core = cause.split_once(": ").map_or(cause.as_str(), |(_, core)| core);
        if text.is_empty() {
            text = cause;
        } else if !text.contains(core) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    harmless(&text)
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
