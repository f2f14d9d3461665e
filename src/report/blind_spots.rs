//! What the logs cannot show, said with the numbers at hand.

use std::collections::BTreeSet;

use super::Report;
use super::figures::percent;
use super::totals::share;

/// One sentence for each blind spot of this report.
pub fn blind_spots(report: &Report) -> Vec<String> {
    let mut spots = vec![
        "Calls to the bedrock-mantle endpoint never reach these logs; their cost is not in here."
            .to_owned(),
        "Batch jobs that already run are not logged either: what they do is missing, not zero."
            .to_owned(),
        unlogged(report),
    ];
    spots.extend(bodies(report));
    spots.push(
        "The log has no field for the service tier. It is known only from bodies that name it; \
         calls on flex or priority without them are priced at the standard rate."
            .to_owned(),
    );
    spots
}

fn unlogged(report: &Report) -> String {
    let names = |pick: fn(&super::WorkloadReport) -> &str| -> Vec<&str> {
        let names: BTreeSet<&str> = report.workloads.iter().map(pick).collect();
        names.into_iter().collect()
    };
    let accounts = names(|workload| &workload.key.account);
    let regions = names(|workload| &workload.key.region);
    format!(
        "Logging is switched on per account and region. Seen: {} in {}. Any other is not in here.",
        listed(&accounts, "account"),
        listed(&regions, "region"),
    )
}

/// Up to five names, then how many more.
fn listed(names: &[&str], noun: &str) -> String {
    const SHOWN: usize = 5;
    if names.is_empty() {
        return format!("no {noun}");
    }
    let plural = if names.len() == 1 { "" } else { "s" };
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let shown = &names[..names.len().min(SHOWN)];
    format!("{noun}{plural} {}{more}", shown.join(", "))
}

/// Tools, guardrails and conversations are visible only where bodies are delivered.
fn bodies(report: &Report) -> Option<String> {
    let sum = |pick: fn(&crate::workload::Activity) -> i64| -> i64 {
        report.workloads.iter().map(|workload| pick(&workload.total)).sum()
    };
    let answered = sum(|total| total.requests - total.errors);
    let without = answered - sum(|total| total.signals.input_bodies).min(answered);
    let share = share(without as f64, answered as f64)?;
    (without > 0).then(|| {
        format!(
            "{} of the answered calls came without the request's body, so tools, guardrails and \
             conversations in them are unknown.",
            percent(share)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn the_numbers_of_the_report_are_in_the_sentences() {
        let spots = blind_spots(&example::report()).join("\n");
        assert!(spots.contains("account 111122223333 in region us-east-1."), "{spots}");
        assert!(spots.contains("50.0 % of the answered calls"), "{spots}");
    }

    #[test]
    fn complete_bodies_are_no_blind_spot() {
        let mut report = example::report();
        for workload in &mut report.workloads {
            workload.total.signals.input_bodies = workload.total.requests;
        }
        assert!(!blind_spots(&report).join("\n").contains("answered calls"));
        assert_eq!(
            listed(&["a", "b", "c", "d", "e", "f"], "role"),
            "roles a, b, c, d, e and 1 more"
        );
    }
}
