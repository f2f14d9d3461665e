//! The SQL cookbook: the reports of `queries/reports`, built in.
//!
//! Each is one statement over the tables that means the same in DataFusion, DuckDB and Athena.

/// One report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Its name: that of its file without the end.
    pub name: &'static str,
    /// One SQL statement under a head of comments: what it tells, what one row is, what it reads, its
    /// units and its order.
    pub sql: &'static str,
}

macro_rules! recipes {
    ($($name:ident),* $(,)?) => {
        [$(Recipe {
            name: stringify!($name),
            sql: include_str!(concat!("../../queries/reports/", stringify!($name), ".sql")),
        }),*]
    };
}

/// Every report: money first, then volume, obstacles, evidence and provenance.
#[rustfmt::skip]
pub static COOKBOOK: [Recipe; 20] = recipes![
    savings_by_workload, savings_by_model, savings_by_account_region, savings_by_caller_kind,
    eligible_by_day, eligible_by_hour, modes_by_month, month_over_month, audit_history,
    blocked_by_blocker, batch_candidates, provisioned_candidates, cache_against_batch, token_sizes,
    unclear_workloads, evidence_agreement, rates_used, coverage, rejects_by_reason, focus_export,
];

/// The report of that name.
pub fn recipe(name: &str) -> Option<&'static Recipe> {
    COOKBOOK.iter().find(|recipe| recipe.name == name)
}

impl Recipe {
    /// What it tells, in a sentence: the first comment.
    pub fn title(&self) -> &'static str {
        self.sql.lines().next().unwrap_or_default().trim_start_matches("--").trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_built_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/queries/reports");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_str().unwrap().replace(".sql", ""))
            .collect();
        let built_in: BTreeSet<String> = COOKBOOK.iter().map(|r| r.name.to_owned()).collect();
        assert_eq!(files, built_in);
        assert_eq!(recipe("coverage").map(|recipe| recipe.name), Some("coverage"));
        assert_eq!(recipe("nothing"), None);
    }

    #[test]
    fn every_head_tells_row_sources_units_and_order() {
        for recipe in COOKBOOK {
            let head: Vec<&str> =
                recipe.sql.lines().take_while(|line| line.starts_with("-- ")).collect();
            let head = head.join(" ").replace(" -- ", " ");
            for part in ["One row is", "Reads:", "Units:", "Order:"] {
                assert!(head.contains(part), "{}: no '{part}'", recipe.name);
            }
            let reads = head.split("Reads: ").nth(1).unwrap().split('.').next().unwrap();
            for table in reads.split(", ") {
                assert!(super::super::table(table).is_some(), "{}: {table}", recipe.name);
            }
            assert!(recipe.title().ends_with('.'), "{}: a title on one line", recipe.name);
        }
    }

    #[test]
    fn every_file_is_one_statement_that_fits_the_page() {
        for recipe in COOKBOOK {
            let code = recipe.sql.lines().filter(|line| !line.starts_with("--"));
            assert!(!code.clone().any(|line| line.contains(';')), "{}", recipe.name);
            let long = recipe.sql.lines().find(|line| line.len() > 110);
            assert_eq!(long, None, "{}", recipe.name);
        }
    }
}
