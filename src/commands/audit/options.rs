//! The options that change facts or results, and what the state says of them.

use std::collections::BTreeMap;

use anyhow::bail;
use serde_json::{Value, json};

use super::Asked;
use crate::cli::AuditArgs;
use crate::commands::log::tell;
use crate::store::index::Index;
use crate::table::ScanOptions;

impl Asked<'_> {
    /// How objects are read.
    pub(super) fn scan_options(&self) -> ScanOptions {
        ScanOptions {
            group_by: self.args.group_by.clone(),
            dedupe: !self.args.no_dedupe,
            object_time: self.settings.config.retry.object_time(),
            deadline: self.watch.deadline,
            long_context: self.settings.book.long_context_thresholds().into_iter().collect(),
            ..ScanOptions::new(self.settings.config.limits.clone())
        }
    }

    /// The options that change facts, as the state keeps them.
    pub(super) fn options_text(&self) -> String {
        let thresholds: BTreeMap<String, i64> =
            self.settings.book.long_context_thresholds().into_iter().collect();
        json!({
            "dedupe": !self.args.no_dedupe,
            "group_by": self.args.group_by,
            "long_context": thresholds,
        })
        .to_string()
    }

    /// Facts read with other options do not add up with those of this run.
    pub(super) fn check_options(&self, index: &Index) -> anyhow::Result<()> {
        let mine: Value = serde_json::from_str(&self.options_text()).unwrap_or_default();
        let mut other_thresholds = false;
        for summary in index.state.values() {
            let theirs: Value = serde_json::from_str(&summary.options).unwrap_or_default();
            for (name, flag) in [("group_by", "--group-by"), ("dedupe", "--no-dedupe")] {
                if mine[name] != theirs[name] {
                    bail!(
                        "{} was read with another {flag} ({}, now {}); use another --out, or read \
                         everything again with --rescan all",
                        self.args.out,
                        theirs[name],
                        mine[name]
                    );
                }
            }
            other_thresholds |= mine["long_context"] != theirs["long_context"];
        }
        if other_thresholds && self.args.rescan.is_none() {
            tell(&format!(
                "Prices for long contexts begin at other sizes than when {} was read; --rescan \
                 FROM..TO counts those days anew.",
                self.args.out
            ));
        }
        Ok(())
    }
}

/// Parameters that change results, in a fixed order.
pub(super) fn parameters(args: &AuditArgs, max_rate: f64) -> Vec<(String, String)> {
    let date = |date: Option<chrono::NaiveDate>| date.map_or(String::new(), |d| d.to_string());
    [
        ("from", date(args.selection.from)),
        ("to", date(args.selection.to)),
        ("window", args.window.map_or(String::new(), |days| days.to_string())),
        ("account", args.selection.accounts.join(",")),
        ("log_region", args.selection.log_regions.join(",")),
        ("group_by", args.group_by.join(",")),
        ("dedupe", (!args.no_dedupe).to_string()),
        ("max_reject_rate", max_rate.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
