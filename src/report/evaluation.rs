//! Verdicts held against labels: who was judged rightly, by callers and by tokens, and every mistake.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::figures::{count, or_unknown, percent, tokens};
use super::layout::{Align, Page};
use super::totals::share;
use super::{Report, WorkloadReport};
use crate::tolerance::Verdict;
use crate::units::Tokens;

/// What is true of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Nobody waits.
    Tolerant,
    /// Nobody waits for a part of its answers.
    Hybrid,
    /// Somebody waits for each answer.
    Interactive,
}

impl Label {
    /// Every label, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Tolerant, Self::Hybrid, Self::Interactive];

    /// The word in a labels file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tolerant => "tolerant",
            Self::Hybrid => "hybrid",
            Self::Interactive => "interactive",
        }
    }

    /// The label of two sets of calls together.
    pub fn with(self, other: Self) -> Self {
        if self == other { self } else { Self::Hybrid }
    }
}

/// One labelled caller in one account, with the workloads it has.
struct Judged<'r> {
    caller: &'r str,
    label: Label,
    verdict: Verdict,
    workloads: Vec<&'r WorkloadReport>,
}

impl Judged<'_> {
    /// A saving that would break something: the mistake that counts.
    fn false_tolerant(&self) -> bool {
        match self.label {
            Label::Tolerant => false,
            Label::Hybrid => self.verdict == Verdict::Tolerant,
            Label::Interactive => is_called(self.verdict),
        }
    }

    /// Anything but the verdict of its label, except that "unclear" does an interactive caller no harm.
    fn wrong(&self) -> bool {
        let harmless = self.label == Label::Interactive && self.verdict == Verdict::Unclear;
        self.verdict.as_str() != self.label.as_str() && !harmless
    }
}

/// Whether the verdict makes volume eligible.
fn is_called(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Tolerant | Verdict::Hybrid)
}

/// What bounds are set, and missed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// Least precision by callers, 0 to 1.
    pub min_precision: Option<f64>,
    /// Least recall by callers, 0 to 1.
    pub min_recall: Option<f64>,
    /// Most callers wrongly called tolerant.
    pub max_false_tolerant: Option<usize>,
}

/// Verdicts held against labels.
pub struct Evaluation<'r> {
    judged: Vec<Judged<'r>>,
    /// Callers without a label.
    unlabelled: usize,
    /// Labels that fit no caller.
    unmatched: Vec<String>,
    bounds: Bounds,
}

impl<'r> Evaluation<'r> {
    /// Holds `report` against `label`, which tells what is true of a workload's caller.
    pub fn of(
        report: &'r Report,
        label: impl Fn(&WorkloadReport) -> Option<Label>,
        unmatched: Vec<String>,
        bounds: Bounds,
    ) -> Self {
        let mut callers: BTreeMap<(&str, &str), Vec<&WorkloadReport>> = BTreeMap::new();
        for workload in &report.workloads {
            let key = (workload.key.caller.as_str(), workload.key.account.as_str());
            callers.entry(key).or_default().push(workload);
        }
        let mut judged = Vec::new();
        let mut unlabelled = 0;
        for ((caller, _), workloads) in callers {
            match workloads.first().and_then(|workload| label(workload)) {
                Some(label) => {
                    let verdict = verdict(&workloads, label);
                    judged.push(Judged { caller, label, verdict, workloads });
                }
                None => unlabelled += 1,
            }
        }
        Self { judged, unlabelled, unmatched, bounds }
    }

