//! What an operator sees of a run: events while it goes on, metrics at its end.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

use super::Audited;
use crate::cli::{AuditArgs, OperationArgs};
use crate::commands::FAILED;
use crate::commands::progress::Progress;
use crate::engine::plan::Plan;
use crate::report::metrics::{self, Metrics, Read};
use crate::report::totals::Totals;
use crate::source::{Deadline, Retries, Stage};
use crate::store::ledger::Reading;
use crate::table::source::ScanObject;

/// One run under watch.
pub(in crate::commands) struct Watch {
    pub(super) progress: Progress,
    pub(super) retries: Retries,
    pub(super) deadline: Deadline,
}

impl Watch {
    /// The run begins.
    pub(in crate::commands) fn begin(args: &AuditArgs) -> Self {
        let selection = &args.selection;
        let date = |date: Option<chrono::NaiveDate>| date.map(|date| date.to_string());
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            sources = args.sources.join(" "),
            out = args.out,
            from = date(selection.from),
            to = date(selection.to),
            group_by = args.group_by.join(" "),
            deadline_seconds = args.operation.deadline.map(|time| time.as_secs()),
            dry_run = args.dry_run,
            "audit begins"
        );
        Self {
            progress: Progress::new(),
            retries: Retries::default(),
            deadline: args.operation.deadline.map_or(Deadline::default(), Deadline::after),
        }
    }

    /// Reading begins, of what is not known of the objects listed.
    pub(super) fn begin_reading(&self, plan: &Plan, listed: usize) {
        let (known, read, bytes) = (plan.known, plan.objects.len() as u64, plan.bytes);
        tracing::info!(objects = listed as u64, known, read, bytes, "objects listed");
        self.progress.begin_reading(bytes);
    }

    /// An object was read, or could not be.
    pub(super) fn read(&self, object: &ScanObject, reading: &Reading) {
        let (store, key) = (object.store.as_str(), object.meta.location.as_ref());
        match &reading.error {
            Some(error) => tracing::warn!(store, key, error, "object could not be read"),
            None => {
                let Reading { records, rows, rejected, duplicates, .. } = reading;
                tracing::debug!(store, key, records, rows, rejected, duplicates, "object read");
            }
        }
        self.progress.read(object, reading);
    }

    /// The run has ended: tells so, and writes the metrics unless it was a dry one.
    pub(super) fn end(
        &self,
        args: &OperationArgs,
        ended: &anyhow::Result<Audited>,
    ) -> anyhow::Result<()> {
        let exit_code = ended.as_ref().map_or(FAILED, |ended| ended.outcome().number());
        let stages = self.progress.stages();
        let retries = Stage::ALL.map(|stage| (stage.as_str(), self.retries.count(stage)));
        let (report, updated) = match ended {
            Ok(Audited::Told) => return Ok(()),
            Ok(Audited::Report(report, updated)) => (Some(&**report), Some(updated)),
            Ok(Audited::Stopped(updated)) => (None, Some(updated)),
            Err(_) => (None, None),
        };
        let totals = report.map(Totals::of);
        tracing::info!(
            exit_code,
            seconds = stages.iter().map(|(_, took)| took.as_secs_f64()).sum::<f64>(),
            objects_read = updated.map(|updated| updated.objects),
            objects_left = updated.map(|updated| updated.left),
            objects = report.map(|report| report.scan.objects),
            unreadable = report.map(|report| report.scan.unreadable),
            records = report.map(|report| report.scan.records),
            rejects = report.map(|report| report.scan.rejects),
            duplicates = report.map(|report| report.scan.duplicates),
            retries = retries.iter().map(|(_, count)| count).sum::<u64>(),
            tokens = totals.as_ref().map(|totals| totals.tokens.total().0),
            eligible_tokens = totals.as_ref().map(|totals| totals.eligible.0),
            "audit ended"
        );
        let Some(file) = &args.metrics else { return Ok(()) };
        let ended_at = now();
        // Whatever cannot be read holds no success to carry over.
        let before = || metrics::last_success(&fs::read_to_string(file).unwrap_or_default());
        let text = metrics::render(&Metrics {
            version: env!("CARGO_PKG_VERSION"),
            exit_code,
            ended_at,
            last_success_at: if exit_code == 0 { Some(ended_at) } else { before() },
            stages,
            retries: retries.into(),
            read: updated.map(|updated| Read {
                objects: updated.objects,
                bytes: updated.bytes,
                records: updated.records,
                left: updated.left,
            }),
            report,
        });
        let written = replace(file, &text);
        match ended {
            Ok(_) => written.with_context(|| format!("cannot write metrics {}", file.display())),
            // The failure of the run is what matters.
            Err(_) => Ok(()),
        }
    }
}

/// Replaces a file in one act, readable by all: its reader is another user's program.
fn replace(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut new = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    new.write_all(text.as_bytes())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        new.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    new.persist(file)?;
    Ok(())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
