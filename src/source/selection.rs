//! Which part of the logs is wanted, decided from folder names alone.

use object_store::path::Path;

use super::key::{AWS_LOGS, Layout, SERVICE, is_account};
use crate::units::Day;

/// Which part of the logs is wanted. Objects whose key does not follow Bedrock's layout cannot be
/// told apart and are always wanted; their records are filtered by what they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// First day, UTC; `None` is the beginning.
    pub from: Option<Day>,
    /// Last day, UTC; `None` is the end.
    pub to: Option<Day>,
    /// AWS accounts; empty is all.
    pub accounts: Vec<String>,
    /// AWS regions; empty is all.
    pub regions: Vec<String>,
    /// Hours of delivery past the last day's end that are looked at: records arrive late, never
    /// early.
    pub late_hours: u32,
}

/// What to do with a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may hold wanted records.
    Enter,
    /// It lies outside the selection.
    Outside,
    /// The first so many segments are the folder of another AWS service.
    OtherService(usize),
}

impl Selection {
    /// Whether an object at `path`, below a source's `prefix`, is looked at.
    pub fn wants(&self, path: &Path, prefix: &Path) -> bool {
        let segments = |path: &Path| path.parts().count();
        let names: Vec<&str> = path.as_ref().split('/').collect();
        let folders = names.split_last().map_or(&[][..], |(_, folders)| folders);
        self.judge(folders, segments(prefix)) == Verdict::Enter
    }

    /// Whether objects delivered on `day` are looked at.
    pub fn covers(&self, day: Day) -> bool {
        let start = i64::from(day.0) * 24;
        self.overlaps((start, start + 24))
    }

    /// Whether objects delivered in an hour of `day` are looked at.
    pub fn covers_hour(&self, day: Day, hour: u8) -> bool {
        let start = i64::from(day.0) * 24 + i64::from(hour);
        self.overlaps((start, start + 1))
    }

    /// Judges a folder by its segments. `root` is how many of them the user named.
    pub(super) fn judge(&self, segments: &[&str], root: usize) -> Verdict {
        let enter = |yes: bool| if yes { Verdict::Enter } else { Verdict::Outside };
        if let Some(layout) = Layout::of(segments) {
            return enter(
                listed(&self.accounts, layout.account)
                    && layout.region.is_none_or(|r| !is_region(r) || listed(&self.regions, r))
                    && layout.hours().is_none_or(|hours| self.overlaps(hours)),
            );
        }
        let Some(account) = account_position(segments) else {
            return Verdict::Enter;
        };
        if !listed(&self.accounts, segments[account]) {
            return Verdict::Outside;
        }
        match segments.get(account + 1) {
            Some(service) if *service != SERVICE && account + 1 >= root => {
                Verdict::OtherService(account + 2)
            }
            _ => Verdict::Enter,
        }
    }

    fn overlaps(&self, (start, end): (i64, i64)) -> bool {
        let first = self.from.map_or(i64::MIN, |day| i64::from(day.0) * 24);
        let last = self
            .to
            .map_or(i64::MAX, |day| (i64::from(day.0) + 1) * 24 + i64::from(self.late_hours));
        start < last && end > first
    }
}

/// Where the account stands in `AWSLogs/[o-organisation/]<account>`.
fn account_position(segments: &[&str]) -> Option<usize> {
    let mut position = segments.iter().rposition(|s| *s == AWS_LOGS)? + 1;
    if segments.get(position)?.starts_with("o-") {
        position += 1;
    }
    is_account(segments.get(position)?).then_some(position)
}

fn listed(wanted: &[String], name: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|w| w == name)
}

