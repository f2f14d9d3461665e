//! `halfrate evaluate`: an audit's verdicts held against labels that somebody wrote.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, bail};

use super::audit::{self, Audited, Watch};
use super::output::{print, width};
use super::{Outcome, explain};
use crate::cli::{AuditArgs, EvaluateArgs, OperationArgs, SummaryFormat};
use crate::config::glob_matches;
use crate::report::evaluation::{Bounds, Evaluation, Label};
use crate::report::{Report, WorkloadReport};
use crate::tolerance::caller;

/// What a star in a label stands for when the caller's class is looked up: the tables of identities know
/// sessions by their shape, and this has that of most.
const SESSION: &str = "1b4e28ba-2fa1-11d2-883f-0016d3cca427";

/// Audits, or takes an audit, and compares.
pub(super) async fn run(args: EvaluateArgs) -> anyhow::Result<Outcome> {
    let text = fs::read_to_string(&args.labels)
        .with_context(|| format!("cannot read {}", args.labels.display()))?;
    let labels = labels(&text).with_context(|| format!("labels {}", args.labels.display()))?;
    let bounds = Bounds {
        min_precision: args.min_precision,
        min_recall: args.min_recall,
        max_false_tolerant: args.max_false_tolerant,
    };
    let format = args.format;
    let report = match &args.data {
        Some(data) => explain::report(data, &args.s3).await?,
        None => audited(args).await?,
    };
    let unmatched = labels.iter().filter(|label| !report.workloads.iter().any(|w| label.fits(w)));
    let unmatched = unmatched.map(|label| label.arn.clone()).collect();
    let evaluation = Evaluation::of(&report, |w| truth(&labels, w), unmatched, bounds);
    match format {
        SummaryFormat::Text => print(&evaluation.render(width()))?,
        SummaryFormat::Json => print(&format!("{:#}\n", evaluation.object()))?,
    }
    let missed = evaluation.missed();
    Ok(if missed.is_empty() { Outcome::Complete } else { Outcome::Missed })
}

/// The report on the sources, by an audit into a folder that is removed again.
async fn audited(args: EvaluateArgs) -> anyhow::Result<Report> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let args = AuditArgs {
        sources: args.sources,
        out: folder.path().display().to_string(),
        group_by: args.group_by,
        format: args.format,
        max_reject_rate: None,
        window: None,
        rescan: None,
        no_dedupe: false,
        dry_run: false,
        operation: OperationArgs::default(),
        selection: args.selection,
        config: args.config,
        s3: args.s3,
    };
    match audit::audited(&args, &Watch::begin(&args)).await? {
        Audited::Report(report, _) => Ok(*report),
        Audited::Told | Audited::Stopped(_) => bail!("the audit was stopped"),
    }
}

/// One line of a labels file.
struct Labelled {
    arn: String,
    label: Label,
    /// The callers that the ARN may stand for in the tables.
    names: Vec<String>,
    /// The end of the ARN as a pattern, where it has a star.
    pattern: Option<String>,
}

impl Labelled {
    fn of(arn: &str, label: Label) -> Self {
        let named = |arn: &str| caller::read(arn).name;
        let star = arn.contains('*');
        let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
        let end = resource.split_once('/').map_or(resource, |(family, rest)| match family {
            "assumed-role" => rest,
            _ => resource,
        });
        let names = if star { vec![named(&arn.replace('*', SESSION))] } else { Vec::new() };
        Self {
            label,
            names: names.into_iter().chain([named(arn)]).collect(),
            pattern: star.then(|| end.to_owned()),
            arn: arn.to_owned(),
        }
    }

    fn fits(&self, workload: &WorkloadReport) -> bool {
        let account = self.arn.split(':').nth(4).unwrap_or_default();
        let named = self.names.contains(&workload.key.caller);
        let like = |pattern: &String| glob_matches(pattern, &workload.key.caller);
        (account.is_empty() || glob_matches(account, &workload.key.account))
            && (named || self.pattern.as_ref().is_some_and(like))
    }
}

/// What the labels say of a workload's caller: `hybrid` where they say both.
fn truth(labels: &[Labelled], workload: &WorkloadReport) -> Option<Label> {
    labels.iter().filter(|label| label.fits(workload)).map(|label| label.label).reduce(Label::with)
}

/// Reads CSV with the columns `arn` and `label`, in any order and beside any others.
fn labels(text: &str) -> anyhow::Result<Vec<Labelled>> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).map(fields);
    let head = lines.next().unwrap_or_default();
    let column = |name: &str| {
        let found = head.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
        found.with_context(|| format!("no column {name}; the first line must name it"))
    };
    let (arn, label) = (column("arn")?, column("label")?);
    let mut all: BTreeMap<String, Label> = BTreeMap::new();
    for (number, line) in (2..).zip(lines) {
        let field = |at: usize| line.get(at).map_or("", |field| field.trim());
        let word = field(label);
        let Some(known) = Label::ALL.into_iter().find(|label| label.as_str() == word) else {
            bail!("row {number}: '{word}' is no label; write tolerant, interactive or hybrid");
        };
        if field(arn).is_empty() {
            bail!("row {number}: no arn");
        }
        let entry = all.entry(field(arn).to_owned()).or_insert(known);
        *entry = entry.with(known);
    }
    if all.is_empty() {
        bail!("no label in it");
    }
    Ok(all.iter().map(|(arn, label)| Labelled::of(arn, *label)).collect())
}

/// The fields of one line; quotes may hold commas, and two of them stand for one.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.len() - 1;
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                fields[field].push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => fields[field].push(c),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_commas() {
        assert_eq!(fields(r#"a,"b, ""c""",,d"#), ["a", "b, \"c\"", "", "d"]);
    }

    #[test]
    fn labels_are_found_by_their_columns_and_both_words_make_a_hybrid() {
        let read = labels("note,label,ARN\nx,tolerant,arn:a\ny,interactive,arn:a\n").unwrap();
        assert_eq!((read.len(), read[0].label), (1, Label::Hybrid));
        for (text, error) in [
            ("arn\nx\n", "no column label"),
            ("arn,label\nx,maybe\n", "row 2: 'maybe' is no label"),
            ("arn,label\n", "no label in it"),
        ] {
            let found = labels(text).err().unwrap().to_string();
            assert!(found.contains(error), "{found}");
        }
    }

    #[test]
    fn a_star_stands_for_what_changes_in_sessions() {
        let role = "arn:aws:sts::111122223333:assumed-role";
        for (label, caller) in [
            ("ci/AWSCodeBuild-*", "ci/AWSCodeBuild"),
            ("agent/BedrockAgentCore-*", "agent/<agentcore>"),
            ("proxy/litellm-session-*", "proxy/<litellm>"),
            ("etl/GlueJobRunnerSession", "etl/GlueJobRunnerSession"),
            ("team/worker-*", "team/worker-blue"),
        ] {
            let label = Labelled::of(&format!("{role}/{label}"), Label::Tolerant);
            let fits = label.names.iter().any(|name| name == caller)
                || label.pattern.as_ref().is_some_and(|p| glob_matches(p, caller));
            assert!(fits, "{} {:?}", label.arn, label.names);
        }
    }
}
