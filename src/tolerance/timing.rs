//! Statistics over minute series and size histograms; numbers only, no thresholds.

use std::f64::consts::{LN_10, TAU};
use std::ops::{Range, RangeInclusive};

use crate::tolerance::Run;
use crate::units::Minute;
use crate::workload::SizeHistogram;

/// Clock periods tested for alignment, in minutes: what schedulers offer below a day. Longest first,
/// so that of equally good ones the longest, which says most, is reported.
pub const CLOCK_PERIODS: [i64; 5] = [60, 30, 20, 15, 10];

/// Length of a daily anchor's slot, minutes: schedulers start within a few minutes of their time.
pub const ANCHOR_SLOT: i64 = 5;

/// Lengths of a daily anchor's loose slot, minutes: schedulers that share their load (build services,
/// bots that follow a shared queue) start up to this late, on one day more than on the next.
pub const LOOSE_SLOTS: [i64; 3] = [15, 30, 45];

/// Most starts a day among which a loose slot is looked for: with one every half hour no slot of that
/// length stands out.
const LOOSE_STARTS: i64 = 48;

/// Minutes beside an anchor's slot that tell how often runs start at that time of day anyway.
const ANCHOR_NEIGHBOURS: i64 = 60;

/// Window lengths for Allan factors, seconds: what six counts a minute can be added up to, far enough
/// apart that one of them is above most service times and not far above.
pub const ALLAN_WINDOWS: [i64; 3] = [10, 60, 300];

/// How run starts lie on the clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alignment {
    /// Period in minutes.
    pub period: i64,
    /// Mean resultant length: 0 for starts all round the period, 1 for one point.
    pub r: f64,
    /// Natural logarithm of p, Bonferroni over [`CLOCK_PERIODS`].
    pub ln_p: f64,
    /// Mean point of the period, minutes after its start, in 0..period.
    pub phase: f64,
}

impl Alignment {
    /// Whether `start` lies within [`ANCHOR_SLOT`]/2 minutes of the mark.
    pub fn near(&self, start: Minute) -> bool {
        let apart = (start.0.rem_euclid(self.period) as f64 - self.phase).abs();
        apart.min(self.period as f64 - apart) <= ANCHOR_SLOT as f64 / 2.0
    }
}

/// The best alignment of `starts` with the clock: a Rayleigh test for each period.
pub fn clock(starts: &[Minute]) -> Option<Alignment> {
    let n = starts.len() as f64;
    // Every period divides the hour, so the minutes past it hold all there is to know.
    let mut past = [0_u32; 60];
    for start in starts {
        past[start.0.rem_euclid(60) as usize] += 1;
    }
    let mut best: Option<Alignment> = None;
    for period in CLOCK_PERIODS {
        let (mut sin, mut cos) = (0.0, 0.0);
        for (minute, count) in (0..).zip(past) {
            let (s, c) = (TAU * f64::from(minute) / period as f64).sin_cos();
            sin += s * f64::from(count);
            cos += c * f64::from(count);
        }
        let r = (sin.hypot(cos) / n).min(1.0);
        // First order only: the next term of the series lowers p once n·r² passes 2, so this errs safely.
        let ln_p = ((CLOCK_PERIODS.len() as f64).ln() - n * r * r).min(0.0);
        // A hundredth of slack, because rounding must not choose among equally good periods.
        if best.is_none_or(|b| ln_p < b.ln_p - 0.01) {
            let phase = (sin.atan2(cos).rem_euclid(TAU) / TAU * period as f64) % period as f64;
            best = Some(Alignment { period, r, ln_p, phase });
        }
    }
    best.filter(|_| !starts.is_empty())
}

/// A time of day at which runs start more often than chance allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// First minute of the slot, minutes since UTC midnight.
    pub minute: i64,
    /// Its length in minutes.
    pub length: i64,
    /// Days with a run start in the slot.
    pub hits: i64,
    /// Days from the first to the last run start, both counted.
    pub days: i64,
}

impl Slot {
    /// Whether `start` lies in the slot, on any day.
    pub fn holds(&self, start: Minute) -> bool {
        (start.0 - self.minute).rem_euclid(Minute::PER_DAY) < self.length
    }
}

