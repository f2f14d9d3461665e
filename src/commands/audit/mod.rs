//! `halfrate audit`: the whole way from a log bucket to priced tables and a summary.

mod options;
mod signals;
mod told;
mod totals;
mod watch;
mod window;
mod writing;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::bail;

use self::options::parameters;
pub(super) use self::watch::Watch;
use self::window::Days;
use super::earlier::earlier;
use super::inputs::{Inputs, Settings, selection};
use super::{Outcome, judging};
use crate::cli::{AuditArgs, Rescan, SummaryFormat};
use crate::engine::plan::{Listed, Plan};
use crate::engine::scan::Stop;
use crate::engine::session::Ground;
use crate::engine::update::{Update, Updated};
use crate::engine::{catalog, merge};
use crate::report::{Report, ScanTotals, WorkloadReport};
use crate::source::{S3Options, Selection, Source};
use crate::store::dataset::Dataset;
use crate::store::index::Index;
use crate::store::ledger::Reading;
use crate::store::lock::Lock;
use crate::store::tables::Tables;
use crate::table::source::ScanObject;
use crate::units::Day;
use crate::workload::Window;

/// How an audit ended.
pub(super) enum Audited {
    /// With a report; and what it read for it.
    Report(Box<Report>, Updated),
    /// After telling what it would read.
    Told,
    /// Told to stop: what was read is committed, the tables are as they were.
    Stopped(Updated),
}

impl Audited {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Report(report, _) if report.complete => Outcome::Complete,
            Self::Told => Outcome::Complete,
            Self::Report(..) | Self::Stopped(_) => Outcome::Incomplete,
        }
    }
}

/// Runs an audit.
pub(super) async fn run(args: AuditArgs) -> anyhow::Result<Outcome> {
    let watch = Watch::begin(&args);
    let ended = audited(&args, &watch).await;
    watch.end(&args.operation, &ended)?;
    let ended = ended?;
    told::ended(&ended, &args)?;
    Ok(ended.outcome())
}

/// An audit being prepared: what the flags mean.
struct Asked<'a> {
    args: &'a AuditArgs,
    settings: Settings,
    s3: S3Options,
    wanted: Selection,
    watch: &'a Watch,
    /// A number that no other run has.
    run: u64,
}

/// Audits and writes the tables.
pub(super) async fn audited(args: &AuditArgs, watch: &Watch) -> anyhow::Result<Audited> {
    let settings = Settings::load(&args.config)?;
    let asked = Asked {
        args,
        s3: S3Options {
            retry: settings.config.retry,
            retries: watch.retries.clone(),
            ..S3Options::from(&args.s3)
        },
        wanted: selection(&args.selection, settings.config.limits.late_hours)?,
        settings,
        watch,
        run: run_number(),
    };
    if args.dry_run {
        asked.dry_run().await?;
        return Ok(Audited::Told);
    }
    // The lock comes before the listing: what another audit commits after it would look gone.
    let mut held = match asked.existing().await? {
        Some(dataset) => Some((asked.lock(&dataset).await?, dataset)),
        None => None,
    };
    let mut days = Days::of(args);
    let mut inputs = asked.list(&mut days).await?;
    let (lock, dataset) = match held.take() {
        Some(held) => held,
        None => {
            if inputs.objects.is_empty() {
                bail!(told::nothing_found(&inputs));
            }
            let dataset = Dataset::new(Source::create(&args.out, &asked.s3).await?);
            let lock = asked.lock(&dataset).await?;
            if !Index::load(&dataset).await?.state.is_empty() {
                inputs = asked.list(&mut days).await?;
            }
            (lock, dataset)
        }
    };
    let ended = asked.write(&dataset, &lock, inputs, days).await;
    let released = lock.release().await;
    let ended = ended?;
    released?;
    Ok(ended)
}

