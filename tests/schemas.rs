//! The Parquet files as other engines find them: names, folders, types, descriptions and order.

use std::collections::BTreeSet;
use std::fs;

use arrow::array::{Array, RecordBatch};
use arrow::compute::{SortColumn, lexsort_to_indices};
use arrow::datatypes::{DataType, TimeUnit};
use halfrate::schema::{DESCRIPTION_KEY, TABLES, Table};

use crate::program::{halfrate, repository, sample_audit};
use crate::tables::{files, files_of, read};

#[test]
fn small_tables_are_files_and_large_ones_are_folders_by_date() {
    let mut wanted = BTreeSet::new();
    for table in ["workloads", "evidence", "runs", "rates", "audits"] {
        wanted.insert(format!("{table}.parquet"));
    }
    let october = (1..=30).map(|day| format!("2026-10-{day:02}"));
    for day in october {
        for table in ["usage", "sizes", "volume", "objects"] {
            wanted.insert(format!("{table}/date={day}/{table}.parquet"));
        }
    }
    // Without rejects one empty file carries the schema.
    wanted.insert("rejects/date=2026-10-30/rejects.parquet".into());
    let found: BTreeSet<String> = files(sample_audit()).into_iter().collect();
    assert_eq!(found, wanted);
}

#[test]
fn every_file_has_the_schema_that_is_documented() {
    let page = fs::read_to_string(repository().join("docs/tables.md")).unwrap();
    for table in TABLES {
        let section = page.split(&format!("\n## {}\n", table.name)).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        for file in files_of(sample_audit(), table.name) {
            let schema = read(&file).schema();
            assert_eq!(schema.fields(), table.arrow_schema().fields(), "{}", file.display());
            assert_eq!(schema.metadata()["halfrate.table"], table.name);
            for field in schema.fields() {
                let about = &field.metadata()[DESCRIPTION_KEY];
                let row = format!("| `{}` |", field.name());
                let row = section.lines().find(|line| line.starts_with(&row));
                let row = row.unwrap_or_else(|| panic!("{}.{}", table.name, field.name()));
                assert!(row.contains(&about.replace('|', "\\|")), "{row}");
            }
        }
    }
}