    fn callers(&self, wanted: impl Fn(&Judged<'_>) -> bool) -> usize {
        self.judged.iter().filter(|judged| wanted(judged)).count()
    }

    /// Of the callers called tolerant or hybrid, the part that is; `None` where none is called so.
    pub fn precision(&self) -> Option<f64> {
        let called = self.callers(|judged| is_called(judged.verdict));
        share((called - self.false_tolerant()) as f64, called as f64)
    }

    /// Of the callers that are tolerant or hybrid, the part that is called one of the two.
    pub fn recall(&self) -> Option<f64> {
        let is = |judged: &Judged<'_>| judged.label != Label::Interactive;
        let found = self.callers(|judged| is(judged) && is_called(judged.verdict));
        share(found as f64, self.callers(is) as f64)
    }

    /// Callers called tolerant or hybrid of which somebody waits for all, or tolerant that are hybrid.
    pub fn false_tolerant(&self) -> usize {
        self.callers(|judged| judged.false_tolerant())
    }

    /// Eligible tokens of callers with `label`, and all their tokens.
    fn eligible(&self, label: Label) -> (Tokens, Tokens) {
        let of_label = self.judged.iter().filter(|judged| judged.label == label);
        let mut sums = (Tokens(0), Tokens(0));
        for workload in of_label.flat_map(|judged| &judged.workloads) {
            sums.0 += workload.assessment.eligible.total();
            sums.1 += workload.total.tokens.total();
        }
        sums
    }

    /// Of the eligible tokens of tolerant and interactive callers, the part that is the former's.
    pub fn token_precision(&self) -> Option<f64> {
        let (right, _) = self.eligible(Label::Tolerant);
        let (wrong, _) = self.eligible(Label::Interactive);
        share(right.0 as f64, (right + wrong).0 as f64)
    }

    /// Of the tokens of tolerant callers, the part that is eligible.
    pub fn token_recall(&self) -> Option<f64> {
        let (found, all) = self.eligible(Label::Tolerant);
        share(found.0 as f64, all.0 as f64)
    }

    /// Every bound that is missed, a sentence each. What is unknown misses its bound.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        let bounds = &self.bounds;
        let shares = [
            ("precision", self.precision(), bounds.min_precision),
            ("recall", self.recall(), bounds.min_recall),
        ];
        for (name, found, bound) in shares {
            let Some(bound) = bound else { continue };
            if found.is_none_or(|found| found < bound) {
                let found = or_unknown(found, percent);
                missed.push(format!("{name} is {found}, less than {}", percent(bound)));
            }
        }
        let wrong = self.false_tolerant();
        if let Some(most) = bounds.max_false_tolerant
            && wrong > most
        {
            missed.push(format!("{wrong} callers are wrongly called tolerant, more than {most}"));
        }
        missed
    }

    /// Callers and tokens of a label that got a verdict.
    fn cell(&self, label: Label, verdict: Verdict) -> (usize, Tokens) {
        let fits = |judged: &&Judged<'_>| judged.label == label;
        let of_label = || self.judged.iter().filter(fits);
        let workloads = of_label().flat_map(|judged| &judged.workloads);
        let tokens = workloads
            .filter(|workload| workload.judgement.verdict == verdict)
            .map(|workload| workload.total.tokens.total());
        (of_label().filter(|judged| judged.verdict == verdict).count(), tokens.sum())
    }

    /// The confusion table, precision and recall, and every mistake with its evidence, each line at
    /// most `width` columns.
    pub fn render(&self, width: usize) -> String {
        let mut page = Page::new(width);
        page.paragraph(
            "",
            &format!(
                "{} labelled callers; {} have no label, {} labels fit no caller",
                count(self.judged.len() as i128),
                count(self.unlabelled as i128),
                count(self.unmatched.len() as i128)
            ),
        );
        self.table(&mut page, "Callers, by label and verdict", |(callers, _)| {
            count(callers as i128)
        });
        self.table(&mut page, "Tokens, by label and verdict", |(_, sum)| tokens(sum));
        page.heading("Called tolerant or hybrid");
        let line = |name: &str, callers: Option<f64>, tokens: Option<f64>| {
            [name.to_owned(), or_unknown(callers, percent), or_unknown(tokens, percent)]
        };
        page.columns(
            [Align::Left, Align::Right, Align::Right],
            &[
                [String::new(), "of callers".into(), "of tokens".into()],
                line("precision: that are", self.precision(), self.token_precision()),
                line("recall: of those that are", self.recall(), self.token_recall()),
            ],
        );
        self.mistakes(&mut page);
        for label in &self.unmatched {
            page.bullet(&format!("no caller fits the label {label}"));
        }
        for missed in self.missed() {
            page.paragraph("Missed: ", &missed);
        }
        page.finish()
    }

