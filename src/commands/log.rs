//! Messages and events on standard error, as text or as one JSON object a line.
//!
//! Only halfrate's own events are logged: those of the libraries below may hold headers and with them
//! credentials, or pieces of what was read.

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry;
use tracing_subscriber::util::SubscriberInitExt;

use super::output::harmless;
use crate::cli::{LogArgs, LogFormat, LogLevel};

/// The prefix of our events' targets: the crate's name.
const OURS: &str = env!("CARGO_CRATE_NAME");

/// The format of the process, decided once before anything is told, like tracing's own subscriber.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();

/// Sets the process's log up; the first call decides.
pub(super) fn begin(args: LogArgs) {
    let level = match (args.log_level, args.log_format) {
        (Some(LogLevel::Off), _) => LevelFilter::OFF,
        (Some(LogLevel::Error), _) | (None, LogFormat::Text) => LevelFilter::ERROR,
        (Some(LogLevel::Warn), _) => LevelFilter::WARN,
        (Some(LogLevel::Info), _) | (None, LogFormat::Json) => LevelFilter::INFO,
        (Some(LogLevel::Debug), _) => LevelFilter::DEBUG,
    };
    let ours = Targets::new().with_target(OURS, level);
    if registry().with(Lines(args.log_format)).with(ours).try_init().is_ok() {
        let _ = FORMAT.set(args.log_format);
    }
}

/// Whether events are shown while a command runs; a moving display would tear them.
pub(super) fn is_shown() -> bool {
    tracing::enabled!(Level::INFO)
}

/// Tells the user something, whatever the level.
pub(super) fn tell(text: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => write("INFO", &json!({ "message": text })),
        _ => eprintln!("{}", harmless(text)),
    }
}

/// Tells the user what ended the command, whatever the level.
pub(super) fn tell_failure(text: &str) {
    match FORMAT.get() {
        Some(LogFormat::Json) => write("ERROR", &json!({ "message": text })),
        _ => eprintln!("halfrate: {}", harmless(text)),
    }
}

/// One line an event.
struct Lines(LogFormat);

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let level = event.metadata().level().as_str();
        match self.0 {
            LogFormat::Json => write(level, &Value::Object(fields.0)),
            LogFormat::Text => {
                let mut line = format!("{} {level:<5}", now());
                if let Some(message) = fields.0.shift_remove("message") {
                    line.push_str(&format!(" {}", message.as_str().unwrap_or_default()));
                }
                for (name, value) in fields.0 {
                    line.push_str(&format!(" {name}={value}"));
                }
                eprintln!("{}", harmless(&line));
            }
        }
    }
}

/// Writes a JSON line: time and level, then the fields.
fn write(level: &str, fields: &Value) {
    let mut line = Map::new();
    line.insert("time".to_owned(), now().into());
    line.insert("level".to_owned(), level.into());
    for (name, value) in fields.as_object().into_iter().flatten() {
        line.insert(name.clone(), value.clone());
    }
    // Whole lines at once, so that those of two threads do not mix; nobody is there to hear of a
    // standard error that is closed.
    let _ = std::io::stderr()
        .lock()
        .write_all(harmless(&format!("{}\n", Value::Object(line))).as_bytes());
}

fn now() -> String {
    DateTime::<Utc>::from(SystemTime::now()).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An event's fields as JSON values.
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}
