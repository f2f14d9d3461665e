//! Runs: a workload's active minutes cut wherever it paused for longer than the allowed gap.

use crate::tolerance::Run;
use crate::tolerance::timing::Calls;
use crate::units::Minute;
use crate::workload::MinuteFacts;

/// What one pass over a workload's minutes tells; they are wide, and reading them is what judging costs.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The runs.
    pub runs: Vec<Run>,
    /// The calls.
    pub calls: Calls,
    /// Different UTC hours with activity.
    pub hours: usize,
    /// Different hours of the day with activity, 0 to 24.
    pub hours_of_day: usize,
    /// Different UTC days with activity.
    pub days: i64,
}

/// Surveys ascending minutes, cut into runs that hold at most `gap` empty minutes in a row.
///
/// The slice may be any part of a workload, as long as it is ascending.
pub fn survey(minutes: &[MinuteFacts], gap: i64) -> Survey {
    let mut survey = Survey { calls: Calls::with_capacity(minutes.len()), ..Survey::default() };
    let (mut hour, mut day, mut seen) = (None, None, 0_u32);
    for facts in minutes {
        let Minute(minute) = facts.minute;
        match survey.runs.last_mut() {
            Some(run) if minute - run.end.0 - 1 <= gap => {
                run.end = facts.minute;
                run.activity += facts.activity;
            }
            _ => survey.runs.push(Run {
                start: facts.minute,
                end: facts.minute,
                activity: facts.activity,
            }),
        }
        survey.calls.push(facts.minute, facts.tens);
        if hour.replace(minute.div_euclid(60)) != Some(minute.div_euclid(60)) {
            survey.hours += 1;
            seen |= 1 << (facts.minute.of_day() / 60);
            if day.replace(facts.minute.day()) != Some(facts.minute.day()) {
                survey.days += 1;
            }
        }
    }
    survey.hours_of_day = seen.count_ones() as usize;
    survey
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Activity;

    fn active(minutes: &[i64]) -> Vec<MinuteFacts> {
        let activity = Activity { requests: 2, ..Activity::default() };
        let tens = [2, 0, 0, 0, 0, 0];
        minutes.iter().map(|m| MinuteFacts { minute: Minute(*m), tens, activity }).collect()
    }

    #[test]
    fn five_empty_minutes_stay_in_the_run_and_six_end_it() {
        let runs = survey(&active(&[10, 16, 23]), 5).runs;
        let spans: Vec<_> = runs.iter().map(|r| (r.start.0, r.end.0)).collect();
        assert_eq!(spans, [(10, 16), (23, 23)]);
        assert_eq!(runs.iter().map(|r| r.activity.requests).collect::<Vec<_>>(), [4, 2]);
    }

    #[test]
    fn nothing_has_no_runs() {
        assert_eq!(survey(&[], 5).runs, []);
    }
}
