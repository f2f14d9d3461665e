//! The table that was probably meant, for a query that names one that is not there.

use datafusion::common::DataFusionError;
use datafusion::prelude::SessionContext;

/// How alike two names must be (normalised edit distance) for the one to be taken for the other: what
/// clap asks of flags.
const ALIKE: f64 = 0.7;

/// The error, with the tables that there are where one was named that is not.
pub(super) fn with_tables(error: DataFusionError, session: &SessionContext) -> anyhow::Error {
    let message = error.to_string();
    let Some(name) = missing_table(&message) else { return error.into() };
    let mut tables = session
        .catalog("datafusion")
        .and_then(|catalog| catalog.schema("public"))
        .map_or_else(Vec::new, |schema| schema.table_names());
    tables.sort();
    let meant =
        nearest(name, &tables).map_or(String::new(), |near| format!("; did you mean '{near}'?"));
    anyhow::anyhow!("no table '{name}'{meant}\nTables are {}", tables.join(", "))
}

/// The name in DataFusion's message, without catalog and schema.
fn missing_table(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("table 'datafusion.public.")?;
    let (name, rest) = rest.split_once('\'')?;
    rest.starts_with(" not found").then_some(name)
}

fn nearest<'n>(name: &str, names: &'n [String]) -> Option<&'n String> {
    let likeness = |other: &String| strsim::normalized_damerau_levenshtein(name, other);
    let best = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(best) >= ALIKE).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_told_only_when_it_is_near() {
        let names = ["usage", "volume", "workloads"].map(str::to_owned);
        assert_eq!(nearest("worklods", &names).map(String::as_str), Some("workloads"));
        assert_eq!(nearest("usgae", &names).map(String::as_str), Some("usage"));
        assert_eq!(nearest("prices", &names), None);
        let message = "Error during planning: table 'datafusion.public.x y' not found";
        assert_eq!(missing_table(message), Some("x y"));
        assert_eq!(missing_table("table 'other.public.x' not found"), None);
    }
}
