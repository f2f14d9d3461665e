//! Runs: a workload's active minutes cut wherever it paused for longer than the allowed gap.

use crate::tolerance::Run;
use crate::workload::MinuteFacts;

/// Cuts ascending minutes into runs; a run holds at most `gap` empty minutes in a row.
///
/// The slice may be any part of a workload, such as one lane, as long as it is ascending.
pub fn segment(minutes: &[MinuteFacts], gap: i64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for facts in minutes {
        match runs.last_mut() {
            Some(run) if facts.minute.0 - run.end.0 - 1 <= gap => {
                run.end = facts.minute;
                run.activity += facts.activity;
            }
            _ => {
                runs.push(Run { start: facts.minute, end: facts.minute, activity: facts.activity })
            }
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Minute;
    use crate::workload::Activity;

    fn active(minutes: &[i64]) -> Vec<MinuteFacts> {
        let activity = Activity { requests: 2, ..Activity::default() };
        let tens = [2, 0, 0, 0, 0, 0];
        minutes.iter().map(|m| MinuteFacts { minute: Minute(*m), tens, activity }).collect()
    }

    #[test]
    fn five_empty_minutes_stay_in_the_run_and_six_end_it() {
        let runs = segment(&active(&[10, 16, 23]), 5);
        let spans: Vec<_> = runs.iter().map(|r| (r.start.0, r.end.0)).collect();
        assert_eq!(spans, [(10, 16), (23, 23)]);
        assert_eq!(runs.iter().map(|r| r.activity.requests).collect::<Vec<_>>(), [4, 2]);
    }

    #[test]
    fn nothing_has_no_runs() {
        assert_eq!(segment(&[], 5), []);
    }
}
