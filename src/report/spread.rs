//! Whole units spread over parts in proportion, so that the parts add up exactly.

/// Splits `total` in proportion to `weights` by the largest remainder; ties go to the earlier part.
/// Without any weight the first part takes all.
///
/// Totals and weights are tokens or micro-dollars, far below the 10¹⁹ whose product i128 still
/// holds.
pub(super) fn spread(total: i128, weights: &[i128]) -> Vec<i128> {
    let sum: i128 = weights.iter().sum();
    let mut parts = vec![0; weights.len()];
    if parts.is_empty() {
        return parts;
    }
    if sum == 0 {
        parts[0] = total;
        return parts;
    }
    let mut remainders = Vec::with_capacity(weights.len());
    for (index, weight) in weights.iter().enumerate() {
        parts[index] = (total * weight).div_euclid(sum);
        remainders.push(((total * weight).rem_euclid(sum), index));
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let left = total - parts.iter().sum::<i128>();
    for (_, index) in remainders.into_iter().take(left as usize) {
        parts[index] += 1;
    }
    parts
}

/// What is left of several totals while they are dealt out, slice by slice, in proportion.
///
/// Each slice gets a share of what remains, so a slice is never dealt more than there is, no total
/// goes below zero, and the last slice empties all of them.
pub(super) struct Remaining {
    totals: Vec<i128>,
}

impl Remaining {
    pub(super) fn new(totals: Vec<i128>) -> Self {
        Self { totals }
    }

    /// Deals a slice of `size` units; the parts add up to `size` as long as the totals last.
    pub(super) fn deal(&mut self, size: i128) -> Vec<i128> {
        let left: i128 = self.totals.iter().sum();
        let parts = spread(size.min(left), &self.totals);
        for (total, part) in self.totals.iter_mut().zip(&parts) {
            *total -= part;
        }
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_and_lie_next_to_their_share() {
        assert_eq!(spread(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(spread(100, &[60, 0, 40]), [60, 0, 40]);
        assert_eq!(spread(5, &[0, 0]), [5, 0]);
        assert_eq!(spread(1, &[1, 2, 1]), [0, 1, 0]);
        assert!(spread(3, &[]).is_empty());
        let weights = [3, 1, 4, 1, 5, 9, 2, 6];
        for total in 0..200 {
            let parts = spread(total, &weights);
            assert_eq!(parts.iter().sum::<i128>(), total);
            for (part, weight) in parts.iter().zip(weights) {
                assert!((part * 31 - total * weight).abs() < 31);
            }
        }
    }

    #[test]
    fn dealing_in_slices_empties_every_total_and_never_overdraws() {
        let totals = vec![7, 0, 501, 92, 400];
        let mut remaining = Remaining::new(totals.clone());
        let mut sums = vec![0; totals.len()];
        for size in [1, 0, 333, 2, 600, 64] {
            let parts = remaining.deal(size);
            assert_eq!(parts.iter().sum::<i128>(), size);
            for (sum, part) in sums.iter_mut().zip(parts) {
                assert!(part >= 0);
                *sum += part;
            }
        }
        assert_eq!(sums, totals);
    }
}
