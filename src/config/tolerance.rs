//! `[tolerance]`: thresholds of the evidence rules, cut-offs, owner overrides and declared tags.

use serde::Deserialize;

/// Thresholds of the evidence rules. docs/inference.md tells where the measured ones were measured.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tolerance {
    /// Empty minutes that a run may hold; one more ends it. Five: the segmentation on which the
    /// rules' error rates were measured.
    pub gap_minutes: i64,
    /// Fewest calls on which undecisive evidence may carry a verdict. Quartiles and shares of fewer
    /// than 50 calls move too much to quote to an owner.
    pub min_requests: i64,
    /// Fewest days from first to last call on which undecisive evidence may carry a verdict. Seven:
    /// a shorter log may hold only weekdays.
    pub min_days: i64,

    /// Log-odds that a workload is tolerant before anything is known: −ln 2, one in three. No base
    /// rate has been measured, so it leans to the side where a mistake is cheap.
    pub prior_log_odds: f64,
    /// Log-odds from which a workload is called tolerant: ln 20. Breaking a product is taken as ten
    /// times as costly as missing a saving, which asks for ln 10; the factor of two on top is for
    /// rules that are less independent than a sum assumes.
    pub tolerant_log_odds: f64,
    /// Log-odds up to which a workload is called interactive: −ln 5. A saving missed this way is cheap,
    /// yet a wrong "interactive" also ends the owner's interest, which "unclear" does not.
    pub interactive_log_odds: f64,

    /// Largest p of the Rayleigh test, Bonferroni over five periods. At 1e-4, with [`Self::clock_min_r`]
    /// and [`Self::clock_min_runs`] as they are, at most one of 18,950 windows of people passed; a
    /// hundred times stricter, because an audit asks thousands of workloads.
    pub clock_max_p: f64,
    /// Smallest mean resultant length of run starts on the clock, 0 to 1.
    pub clock_min_r: f64,
    /// Fewest runs for the clock rule.
    pub clock_min_runs: usize,
    /// Fewest days with run starts for the clock rule to be decisive: what one day holds happened once.
    pub clock_min_days: i64,

    /// Hours after a scheduled start that show whether it opens a service: half a working day. A help desk
    /// that opens at eight has a run start at eight every day, but no job ends it.
    pub opening_hours: i64,
    /// Share of those hours covered by runs from which the starts count as openings, 0 to 1: jobs of
    /// an hour and a half stay jobs, and an afternoon of two hours is a service.
    pub opening_cover: f64,
    /// Most scheduled starts a day that can be openings: morning, after lunch, evening. An hourly job
    /// that works half of every hour has more.
    pub opening_max_a_day: i64,

    /// Largest p of the daily anchor, Bonferroni over the 1440 places of a five-minute slot.
    pub anchor_max_p: f64,
    /// Fewest days between the first and the last run, both counted, for the daily anchor.
    pub anchor_min_days: i64,

    /// Allan factor below which counts inside runs are too even for people. Real closed loops of
    /// workers with short answers lie at 0.2 to 0.36, real people at 1.0 and above; 0.6 is halfway on
    /// a logarithmic scale, and 0.5 leaves people the larger half.
    pub pool_max_allan: f64,
    /// Fewest calls a minute inside runs. Below three, one person working in sequence is even too.
    pub pool_min_rate: f64,
    /// Fewest pairs of neighbouring windows for an Allan factor.
    pub pool_min_pairs: usize,
    /// Largest p of the Allan factor under Poisson arrivals, the most even that independent people get.
    pub pool_max_p: f64,
    /// Fewest calls in progress at once (calls a second times seconds a call): one agent in sequence is
    /// even at any rate but never holds more than one, and the smallest pool holds two.
    pub min_concurrency: f64,
    /// Largest share of failed calls for the worker pool rule: a throttled stream is even because
    /// of the limit, whoever sends it.
    pub pool_max_errors: f64,
    /// Output tokens a second of a slow model: without told latencies a window has to be longer than
    /// mean output at this speed. Assumed; the slower, the longer the window.
    pub slow_tokens_per_second: f64,
    /// Output tokens a second of a fast model, waiting for the first token included: without told
    /// latencies [`Self::min_concurrency`] is held against mean output at this speed. Assumed.
    pub fast_tokens_per_second: f64,

    /// Largest share of active hours for "sparse but dense", 0 to 1.
    pub sparse_max_hours: f64,
    /// Fewest calls per active minute: one of 2,103 windows of people reached two.
    pub sparse_min_rate: f64,
    /// Calls per active minute from which, if they overlap, the rule weighs more.
    pub sparse_dense_rate: f64,
    /// Calls per active minute that overlap whatever their length: no person and no agent in
    /// sequence starts one every second.
    pub sparse_overlap_rate: f64,
    /// Fewest active days for "sparse but dense": a demonstration or a class happens once or twice.
    pub sparse_min_days: i64,

    /// Spread ln(p75/p25) of input and of output below which sizes count as constant. Batch jobs show
    /// 0.005 to 0.45, chat and code 1.1 to 1.9.
    pub size_constant: f64,
    /// Spread of input below which sizes are regular; 68 % of API clients are.
    pub size_regular: f64,
    /// Spread of input above which sizes speak for people.
    pub size_varied: f64,

    /// Share of streaming calls from which somebody probably reads along, 0 to 1.
    pub streaming_min_share: f64,
    /// Share of active hours from which a workload runs round the clock, 0 to 1: most of them.
    pub round_clock_min_hours: f64,
    /// Allan factor from which round-the-clock traffic looks like many people.
    pub round_clock_min_allan: f64,
    /// Share of the calls with bodies that show a conversation or a tool loop, 0 to 1. Few-shot prompts
    /// carry earlier answers too, so a handful is not enough.
    pub conversation_min_share: f64,
    /// Share of the calls with bodies that ask for the priority tier or optimised latency, 0 to 1.
    pub priority_min_share: f64,
    /// Fewest calls with bodies for the rules that read them.
    pub min_bodies: i64,

    /// `[[tolerance.override]]`: verdicts by owners; the first that matches wins over all evidence.
    #[serde(rename = "override")]
    pub overrides: Vec<Override>,
    /// `[[tolerance.tag]]`: what a requestMetadata tag says about its calls.
    #[serde(rename = "tag")]
    pub tags: Vec<DeclaredTag>,
}