/// The most improbable slot of the day of [`ANCHOR_SLOT`] minutes, with the natural logarithm of its p
/// (Bonferroni over the 1440 places a slot can have). `starts` ascend.
///
/// Chance means the rate of run starts in the hour before the slot, in the hour after it or over the
/// whole day, whichever is highest: people start work at about the same time too, but then go on.
pub fn daily_anchor(starts: &[Minute]) -> Option<(Slot, f64)> {
    slot(starts, ANCHOR_SLOT, 1.0)
}

/// The same for slots of [`LOOSE_SLOTS`] (Bonferroni over them as well).
pub fn loose_anchor(starts: &[Minute]) -> Option<(Slot, f64)> {
    let (first, last) = (starts.first()?, starts.last()?);
    let days = i64::from(last.day().0 - first.day().0) + 1;
    if starts.len() as i64 > days * LOOSE_STARTS {
        return None;
    }
    let found = LOOSE_SLOTS.map(|length| slot(starts, length, LOOSE_SLOTS.len() as f64));
    found.into_iter().flatten().min_by(|a, b| a.1.total_cmp(&b.1))
}

/// The most improbable slot of `length` minutes, `tests` lengths being tried.
fn slot(starts: &[Minute], length: i64, tests: f64) -> Option<(Slot, f64)> {
    const PER_DAY: usize = Minute::PER_DAY as usize;
    let (first, last) = (starts.first()?, starts.last()?);
    let days = i64::from(last.day().0 - first.day().0) + 1;
    let mut by_minute = [0_i64; PER_DAY];
    let mut hits = [0_i64; PER_DAY];
    let mut seen = [i64::MIN; PER_DAY];
    for start in starts {
        by_minute[start.of_day() as usize] += 1;
        for back in 0..length {
            let day = (start.0 - back).div_euclid(Minute::PER_DAY);
            let place = (start.0 - back).rem_euclid(Minute::PER_DAY) as usize;
            // Starts ascend, so a day that was counted is the last one that was.
            if seen[place] != day {
                seen[place] = day;
                hits[place] += 1;
            }
        }
    }
    // Starts before each minute of three days, the middle one being the day.
    let mut before = [0_i64; 3 * PER_DAY + 1];
    for minute in 0..3 * PER_DAY {
        before[minute + 1] = before[minute] + by_minute[minute % PER_DAY];
    }
    let within = |from: i64, to: i64| {
        before[(to + Minute::PER_DAY) as usize] - before[(from + Minute::PER_DAY) as usize]
    };
    let everywhere = starts.len() as f64 / (days * Minute::PER_DAY) as f64;
    let places = (Minute::PER_DAY as f64 * tests).ln();
    let mut best: Option<(Slot, f64)> = None;
    for place in 0..Minute::PER_DAY {
        // A slot that opens without a start repeats one that opens later.
        if by_minute[place as usize] == 0 {
            continue;
        }
        let end = place + length;
        let around =
            within(place - ANCHOR_NEIGHBOURS, place).max(within(end, end + ANCHOR_NEIGHBOURS));
        let around = around as f64 / (days * ANCHOR_NEIGHBOURS) as f64;
        let chance = 1.0 - (-(length as f64) * around.max(everywhere)).exp();
        let hits = hits[place as usize];
        // The tail takes a sum, so it is asked for only where a bound lets it be the best.
        let least = best.map_or(0.0, |(_, least)| least);
        if ln_binomial_bound(days, hits, chance) + places >= least {
            continue;
        }
        let ln_p = (ln_binomial_tail(days, hits, chance) + places).min(0.0);
        if best.is_none_or(|(_, least)| ln_p < least) {
            best = Some((Slot { minute: place, length, hits, days }, ln_p));
        }
    }
    best
}

/// Calls by ten seconds, active minutes only: narrow and side by side, because judging goes through
/// them several times.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Active minutes, ascending.
    pub minutes: Vec<Minute>,
    /// Calls in each ten seconds of each of them, at most [`Calls::MOST`].
    pub tens: Vec<[i32; 6]>,
}

impl Calls {
    /// Most calls in ten seconds: two windows of five minutes still add up in 32 bits. Nobody calls
    /// three million times a second.
    pub const MOST: i64 = i32::MAX as i64 / 60;

    /// None, with room for `minutes` of them.
    pub fn with_capacity(minutes: usize) -> Self {
        Self { minutes: Vec::with_capacity(minutes), tens: Vec::with_capacity(minutes) }
    }

    /// Adds a minute after the last one.
    pub fn push(&mut self, minute: Minute, tens: [i64; 6]) {
        self.minutes.push(minute);
        self.tens.push(tens.map(|calls| calls.clamp(0, Self::MOST) as i32));
    }

