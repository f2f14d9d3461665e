//! The flags of unattended runs: messages, metrics, limits of time and memory.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// How an unattended audit is watched and ended.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Operation")]
pub struct OperationArgs {
    /// Stop reading so long after the start, such as 45m; what was not read is read by the next audit.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub deadline: Option<Duration>,
    /// Write metrics in the Prometheus text format to this file at the end.
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
}

/// What is told on standard error while a command runs.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Messages")]
pub struct LogArgs {
    /// How messages on standard error are written.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub log_format: LogFormat,
    /// Least important events that are logged [default: error, with --log-format json: info].
    #[arg(long, global = true, value_enum)]
    pub log_level: Option<LogLevel>,
}

/// How messages are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Importance of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// Nothing but the messages of the command.
    Off,
    /// What ended the command.
    Error,
    /// What could not be read.
    Warn,
    /// Start, stages, retries and end.
    Info,
    /// Every object.
    Debug,
}

/// A size such as `512MB` or `2GiB`.
pub(super) fn bytes(text: &str) -> Result<usize, String> {
    /// Less does not hold a batch of each operator.
    const LEAST: usize = 16_000_000;
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: usize = match unit.trim().to_ascii_lowercase().as_str() {
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(format!("'{text}' is no size: write 512MB or 2GB")),
    };
    let size = number.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
    match size {
        Some(size) if size >= LEAST => Ok(size),
        Some(_) => Err(format!("{text} is too little: 16MB is the least")),
        None => Err(format!("'{text}' is no size: write 512MB or 2GB")),
    }
}

/// A time such as `90s`, `45m` or `2h`.
fn time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no time: write 90s, 45m or 2h");
    let (number, seconds) = match text.char_indices().next_back() {
        Some((at, 's')) => (&text[..at], 1),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 'h')) => (&text[..at], 3600),
        _ => return Err(wrong()),
    };
    let time = number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds));
    time.filter(|time| *time > 0).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("45m"), Ok(Duration::from_secs(2700)));
        assert_eq!(time("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "45", "m", "-1m", "1.5h", "0s", "1d", "é", "99999999999999999999h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bytes("512MB"), Ok(512_000_000));
        assert_eq!(bytes("2 GiB"), Ok(2 << 30));
        for wrong in ["", "512", "MB", "1MB", "512kb", "-5GB", "99999999999999999999GB", "1é"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
