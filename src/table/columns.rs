//! The columns of the fact tables, to and from the facts types: the one place that knows their order.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, Date32Array, Int64Array, RecordBatch, StringArray,
};
use arrow::array::{
    TimestampMicrosecondArray, types::Date32Type, types::Int64Type, types::TimestampMicrosecondType,
};
use arrow::error::ArrowError;

use super::interned::Workload;
use crate::schema::{self, KEY_COLUMNS, TIME_ZONE};
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

/// Appends the numbers of a minute, without those that are zero, as most are: 32 bits that tell which
/// follow, then these as LEB128, each in little-endian order. Partial facts travel like this from the
/// decoder to the state and back to the merge; as 31 columns they would be ten times as large.
pub(super) fn pack(facts: &MinuteFacts, packed: &mut Vec<u8>) {
    let start = packed.len();
    packed.extend_from_slice(&[0; 4]);
    let mut present = 0_u32;
    for (at, number) in numbers(facts).into_iter().enumerate().filter(|(_, number)| *number != 0) {
        present |= 1 << at;
        let mut rest = number as u64;
        while rest >= 0x80 {
            packed.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        packed.push(rest as u8);
    }
    packed[start..start + 4].copy_from_slice(&present.to_le_bytes());
}

/// The inverse: position and value of the numbers that are not zero, in order. Ends early where `packed` is
/// cut.
pub fn unpack(packed: &[u8]) -> impl Iterator<Item = (usize, i64)> {
    let (present, mut rest) = match packed.split_first_chunk::<4>() {
        Some((present, rest)) => (u32::from_le_bytes(*present), rest),
        None => (0, packed),
    };
    (0..NUMBERS).filter(move |at| present >> at & 1 == 1).map_while(move |at| {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let (byte, behind) = rest.split_first()?;
            rest = behind;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some((at, number as i64));
            }
        }
    })
}

/// The requests of a packed minute: the first of its numbers.
pub fn packed_requests(packed: &[u8]) -> i64 {
    unpack(packed).next().map_or(0, |(at, requests)| if at == 0 { requests } else { 0 })
}

/// Packed minutes as the number columns of `usage`.
pub fn unpacked(packed: &BinaryArray) -> Vec<ArrayRef> {
    let mut columns = vec![vec![0_i64; packed.len()]; NUMBERS];
    for (row, packed) in packed.iter().enumerate() {
        for (at, number) in unpack(packed.unwrap_or_default()) {
            columns[at][row] = number;
        }
    }
    columns.into_iter().map(|column| Arc::new(Int64Array::from(column)) as ArrayRef).collect()
}

/// The nine key columns of rows that belong to `workloads`, in order.
pub fn key_arrays<'w>(workloads: impl Iterator<Item = &'w Workload> + Clone) -> Vec<ArrayRef> {
    let text = |of: fn(&Workload) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(workloads.clone().map(of)))
    };
    vec![
        text(|workload| &workload.id),
        text(|workload| &workload.key.account),
        text(|workload| &workload.key.region),
        text(|workload| &workload.key.caller),
        text(|workload| workload.key.caller_kind.as_str()),
        text(|workload| &workload.key.model),
        text(|workload| &workload.key.scope),
        text(|workload| &workload.key.operation),
        text(|workload| &workload.key.tags),
    ]
}

/// A column of minutes as timestamps.
pub fn minute_array(minutes: impl Iterator<Item = Minute>) -> ArrayRef {
    let micros = minutes.map(Minute::micros);
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone(TIME_ZONE))
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
        let text = |name: &str| self.text(name).map(|column| column.value(row).to_owned());
        let kind = text("caller_kind")?;
        Ok(WorkloadKey {
            account: text("account")?,
            region: text("region")?,
            caller: text("caller")?,
            caller_kind: kind
                .parse()
                .map_err(|()| ArrowError::ParseError(format!("unknown caller_kind {kind}")))?,
            model: text("model")?,
            scope: text("scope")?,
            operation: text("operation")?,
            tags: text("tags")?,
        })
    }
}

fn wrong(name: &str, column: &ArrayRef) -> ArrowError {
    ArrowError::SchemaError(format!("column {name} is {}", column.data_type()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn packed_numbers_come_back(sparse in prop::collection::vec((0..NUMBERS, any::<i64>()), 0..40)) {
            let mut all = [0; NUMBERS];
            for (at, number) in sparse {
                all[at] = number;
            }
            let mut packed = Vec::new();
            pack(&minute_facts(Minute(7), all), &mut packed);
            let mut found = [0; NUMBERS];
            unpack(&packed).for_each(|(at, number)| found[at] = number);
            prop_assert_eq!(found, all);
            prop_assert_eq!(packed_requests(&packed), all[0]);
            let columns = unpacked(&BinaryArray::from_vec(vec![&[], &packed]));
            for (column, number) in columns.iter().zip(all) {
                prop_assert_eq!(column.as_primitive::<Int64Type>().values().to_vec(), vec![0, number]);
            }
            for cut in 0..packed.len() {
                prop_assert!(unpack(&packed[..cut]).count() <= NUMBERS);
            }
        }
    }
}