impl Asked<'_> {
    /// The dataset, when an audit has written it before.
    async fn existing(&self) -> anyhow::Result<Option<Dataset>> {
        let Ok(out) = Source::open(&self.args.out, &self.s3).await else { return Ok(None) };
        let dataset = Dataset::new(out);
        let is_there = !dataset.state_files().await?.is_empty();
        Ok(is_there.then_some(dataset))
    }

    /// How the logs are reached.
    fn logs(&self) -> S3Options {
        S3Options { list_until: self.watch.deadline, ..self.s3.clone() }
    }

    async fn lock(&self, dataset: &Dataset) -> anyhow::Result<Lock> {
        let hold = Duration::from_secs(self.settings.config.limits.lock_seconds);
        Ok(Lock::take(dataset, hold, self.run).await?)
    }

    /// Lists the sources, as far as the window and a rescan reach.
    async fn list(&self, days: &mut Days) -> anyhow::Result<Inputs> {
        let (names, s3, progress) = (&self.args.sources, self.logs(), &self.watch.progress);
        progress.enter("list");
        let first = |span| days.first_listed(span);
        let mut inputs = Inputs::list_from(names, &s3, &self.wanted, first, progress).await?;
        if let Some(again) = self.rescanned() {
            inputs.add(Inputs::list(names, &s3, &again, progress).await?);
        }
        Ok(inputs)
    }

    /// What a rescan of days looks at.
    fn rescanned(&self) -> Option<Selection> {
        let Some(Rescan::Days(from, to)) = self.args.rescan else { return None };
        let (from, to) = (Some(Day::from(from)), Some(Day::from(to)));
        Some(Selection { from, to, late_hours: 0, ..self.wanted.clone() })
    }

    /// What was looked for, given the first day that was listed.
    fn selections(&self, days: &Days) -> Vec<Selection> {
        let from = self.wanted.from.or(days.from);
        let listed = Selection { from, ..self.wanted.clone() };
        [Some(listed), self.rescanned()].into_iter().flatten().collect()
    }

    async fn dry_run(&self) -> anyhow::Result<()> {
        let mut days = Days::of(self.args);
        let inputs = self.list(&mut days).await?;
        let plan = match self.existing().await? {
            Some(dataset) if self.args.rescan != Some(Rescan::All) => {
                let index = Index::load(&dataset).await?;
                self.check_options(&index)?;
                self.plan(&dataset, &index, &inputs, &self.selections(&days)).await?
            }
            _ => Plan::of_all(&self.listed(&inputs, &[])),
        };
        self.watch.progress.clear();
        told::dry_run(&inputs, &plan, &self.args.out)
    }

    fn listed<'l>(&self, inputs: &'l Inputs, selections: &'l [Selection]) -> Listed<'l> {
        let rescan = match self.args.rescan {
            Some(Rescan::Days(from, to)) => Some((Day::from(from), Day::from(to))),
            _ => None,
        };
        Listed {
            sources: &inputs.sources,
            objects: &inputs.objects,
            emptied: &inputs.emptied,
            selections,
            rescan,
        }
    }

    async fn plan(
        &self,
        dataset: &Dataset,
        index: &Index,
        inputs: &Inputs,
        selections: &[Selection],
    ) -> anyhow::Result<Plan> {
        Ok(Plan::make(dataset, index, &self.listed(inputs, selections)).await?)
    }

    /// Brings state and tables up to date.
    async fn write(
        &self,
        dataset: &Dataset,
        lock: &Lock,
        mut inputs: Inputs,
        mut days: Days,
    ) -> anyhow::Result<Audited> {
        let mut index = Index::load(dataset).await?;
        dataset.sweep().await?;
        writing::check_earlier(dataset, &index).await?;
        if self.args.rescan == Some(Rescan::All) {
            index.forget(dataset).await?;
        }
        self.check_options(&index)?;
        let limits = &self.settings.config.limits;
        let ground = Ground::new(limits, inputs.sources.iter().chain([dataset.source()]))?;
        let (sender, stop) = Stop::new();
        signals::listen(sender);
        let (mut updated, mut records) = (Updated::default(), 0);
        let window = loop {
            let selections = self.selections(&days);
            let listed = self.listed(&inputs, &selections);
            let plan = Plan::make(dataset, &index, &listed).await?;
            self.watch.begin_reading(&plan, inputs.objects.len());
            records += plan.known_records;
            let update = Update {
                ground: &ground,
                dataset,
                lock,
                listed: &listed,
                options: Arc::new(self.scan_options()),
                options_text: self.options_text(),
                run: self.run,
                stop: stop.clone(),
            };
            let on_object = |object: &ScanObject, reading: &Reading| {
                self.watch.read(object, reading);
            };
            updated += update.run(plan, &mut index, on_object).await?;
            if updated.left > 0 {
                index.save(dataset).await?;
                return Ok(Audited::Stopped(updated));
            }
            let window = days.window(&self.wanted, &index);
            match window.as_ref().and_then(|window| days.missing(window)) {
                Some(from) => {
                    days.from = Some(from);
                    inputs = self.list_again(from).await?;
                }
                None => break window,
            }
        };
        // From here on a signal ends the process: what counts is committed.
        drop(stop);
        records += updated.records;
        if records == 0 && !inputs.objects.is_empty() {
            let objects = inputs.objects.len() as u64;
            bail!(told::nothing_counts(&ScanTotals { objects, ..ScanTotals::default() }));
        }
        let report = self.tables(dataset, lock, &ground, &mut index, &inputs, window).await?;
        Ok(Audited::Report(Box::new(report), updated))
    }

    /// Lists once more, from an earlier day on.
    async fn list_again(&self, from: Day) -> anyhow::Result<Inputs> {
        let (names, s3, progress) = (&self.args.sources, self.logs(), &self.watch.progress);
        Inputs::list_from(names, &s3, &self.wanted, |_| Some(from), progress).await
    }

    /// Makes the tables of the state, judges the window and writes what comes of it.
    async fn tables(
        &self,
        dataset: &Dataset,
        lock: &Lock,
        ground: &Ground,
        index: &mut Index,
        inputs: &Inputs,
        window: Option<Window>,
    ) -> anyhow::Result<Report> {
        // Nothing but rejects has a window, too: the days of the objects.
        let window = window.or_else(|| self.days_of_rejects(index));
        let Some(window) = window else {
            let objects = inputs.objects.len() as u64;
            bail!(told::nothing_counts(&ScanTotals { objects, ..ScanTotals::default() }));
        };
        let totals = totals::totals(dataset, index, &window, &self.wanted).await?;
        let skipped = inputs.skipped.iter().map(|(reason, count)| (reason.clone(), *count));
        let totals = ScanTotals { skipped: skipped.collect(), ..totals };
        if inputs.objects.is_empty() && totals.objects == 0 {
            bail!(told::nothing_found(inputs));
        }
        // Before the first table: an audit of nothing leaves those of an earlier one as they are.
        if totals.rows == totals.outside_window && totals.rejects == 0 {
            bail!(told::nothing_counts(&totals));
        }
        self.watch.progress.doing("merge");
        let mut tables = Tables::open(dataset, index).await?;
        let kept = merge::run(ground, dataset, index, &mut tables).await?;
        lock.check()?;
        self.watch.progress.doing("judge");
        // Tables are encoded and written meanwhile.
        let covers = kept.covers(&window, index);
        let judged = covers.then(|| judging::kept(kept, &window, &self.settings));
        tables.remove_others(&["usage", "sizes"]).await?;
        let workloads = match judged {
            Some(workloads) => workloads,
            None => {
                catalog::register(ground.session(), dataset)?;
                judging::workloads(ground.session(), &window, &self.settings).await?
            }
        };
        check_nothing_lost(&totals, &workloads)?;
        let mut report = self.report(window, totals, workloads);
        // Judging once more is for people: the JSON tells nothing of it.
        if self.args.format == SummaryFormat::Text && writing::told_before(dataset).await? {
            catalog::register(ground.session(), dataset)?;
            report.earlier = earlier(ground.session(), &report).await?;
        }
        self.watch.progress.doing("write");
        lock.check()?;
        writing::write_report(dataset, &mut tables, &report).await?;
        index.tables = tables.into_index();
        index.save(dataset).await?;
        self.watch.progress.clear();
        Ok(report)
    }

    fn report(&self, window: Window, scan: ScanTotals, workloads: Vec<WorkloadReport>) -> Report {
        let default_rate = || f64::from(self.settings.config.limits.max_rejects_per_mille) / 1000.0;
        let max_rate = self.args.max_reject_rate.unwrap_or_else(default_rate);
        Report {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            run_at: run_at(),
            sources: self.args.sources.clone(),
            parameters: parameters(self.args, max_rate),
            window,
            config_text: self.settings.config_text.clone(),
            prices_text: self.settings.prices_text.clone(),
            price_book: self.settings.book.date_line(),
            complete: is_complete(&scan, max_rate),
            scan,
            workloads,
            earlier: None,
        }
    }

    fn days_of_rejects(&self, index: &Index) -> Option<Window> {
        let rejects = index.state.iter().filter(|(_, summary)| summary.rejects);
        let days: Vec<Day> = rejects.map(|(segment, _)| segment.day).collect();
        let (from, to) = (*days.first()?, *days.last()?);
        let wanted = &self.wanted;
        Some(Window { from: wanted.from.unwrap_or(from), to: wanted.to.unwrap_or(to) })
    }
}

/// Every row inside the window was read back as a call of some workload.
fn check_nothing_lost(totals: &ScanTotals, workloads: &[WorkloadReport]) -> anyhow::Result<()> {
    let calls: i64 = workloads.iter().map(|workload| workload.total.requests).sum();
    let expected = totals.rows - totals.outside_window;
    if calls != expected as i64 {
        bail!("counts do not add up: {expected} rows in the window, {calls} calls in the tables");
    }
    Ok(())
}

fn is_complete(totals: &ScanTotals, max_rate: f64) -> bool {
    totals.unreadable == 0 && totals.rejects as f64 <= max_rate * totals.records as f64
}

/// Seconds since the epoch; `SOURCE_DATE_EPOCH`, the convention of reproducible builds, overrides the clock.
fn run_at() -> i64 {
    let told = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64);
    told.unwrap_or_else(clock)
}

/// A number that no other run has.
fn run_number() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library's hasher keys are random: enough to tell runs apart, and no dependency.
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    hasher.write_u128(clock);
    hasher.finish()
}
