//! `halfrate schema`: what the tables hold, for people and as statements for other engines.

use std::fmt::Write;

use anyhow::bail;

use super::Outcome;
use super::output::print;
use crate::cli::SchemaArgs;
use crate::schema::{self, TABLES, Table, ddl};

/// Prints what was asked for.
pub(super) fn run(args: &SchemaArgs) -> anyhow::Result<Outcome> {
    let data = args.data.as_deref().unwrap_or_default().trim_end_matches('/');
    let text = if args.athena {
        if !data.starts_with("s3://") {
            bail!("Athena reads S3: name the audit's place as --data s3://bucket/prefix");
        }
        ddl::athena(data)
    } else if args.duckdb {
        ddl::duckdb(data)
    } else {
        match args.table.as_deref().and_then(schema::table) {
            Some(table) => columns(table),
            None => tables(),
        }
    };
    print(&text)?;
    Ok(Outcome::Complete)
}

fn tables() -> String {
    let width = TABLES.iter().map(|table| table.name.len()).max().unwrap_or_default();
    let mut text = String::from("One row is\n");
    for table in TABLES {
        let _ = writeln!(text, "  {:width$}  {}", table.name, table.row);
    }
    text
}

fn columns(table: &Table) -> String {
    let place = if table.partitioned { "date=*/" } else { "" };
    let folder = if table.partitioned { format!("{}/", table.name) } else { String::new() };
    let mut text = format!("{}: one row is {}\n", table.name, table.row);
    let _ = writeln!(text, "files: {folder}{place}{}.parquet", table.name);
    let _ = writeln!(text, "sorted by: {}\n", table.order.join(", "));
    let width = table.all_columns().map(|column| column.name.len()).max().unwrap_or_default();
    for column in table.all_columns() {
        let null = if column.nullable { "null" } else { "" };
        let kind = column.kind.sql();
        let _ = writeln!(text, "{:width$}  {kind:19} {null:4}  {}", column.name, column.about);
    }
    text
}
