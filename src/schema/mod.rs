//! The output tables: the one source of Arrow schemas, Parquet metadata and docs/tables.md.
//!
//! A table only ever gains columns, at its end or beside their kin; [`VERSION`] counts such
//! changes. Whoever writes a table asks here for its schema, and whoever documents it reads the
//! same words.

mod columns;
pub mod cookbook;
pub mod ddl;
mod docs;
mod facts;
mod ledger;
mod results;
pub mod state;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

pub use columns::{KEY_COLUMNS, KEY_ORDER};
pub use docs::docs_markdown;

/// Version of the tables together, raised when a column is added.
pub const VERSION: &str = "2";

/// Digits of a money column: fourteen before the point hold a hundred trillion dollars.
pub const MONEY_PRECISION: u8 = 20;

/// Digits of a money column after the point: micro-dollars.
pub const MONEY_SCALE: i8 = 6;

/// Time zone of every timestamp column.
pub const TIME_ZONE: &str = "UTC";

/// Field metadata key that holds a column's description.
pub const DESCRIPTION_KEY: &str = "description";

/// Name of the folder level, and of the column it becomes, in partitioned tables.
pub const PARTITION_COLUMN: &str = "date";

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8 text.
    Text,
    /// A 64-bit count.
    Count,
    /// A 32-bit integer.
    Small,
    /// A 64-bit floating-point number.
    Real,
    /// US dollars, exact to a micro-dollar.
    Money,
    /// A moment, microseconds, UTC.
    Time,
    /// A UTC calendar day.
    Date,
    /// Yes or no.
    Flag,
}

impl Kind {
    /// The Arrow type.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Text => DataType::Utf8,
            Self::Count => DataType::Int64,
            Self::Small => DataType::Int32,
            Self::Real => DataType::Float64,
            Self::Money => DataType::Decimal128(MONEY_PRECISION, MONEY_SCALE),
            Self::Time => DataType::Timestamp(TimeUnit::Microsecond, Some(TIME_ZONE.into())),
            Self::Date => DataType::Date32,
            Self::Flag => DataType::Boolean,
        }
    }

    /// The SQL type, as DuckDB and Athena would name it.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Text => "varchar",
            Self::Count => "bigint",
            Self::Small => "integer",
            Self::Real => "double",
            Self::Money => "decimal(20,6)",
            Self::Time => "timestamp (µs, UTC)",
            Self::Date => "date",
            Self::Flag => "boolean",
        }
    }
}

/// One column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name, snake_case.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null; null means unknown or not applicable, as `about` says.
    pub nullable: bool,
    /// What it says, with the unit.
    pub about: &'static str,
}

impl Column {
    fn field(&self) -> Field {
        let about = (DESCRIPTION_KEY.to_owned(), self.about.to_owned());
        Field::new(self.name, self.kind.arrow(), self.nullable)
            .with_metadata(HashMap::from([about]))
    }
}

/// One table.
#[derive(Debug)]
pub struct Table {
    /// Its name: of the file (`<name>.parquet`) or the folder (`<name>/`).
    pub name: &'static str,
    /// What one row is, to follow "one row is".
    pub row: &'static str,
    /// Whether it is a folder of `date=YYYY-MM-DD/` folders. The date is then not in the files.
    pub partitioned: bool,
    /// The columns in the files, in order.
    pub columns: &'static [Column],
    /// The columns that every file is sorted by, ascending, nulls first.
    pub order: &'static [&'static str],
}

/// The day of a partitioned table's row.
static PARTITION: Column = Column {
    name: PARTITION_COLUMN,
    kind: Kind::Date,
    nullable: false,
    about: "UTC day; in the folder's name, not in the file",
};

/// Every table, in the order of the documentation.
pub static TABLES: [&Table; 10] = [
    &results::WORKLOADS,
    &results::EVIDENCE,
    &results::VOLUME,
    &results::RUNS,
    &results::RATES,
    &facts::USAGE,
    &facts::SIZES,
    &ledger::OBJECTS,
    &ledger::REJECTS,
    &ledger::AUDITS,
];

/// The table of that name.
pub fn table(name: &str) -> Option<&'static Table> {
    TABLES.into_iter().find(|table| table.name == name)
}

impl Table {
    /// The schema of the files.
    pub fn arrow_schema(&self) -> SchemaRef {
        self.schema_of(self.columns.iter())
    }

    /// The schema that readers see: the files' columns, then `date` where the table is partitioned.
    pub fn partition_schema(&self) -> SchemaRef {
        self.schema_of(self.all_columns())
    }

    /// The columns that readers see.
    pub fn all_columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().chain(self.partitioned.then_some(&PARTITION))
    }

    /// The column of that name in the files.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// What every file says about itself, sorted by key: version, table and what a row is.
    pub fn metadata(&self) -> [(&'static str, &'static str); 3] {
        [
            ("halfrate.row", self.row),
            ("halfrate.schema_version", VERSION),
            ("halfrate.table", self.name),
        ]
    }

    fn schema_of<'a>(&self, columns: impl Iterator<Item = &'a Column>) -> SchemaRef {
        let fields: Vec<Field> = columns.map(Column::field).collect();
        let metadata =
            self.metadata().into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        Arc::new(Schema::new_with_metadata(fields, metadata.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_snake_case_and_met_once() {
        let snake = |name: &str| {
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        for table in TABLES {
            let mut seen = BTreeSet::new();
            for column in table.all_columns() {
                assert!(snake(column.name), "{}.{}", table.name, column.name);
                assert!(seen.insert(column.name), "{}.{} is twice", table.name, column.name);
                assert!(column.about.len() > 8, "{}.{} needs words", table.name, column.name);
            }
        }
    }

    #[test]
    fn tables_are_sorted_by_columns_they_have() {
        for table in TABLES {
            assert!(!table.order.is_empty(), "{}", table.name);
            for name in table.order {
                assert!(table.column(name).is_some(), "{}.{name}", table.name);
            }
        }
    }

    #[test]
    fn schemas_carry_descriptions_and_version() {
        let usage = table("usage").unwrap();
        let schema = usage.arrow_schema();
        assert_eq!(schema.metadata()["halfrate.schema_version"], VERSION);
        assert_eq!(schema.metadata()["halfrate.table"], "usage");
        let minute = schema.field_with_name("minute").unwrap();
        assert!(minute.metadata()[DESCRIPTION_KEY].contains("minute"));
        assert!(schema.field_with_name(PARTITION_COLUMN).is_err());
        let seen = usage.partition_schema();
        assert_eq!(seen.field(seen.fields().len() - 1).name(), PARTITION_COLUMN);
        assert_eq!(table("nothing").map(|table| table.name), None);
    }

    #[test]
    fn money_and_tokens_have_the_promised_types() {
        for table in TABLES {
            for column in table.columns {
                let kind = match column.name {
                    name if name.ends_with("_usd") => Kind::Money,
                    "lower_tokens" | "upper_tokens" => Kind::Real,
                    name if name.ends_with("tokens") => Kind::Count,
                    _ => continue,
                };
                assert_eq!(column.kind, kind, "{}.{}", table.name, column.name);
            }
        }
    }
}