    /// Active minutes with their calls.
    pub fn by_minute(&self) -> impl Iterator<Item = (Minute, i64)> {
        let calls = self.tens.iter().map(|tens| tens.iter().sum::<i32>().into());
        self.minutes.iter().copied().zip(calls)
    }

    /// Places of the minutes of `span`, both ends included.
    pub fn places(&self, span: &RangeInclusive<i64>) -> Range<usize> {
        let start = self.minutes.partition_point(|minute| minute.0 < *span.start());
        let end = self.minutes.partition_point(|minute| minute.0 <= *span.end());
        start..end.max(start)
    }
}

/// How even the counts inside runs are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allan {
    /// Window length, seconds.
    pub window: i64,
    /// `mean((x[i+1] − x[i])²) / (2 · mean(x))`: 1 for Poisson arrivals, below for a pool of workers.
    pub factor: f64,
    /// Pairs of neighbouring windows.
    pub pairs: usize,
    /// Calls a minute inside the windows.
    pub rate: f64,
    /// p of a factor this low or lower under Poisson arrivals.
    pub p: f64,
}

/// The Allan factor over windows of `window` seconds (a multiple of ten) that lie wholly inside a run,
/// its first and last ten seconds left out because the run covers them only in part. Gaps between
/// runs are not bridged. `None` without a single pair.
pub fn allan(calls: &Calls, runs: &[Run], window: i64) -> Option<Allan> {
    let tens_a_window = (window / 10).max(1) as usize;
    let (mut squares, mut sums, mut pairs) = (0_u64, 0_i64, 0_usize);
    let (mut gathered, mut windows) = (Vec::new(), Vec::new());
    for run in runs {
        let inside = calls.places(&(run.start.0..=run.end.0));
        let whole = whole_tens(calls, inside, &mut gathered);
        // Windows of ten seconds need no adding up.
        let whole = if tens_a_window == 1 {
            whole
        } else {
            windows.clear();
            windows.extend(whole.chunks_exact(tens_a_window).map(|tens| tens.iter().sum::<i32>()));
            &windows
        };
        let (Some(first), Some(last)) = (whole.first(), whole.last()) else { continue };
        for pair in whole.windows(2) {
            let apart = u64::from(pair[0].abs_diff(pair[1]));
            squares += apart * apart;
        }
        // Every window but the first and the last is in two pairs.
        sums += 2 * whole.iter().map(|calls| i64::from(*calls)).sum::<i64>();
        sums -= i64::from(first + last);
        pairs += whole.len() - 1;
    }
    if pairs == 0 || sums == 0 {
        return None;
    }
    let (factor, mean) = (squares as f64 / sums as f64, sums as f64 / (2.0 * pairs as f64));
    let rate = mean * 60.0 / window as f64;
    Some(Allan { window, factor, pairs, rate, p: allan_p(factor, mean, pairs) })
}

/// Calls in every ten seconds between the first and the last call of the minutes at `inside`; copied
/// into `gathered` only where minutes without calls lie among them.
fn whole_tens<'c>(calls: &'c Calls, inside: Range<usize>, gathered: &'c mut Vec<i32>) -> &'c [i32] {
    let (minutes, tens) = (&calls.minutes[inside.clone()], &calls.tens[inside]);
    let (Some(first), Some(last)) = (minutes.first(), minutes.last()) else { return &[] };
    let length = (last.0 - first.0 + 1) as usize;
    let all = if length == minutes.len() {
        tens.as_flattened()
    } else {
        gathered.clear();
        gathered.resize(length * 6, 0);
        for (minute, tens) in minutes.iter().zip(tens) {
            let at = (minute.0 - first.0) as usize * 6;
            gathered[at..at + 6].copy_from_slice(tens);
        }
        gathered
    };
    let first = all.iter().position(|calls| *calls > 0);
    let last = all.iter().rposition(|calls| *calls > 0);
    match (first, last) {
        (Some(first), Some(last)) if first < last => &all[first + 1..last],
        _ => &[],
    }
}

/// Lower tail of the Allan factor of Poisson counts with that mean.
///
/// Its variance over n pairs is (3 + 1/mean)/n, the 3 because neighbouring differences share a count; a
/// scaled chi-square of that variance has 2n/(3 + 1/mean) degrees of freedom, whose cube root is
/// nearly normal (Wilson and Hilferty).
fn allan_p(factor: f64, mean: f64, pairs: usize) -> f64 {
    let freedom = 2.0 * pairs as f64 / (3.0 + 1.0 / mean);
    let spread = 2.0 / (9.0 * freedom);
    normal_lower_tail((factor.cbrt() - (1.0 - spread)) / spread.sqrt())
}

