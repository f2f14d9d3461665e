//! The invocations view: one row a record, for SQL over raw logs.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Int64Builder, MapBuilder, MapFieldNames, RecordBatch,
    StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::ScanOptions;
use super::partial::{is_streaming, workload_key};
use crate::decode::body::Body;
use crate::decode::record::Record;
use crate::decode::{Reject, Sink};
use crate::schema::{Kind, TIME_ZONE};
use crate::units::Minute;

/// Text columns, not null.
const TEXTS: [&str; 11] = [
    "account",
    "region",
    "request_id",
    "operation",
    "model_id",
    "identity_arn",
    "model",
    "scope",
    "caller",
    "caller_kind",
    "object",
];
/// Text columns, null where the record says nothing.
const MAYBE_TEXTS: [&str; 3] = ["inference_region", "error_code", "service_tier"];
/// Counts, null where the record says nothing.
const MAYBE_COUNTS: [&str; 6] = [
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "latency_ms",
    "first_byte_ms",
];
/// Yes, no, or null where the body is missing.
const FLAGS: [&str; 7] = [
    "tools",
    "agent_turn",
    "forced_tool",
    "json_schema",
    "guardrail",
    "multi_turn",
    "optimized_latency",
];

fn map_names() -> MapFieldNames {
    MapFieldNames { entry: "entries".into(), key: "key".into(), value: "value".into() }
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |name: &str, kind: Kind, nullable| Field::new(name, kind.arrow(), nullable);
    let entries = Field::new(
        "entries",
        DataType::Struct(
            vec![
                Field::new("key", DataType::Utf8, false),
                Field::new("value", DataType::Utf8, true),
            ]
            .into(),
        ),
        false,
    );
    let mut fields = vec![
        field("timestamp", Kind::Time, false),
        field("date", Kind::Date, false),
        field("streaming", Kind::Flag, false),
        field("position", Kind::Count, false),
    ];
    fields.extend(TEXTS.map(|name| field(name, Kind::Text, false)));
    fields.extend(MAYBE_TEXTS.map(|name| field(name, Kind::Text, true)));
    fields.extend(MAYBE_COUNTS.map(|name| field(name, Kind::Count, true)));
    fields.extend(FLAGS.map(|name| field(name, Kind::Flag, true)));
    fields.push(Field::new("metadata", DataType::Map(Arc::new(entries), false), false));
    Arc::new(Schema::new(fields))
});

/// The view's schema.
pub fn invocations_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// Makes rows of records.
pub(super) struct RowSink<'o> {
    options: &'o ScanOptions,
    place: (&'o str, &'o str),
    object: &'o str,
    batch_rows: usize,
    timestamp: TimestampMicrosecondBuilder,
    date: Date32Builder,
    streaming: BooleanBuilder,
    position: Int64Builder,
    texts: [StringBuilder; TEXTS.len()],
    maybe_texts: [StringBuilder; MAYBE_TEXTS.len()],
    maybe_counts: [Int64Builder; MAYBE_COUNTS.len()],
    flags: [BooleanBuilder; FLAGS.len()],
    metadata: MapBuilder<StringBuilder, StringBuilder>,
    rows: usize,
    /// Full batches, in the order of the records.
    batches: Vec<RecordBatch>,
    error: Option<ArrowError>,
    /// Records that could not be read.
    pub(super) rejects: usize,
}

impl<'o> RowSink<'o> {
    pub(super) fn new(
        options: &'o ScanOptions,
        object: &'o str,
        place: (&'o str, &'o str),
        batch_rows: usize,
    ) -> Self {
        Self {
            options,
            place,
            object,
            batch_rows,
            timestamp: TimestampMicrosecondBuilder::new().with_timezone(TIME_ZONE),
            date: Date32Builder::new(),
            streaming: BooleanBuilder::new(),
            position: Int64Builder::new(),
            texts: std::array::from_fn(|_| StringBuilder::new()),
            maybe_texts: std::array::from_fn(|_| StringBuilder::new()),
            maybe_counts: std::array::from_fn(|_| Int64Builder::new()),
            flags: std::array::from_fn(|_| BooleanBuilder::new()),
            metadata: MapBuilder::new(
                Some(map_names()),
                StringBuilder::new(),
                StringBuilder::new(),
            ),
            rows: 0,
            batches: Vec::new(),
            error: None,
            rejects: 0,
        }
    }