    fn table(&self, page: &mut Page, title: &str, print: impl Fn((usize, Tokens)) -> String) {
        page.heading(title);
        let mut rows = vec![["", "tolerant", "hybrid", "interactive", "unclear"].map(String::from)];
        for label in Label::ALL {
            let cells = Verdict::ALL.map(|verdict| print(self.cell(label, verdict)));
            let [a, b, c, d] = cells;
            rows.push([label.as_str().into(), a, b, c, d]);
        }
        let right = Align::Right;
        page.columns([Align::Left, right, right, right, right], &rows);
    }

    fn mistakes(&self, page: &mut Page) {
        let mut wrong: Vec<&Judged<'_>> = self.judged.iter().filter(|j| j.wrong()).collect();
        // The dangerous ones first; the sort is stable.
        wrong.sort_by_key(|judged| !judged.false_tolerant());
        if wrong.is_empty() {
            page.heading("No verdict contradicts or misses its label");
            return;
        }
        page.heading(&format!("Verdicts that contradict or miss their label ({})", wrong.len()));
        for judged in wrong {
            for workload in &judged.workloads {
                let judgement = &workload.judgement;
                let alarm = if judged.false_tolerant() { "WRONG, " } else { "" };
                page.bullet(&format!(
                    "{}: {alarm}{}, but {} ({} calls, {} tokens, probability {:.2}). {}",
                    judged.caller,
                    judged.label.as_str(),
                    judgement.verdict,
                    count(workload.total.requests),
                    tokens(workload.total.tokens.total()),
                    judgement.probability,
                    judgement.reason
                ));
                for evidence in &judgement.evidence {
                    let rule = evidence.rule.replace('_', " ");
                    let text = format!("{rule}: {}", evidence.sentence);
                    page.paragraph(&format!("    {:+5.2}  ", evidence.weight), &text);
                }
            }
        }
    }

    /// The same as one JSON object.
    pub fn object(&self) -> Value {
        let confusion = Label::ALL.map(|label| {
            let cells = Verdict::ALL.map(|verdict| {
                let (callers, tokens) = self.cell(label, verdict);
                (verdict.to_string(), json!({ "callers": callers, "tokens": tokens.0 }))
            });
            (label.as_str().to_owned(), Value::Object(cells.into_iter().collect()))
        });
        let wrong = self.judged.iter().filter(|judged| judged.wrong()).map(|judged| {
            let workloads = judged.workloads.iter().map(|workload| {
                json!({
                    "workload": workload.key.id(),
                    "model": workload.key.model,
                    "verdict": workload.judgement.verdict.as_str(),
                    "probability": workload.judgement.probability,
                    "requests": workload.total.requests,
                    "tokens": workload.total.tokens.total().0,
                    "reason": workload.judgement.reason,
                    "evidence": workload.judgement.evidence.iter().map(|e| json!({
                        "rule": e.rule, "weight": e.weight, "sentence": e.sentence,
                    })).collect::<Vec<_>>(),
                })
            });
            json!({
                "caller": judged.caller,
                "label": judged.label.as_str(),
                "verdict": judged.verdict.as_str(),
                "false_tolerant": judged.false_tolerant(),
                "workloads": workloads.collect::<Vec<_>>(),
            })
        });
        json!({
            "callers": self.judged.len(),
            "unlabelled_callers": self.unlabelled,
            "unmatched_labels": self.unmatched,
            "confusion": Value::Object(confusion.into_iter().collect()),
            "precision": self.precision(),
            "recall": self.recall(),
            "token_precision": self.token_precision(),
            "token_recall": self.token_recall(),
            "false_tolerant": self.false_tolerant(),
            "wrong": wrong.collect::<Vec<_>>(),
            "missed": self.missed(),
        })
    }
}

/// One verdict for a caller: that of its workload with most tokens, except that one workload called
/// tolerant or hybrid is enough where somebody waits for all of them.
fn verdict(workloads: &[&WorkloadReport], label: Label) -> Verdict {
    let largest = |called: bool| {
        let fits = workloads.iter().filter(|w| !called || is_called(w.judgement.verdict));
        fits.max_by_key(|w| (w.total.tokens.total(), w.total.requests)).map(|w| w.judgement.verdict)
    };
    let called = if label == Label::Interactive { largest(true) } else { None };
    called.or_else(|| largest(false)).unwrap_or(Verdict::Unclear)
}
