//! An audit's tables, read back as files and by SQL.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::program::halfrate;

/// The rows of a query over an audit.
pub(crate) fn rows(out: &Path, query: &str) -> Vec<Value> {
    let done = halfrate(["sql", "--format", "json", "--data"]).arg(out).arg(query).ok();
    match done.json() {
        Value::Array(rows) => rows,
        other => panic!("no rows: {other}"),
    }
}

/// The one value of a query that has one.
pub(crate) fn value(out: &Path, query: &str) -> Value {
    let rows = rows(out, query);
    match rows.first().and_then(Value::as_object).and_then(|row| row.values().next()) {
        Some(value) if rows.len() == 1 => value.clone(),
        _ => panic!("not one value: {rows:?}"),
    }
}

/// Every file below a folder but those of the state, with its path there, in order.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("_state") {
                walk(&path, root, found);
            } else if path.is_file() {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

/// The files of a table, in order of their dates.
pub(crate) fn files_of(out: &Path, table: &str) -> Vec<PathBuf> {
    let mine = |file: &String| {
        file.starts_with(&format!("{table}/")) || *file == format!("{table}.parquet")
    };
    files(out).into_iter().filter(mine).map(|file| out.join(file)).collect()
}

/// A Parquet file's rows with the schema it carries.
pub(crate) fn read(file: &Path) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// Asserts that two folders hold the same files with the same bytes.
pub(crate) fn assert_same_files(one: &Path, other: &Path) {
    assert_eq!(files(one), files(other));
    for file in files(one) {
        let same = fs::read(one.join(&file)).unwrap() == fs::read(other.join(&file)).unwrap();
        assert!(same, "{file} differs");
    }
}
