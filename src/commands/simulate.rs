//! `halfrate simulate`: the generator's objects, written to a folder.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::Outcome;
use super::log::tell;
use super::progress::human_bytes;
use crate::cli::SimulateArgs;
use crate::simulate::{self, Scenario, Spec};
use crate::units::Day;

/// Writes the scenario.
pub(super) fn run(args: &SimulateArgs) -> anyhow::Result<Outcome> {
    let spec = spec(args)?;
    let occupied = fs::read_dir(&args.out).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        bail!("{} is not empty; name a new folder", args.out.display());
    }
    let mut bytes = 0u64;
    let summary = simulate::generate(&spec, &mut |object| -> anyhow::Result<()> {
        bytes += object.bytes.len() as u64;
        write(&args.out.join(&object.key), &object.bytes)
    })?;
    if let Some(file) = &args.labels {
        write(file, simulate::labels(&spec).as_bytes())?;
    }
    tell(&format!(
        "{} objects, {} records, {} in {}",
        summary.objects,
        summary.records,
        human_bytes(bytes),
        args.out.display()
    ));
    Ok(Outcome::Complete)
}

fn spec(args: &SimulateArgs) -> anyhow::Result<Spec> {
    let Ok(scenario) = args.scenario.parse::<Scenario>() else {
        let known = Scenario::ALL.map(Scenario::as_str).join(", ");
        bail!("no scenario '{}'; there are: {known}", args.scenario);
    };
    let mut spec = Spec::of(scenario, args.seed);
    if let Some(scale) = args.scale
        && !(scale.is_finite() && scale > 0.0)
    {
        bail!("--scale must be above 0");
    }
    spec.from = args.from.map_or(spec.from, Day::from);
    spec.days = args.days.unwrap_or(spec.days);
    spec.scale = args.scale.unwrap_or(spec.scale);
    spec.mean_record_bytes = args.record_bytes.unwrap_or(spec.mean_record_bytes);
    spec.bodies &= !args.no_bodies;
    Ok(spec)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
