//! What an object key says: account, region and hour of delivery, or why the object holds no
//! records.
//!
//! Bedrock writes
//! `[prefix/]AWSLogs/<account>/BedrockModelInvocationLogs/<region>/YYYY/MM/DD/HH/<name>.json.gz`.

use std::sync::Arc;

use chrono::NaiveDate;

use crate::units::Day;

/// The folder that Bedrock writes under, below the account.
pub(super) const SERVICE: &str = "BedrockModelInvocationLogs";

/// The folder that AWS services share for their logs.
pub(super) const AWS_LOGS: &str = "AWSLogs";

/// The empty object that Bedrock writes to see whether it may; it appears under every configured
/// prefix.
const PERMISSION_CHECK: &str = "amazon-bedrock-logs-permission-check";

/// The folder beside the records that holds bodies too large or too binary for them.
const SIDECAR_FOLDER: &str = "data";

/// What the files of people and tools that hold records are called.
const RECORD_ENDINGS: [&str; 7] =
    [".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".log.gz"];

/// What a key in Bedrock's layout says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey {
    /// AWS account, 12 digits.
    pub account: Arc<str>,
    /// AWS region.
    pub region: Arc<str>,
    /// Day and hour (0 to 23, UTC) of delivery; the records in it are of that hour or earlier.
    pub hour: (Day, u8),
}

/// What kind of object a key names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyClass {
    /// Records; with what the key says where it follows Bedrock's layout.
    Record(Option<LogKey>),
    /// A body kept apart from its record.
    Sidecar,
    /// Bedrock's empty write test.
    PermissionCheck,
    /// Anything else.
    Foreign,
}

/// What the segments of a folder say when they follow Bedrock's layout, as far as they go.
pub(super) struct Layout<'a> {
    pub(super) account: &'a str,
    pub(super) region: Option<&'a str>,
    /// What comes after the region: year, month, day, hour, and what lies in the hour.
    pub(super) tail: &'a [&'a str],
}

/// Whether a segment is an AWS account number.
pub(super) fn is_account(segment: &str) -> bool {
    segment.len() == 12 && segment.bytes().all(|b| b.is_ascii_digit())
}

impl<'a> Layout<'a> {
    /// The layout of a folder, when it lies in one.
    pub(super) fn of(segments: &'a [&'a str]) -> Option<Self> {
        let service = segments.iter().rposition(|s| *s == SERVICE)?;
        let account = segments.get(service.checked_sub(1)?)?;
        is_account(account).then(|| Self {
            account,
            region: segments.get(service + 1).copied(),
            tail: segments.get(service + 2..).unwrap_or_default(),
        })
    }

    /// The first hour and the hour after the last, since the epoch, that the folder can hold;
    /// `None` where what follows the region is no date.
    pub(super) fn hours(&self) -> Option<(i64, i64)> {
        let part = |i: usize, width: usize| match self.tail.get(i) {
            None => Ok(None),
            Some(s) if s.len() == width && s.bytes().all(|b| b.is_ascii_digit()) => {
                s.parse::<u32>().map(Some).map_err(|_| ())
            }
            Some(_) => Err(()),
        };
        let year = part(0, 4).ok()??;
        let start = |year: u32, month: u32, day: u32| {
            let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
            Some(i64::from(Day::from(date).0) * 24)
        };
        let Some(month) = part(1, 2).ok()? else {
            return Some((start(year, 1, 1)?, start(year + 1, 1, 1)?));
        };
        let Some(day) = part(2, 2).ok()? else {
            let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            return Some((start(year, month, 1)?, start(next.0, next.1, 1)?));
        };
        let midnight = start(year, month, day)?;
        match part(3, 2).ok()? {
            None => Some((midnight, midnight + 24)),
            Some(hour) if hour < 24 => {
                Some((midnight + i64::from(hour), midnight + i64::from(hour) + 1))
            }
            Some(_) => None,
        }
    }

    /// The full key, when the folder reaches down to an hour.
    fn key(&self) -> Option<LogKey> {
        if self.tail.len() < 4 {
            return None;
        }
        let (hour, _) = self.hours()?;
        Some(LogKey {
            account: self.account.into(),
            region: self.region?.into(),
            hour: (Day(i32::try_from(hour.div_euclid(24)).ok()?), hour.rem_euclid(24) as u8),
        })
    }
}