#[test]
fn money_is_decimal_tokens_are_integers_and_times_are_utc() {
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut seen = BTreeSet::new();
    for table in TABLES {
        for field in read(&files_of(sample_audit(), table.name)[0]).schema().fields() {
            let name = field.name().as_str();
            let wanted = match name {
                _ if name.ends_with("_usd") => DataType::Decimal128(20, 6),
                "lower_tokens" | "upper_tokens" => DataType::Float64,
                _ if name.ends_with("tokens") => DataType::Int64,
                "minute" | "first_minute" | "last_minute" | "run_at" | "last_modified" => {
                    utc.clone()
                }
                "window_from" | "window_to" => DataType::Date32,
                "requests" | "errors" | "records" | "rows" | "position" => DataType::Int64,
                _ => continue,
            };
            assert_eq!(*field.data_type(), wanted, "{}.{name}", table.name);
            seen.insert(wanted.to_string());
        }
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn the_promised_columns_are_there() {
    for (table, columns) in [
        (
            "workloads",
            "caller model region verdict score input_tokens cache_read_tokens cache_write_tokens \
             output_tokens cost_usd eligible_tokens blocked_tokens addressable_tokens \
             savings_low_usd savings_expected_usd savings_high_usd mode reason",
        ),
        (
            "usage",
            "requests errors input_tokens cache_read_tokens cache_write_tokens output_tokens",
        ),
    ] {
        let batch = read(&files_of(sample_audit(), table)[0]);
        for column in columns.split_whitespace() {
            assert!(batch.column_by_name(column).is_some(), "{table}.{column}");
        }
    }
}

#[test]
fn files_are_sorted_as_they_say() {
    for table in TABLES {
        let files = files_of(sample_audit(), table.name);
        assert!(!files.is_empty(), "{}", table.name);
        for file in files {
            let batch = read(&file);
            assert!(is_sorted(table, &batch), "{}", file.display());
        }
    }
}

fn is_sorted(table: &Table, batch: &RecordBatch) -> bool {
    let columns: Vec<SortColumn> = table
        .order
        .iter()
        .map(|name| SortColumn {
            values: batch.column_by_name(name).unwrap().clone(),
            options: None,
        })
        .collect();
    let sorted = lexsort_to_indices(&columns, None).unwrap();
    let compare = arrow::compute::take_record_batch(batch, &sorted).unwrap();
    table.order.iter().all(|name| {
        let (one, other) =
            (batch.column_by_name(name).unwrap(), compare.column_by_name(name).unwrap());
        one.to_data() == other.to_data()
    })
}

#[test]
fn parquet_itself_carries_the_descriptions_for_readers_without_arrow() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let file = &files_of(sample_audit(), "workloads")[0];
    let reader = SerializedFileReader::new(fs::File::open(file).unwrap()).unwrap();
    let metadata = reader.metadata().file_metadata();
    let pairs = metadata.key_value_metadata().unwrap();
    let columns = pairs.iter().find(|pair| pair.key == "halfrate.columns").unwrap();
    let columns: serde_json::Value =
        serde_json::from_str(columns.value.as_deref().unwrap()).unwrap();
    assert!(columns["cost_usd"].as_str().unwrap().contains("cost"), "{columns}");
}

/// The type that Athena's DDL must name for a column as Parquet itself has it.
fn athena_type(column: &parquet::schema::types::ColumnDescriptor) -> &'static str {
    use parquet::basic::{LogicalType, Type};
    match (column.physical_type(), column.logical_type_ref()) {
        (Type::BYTE_ARRAY, Some(LogicalType::String)) => "string",
        (Type::INT64, None) => "bigint",
        (Type::INT32, None) => "int",
        (Type::DOUBLE, None) => "double",
        (Type::BOOLEAN, None) => "boolean",
        (Type::INT32, Some(LogicalType::Date)) => "date",
        (Type::INT64, Some(LogicalType::Timestamp { .. })) => "timestamp",
        (_, Some(LogicalType::Decimal { .. }))
            if column.type_precision() == 20 && column.type_scale() == 6 =>
        {
            "decimal(20,6)"
        }
        other => panic!("{}: {other:?}", column.name()),
    }
}

#[test]
fn athena_is_told_the_types_that_the_files_have() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    let place = "s3://my-reports/bedrock";
    let told = halfrate(["schema", "--athena", "--data", place]).ok();
    let statements: Vec<&str> = told.text().split("\n\n").skip(1).collect();
    assert_eq!(statements.len(), TABLES.len());
    for (statement, table) in statements.iter().zip(TABLES) {
        assert!(statement.contains(&format!("EXISTS `{}` (", table.name)), "{statement}");
        let declared: Vec<(&str, &str)> = statement
            .lines()
            .filter_map(|line| line.strip_prefix("  `")?.split_once("` "))
            .map(|(name, rest)| (name, rest.split(" COMMENT ").next().unwrap()))
            .collect();
        for file in files_of(sample_audit(), table.name) {
            let reader = SerializedFileReader::new(fs::File::open(&file).unwrap()).unwrap();
            let schema = reader.metadata().file_metadata().schema_descr_ptr();
            let stored: Vec<(&str, &str)> =
                schema.columns().iter().map(|c| (c.name(), athena_type(c))).collect();
            assert_eq!(declared, stored, "{}", file.display());
        }
        // What lies at the places that are named.
        let days = format!("{place}/{}/date=${{date}}/", table.name);
        assert_eq!(statement.contains(&days), table.partitioned, "{statement}");
    }
    let refused = halfrate(["schema", "--athena", "--data", "out"]).exits(1);
    assert!(refused.stderr.contains("s3://bucket/prefix"), "{}", refused.stderr);
}