/// A verdict that somebody states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stated {
    /// A machine collects the answers later.
    Tolerant,
    /// Somebody waits for each answer.
    Interactive,
    /// No claim shall be made.
    Unclear,
}

/// An owner's word on callers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Caller as the tables name it; `*` stands for any characters, `?` for one.
    pub caller: String,
    /// What holds for it.
    pub verdict: Stated,
    /// Why; shown with the evidence.
    pub reason: String,
}

/// What a tag means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredTag {
    /// Key of the requestMetadata pair, such as `workload-class`.
    pub key: String,
    /// Its value; `*` stands for any characters, `?` for one.
    pub value: String,
    /// What it declares: `tolerant` or `interactive`.
    pub verdict: Stated,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self {
            gap_minutes: 5,
            min_requests: 50,
            min_days: 7,
            prior_log_odds: -std::f64::consts::LN_2,
            tolerant_log_odds: 20_f64.ln(),
            interactive_log_odds: -(5_f64.ln()),
            clock_max_p: 1e-6,
            clock_min_r: 0.3,
            clock_min_runs: 12,
            clock_min_days: 3,
            opening_hours: 4,
            opening_cover: 0.4,
            opening_max_a_day: 3,
            anchor_max_p: 1e-6,
            anchor_min_days: 7,
            pool_max_allan: 0.5,
            pool_min_rate: 3.0,
            pool_min_pairs: 30,
            pool_max_p: 1e-3,
            min_concurrency: 2.0,
            pool_max_errors: 0.1,
            slow_tokens_per_second: 30.0,
            fast_tokens_per_second: 80.0,
            sparse_max_hours: 0.1,
            sparse_min_rate: 2.0,
            sparse_dense_rate: 10.0,
            sparse_overlap_rate: 60.0,
            sparse_min_days: 4,
            size_constant: 0.1,
            size_regular: 0.45,
            size_varied: 1.0,
            streaming_min_share: 0.5,
            round_clock_min_hours: 0.5,
            round_clock_min_allan: 0.8,
            conversation_min_share: 0.3,
            priority_min_share: 0.05,
            min_bodies: 20,
            overrides: Vec::new(),
            tags: Vec::new(),
        }
    }
}

