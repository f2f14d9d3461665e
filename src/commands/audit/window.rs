//! The window: which days are listed, and which of them are judged.

use crate::cli::AuditArgs;
use crate::source::Selection;
use crate::store::index::Index;
use crate::units::Day;
use crate::workload::Window;

/// Whole days judged before the newest one: four weeks, so that every weekday counts alike.
const WHOLE_DAYS: i32 = 28;

/// Logs that span no more days than the longest month are judged whole: a month's export is a month.
const MONTH: i32 = 31;

/// Which days an audit is about, as far as it is known before records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days {
    /// Whole days before the newest one; none where `--from` or `--to` says which.
    whole: Option<i32>,
    /// Whether the number of days was asked for.
    told: bool,
    /// First day of keys that are listed, where older ones are left alone.
    pub(super) from: Option<Day>,
}

impl Days {
    /// What the flags say.
    pub(super) fn of(args: &AuditArgs) -> Self {
        let told = args.window.map(|days| i32::try_from(days).unwrap_or(i32::MAX / 2));
        let is_range = args.selection.from.is_some() || args.selection.to.is_some();
        let whole = (!is_range).then_some(told.unwrap_or(WHOLE_DAYS));
        Self { whole, told: told.is_some(), from: None }
    }

    /// The first day to list where folders span these days; none to list all. One day more than the window
    /// has, because what is delivered on a day may be of the day before.
    pub(super) fn first_listed(&mut self, (oldest, newest): (Day, Day)) -> Option<Day> {
        let from = Day(newest.0 - self.whole? - 1);
        let is_month = !self.told && newest.0 - oldest.0 < MONTH;
        self.from = (oldest < from && !is_month).then_some(from);
        self.from
    }

    /// The window of what the state holds; none without records.
    pub(super) fn window(&self, wanted: &Selection, index: &Index) -> Option<Window> {
        let newest = Day(index.state.values().filter_map(|summary| summary.newest).max()?);
        let oldest = index.record_days().into_keys().next()?;
        let Some(whole) = self.whole else {
            let (from, to) = (wanted.from.unwrap_or(oldest), wanted.to.unwrap_or(newest));
            return Some(Window { from, to });
        };
        let is_month = !self.told && newest.0 - oldest.0 < MONTH;
        let from = match Day(newest.0 - whole) {
            // There is more before it: quiet days at its beginning belong to it.
            from if self.from.is_some() => from,
            _ if is_month => oldest,
            from => from.max(oldest),
        };
        Some(Window { from, to: newest })
    }

    /// The first day to list when records turned out to be older than their folders told.
    pub(super) fn missing(&self, window: &Window) -> Option<Day> {
        let before = Day(window.from.0 - 1);
        self.from.filter(|from| before < *from && self.whole.is_some()).map(|_| before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(whole: i32, told: bool) -> Days {
        Days { whole: Some(whole), told, from: None }
    }

    #[test]
    fn a_month_is_listed_whole_and_years_are_not() {
        let mut month = days(WHOLE_DAYS, false);
        assert_eq!(month.first_listed((Day(100), Day(130))), None);
        assert_eq!(month.first_listed((Day(99), Day(130))), Some(Day(101)));
        assert_eq!(month.first_listed((Day(-900), Day(130))), Some(Day(101)));
        let mut week = days(7, true);
        assert_eq!(week.first_listed((Day(100), Day(130))), Some(Day(122)));
        assert_eq!(week.first_listed((Day(122), Day(130))), None);
        let mut range = Days { whole: None, told: false, from: None };
        assert_eq!(range.first_listed((Day(0), Day(900))), None);
    }
}