/// Whether a segment can be a region, such as `us-gov-west-1`; Bedrock also puts its permission
/// check there.
fn is_region(segment: &str) -> bool {
    segment.rsplit_once('-').is_some_and(|(place, number)| {
        place.contains('-') && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Whether the folder lies where every child says by its name whether it is wanted: in the shared
/// log folder above the day. There, listing child by child saves reading the keys of what is not
/// wanted.
pub(super) fn children_tell(segments: &[&str], root: usize) -> bool {
    match Layout::of(segments) {
        Some(layout) => {
            layout.tail.len() < 3 && (layout.tail.is_empty() || layout.hours().is_some())
        }
        None => {
            let tail = segments.get(root.min(segments.len())..).unwrap_or_default();
            tail.contains(&AWS_LOGS)
                || account_position(segments).is_some_and(|position| position + 1 == segments.len())
        }
    }
}

/// Whether the folder is an hour, below which no folder is worth a request of its own.
pub(super) fn is_hour(segments: &[&str]) -> bool {
    Layout::of(segments).is_some_and(|layout| layout.tail.len() >= 4 && layout.hours().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    const LAYOUT: &str = "org/AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1";

    fn day(year: i32, month: u32, day: u32) -> Option<Day> {
        Some(NaiveDate::from_ymd_opt(year, month, day).unwrap().into())
    }

    fn judge(selection: &Selection, path: &str) -> Verdict {
        selection.judge(&path.split('/').collect::<Vec<_>>(), 0)
    }

    #[test]
    fn dates_prune_and_late_hours_reach_past_the_end() {
        let selection = Selection {
            from: day(2025, 12, 31),
            to: day(2026, 1, 1),
            late_hours: 2,
            ..Default::default()
        };
        for (tail, wanted) in [
            ("2024", false),
            ("2025", true),
            ("2025/11", false),
            ("2025/12/30", false),
            ("2025/12/30/23", false),
            ("2025/12/31/00", true),
            ("2026/01/02", true),
            ("2026/01/02/01", true),
            ("2026/01/02/02", false),
            ("2026/01/03", false),
            ("2026/02", false),
            ("elsewhere", true),
        ] {
            let verdict = if wanted { Verdict::Enter } else { Verdict::Outside };
            assert_eq!(judge(&selection, &format!("{LAYOUT}/{tail}")), verdict, "{tail}");
        }
    }

    #[test]
    fn accounts_and_regions_prune() {
        let selection = Selection {
            accounts: vec!["111122223333".into()],
            regions: vec!["us-east-1".into()],
            ..Default::default()
        };
        assert_eq!(judge(&selection, LAYOUT), Verdict::Enter);
        assert_eq!(judge(&selection, &LAYOUT.replace("us-east", "eu-west")), Verdict::Outside);
        assert_eq!(judge(&selection, "AWSLogs/999999999999"), Verdict::Outside);
        assert_eq!(judge(&selection, "AWSLogs/o-abc/999999999999"), Verdict::Outside);
        assert_eq!(judge(&selection, "team-a/AWSLogs"), Verdict::Enter);
    }

    #[test]
    fn other_services_are_left_alone_unless_named() {
        let all = Selection::default();
        let trail = "x/AWSLogs/111122223333/CloudTrail/us-east-1/2026";
        assert_eq!(judge(&all, trail), Verdict::OtherService(4));
        assert_eq!(judge(&all, "AWSLogs/o-1/111122223333/Config"), Verdict::OtherService(4));
        let segments: Vec<&str> = trail.split('/').collect();
        assert_eq!(all.judge(&segments, 4), Verdict::Enter, "the user named that folder");
    }

    #[test]
    fn folders_above_the_day_tell_by_name() {
        let tells = |path: &str| children_tell(&path.split('/').collect::<Vec<_>>(), 0);
        for path in ["AWSLogs", "AWSLogs/111122223333", LAYOUT, &format!("{LAYOUT}/2026/10")] {
            assert!(tells(path), "{path}");
        }
        assert!(!children_tell(&[], 0), "a whole bucket");
        for path in ["org", &format!("{LAYOUT}/2026/10/02"), &format!("{LAYOUT}/elsewhere")] {
            assert!(!tells(path), "{path}");
        }
        assert!(is_hour(&format!("{LAYOUT}/2026/10/02/05").split('/').collect::<Vec<_>>()));
    }
}
