//! How long probes took, in little memory.

use std::time::Duration;

/// How many steps there are; the last one has no upper end.
const STEPS: u8 = 52;

/// Counts of durations in steps that grow by the fourth root of two, from 1 ms
/// to almost 7 s: no percentile is told more than a fifth too high, and none
/// too low.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Steps with their counts, in order. The probes of one agent take few of them.
    counts: Vec<(u8, u32)>,
}

impl Histogram {
    /// Counts a duration.
    pub fn record(&mut self, took: Duration) {
        let millis = took.as_secs_f64() * 1000.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "what has no step is cut to the first or the last one"
        )]
        let step = (4.0 * millis.log2()).ceil() as u8;
        self.add(step.min(STEPS - 1), 1);
    }

    /// Adds to the count of a step. Steps that there are none of are ignored:
    /// only another version can have written them.
    pub fn add(&mut self, step: u8, count: u32) {
        if step >= STEPS {
            return;
        }
        match self.counts.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(place) => {
                if let Some((_, counted)) = self.counts.get_mut(place) {
                    *counted = counted.saturating_add(count);
                }
            }
            Err(place) => self.counts.insert(place, (step, count)),
        }
    }

    /// Adds all counts of another one.
    pub fn merge(&mut self, other: &Self) {
        for (step, count) in other.counted() {
            self.add(step, count);
        }
    }

    /// The steps with a count, in order.
    pub fn counted(&self) -> impl Iterator<Item = (u8, u32)> {
        self.counts.iter().copied()
    }

    /// The milliseconds that this share of all durations did not exceed,
    /// rounded up to the end of their step; `None` if nothing was counted.
    pub fn percentile(&self, percent: u8) -> Option<u32> {
        let total: u64 = self.counted().map(|(_, count)| u64::from(count)).sum();
        if total == 0 {
            return None;
        }
        let rank = (total * u64::from(percent)).div_ceil(100).max(1);
        let mut below = 0;
        let step = self.counted().find_map(|(step, count)| {
            below += u64::from(count);
            (below >= rank).then_some(step)
        })?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between 1 and 7000"
        )]
        Some(upper_end(step).ceil() as u32)
    }
}

/// In milliseconds.
fn upper_end(step: u8) -> f64 {
    (f64::from(step) / 4.0).exp2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_counted_has_no_percentiles() {
        assert_eq!(Histogram::default().percentile(50), None);
    }

    #[test]
    fn the_ends_of_the_scale_hold_what_lies_beyond() {
        for (took, told) in [
            (Duration::ZERO, 1),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(5), 5793),
            (Duration::from_secs(3600), 6889),
        ] {
            let mut histogram = Histogram::default();
            histogram.record(took);
            assert_eq!(histogram.percentile(50), Some(told), "{took:?}");
        }
    }

    proptest! {
        #[test]
        fn percentiles_are_at_most_a_fifth_too_high_and_never_too_low(
            mut millis in proptest::collection::vec(1_u32..6000, 1..200),
            percent in 1_u8..=100,
        ) {
            let mut halves = [Histogram::default(), Histogram::default()];
            for (number, millis) in millis.iter().enumerate() {
                halves[number % 2].record(Duration::from_millis(u64::from(*millis)));
            }
            let [mut histogram, other] = halves;
            histogram.merge(&other);
            millis.sort_unstable();
            let rank = (millis.len() * usize::from(percent)).div_ceil(100);
            let exact = millis[rank - 1];
            let told = histogram.percentile(percent).unwrap();
            prop_assert!(told >= exact, "{told} for {exact}");
            prop_assert!(f64::from(told) <= f64::from(exact) * 1.19 + 1.0, "{told} for {exact}");
        }
    }
}
