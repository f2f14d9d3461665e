//! The invocations view: one row a record, for SQL over raw logs.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Int64Builder, MapBuilder, MapFieldNames, RecordBatch,
    RecordBatchOptions, StringBuilder, TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::ScanOptions;
use super::interned::Interned;
use super::partial::is_streaming;
use crate::decode::body::Body;
use crate::decode::record::Record;
use crate::decode::{Reject, Sink};
use crate::schema::{Kind, TIME_ZONE};
use crate::units::Minute;
use crate::workload::WorkloadKey;

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

/// One record, and what follows from it.
struct Row<'r> {
    record: &'r Record<'r>,
    minute: Minute,
    /// Of its workload, where a column asks for it.
    key: Option<&'r WorkloadKey>,
    object: &'r str,
}

impl Row<'_> {
    /// The text of [`TEXTS`] at `at`.
    fn text(&self, at: usize) -> &str {
        let of_key = |text: fn(&WorkloadKey) -> &str| self.key.map_or("", text);
        match at {
            0 => of_key(|key| &key.account),
            1 => of_key(|key| &key.region),
            2 => &self.record.request_id,
            3 => &self.record.operation,
            4 => &self.record.model_id,
            5 => &self.record.arn,
            6 => of_key(|key| &key.model),
            7 => of_key(|key| &key.scope),
            8 => of_key(|key| &key.caller),
            9 => of_key(|key| key.caller_kind.as_str()),
            _ => self.object,
        }
    }

    /// The text of [`MAYBE_TEXTS`] at `at`.
    fn maybe_text(&self, at: usize) -> Option<&str> {
        match at {
            0 => self.record.inference_region.as_deref(),
            1 => self.record.error_code.as_deref(),
            _ => self.record.body.tier.name(),
        }
    }

    /// The count of [`MAYBE_COUNTS`] at `at`.
    fn maybe_count(&self, at: usize) -> Option<i64> {
        let Record { body, .. } = self.record;
        match at {
            0 => self.record.input_tokens,
            1 => self.record.cache_read_tokens,
            2 => self.record.cache_write_tokens,
            3 => self.record.output_tokens,
            4 => body.latency_ms,
            _ => body.first_byte_ms,
        }
    }
}

/// A column while it grows.
enum Column {
    Timestamp(TimestampMicrosecondBuilder),
    Date(Date32Builder),
    Streaming(BooleanBuilder),
    Position(Int64Builder),
    Text(usize, StringBuilder),
    MaybeText(usize, StringBuilder),
    MaybeCount(usize, Int64Builder),
    Flag(usize, BooleanBuilder),
    Metadata(Box<MapBuilder<StringBuilder, StringBuilder>>),
}

impl Column {
    /// The view's column at `at`.
    fn of(at: usize) -> Self {
        const MAYBE_TEXT: usize = 4 + TEXTS.len();
        const MAYBE_COUNT: usize = MAYBE_TEXT + MAYBE_TEXTS.len();
        const FLAG: usize = MAYBE_COUNT + MAYBE_COUNTS.len();
        const METADATA: usize = FLAG + FLAGS.len();
        match at {
            0 => Self::Timestamp(TimestampMicrosecondBuilder::new().with_timezone(TIME_ZONE)),
            1 => Self::Date(Date32Builder::new()),
            2 => Self::Streaming(BooleanBuilder::new()),
            3 => Self::Position(Int64Builder::new()),
            4..MAYBE_TEXT => Self::Text(at - 4, StringBuilder::new()),
            MAYBE_TEXT..MAYBE_COUNT => Self::MaybeText(at - MAYBE_TEXT, StringBuilder::new()),
            MAYBE_COUNT..FLAG => Self::MaybeCount(at - MAYBE_COUNT, Int64Builder::new()),
            FLAG..METADATA => Self::Flag(at - FLAG, BooleanBuilder::new()),
            _ => {
                let texts = [StringBuilder::new(), StringBuilder::new()];
                let [keys, values] = texts;
                Self::Metadata(Box::new(MapBuilder::new(Some(map_names()), keys, values)))
            }
        }
    }

    /// Whether the record's workload has to be known.
    fn needs_key(&self) -> bool {
        matches!(self, Self::Text(0 | 1 | 6..=9, _))
    }

    fn append(&mut self, row: &Row<'_>) -> Result<(), ArrowError> {
        match self {
            Self::Timestamp(times) => times.append_value(row.record.timestamp * 1_000_000),
            Self::Date(days) => days.append_value(row.minute.day().0),
            Self::Streaming(flags) => flags.append_value(is_streaming(&row.record.operation)),
            Self::Position(counts) => counts.append_value(row.record.position as i64),
            Self::Text(at, texts) => texts.append_value(row.text(*at)),
            Self::MaybeText(at, texts) => texts.append_option(row.maybe_text(*at)),
            Self::MaybeCount(at, counts) => counts.append_option(row.maybe_count(*at)),
            Self::Flag(at, yes) => yes.append_option(flags(&row.record.body)[*at]),
            Self::Metadata(maps) => {
                for (key, value) in row.record.metadata() {
                    maps.keys().append_value(key);
                    maps.values().append_value(value);
                }
                maps.append(true)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Timestamp(times) => Arc::new(times.finish()),
            Self::Date(days) => Arc::new(days.finish()),
            Self::Streaming(flags) | Self::Flag(_, flags) => Arc::new(flags.finish()),
            Self::Position(counts) | Self::MaybeCount(_, counts) => Arc::new(counts.finish()),
            Self::Text(_, texts) | Self::MaybeText(_, texts) => Arc::new(texts.finish()),
            Self::Metadata(maps) => Arc::new(maps.finish()),
        }
    }
}

/// Makes rows of records, of the columns that are asked for.
pub(super) struct RowSink<'o> {
    options: &'o ScanOptions,
    object: &'o str,
    batch_rows: usize,
    interned: &'o mut Interned,
    needs_key: bool,
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
    /// Full batches, in the order of the records.
    batches: Vec<RecordBatch>,
    error: Option<ArrowError>,
    /// Records that could not be read.
    pub(super) rejects: usize,
}

impl<'o> RowSink<'o> {
    /// A sink for the object at the path `object`; columns are places in the view's schema.
    ///
    /// # Errors
    /// The view has no such column.
    pub(super) fn new(
        options: &'o ScanOptions,
        object: &'o str,
        (columns, batch_rows): (&[usize], usize),
        interned: &'o mut Interned,
    ) -> Result<Self, ArrowError> {
        let schema = Arc::new(invocations_schema().project(columns)?);
        let columns: Vec<Column> = columns.iter().map(|at| Column::of(*at)).collect();
        Ok(Self {
            options,
            object,
            batch_rows,
            interned,
            needs_key: columns.iter().any(Column::needs_key),
            schema,
            columns,
            rows: 0,
            batches: Vec::new(),
            error: None,
            rejects: 0,
        })
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
        let columns = self.columns.iter_mut().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        match RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options) {
            Ok(batch) => self.batches.push(batch),
            Err(error) => self.error = Some(error),
        }
        self.rows = 0;
    }
}

impl Sink for RowSink<'_> {
    fn record(&mut self, record: &Record<'_>) {
        let minute = Minute::of_seconds(record.timestamp);
        if !self.options.covers(minute.day()) {
            return;
        }
        let key = self.needs_key.then(|| {
            let number = self.interned.number(record, self.options);
            &self.interned.workload(number).key
        });
        let row = Row { record, minute, key, object: self.object };
        for column in &mut self.columns {
            if let Err(error) = column.append(&row) {
                self.error.get_or_insert(error);
            }
        }
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
