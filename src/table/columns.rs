//! The columns of the fact tables, to and from the facts types: the one place that knows their order.

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;

use crate::schema::{self, KEY_COLUMNS};
use crate::units::{Minute, Tokens};
use crate::workload::{Activity, MinuteFacts, Signals, TokenCounts, WorkloadKey};

/// Number columns of `usage`, after the key columns.
pub const NUMBERS: usize = 31;

/// Names of the number columns of `usage`, in the table's order.
pub fn number_names() -> impl Iterator<Item = &'static str> {
    let usage = schema::table("usage").map_or(&[][..], |table| table.columns);
    usage.iter().skip(1 + KEY_COLUMNS.len()).map(|column| column.name)
}

/// The number columns of a `usage` row, in the table's order.
pub fn numbers(facts: &MinuteFacts) -> [i64; NUMBERS] {
    let MinuteFacts { tens, activity: a, .. } = facts;
    let (t, l, s) = (&a.tokens, &a.long_context, &a.signals);
    [
        a.requests,
        a.errors,
        a.streaming,
        t.input.0,
        t.cache_read.0,
        t.cache_write.0,
        t.output.0,
        a.cache_write_1h.0,
        l.input.0,
        l.cache_read.0,
        l.cache_write.0,
        l.output.0,
        tens[0],
        tens[1],
        tens[2],
        tens[3],
        tens[4],
        tens[5],
        a.latency_ms,
        a.latency_count,
        s.input_bodies,
        s.output_bodies,
        s.tools,
        s.agent_turns,
        s.forced_tool,
        s.json_schema,
        s.guardrail,
        s.multi_turn,
        s.priority_tier,
        s.flex_tier,
        s.optimized_latency,
    ]
}

/// The inverse of [`numbers`].
pub fn minute_facts(minute: Minute, n: [i64; NUMBERS]) -> MinuteFacts {
    let counts = |at: usize| TokenCounts {
        input: Tokens(n[at]),
        cache_read: Tokens(n[at + 1]),
        cache_write: Tokens(n[at + 2]),
        output: Tokens(n[at + 3]),
    };
    MinuteFacts {
        minute,
        tens: [n[12], n[13], n[14], n[15], n[16], n[17]],
        activity: Activity {
            requests: n[0],
            errors: n[1],
            streaming: n[2],
            tokens: counts(3),
            cache_write_1h: Tokens(n[7]),
            long_context: counts(8),
            latency_ms: n[18],
            latency_count: n[19],
            signals: Signals {
                input_bodies: n[20],
                output_bodies: n[21],
                tools: n[22],
                agent_turns: n[23],
                forced_tool: n[24],
                json_schema: n[25],
                guardrail: n[26],
                multi_turn: n[27],
                priority_tier: n[28],
                flex_tier: n[29],
                optimized_latency: n[30],
            },
        },
    }
}

/// Readers of one batch's columns by name.
#[derive(Debug)]
pub struct Reader<'b>(pub &'b RecordBatch);

impl<'b> Reader<'b> {
    fn column(&self, name: &str) -> Result<&'b ArrayRef, ArrowError> {
        self.0
            .column_by_name(name)
            .ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))
    }

    /// A text column.
    ///
    /// # Errors
    /// There is none of that name and type.
    pub fn text(&self, name: &str) -> Result<&'b StringArray, ArrowError> {
        let column = self.column(name)?;
        column.as_string_opt::<i32>().ok_or_else(|| wrong(name, column))
    }

    /// A column of 64-bit integers.
    ///
    /// # Errors
    /// There is none of that name and type.
    pub fn count(&self, name: &str) -> Result<&'b Int64Array, ArrowError> {
        let column = self.column(name)?;
        column.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong(name, column))
    }

    /// A column of UTC timestamps.
    ///
    /// # Errors
    /// There is none of that name and type.
    pub fn time(&self, name: &str) -> Result<&'b TimestampMicrosecondArray, ArrowError> {
        let column = self.column(name)?;
        column.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(|| wrong(name, column))
    }

    /// A column of calendar days.
    ///
    /// # Errors
    /// There is none of that name and type.
    pub fn date(&self, name: &str) -> Result<&'b Date32Array, ArrowError> {
        let column = self.column(name)?;
        column.as_primitive_opt::<Date32Type>().ok_or_else(|| wrong(name, column))
    }

    /// The workload key of a row.
    ///
    /// # Errors
    /// A key column is missing or not text.
    pub fn key(&self, row: usize) -> Result<WorkloadKey, ArrowError> {
        let mut texts = [""; KEY_COLUMNS.len()];
        for (text, name) in texts.iter_mut().zip(KEY_COLUMNS) {
            *text = self.text(name)?.value(row);
        }
        let unknown = || ArrowError::ParseError(format!("unknown caller_kind {}", texts[4]));
        workload_key(texts).ok_or_else(unknown)
    }
}

/// The key whose columns hold `texts`; `None` where `caller_kind` is none.
pub fn workload_key(texts: [&str; KEY_COLUMNS.len()]) -> Option<WorkloadKey> {
    let [_, account, region, caller, caller_kind, model, scope, operation, tags] =
        texts.map(str::to_owned);
    let caller_kind = caller_kind.parse().ok()?;
    Some(WorkloadKey { account, region, caller, caller_kind, model, scope, operation, tags })
}

fn wrong(name: &str, column: &ArrayRef) -> ArrowError {
    ArrowError::SchemaError(format!("column {name} is {}", column.data_type()))
}
