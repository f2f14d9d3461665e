//! What the flags name, opened: configuration, prices, sources and their objects.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path as FsPath;

use anyhow::{Context, bail};
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::path::Path;

use super::progress::Progress;
use crate::cli::{ConfigArgs, S3Args, SelectionArgs};
use crate::config::Config;
use crate::price::book::PriceBook;
use crate::source::{LogObject, S3Options, Selection, Source, Walk};
use crate::table::source::ScanObject;
use crate::units::Day;

/// The configuration that is read when none is named.
const CONFIG_FILE: &str = "halfrate.toml";

/// Configuration and prices with the text they were read from.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) config_text: String,
    pub(super) book: PriceBook,
    pub(super) prices_text: String,
}

impl Settings {
    /// Reads the files that the flags name.
    pub(super) fn load(args: &ConfigArgs) -> anyhow::Result<Self> {
        let default = FsPath::new(CONFIG_FILE);
        let file = args.config.as_deref().or_else(|| default.exists().then_some(default));
        let config_text = file.map(read).transpose()?.unwrap_or_default();
        let prices_text = args.prices.as_deref().map(read).transpose()?.unwrap_or_default();
        let named = |file: Option<&FsPath>| file.map_or(String::new(), |f| f.display().to_string());
        Self::of(config_text, &named(file), prices_text, &named(args.prices.as_deref()))
    }

    /// Understands texts; the names are for messages.
    pub(super) fn of(
        config_text: String,
        config_name: &str,
        prices_text: String,
        prices_name: &str,
    ) -> anyhow::Result<Self> {
        let config = Config::from_toml(&config_text)
            .with_context(|| format!("configuration {config_name}"))?;
        let mut book = PriceBook::embedded();
        if !prices_text.is_empty() {
            book = book.with_user(&prices_text, prices_name)?;
        }
        Ok(Self { config, config_text, book, prices_text })
    }
}

fn read(file: &FsPath) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

impl From<&S3Args> for S3Options {
    fn from(args: &S3Args) -> Self {
        Self {
            region: args.region.clone(),
            endpoint_url: args.endpoint_url.clone(),
            force_path_style: args.virtual_hosted.then_some(false),
            no_sign_request: args.no_sign_request,
            profile: args.profile.clone(),
            ..Self::default()
        }
    }
}

/// The selection that the flags describe.
pub(super) fn selection(args: &SelectionArgs, late_hours: u32) -> anyhow::Result<Selection> {
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from > to
    {
        bail!("--from {from} lies after --to {to}");
    }
    Ok(Selection {
        from: args.from.map(Day::from),
        to: args.to.map(Day::from),
        accounts: args.accounts.clone(),
        regions: args.log_regions.clone(),
        late_hours,
    })
}

/// The objects of several sources, each once.
#[derive(Default)]
pub(super) struct Inputs {
    pub(super) sources: Vec<Source>,
    /// Index into `sources`, and the object.
    pub(super) objects: Vec<(usize, LogObject)>,
    /// Full names of objects without a byte, which are not among them.
    pub(super) emptied: BTreeSet<String>,
    /// Keys left out, by reason.
    pub(super) skipped: BTreeMap<String, u64>,
    /// Folders and prefixes that were listed.
    pub(super) looked_at: Vec<String>,
}

impl Inputs {
    /// Opens and lists the sources.
    pub(super) async fn list(
        names: &[String],
        s3: &S3Options,
        selection: &Selection,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        Self::list_from(names, s3, selection, |_| None, progress).await
    }

    /// Opens and lists the sources from the day on that `from` picks, given the first and the last day that
    /// folders tell of. Without a day, or where the selection has one, all that the selection wants.
    pub(super) async fn list_from(
        names: &[String],
        s3: &S3Options,
        selection: &Selection,
        from: impl FnOnce((Day, Day)) -> Option<Day>,
        progress: &Progress,
    ) -> anyhow::Result<Self> {
        let mut sources = Vec::with_capacity(names.len());
        for name in names {
            sources.push(Source::open(name, s3).await?);
        }
        let mut inputs = Self::default();
        let mut known = HashSet::new();
        let (mut walks, mut span) = (Vec::new(), None::<(Day, Day)>);
        for source in &sources {
            let on_progress = |found: usize| progress.listing(&source.name, found);
            let mut walk = Walk::begin(source, selection, &on_progress).await?;
            if selection.from.is_none()
                && let Some((first, last)) = walk.span().await?
            {
                span = Some(span.map_or((first, last), |(a, b)| (a.min(first), b.max(last))));
            }
            walks.push(walk);
        }
        let from = span.and_then(from);
        for (index, walk) in walks.into_iter().enumerate() {
            let (source, before) = (&sources[index], inputs.objects.len());
            let on_progress = |found: usize| progress.listing(&source.name, before + found);
            let listing = walk.finish(from, &on_progress).await?;
            for (reason, count) in listing.skipped {
                *inputs.skipped.entry(reason.to_string()).or_default() += count;
            }
            for object in listing.objects {
                if object.size == 0 {
                    inputs.emptied.insert(source.locate(&object.path));
                    *inputs.skipped.entry("empty objects".into()).or_default() += 1;
                } else if sources.len() == 1
                    || known.insert((source.store_url.clone(), object.path.clone()))
                {
                    inputs.objects.push((index, object));
                } else {
                    *inputs.skipped.entry("named by two sources".into()).or_default() += 1;
                }
            }
            inputs.looked_at.extend(listing.looked_at);
        }
        inputs.sources = sources;
        Ok(inputs)
    }

    /// Adds the objects of another listing of the same sources.
    pub(super) fn add(&mut self, other: Self) {
        let known: HashSet<(usize, Path)> =
            self.objects.iter().map(|(source, object)| (*source, object.path.clone())).collect();
        let new = |(source, object): &(usize, LogObject)| {
            !known.contains(&(*source, object.path.clone()))
        };
        self.emptied.extend(other.emptied);
        self.objects.extend(other.objects.into_iter().filter(new));
    }

    /// The objects as a scan takes them, numbered in order.
    pub(super) fn scan_objects(&self) -> anyhow::Result<Vec<ScanObject>> {
        let stores: Vec<ObjectStoreUrl> = self
            .sources
            .iter()
            .map(|source| ObjectStoreUrl::parse(&source.store_url))
            .collect::<Result<_, _>>()?;
        let objects = self.objects.iter().zip(0..);
        Ok(objects
            .map(|((source, object), ordinal)| ScanObject {
                store: stores[*source].clone(),
                meta: object.meta(),
                ordinal,
            })
            .collect())
    }
}
