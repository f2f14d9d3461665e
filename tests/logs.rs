//! Log folders written by hand: good records, bad ones, and what lies beside them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Account, region and day of the folders written here.
pub(crate) const HOUR: &str =
    "AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/10/05/09";

/// A model whose rates the price book has.
pub(crate) const MODEL: &str = "anthropic.claude-sonnet-4-20250514-v1:0";

/// A folder of logs that goes with its value.
pub(crate) struct Logs(TempDir);

impl Logs {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file as it is.
    pub(crate) fn raw(&self, key: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let file = self.path().join(key);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        file
    }

    /// Writes an object of the hour, compressed.
    pub(crate) fn gzip(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        self.raw(&format!("{HOUR}/{name}"), gzip(content))
    }

    /// Writes records as an object of the hour, a line each, compressed.
    pub(crate) fn records<'a>(&self, name: &str, records: impl IntoIterator<Item = &'a Value>) {
        self.gzip(name, lines(records));
    }
}

/// Records as lines.
pub(crate) fn lines<'a>(records: impl IntoIterator<Item = &'a Value>) -> String {
    records.into_iter().map(|record| format!("{record}\n")).collect()
}

/// One gzip member.
pub(crate) fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// A good record of 2026-10-05, the `n`th: 1000 tokens in, 100 out, with bodies.
pub(crate) fn record(n: u32) -> Value {
    json!({
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": format!("2026-10-05T09:{:02}:{:02}Z", n / 60 % 60, n % 60),
        "accountId": "111122223333",
        "region": "us-east-1",
        "requestId": format!("00000000-0000-4000-8000-{n:012}"),
        "operation": "Converse",
        "modelId": MODEL,
        "identity": { "arn": "arn:aws:sts::111122223333:assumed-role/tagging/GlueJobRunnerSession" },
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": { "messages": [{ "role": "user", "content": [{ "text": "hello" }] }] },
            "inputTokenCount": 1000,
        },
        "output": {
            "outputContentType": "application/json",
            "outputBodyJson": {
                "output": { "message": { "role": "assistant", "content": [{ "text": "hi" }] } },
                "metrics": { "latencyMs": 900 },
            },
            "outputTokenCount": 100,
        },
    })
}

/// Good records, numbered.
pub(crate) fn good(numbers: impl IntoIterator<Item = u32>) -> Vec<Value> {
    numbers.into_iter().map(record).collect()
}

/// A record with one field, named by a JSON pointer, replaced.
pub(crate) fn with(n: u32, pointer: &str, value: Value) -> Value {
    let mut record = record(n);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    record.pointer_mut(parent).unwrap()[name] = value;
    record
}
