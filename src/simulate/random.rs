//! Seeded randomness in whole numbers: the same on every machine.

/// A SplitMix64 generator (Steele, Lea and Flood 2014; reference code by S. Vigna, public domain,
/// <https://prng.di.unimi.it/splitmix64.c>). Eight lines, any seed is good, and quality is ample
/// here.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

/// A distribution by its quantiles at 0, 1/8, 2/8 … 1, straight lines between. It stands in for
/// log-normals and the like, whose `ln` and `exp` may differ in the last bit between machines.
pub(crate) type Quantiles = [u32; 9];

impl Random {
    /// The stream of `seed` for one purpose: streams of different `purpose` are independent.
    pub(crate) fn of(seed: u64, purpose: &str) -> Self {
        let mut random = Self(seed);
        for byte in purpose.bytes() {
            random.0 = random.next() ^ u64::from(byte);
        }
        Self(random.next())
    }

    /// The stream of a number that is already random, such as a call's own seed.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0. The bias of multiply-and-shift is below 2⁻³²
    /// here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `range.0..=range.1`.
    pub(crate) fn within(&mut self, range: (u64, u64)) -> u64 {
        range.0 + self.below(range.1.saturating_sub(range.0) + 1)
    }

    /// True once in `n` times on average; never for 0.
    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        n > 0 && self.below(n) == 0
    }

    /// One of `items`, which must not be empty.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, items: &[&'a T]) -> &'a T {
        items[self.below(items.len() as u64) as usize]
    }

    /// A number drawn from `quantiles`.
    pub(crate) fn drawn(&mut self, quantiles: &Quantiles) -> u64 {
        let bits = self.next();
        let (segment, part) = ((bits >> 61) as usize, (bits >> 29) & 0xffff_ffff);
        let (low, high) = (u64::from(quantiles[segment]), u64::from(quantiles[segment + 1]));
        low + (((high.saturating_sub(low)) * part) >> 32)
    }

    /// A count with mean `mean_milli / 1000`, close to Poisson: binomial with p = 1/16, whose
    /// variance is 94 % of the mean. Sub-Poisson counts are what gives worker pools away, so 94 %
    /// matters.
    pub(crate) fn poisson(&mut self, mean_milli: u64) -> u64 {
        let trials_milli = mean_milli * 16;
        let trials = trials_milli / 1000 + u64::from(self.below(1000) < trials_milli % 1000);
        let mut count = 0;
        for done in (0..trials).step_by(16) {
            let bits = self.next();
            let nibbles = (trials - done).min(16);
            count += (0..nibbles).filter(|n| (bits >> (4 * n)) & 15 == 0).count() as u64;
        }
        count
    }

    /// `digits` lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.next()));
        }
        text.truncate(digits);
        text
    }

    /// A random (version 4) UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            (b >> 48) & 0x3fff | 0x8000,
            b & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_gives_the_reference_sequence() {
        let mut random = Random::seeded(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn poisson_counts_have_mean_and_variance_of_the_rate() {
        let mut random = Random::of(1, "poisson");
        let counts: Vec<f64> = (0..20_000).map(|_| random.poisson(2_500) as f64).collect();
        let mean = counts.iter().sum::<f64>() / 20_000.0;
        let variance = counts.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / 20_000.0;
        assert!((2.4..2.6).contains(&mean), "mean {mean}");
        assert!((2.1..2.6).contains(&variance), "variance {variance}");
    }

    #[test]
    fn draws_stay_within_the_quantiles_and_split_at_the_median() {
        let quantiles = [10, 20, 30, 40, 50, 60, 70, 80, 1000];
        let mut random = Random::of(2, "drawn");
        let drawn: Vec<u64> = (0..8_000).map(|_| random.drawn(&quantiles)).collect();
        assert!(drawn.iter().all(|n| (10..=1000).contains(n)));
        let below = drawn.iter().filter(|n| **n < 50).count();
        assert!((3_800..4_200).contains(&below), "{below} of 8000 below the median");
    }

    #[test]
    fn purposes_have_streams_of_their_own() {
        assert_ne!(Random::of(1, "a").next(), Random::of(1, "b").next());
        assert_ne!(Random::of(1, "a").next(), Random::of(2, "a").next());
    }
}