impl Tolerance {
    pub(super) fn check(&self) -> Result<(), String> {
        for (key, value) in [
            ("clock_max_p", self.clock_max_p),
            ("clock_min_r", self.clock_min_r),
            ("anchor_max_p", self.anchor_max_p),
            ("pool_max_p", self.pool_max_p),
            ("pool_max_errors", self.pool_max_errors),
            ("opening_cover", self.opening_cover),
            ("sparse_max_hours", self.sparse_max_hours),
            ("streaming_min_share", self.streaming_min_share),
            ("round_clock_min_hours", self.round_clock_min_hours),
            ("conversation_min_share", self.conversation_min_share),
            ("priority_min_share", self.priority_min_share),
        ] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(format!("tolerance.{key} must be above 0 and at most 1"));
            }
        }
        for (key, value) in [
            ("pool_max_allan", self.pool_max_allan),
            ("pool_min_rate", self.pool_min_rate),
            ("min_concurrency", self.min_concurrency),
            ("slow_tokens_per_second", self.slow_tokens_per_second),
            ("fast_tokens_per_second", self.fast_tokens_per_second),
            ("sparse_min_rate", self.sparse_min_rate),
            ("sparse_dense_rate", self.sparse_dense_rate),
            ("sparse_overlap_rate", self.sparse_overlap_rate),
            ("size_constant", self.size_constant),
            ("size_regular", self.size_regular),
            ("size_varied", self.size_varied),
            ("round_clock_min_allan", self.round_clock_min_allan),
        ] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(format!("tolerance.{key} must be above 0"));
            }
        }
        self.check_counts()?;
        self.check_cuts()?;
        self.check_stated()
    }

    fn check_counts(&self) -> Result<(), String> {
        for (key, value, least) in [
            ("gap_minutes", self.gap_minutes, 0),
            ("min_requests", self.min_requests, 1),
            ("min_days", self.min_days, 1),
            ("clock_min_runs", self.clock_min_runs as i64, 2),
            ("clock_min_days", self.clock_min_days, 2),
            ("opening_hours", self.opening_hours, 1),
            ("opening_max_a_day", self.opening_max_a_day, 1),
            ("anchor_min_days", self.anchor_min_days, 2),
            ("pool_min_pairs", self.pool_min_pairs as i64, 2),
            ("sparse_min_days", self.sparse_min_days, 2),
            ("min_bodies", self.min_bodies, 1),
        ] {
            if value < least {
                return Err(format!("tolerance.{key} must be at least {least}"));
            }
        }
        Ok(())
    }

    fn check_cuts(&self) -> Result<(), String> {
        // Ten to one is the least the product promises; a looser cut-off would belie every report.
        if !(self.tolerant_log_odds >= 10_f64.ln() && self.tolerant_log_odds.is_finite()) {
            return Err("tolerance.tolerant_log_odds must be at least 2.303 (ten to one)".into());
        }
        if !(self.interactive_log_odds < 0.0 && self.interactive_log_odds.is_finite()) {
            return Err("tolerance.interactive_log_odds must be below 0".into());
        }
        if !(self.prior_log_odds > self.interactive_log_odds
            && self.prior_log_odds < self.tolerant_log_odds)
        {
            return Err("tolerance.prior_log_odds must lie between the two cut-offs".into());
        }
        Ok(())
    }

    fn check_stated(&self) -> Result<(), String> {
        for stated in &self.overrides {
            if stated.caller.is_empty() {
                return Err("tolerance.override: caller must not be empty".into());
            }
            if stated.reason.trim().is_empty() {
                let caller = &stated.caller;
                return Err(format!("tolerance.override for {caller:?}: a reason is needed"));
            }
        }
        for tag in &self.tags {
            if tag.key.is_empty() || tag.value.is_empty() {
                return Err("tolerance.tag: key and value must not be empty".into());
            }
            if tag.verdict == Stated::Unclear {
                let key = &tag.key;
                return Err(format!(
                    "tolerance.tag {key:?}: a tag declares tolerant or interactive"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tolerance, String> {
        let tolerance: Tolerance = toml::from_str(text).map_err(|e| e.to_string())?;
        tolerance.check().map(|()| tolerance)
    }

    #[test]
    fn defaults_pass_their_own_check() {
        assert_eq!(parse("").unwrap(), Tolerance::default());
    }

    #[test]
    fn owners_and_tags_are_read() {
        let tolerance = parse(
            r#"
            [[override]]
            caller = "nightly-*/GlueJobRunnerSession"
            verdict = "interactive"
            reason = "feeds the morning dashboard live"
            [[tag]]
            key = "workload-class"
            value = "batch"
            verdict = "tolerant"
            "#,
        )
        .unwrap();
        assert_eq!(tolerance.overrides[0].verdict, Stated::Interactive);
        assert_eq!(tolerance.tags[0].value, "batch");
    }

    #[test]
    fn each_bad_value_is_refused_by_name() {
        for (text, part) in [
            ("clock_max_p = 0.0", "clock_max_p"),
            ("sparse_max_hours = 1.5", "sparse_max_hours"),
            ("pool_min_rate = nan", "pool_min_rate"),
            ("min_days = 0", "min_days"),
            ("tolerant_log_odds = 1.0", "ten to one"),
            ("prior_log_odds = 4.0", "prior_log_odds"),
            ("interactive_log_odds = 0.5", "interactive_log_odds"),
            ("colck_max_p = 0.1", "colck_max_p"),
            ("[[override]]\ncaller = \"a\"\nverdict = \"tolerant\"\nreason = \" \"", "reason"),
            ("[[tag]]\nkey = \"k\"\nvalue = \"v\"\nverdict = \"unclear\"", "declares"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
