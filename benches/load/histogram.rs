//! How long messages took: a histogram of fixed size, whatever the number of messages.
//!
//! In: durations. Out: counts, quantiles within 1.6 %, the longest exactly.

use std::time::Duration;

/// Buckets to each power of two of microseconds: a quantile is at most 1/64 above the truth.
const FINE: u64 = 64;
/// Powers of two above the first `FINE` microseconds, which are counted one by one: up to 19 hours.
const POWERS: usize = 30;

/// Counts of microseconds.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u32>,
    count: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; FINE as usize * (POWERS + 1)], count: 0, longest: Duration::ZERO }
    }
}

impl Histogram {
    /// One more message took so long.
    pub fn add(&mut self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let at = bucket(micros).min(self.counts.len() - 1);
        self.counts[at] += 1;
        self.count += 1;
        self.longest = self.longest.max(took);
    }

    /// Milliseconds that so large a share of all stayed within; 0 when there is none.
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = ((self.count as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return (upper(at) as f64 / 1000.0).min(self.longest());
            }
        }
        0.0
    }

    /// Milliseconds.
    pub fn longest(&self) -> f64 {
        self.longest.as_secs_f64() * 1000.0
    }
}

/// Where a number of microseconds is counted.
fn bucket(micros: u64) -> usize {
    if micros < FINE {
        return micros as usize;
    }
    let power = micros.ilog2() - FINE.ilog2();
    // The highest bits of the number, the first of which is always set.
    let mantissa = (micros >> power) - FINE;
    ((u64::from(power) + 1) * FINE + mantissa) as usize
}

/// The most that is counted there.
fn upper(at: usize) -> u64 {
    let at = at as u64;
    if at < FINE {
        return at;
    }
    let power = at / FINE - 1;
    ((FINE + at % FINE + 1) << power) - 1
}