    /// All rows, in batches.
    pub(super) fn finish(mut self) -> Result<Vec<RecordBatch>, ArrowError> {
        self.flush();
        self.error.map_or(Ok(self.batches), Err)
    }

    fn flush(&mut self) {
        if self.rows == 0 || self.error.is_some() {
            return;
        }
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.timestamp.finish()),
            Arc::new(self.date.finish()),
            Arc::new(self.streaming.finish()),
            Arc::new(self.position.finish()),
        ];
        let texts = self.texts.iter_mut().chain(&mut self.maybe_texts);
        columns.extend(texts.map(|builder| Arc::new(builder.finish()) as ArrayRef));
        let counts = self.maybe_counts.iter_mut();
        columns.extend(counts.map(|builder| Arc::new(builder.finish()) as ArrayRef));
        let flags = self.flags.iter_mut();
        columns.extend(flags.map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.push(Arc::new(self.metadata.finish()));
        match RecordBatch::try_new(invocations_schema(), columns) {
            Ok(batch) => self.batches.push(batch),
            Err(error) => self.error = Some(error),
        }
        self.rows = 0;
    }

    fn append_metadata(&mut self, record: &Record<'_>) {
        for (key, value) in record.metadata() {
            self.metadata.keys().append_value(key);
            self.metadata.values().append_value(value);
        }
        if let Err(error) = self.metadata.append(true) {
            self.error.get_or_insert(error);
        }
    }
}

impl Sink for RowSink<'_> {
    fn record(&mut self, record: &Record<'_>) {
        let minute = Minute::of_seconds(record.timestamp);
        if !self.options.covers(minute.day()) {
            return;
        }
        let key = workload_key(record, String::new(), self.place);
        self.timestamp.append_value(record.timestamp * 1_000_000);
        self.date.append_value(minute.day().0);
        self.streaming.append_value(is_streaming(&record.operation));
        self.position.append_value(record.position as i64);
        let texts: [&str; TEXTS.len()] = [
            &key.account,
            &key.region,
            &record.request_id,
            &record.operation,
            &record.model_id,
            &record.arn,
            &key.model,
            &key.scope,
            &key.caller,
            key.caller_kind.as_str(),
            self.object,
        ];
        self.texts.iter_mut().zip(texts).for_each(|(builder, text)| builder.append_value(text));
        let body = &record.body;
        let maybe_texts =
            [record.inference_region.as_deref(), record.error_code.as_deref(), body.tier.name()];
        let builders = self.maybe_texts.iter_mut();
        builders.zip(maybe_texts).for_each(|(builder, text)| builder.append_option(text));
        let counts = [
            record.input_tokens,
            record.cache_read_tokens,
            record.cache_write_tokens,
            record.output_tokens,
            body.latency_ms,
            body.first_byte_ms,
        ];
        let builders = self.maybe_counts.iter_mut();
        builders.zip(counts).for_each(|(builder, count)| builder.append_option(count));
        let builders = self.flags.iter_mut();
        builders.zip(flags(body)).for_each(|(builder, flag)| builder.append_option(flag));
        self.append_metadata(record);
        self.rows += 1;
        if self.rows == self.batch_rows {
            self.flush();
        }
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }
}

/// Signals in the order of [`FLAGS`]: no only where the body that would show a yes is there.
fn flags(body: &Body) -> [Option<bool>; FLAGS.len()] {
    let of = |yes: bool, known: bool| (yes || known).then_some(yes);
    let (input, output) = (body.has_input, body.has_output);
    [
        of(body.tools, input),
        of(body.agent_turn(), input && output),
        of(body.forced_tool, input),
        of(body.json_schema, input),
        of(body.guardrail, input && output),
        of(body.multi_turn, input),
        of(body.optimized_latency, input),
    ]
}