/// What kind of object the path names. `root` is how many leading segments the user named: what
/// stands in those is the user's choice and excludes nothing.
pub fn classify(path: &str, root: usize) -> KeyClass {
    let segments: Vec<&str> = path.split('/').collect();
    let Some((name, folders)) = segments.split_last() else {
        return KeyClass::Foreign;
    };
    if segments.iter().any(|s| s.starts_with(PERMISSION_CHECK)) {
        return KeyClass::PermissionCheck;
    }
    let layout = Layout::of(folders);
    let key = layout.as_ref().and_then(Layout::key);
    let sidecar = match (&key, &layout) {
        (Some(_), Some(layout)) => layout.tail[4..].contains(&SIDECAR_FOLDER),
        _ => is_body_name(name) && folders.iter().skip(root).any(|s| *s == SIDECAR_FOLDER),
    };
    if sidecar {
        KeyClass::Sidecar
    } else if is_record_name(name) {
        KeyClass::Record(key)
    } else {
        KeyClass::Foreign
    }
}

/// Whether a file of this name is read for records. Hidden files are not: `._x.json.gz` is what
/// some systems leave beside `x.json.gz`, and no gzip at all.
pub(super) fn is_record_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // CloudWatch Logs numbers the files of an export and calls them nothing else: `000000.gz`.
    let exported = name
        .strip_suffix(".gz")
        .is_some_and(|stem| !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit()));
    let ends = |ending: &&str| name.len() > ending.len() && name.ends_with(*ending);
    exported || (!name.starts_with('.') && RECORD_ENDINGS.iter().any(ends))
}

/// Whether a file is called like a body that Bedrock keeps apart from its record.
fn is_body_name(name: &str) -> bool {
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    let stem = stem.strip_suffix(".json").unwrap_or(stem);
    stem.ends_with("_input")
        || stem.ends_with("_output")
        || stem.contains("_input_media")
        || stem.contains("_output_media")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: &str =
        "org/AWSLogs/111122223333/BedrockModelInvocationLogs/eu-west-1/2026/10/02/23";

    fn key(day: (i32, u32, u32), hour: u8) -> KeyClass {
        let date = NaiveDate::from_ymd_opt(day.0, day.1, day.2).unwrap();
        KeyClass::Record(Some(LogKey {
            account: "111122223333".into(),
            region: "eu-west-1".into(),
            hour: (Day::from(date), hour),
        }))
    }

    #[test]
    fn records_in_the_layout() {
        let name = "20261002T230001000Z_0123456789abcdef.json.gz";
        assert_eq!(classify(&format!("{HOUR}/{name}"), 0), key((2026, 10, 2), 23));
        // The user may name a folder inside the layout, or copy it without its head.
        assert_eq!(classify(&format!("{HOUR}/{name}"), 9), key((2026, 10, 2), 23));
        let short = &HOUR["org/AWSLogs/".len()..];
        assert_eq!(classify(&format!("{short}/{name}"), 0), key((2026, 10, 2), 23));
    }

    #[test]
    fn a_date_that_is_none_leaves_a_record_without_a_key() {
        for tail in ["2026/13/02/23", "2026/02/30/00", "2026/10/02/24", "26/10/02/23", "2026/10/02"]
        {
            let path =
                format!("111122223333/BedrockModelInvocationLogs/eu-west-1/{tail}/x.json.gz");
            assert_eq!(classify(&path, 0), KeyClass::Record(None), "{tail}");
        }
        assert_eq!(classify(&HOUR.replace("1111", "111"), 0), KeyClass::Foreign);
    }

    #[test]
    fn what_is_not_a_record() {
        for (path, class) in [
            (format!("{HOUR}/data/6f1c_input.json.gz"), KeyClass::Sidecar),
            (format!("{HOUR}/data/6f1c_output_media_00.pdf"), KeyClass::Sidecar),
            (format!("{HOUR}/data/anything.json.gz"), KeyClass::Sidecar),
            ("logs/data/6f1c_input.json.gz".into(), KeyClass::Sidecar),
            ("AWSLogs/amazon-bedrock-logs-permission-check".into(), KeyClass::PermissionCheck),
            (
                format!("{HOUR}/data/amazon-bedrock-logs-permission-check"),
                KeyClass::PermissionCheck,
            ),
            ("README.md".into(), KeyClass::Foreign),
            ("x.parquet".into(), KeyClass::Foreign),
            (".json".into(), KeyClass::Foreign),
            ("._x.json.gz".into(), KeyClass::Foreign),
        ] {
            assert_eq!(classify(&path, 0), class, "{path}");
        }
    }

    #[test]
    fn records_without_the_layout() {
        for name in
            ["a.json", "b.JSONL", "c.ndjson", "d.json.gz", "e.jsonl.gz", "f.ndjson.gz", "g.log.gz"]
        {
            assert_eq!(classify(&format!("x/{name}"), 0), KeyClass::Record(None), "{name}");
        }
        // A folder called `data` is common; only the names of bodies tell.
        assert_eq!(classify("data/a.json", 0), KeyClass::Record(None));
        assert_eq!(classify("data/6f1c_input.json", 1), KeyClass::Record(None));
    }
}
