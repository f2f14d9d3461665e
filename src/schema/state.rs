//! The state of a dataset: one row a log object, its ledger entry first and its partial facts after.
//!
//! State is no table for readers: it lies in a folder that globs skip, and other tables are made of it.
//! Each kind of an object's facts is one packed value (`table::packed`), in which they name their workload by
//! its place among the object's: the nine texts and 31 numbers of a row of `usage`, most of them zero, would cost
//! more to write, read back and merge than their objects cost to read.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use super::Kind;

/// Version of the state's columns and of their meaning. A reader refuses a newer one; the earlier ones, of facts that
/// were packed less, were in no release.
pub const VERSION: u32 = 4;

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

/// The packed facts of an object: of its workloads, minutes and sizes, and of the requests that count there.
pub const FACTS: [&str; 4] = ["workloads", "usage", "sizes", "ids"];

/// Packed requests that are in an object and do not count there.
pub const EXCLUDED: &str = "excluded";

/// Name of the list of rejects.
pub const REJECTS: &str = "rejects";

/// One reject: byte offset (null for a whole object) and reason.
pub fn reject_fields() -> Fields {
    Fields::from(vec![
        Field::new("position", DataType::Int64, true),
        Field::new("reason", DataType::Utf8, false),
    ])
}

/// How many requests of an object are of a day.
pub fn day_fields() -> Fields {
    let date = Field::new("date", Kind::Date.arrow(), false);
    Fields::from(vec![date, Field::new("requests", DataType::Int64, false)])
}

/// A column of packed facts.
pub fn packed_field(name: &str) -> Field {
    Field::new(name, DataType::Binary, false)
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
        list(REJECTS, reject_fields()),
    ];
    let packed = FACTS.into_iter().chain([EXCLUDED]).map(packed_field);
    let fields: Vec<Field> = fields.into_iter().chain(packed).collect();
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
