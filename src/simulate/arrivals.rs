//! When calls arrive: conversations of people and programs, and jobs by the clock.

use std::rc::Rc;

use super::call::{Call, Template};
use super::random::Random;

/// Calls in 24 hours of UTC, in proportion.
pub(crate) type DayShape = [u64; 24];

/// A European office: nobody at night, a dip at lunch.
pub(crate) const OFFICE: DayShape =
    [0, 0, 0, 0, 0, 0, 1, 5, 11, 14, 14, 10, 7, 12, 14, 13, 9, 5, 2, 1, 0, 0, 0, 0];
/// Customers of several continents: never silent, busiest in the European afternoon.
pub(crate) const CUSTOMERS: DayShape =
    [3, 2, 2, 2, 3, 4, 5, 6, 8, 9, 10, 9, 9, 10, 11, 11, 10, 9, 8, 8, 7, 6, 5, 4];
/// The same all day.
pub(crate) const FLAT: DayShape = [1; 24];

/// All seven days, as bits from Sunday (bit 0) to Saturday (bit 6).
pub(crate) const EVERY_DAY: u8 = 0b111_1111;

const HOUR_MS: i64 = 3_600_000;

/// When calls of one workload arrive.
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// Poisson starts, each followed by some turns: chat, coding sessions, agent loops, single
    /// questions.
    Conversations {
        /// Conversations on a working day, in thousandths.
        per_day_milli: u64,
        shape: &'static DayShape,
        /// What is left of them on Saturday and Sunday, in thousandths.
        weekend_per_mille: u64,
        turns: (u64, u64),
        /// From one answer to the next question, milliseconds.
        gap_ms: (u64, u64),
    },
    /// Conversations of one hour only, the same hour of every fourth week.
    Viral {
        /// Hour of the UTC day.
        hour: i64,
        /// Conversations, in thousandths.
        milli: u64,
        turns: (u64, u64),
        gap_ms: (u64, u64),
    },
    /// A pool of workers that starts by the clock and stops when the calls are done.
    Job {
        clock: Clock,
        /// Days it runs on, a bit each from Sunday (bit 0) to Saturday (bit 6).
        weekdays: u8,
        /// Calls of one run, in thousandths (the fraction is drawn).
        calls_milli: (u64, u64),
        workers: usize,
        /// Latest start after the minute it is planned for, milliseconds.
        jitter_ms: u64,
    },
}

/// When a job starts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Clock {
    /// At this minute of the UTC day.
    Daily(i64),
    /// At this minute of every hour.
    Hourly(i64),
    /// At this minute of every hour from 07 to 17 UTC.
    OfficeHours(i64),
    /// At this minute of the UTC day, before the day with this number.
    Until(i64, i64),
    /// At this minute of the UTC day, from the day with this number on.
    From(i64, i64),
}

/// The arrivals of one workload, with its own randomness.
pub(crate) struct Arrivals {
    pattern: Pattern,
    template: Rc<Template>,
    random: Random,
    /// Mean size of a record, bytes.
    mean_bytes: u64,
}

impl Arrivals {
    pub(crate) fn new(
        pattern: Pattern,
        template: Template,
        random: Random,
        mean_bytes: u64,
    ) -> Self {
        Self { pattern, template: Rc::new(template), random, mean_bytes }
    }

    /// Appends what begins in `hour` (hours since the epoch). Later turns may lie in later hours;
    /// no call lies before `hour`.
    pub(crate) fn hour(&mut self, hour: i64, calls: &mut Vec<Call>) {
        match self.pattern {
            Pattern::Conversations { per_day_milli, shape, weekend_per_mille, turns, gap_ms } => {
                let share = shape[hour.rem_euclid(24) as usize];
                let mut mean = per_day_milli * share / shape.iter().sum::<u64>();
                if matches!(weekday(hour), 0 | 6) {
                    mean = mean * weekend_per_mille / 1000;
                }
                for _ in 0..self.random.poisson(mean) {
                    let start = hour * HOUR_MS + self.random.below(HOUR_MS as u64) as i64;
                    self.conversation(start, turns, gap_ms, calls);
                }
            }
            Pattern::Viral { hour: of_day, milli, turns, gap_ms } => {
                let week = hour.div_euclid(24).div_euclid(7) % 4;
                if week != 1 || weekday(hour) != 2 || hour.rem_euclid(24) != of_day {
                    return;
                }
                for _ in 0..self.random.poisson(milli) {
                    let start = hour * HOUR_MS + self.random.below(HOUR_MS as u64) as i64;
                    self.conversation(start, turns, gap_ms, calls);
                }
            }
            Pattern::Job { clock, weekdays, calls_milli, workers, jitter_ms } => {
                let today = hour.div_euclid(24);
                let minute = match clock {
                    Clock::Until(_, day) if today >= day => return,
                    Clock::From(_, day) if today < day => return,
                    Clock::Until(minute, _) | Clock::From(minute, _)
                        if minute / 60 == hour.rem_euclid(24) =>
                    {
                        minute % 60
                    }
                    Clock::OfficeHours(minute) if (7..18).contains(&hour.rem_euclid(24)) => minute,
                    Clock::Daily(minute) if minute / 60 == hour.rem_euclid(24) => minute % 60,
                    Clock::Hourly(minute) => minute,
                    _ => return,
                };
                if weekdays & (1 << weekday(hour)) == 0 {
                    return;
                }
                let start = hour * HOUR_MS + minute * 60_000 + self.random.below(jitter_ms) as i64;
                let milli = self.random.within(calls_milli);
                let count = milli / 1000 + u64::from(self.random.below(1000) < milli % 1000);
                self.run(start, count, workers, calls);
            }
        }
    }

    fn conversation(
        &mut self,
        start: i64,
        turns: (u64, u64),
        gap_ms: (u64, u64),
        calls: &mut Vec<Call>,
    ) {
        let random = &mut self.random;
        let mut speaker = self.template.speaker(random, start);
        let count = random.within(turns);
        let mut at = start;
        for turn in 0..count {
            let last = turn + 1 == count;
            let call = self.template.call(random, &mut speaker, at, turn, last, self.mean_bytes);
            at += call.latency_ms + random.within(gap_ms) as i64;
            calls.push(call);
        }
    }

    /// A closed loop: each worker asks its next question a moment after its answer.
    fn run(&mut self, start: i64, count: u64, workers: usize, calls: &mut Vec<Call>) {
        let random = &mut self.random;
        let run = self.template.speaker(random, start);
        let mut free: Vec<i64> = (0..workers.max(1)).map(|i| start + 350 * i as i64).collect();
        for _ in 0..count {
            let mut speaker = run.alone();
            let Some(worker) = free.iter_mut().min() else { return };
            let call = self.template.call(random, &mut speaker, *worker, 0, true, self.mean_bytes);
            *worker += call.latency_ms + 20 + random.below(120) as i64;
            calls.push(call);
        }
    }
}

/// Day of the week of an hour since the epoch, 0 for Sunday. 1970-01-01 was a Thursday.
fn weekday(hour: i64) -> i64 {
    (hour.div_euclid(24) + 4).rem_euclid(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Day;

    #[test]
    fn weekdays_agree_with_the_calendar() {
        use chrono::{Datelike, NaiveDate};
        for offset in 0..40 {
            let day =
                Day::from(NaiveDate::from_ymd_opt(2026, 10, 1).unwrap_or_default()).0 + offset;
            let expected = i64::from(Day(day).date().weekday().num_days_from_sunday());
            assert_eq!(weekday(i64::from(day) * 24 + 13), expected);
        }
    }
}
