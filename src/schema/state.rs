//! The state of a dataset: one row a log object, its ledger entry first and its partial facts after.
//!
//! State is no table for readers: it lies in a folder that globs skip, and other tables are made of it.
//! Facts name their workload by its place in the row's own list of workloads, and the numbers of a minute
//! are one packed value: the nine texts and 31 numbers of a row of `usage`, most of them zero, would cost more
//! to write, read back and merge than their objects cost to read.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use super::columns::KEY_COLUMNS;
use super::{Kind, facts};

/// Version of the state's columns and of their meaning. A reader refuses a newer one; 1, of facts that were not
/// packed, was in no release.
pub const VERSION: u32 = 2;

/// Key of the version in a state file's metadata.
pub const VERSION_KEY: &str = "halfrate.state_version";

/// Key of the options that the facts were read with.
pub const OPTIONS_KEY: &str = "halfrate.state_options";

/// The ledger columns: all that is read to see what is new.
pub const LEDGER: [&str; 16] = [
    "source",
    "key",
    "location",
    "hour",
    "etag",
    "last_modified",
    "bytes",
    "inflated_bytes",
    "records",
    "rows",
    "rejected",
    "duplicates",
    "error",
    "gone",
    "revision",
    "days",
];

static WORKLOADS: LazyLock<Fields> = LazyLock::new(|| {
    let keys = facts::USAGE.columns.iter().filter(|c| KEY_COLUMNS.contains(&c.name));
    keys.map(|c| Field::new(c.name, c.kind.arrow(), c.nullable)).collect()
});

static USAGE: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("minute", Kind::Time.arrow(), false),
        number(),
        Field::new(PACKED, DataType::Binary, false),
    ])
});

static SIZES: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        date(),
        number(),
        Field::new("is_output", DataType::Boolean, false),
        Field::new("bin", DataType::Int32, false),
        Field::new("requests", DataType::Int64, false),
    ])
});

fn date() -> Field {
    Field::new("date", Kind::Date.arrow(), false)
}

/// Place of a workload in a list of them, from 0.
fn number() -> Field {
    Field::new(NUMBER, DataType::UInt32, false)
}

/// Name of the column that tells a fact's workload by number.
pub const NUMBER: &str = "number";

/// Name of the column that holds a minute's numbers, packed as `table::columns` says.
pub const PACKED: &str = "packed";

/// One workload: the key columns of the tables.
pub fn workload_fields() -> Fields {
    WORKLOADS.clone()
}

/// One workload in one minute in one object: its number, and the number columns of `usage` in one.
pub fn usage_fields() -> Fields {
    USAGE.clone()
}

/// One size bin of a workload on a day in one object: input or output tokens, and the calls of that size.
pub fn sizes_fields() -> Fields {
    SIZES.clone()
}

/// One reject: byte offset (null for a whole object) and reason.
pub fn reject_fields() -> Fields {
    Fields::from(vec![
        Field::new("position", DataType::Int64, true),
        Field::new("reason", DataType::Utf8, false),
    ])
}

/// One request that counts: the day of its record, and the hash of its id.
pub fn id_fields() -> Fields {
    Fields::from(vec![date(), Field::new("id", DataType::UInt64, false)])
}

/// How many requests of an object are of a day.
pub fn day_fields() -> Fields {
    Fields::from(vec![date(), Field::new("requests", DataType::Int64, false)])
}

/// A list column that is never null and holds no nulls.
pub fn list_field(name: &str, item: DataType) -> Field {
    Field::new(name, DataType::List(Arc::new(Field::new("item", item, false))), false)
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let plain = |name: &str, kind: Kind, nullable| Field::new(name, kind.arrow(), nullable);
    let list = |name: &str, fields: Fields| list_field(name, DataType::Struct(fields));
    let fields = vec![
        plain("source", Kind::Text, false),
        plain("key", Kind::Text, false),
        plain("location", Kind::Text, false),
        plain("hour", Kind::Small, true),
        plain("etag", Kind::Text, true),
        plain("last_modified", Kind::Time, false),
        plain("bytes", Kind::Count, false),
        plain("inflated_bytes", Kind::Count, false),
        plain("records", Kind::Count, false),
        plain("rows", Kind::Count, false),
        plain("rejected", Kind::Count, false),
        plain("duplicates", Kind::Count, false),
        plain("error", Kind::Text, true),
        plain("gone", Kind::Flag, false),
        Field::new("revision", DataType::UInt64, false),
        list("days", day_fields()),
        list("workloads", workload_fields()),
        list("usage", usage_fields()),
        list("sizes", sizes_fields()),
        list("rejects", reject_fields()),
        list("ids", id_fields()),
        list("excluded", id_fields()),
    ];
    let version = (VERSION_KEY.to_owned(), VERSION.to_string());
    Arc::new(Schema::new_with_metadata(fields, HashMap::from([version])))
});

/// The columns of a state file.
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ledger_comes_first() {
        let names: Vec<_> = schema().fields().iter().map(|field| field.name().clone()).collect();
        assert_eq!(names[..LEDGER.len()], LEDGER);
    }
}
