//! The tables as statements that declare them to other engines: Athena (Glue) and DuckDB.

use std::fmt::Write;

use super::{Column, Kind, PARTITION_COLUMN, TABLES, Table};

/// First day that Athena's partition projection looks for: Bedrock became generally available, and could
/// first be logged, in September 2023.
const FIRST_DAY: &str = "2023-09-01";

impl Kind {
    /// The type in Athena's DDL, which is Hive's. `timestamp` has no zone there; ours are UTC.
    pub fn athena(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Count => "bigint",
            Self::Small => "int",
            Self::Real => "double",
            Self::Money => "decimal(20,6)",
            Self::Time => "timestamp",
            Self::Date => "date",
            Self::Flag => "boolean",
        }
    }
}

/// Statements that declare every table to Athena, one after the other, each ended by a semicolon.
/// `location` is the audit's `s3://bucket/prefix` without a slash at its end.
///
/// Athena reads folders, and the small tables are single files. They are declared by a manifest, a text
/// object that names the file, which has to be put there once; the head tells how.
pub fn athena(location: &str) -> String {
    let small: Vec<&str> = TABLES.iter().filter(|t| !t.partitioned).map(|t| t.name).collect();
    let place = location.replace(['\n', '\r'], " ");
    let mut text = format!(
        "-- The tables of the audit in {place} for Athena, which runs one statement at a time.\n\
         -- Once, so that it finds the tables that are single files, with every later audit in them:\n\
         --   for table in {}; do\n\
         --     echo {place}/$table.parquet | aws s3 cp - {place}/athena/$table/manifest\n\
         --   done\n",
        small.join(" ")
    );
    for table in TABLES {
        let _ = write!(text, "\n{};\n", athena_table(table, location));
    }
    text
}

fn athena_table(table: &Table, location: &str) -> String {
    let columns: Vec<String> = table.columns.iter().map(athena_column).collect();
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `{}` (\n{}\n)\nCOMMENT {}\n{}",
        table.name,
        columns.join(",\n"),
        quoted(&format!("One row is {}", table.row)),
        if table.partitioned { projected(table, location) } else { listed(table, location) },
    )
}

/// Where a folder of days lies: Athena works the days out instead of being told of each.
fn projected(table: &Table, location: &str) -> String {
    let column = PARTITION_COLUMN;
    let folder = format!("{location}/{}/", table.name);
    let properties = [
        ("projection.enabled".to_owned(), "true".to_owned()),
        (format!("projection.{column}.type"), "date".to_owned()),
        (format!("projection.{column}.format"), "yyyy-MM-dd".to_owned()),
        (format!("projection.{column}.range"), format!("{FIRST_DAY},NOW")),
        (format!("projection.{column}.interval"), "1".to_owned()),
        (format!("projection.{column}.interval.unit"), "DAYS".to_owned()),
        ("storage.location.template".to_owned(), format!("{folder}{column}=${{{column}}}/")),
    ];
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("  {} = {}", quoted(name), quoted(value)))
        .collect();
    format!(
        "PARTITIONED BY (`{column}` {})\nSTORED AS PARQUET\nLOCATION {}\nTBLPROPERTIES (\n{}\n)",
        Kind::Date.athena(),
        quoted(&folder),
        properties.join(",\n"),
    )
}

/// Where the manifest of a single file lies.
fn listed(table: &Table, location: &str) -> String {
    format!(
        "ROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n\
         STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'\n\
         OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n\
         LOCATION {}",
        quoted(&format!("{location}/athena/{}/", table.name)),
    )
}

fn athena_column(column: &Column) -> String {
    format!("  `{}` {} COMMENT {}", column.name, column.kind.athena(), quoted(column.about))
}

/// Statements that make a DuckDB view of every table of the audit in `data`, a folder or `s3://` prefix
/// without a slash at its end.
pub fn duckdb(data: &str) -> String {
    let mut text = format!("-- Views on the audit in {}\n", data.replace(['\n', '\r'], " "));
    for table in TABLES {
        let name = table.name;
        let from = if table.partitioned {
            let files = quoted(&format!("{data}/{name}/*/*.parquet"));
            let types = format!("{{'{PARTITION_COLUMN}': DATE}}");
            format!("read_parquet({files}, hive_partitioning = true, hive_types = {types})")
        } else {
            format!("read_parquet({})", quoted(&format!("{data}/{name}.parquet")))
        };
        let _ = writeln!(text, "CREATE OR REPLACE VIEW {name} AS SELECT * FROM {from};");
    }
    text
}

/// A text in single quotes, those within doubled.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_declared_once_and_the_date_is_a_partition() {
        let text = athena("s3://reports/bedrock");
        for table in TABLES {
            let start = format!("CREATE EXTERNAL TABLE IF NOT EXISTS `{}` (", table.name);
            let statement = text.split(&start).nth(1).unwrap().split(";\n").next().unwrap();
            for column in table.columns {
                let line = format!("\n  `{}` {} COMMENT", column.name, column.kind.athena());
                assert_eq!(statement.matches(&line).count(), 1, "{}.{}", table.name, column.name);
            }
            let partition = statement.contains("PARTITIONED BY (`date` date)");
            assert_eq!(partition, table.partitioned, "{}", table.name);
        }
        assert!(text.contains("'s3://reports/bedrock/usage/date=${date}/'"), "{text}");
        assert!(text.contains("LOCATION 's3://reports/bedrock/athena/workloads/'"), "{text}");
    }

    #[test]
    fn quotes_in_places_stay_inside_the_literal() {
        let text = duckdb("it's; DROP TABLE x");
        assert!(text.contains("'it''s; DROP TABLE x/workloads.parquet'"), "{text}");
        assert!(text.contains("hive_types = {'date': DATE}"), "{text}");
    }
}
