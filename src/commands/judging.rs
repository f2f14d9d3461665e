//! Judging and pricing every workload of an audit's facts: shared by `audit` and `explain`.

use datafusion::prelude::SessionContext;

use super::inputs::Settings;
use crate::engine::kept::Kept;
use crate::report::WorkloadReport;
use crate::savings::{assess, blockers};
use crate::tolerance::judge;
use crate::usage::{self, UsageError};
use crate::workload::{Window, Workload};

/// Every workload in the session's tables, dearest first; unpriced ones after, by tokens; then by key.
pub(super) async fn workloads(
    session: &SessionContext,
    window: &Window,
    settings: &Settings,
) -> Result<Vec<WorkloadReport>, UsageError> {
    let mut reports = Vec::new();
    usage::workloads(session, window, |workload| -> Result<(), UsageError> {
        reports.extend(report(&workload, window, settings));
        Ok(())
    })
    .await?;
    Ok(dearest_first(reports))
}

/// The same of facts that were kept while they were merged.
pub(super) fn kept(kept: Kept, window: &Window, settings: &Settings) -> Vec<WorkloadReport> {
    let reports = kept.workloads(window, |workload| report(&workload, window, settings));
    dearest_first(reports.into_iter().flatten().collect())
}

fn dearest_first(mut reports: Vec<WorkloadReport>) -> Vec<WorkloadReport> {
    reports.sort_by(|a, b| {
        let rank = |r: &WorkloadReport| (r.assessment.cost, r.total.tokens.total());
        rank(b).cmp(&rank(a)).then_with(|| a.key.cmp(&b.key))
    });
    reports
}

fn report(workload: &Workload, window: &Window, settings: &Settings) -> Option<WorkloadReport> {
    let savings = &settings.config.savings;
    let judgement = judge::judge(workload, window, &settings.config.tolerance);
    let assessment = assess::assess(workload, &judgement, &settings.book, savings);
    let jobs = |calls: i64| if assessment.jobs > 0 { blockers::jobs(calls, savings) } else { 0 };
    let run_jobs = judgement.candidates.iter().map(|run| jobs(run.requests)).collect();
    WorkloadReport::new(workload, judgement, assessment, run_jobs)
}