/// P(Z ≤ z) of the standard normal, by a Chebyshev fit of erfc with a relative error under 1.2e-7.
fn normal_lower_tail(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.5 * x);
    let series = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_87,
        -1.135_203_98,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_68,
        -1.265_512_23,
    ];
    let exponent = series.iter().fold(0.0, |sum, coefficient| sum * t + coefficient);
    let upper = 0.5 * t * (exponent - x * x).exp();
    if z <= 0.0 { upper } else { 1.0 - upper }
}

/// A bound that ln P(X ≥ k) never falls below, for X binomial(n, p): its first term by Stirling, or zero
/// where k is no more than expected.
fn ln_binomial_bound(n: i64, k: i64, p: f64) -> f64 {
    let (n, k) = (n as f64, k as f64);
    if k <= n * p || p >= 1.0 {
        return 0.0;
    }
    let part = |k: f64, p: f64| if k > 0.0 { k * (k / (n * p)).ln() } else { 0.0 };
    -part(k, p) - part(n - k, 1.0 - p) - 0.5 * (8.0 * n).ln()
}

/// ln P(X ≥ k) for X binomial(n, p): summed in logarithms, because the tails asked for here are far
/// below the smallest double.
pub fn ln_binomial_tail(n: i64, k: i64, p: f64) -> f64 {
    if k <= 0 || p >= 1.0 {
        return 0.0;
    }
    if k > n || p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let (ln_p, ln_q) = (p.ln(), (-p).ln_1p());
    let mut ln_choose: f64 = (1..=k).map(|i| ((n - k + i) as f64 / i as f64).ln()).sum();
    let mut tail = f64::NEG_INFINITY;
    for i in k..=n {
        let term = ln_choose + i as f64 * ln_p + (n - i) as f64 * ln_q;
        let (high, low) = if term > tail { (term, tail) } else { (tail, term) };
        tail = high + (low - high).exp().ln_1p();
        ln_choose += ((n - i) as f64 / (i + 1) as f64).ln();
    }
    tail.min(0.0)
}

/// `p < 1e-20` for a natural logarithm of p; the bound is rounded up, so it always holds.
pub fn chance(ln_p: f64) -> String {
    let tens = (ln_p / LN_10).ceil();
    if tens >= -2.0 { format!("p = {:.2}", ln_p.exp()) } else { format!("p < 1e{tens:.0}") }
}

/// Number of different UTC days among ascending minutes.
pub fn distinct_days(minutes: impl Iterator<Item = Minute>) -> i64 {
    let mut last = None;
    minutes.filter(|minute| last.replace(minute.day()) != Some(minute.day())).count() as i64
}

/// The `share` quantile of a histogram, interpolated inside its bin on the logarithmic grid.
pub fn ln_quantile(sizes: &SizeHistogram, share: f64) -> Option<f64> {
    let wanted = share * sizes.count() as f64;
    let mut before = 0.0;
    for (bin, count) in &sizes.bins {
        let count = *count as f64;
        if count > 0.0 && before + count >= wanted {
            return Some((f64::from(*bin) + (wanted - before) / count) / SizeHistogram::BINS_PER_E);
        }
        before += count;
    }
    None
}

