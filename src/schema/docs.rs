//! The tables as a page of documentation.

use std::fmt::Write;

use super::{TABLES, Table, VERSION};

/// The whole of docs/tables.md.
pub fn docs_markdown() -> String {
    let mut page = format!(
        "# The tables\n\n\
         Written from `src/schema`; `HALFRATE_UPDATE=1 cargo test schema` writes it again. \
         Schema version {VERSION}.\n\n\
         Small tables are one file, `<table>.parquet`. Partitioned tables are folders, \
         `<table>/date=YYYY-MM-DD/*.parquet`; the date is in the folder's name, and readers that \
         know Hive partitions show it as a column. From schema version 2 on tables only gain columns.\n\n\
         Tokens and counts are `bigint`, money is `decimal(20,6)` in US dollars, moments are UTC. \
         Null means unknown or not applicable, never zero. Every description below is also in the \
         Parquet files, as Arrow field metadata under `description` and in the file metadata under \
         `halfrate.columns`.\n\n\
         | table | one row is | files |\n|---|---|---|\n"
    );
    for table in TABLES {
        let name = table.name;
        let files = if table.partitioned {
            format!("`{name}/date=*/*.parquet`")
        } else {
            format!("`{name}.parquet`")
        };
        let _ = writeln!(page, "| [`{name}`](#{name}) | {} | {files} |", table.row);
    }
    for table in TABLES {
        section(&mut page, table);
    }
    page
}

fn section(page: &mut String, table: &Table) {
    let _ = writeln!(page, "\n## {}\n\nOne row is {}.", table.name, table.row);
    let order: Vec<String> = table.order.iter().map(|name| format!("`{name}`")).collect();
    let _ = writeln!(page, "Each file is sorted by {}.\n", order.join(", "));
    page.push_str("| column | type | null | what it says |\n|---|---|---|---|\n");
    for column in table.all_columns() {
        let null = if column.nullable { "yes" } else { "" };
        let about = column.about.replace('|', "\\|");
        let _ = writeln!(page, "| `{}` | {} | {null} | {about} |", column.name, column.kind.sql());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docs_tables_md_is_what_the_schema_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/tables.md");
        let page = docs_markdown();
        if std::env::var_os("HALFRATE_UPDATE").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            written == page,
            "docs/tables.md differs from src/schema: HALFRATE_UPDATE=1 cargo test schema"
        );
    }

    #[test]
    fn every_column_of_every_table_is_on_the_page() {
        let page = docs_markdown();
        for table in TABLES {
            let section = page.split(&format!("\n## {}\n", table.name)).nth(1).unwrap();
            for column in table.all_columns() {
                assert!(section.contains(&format!("| `{}` |", column.name)), "{}", column.name);
            }
        }
    }
}