/// ln(p75/p25): how much sizes vary, deaf to outliers. `None` for an empty histogram.
pub fn spread(sizes: &SizeHistogram) -> Option<f64> {
    Some(ln_quantile(sizes, 0.75)? - ln_quantile(sizes, 0.25)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Activity;

    fn minutes(starts: impl IntoIterator<Item = i64>) -> Vec<Minute> {
        starts.into_iter().map(Minute).collect()
    }

    #[test]
    fn the_clock_names_the_longest_period_that_explains_the_starts() {
        let hourly = clock(&minutes((0..24).map(|h| h * 60 + 5))).unwrap();
        assert_eq!((hourly.period, hourly.phase.round()), (60, 5.0));
        assert!((hourly.r - 1.0).abs() < 1e-12);
        assert!((hourly.ln_p - (5_f64.ln() - 24.0)).abs() < 1e-9);
        let often = clock(&minutes((0..72).map(|n| n * 20 + 19))).unwrap();
        assert_eq!(often.period, 20);
        assert!(often.near(Minute(40)) && !often.near(Minute(43)));
        assert!(clock(&[]).is_none());
    }

    #[test]
    fn starts_all_round_the_clock_are_not_aligned() {
        // 37 has no factor in common with the periods, so the starts visit every minute alike.
        let found = clock(&minutes((0..600).map(|n| n * 37))).unwrap();
        assert!(found.r < 0.01 && found.ln_p == 0.0, "{found:?}");
    }

    #[test]
    fn an_anchor_may_straddle_midnight() {
        let starts = (0..10).map(|day| day * Minute::PER_DAY + if day % 2 == 0 { 2 } else { -2 });
        let (slot, ln_p) = daily_anchor(&minutes(starts)).unwrap();
        assert_eq!((slot.minute, slot.hits), (1438, 10));
        assert!(slot.holds(Minute(2)) && !slot.holds(Minute(3)));
        assert!(ln_p < -30.0, "{ln_p}");
    }

    #[test]
    fn the_binomial_tail_agrees_with_sums_by_hand() {
        let near =
            |ln: f64, p: f64| assert!((ln.exp() - p).abs() < 1e-12 * p.max(1e-3), "{ln} {p}");
        near(ln_binomial_tail(3, 2, 0.5), 0.5);
        near(ln_binomial_tail(10, 10, 0.1), 1e-10);
        near(ln_binomial_tail(4, 1, 0.25), 1.0 - 0.75_f64.powi(4));
        assert_eq!(ln_binomial_tail(5, 0, 0.3), 0.0);
        assert_eq!(ln_binomial_tail(5, 6, 0.3), f64::NEG_INFINITY);
        // Far below the smallest double.
        let deep = ln_binomial_tail(1000, 1000, 1e-3);
        assert!((deep - 1000.0 * 1e-3_f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn normal_tails() {
        for (z, p) in [(0.0, 0.5), (-1.0, 0.158_655_25), (-3.0, 1.349_898e-3), (2.0, 0.977_249_87)]
        {
            assert!((normal_lower_tail(z) / p - 1.0).abs() < 1e-6, "{z}");
        }
    }

    /// One run whose six counts repeat for `length` minutes.
    fn steady(tens: [i64; 6], length: i64) -> (Calls, [Run; 1]) {
        let activity = Activity::default();
        let mut calls = Calls::default();
        (0..length).for_each(|n| calls.push(Minute(n), tens));
        (calls, [Run { start: Minute(0), end: Minute(length - 1), activity }])
    }

    #[test]
    fn the_allan_factor_follows_its_definition() {
        // Counts 1 and 3 in turn: differences are 2, the mean is 2, so the factor is 4 / (2 · 2) = 1.
        let (minutes, runs) = steady([1, 3, 1, 3, 1, 3], 10);
        let found = allan(&minutes, &runs, 10).unwrap();
        assert_eq!((found.factor, found.pairs), (1.0, 57));
        // Every minute holds the same, so longer windows are perfectly even.
        let found = allan(&minutes, &runs, 60).unwrap();
        assert_eq!((found.factor, found.pairs, found.rate), (0.0, 8, 12.0));
        assert!(found.p < 1e-3);
    }

    #[test]
    fn gaps_between_runs_are_not_bridged() {
        let (minutes, [run]) = steady([2; 6], 4);
        let halves =
            [Run { end: Minute(1), ..run }, Run { start: Minute(2), end: Minute(3), ..run }];
        assert_eq!(allan(&minutes, &[run], 10).unwrap().pairs, 21);
        assert_eq!(allan(&minutes, &halves, 10).unwrap().pairs, 18);
        assert!(allan(&minutes, &halves, 300).is_none());
    }

    #[test]
    fn quartiles_are_deaf_to_outliers() {
        let bins = [(100, 50), (116, 50), (300, 1)].into_iter().collect();
        let sizes = SizeHistogram { bins };
        let found = spread(&sizes).unwrap();
        assert!((found - 1.0).abs() < 0.05, "{found}");
        assert_eq!(spread(&SizeHistogram::default()), None);
    }

    #[test]
    fn chance_is_a_bound() {
        assert_eq!(chance(1e-4_f64.ln() - 0.1), "p < 1e-4");
        assert_eq!(chance(0.03_f64.ln()), "p = 0.03");
        assert_eq!(chance(-1e4), "p < 1e-4342");
    }
}
