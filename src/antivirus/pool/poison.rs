//! Content that scanners give no answer to, recognised when it comes again.
//!
//! In: what became of each handing over, by the hash of the content. Out: how often content harmed a scanner that was well before. It
//! refuses to know scanners and messages.
//!
//! A sender tries again for days. Without this table one message that hangs clamd takes a thread of it at every try (decision 9:
//! Cisco-Talos/clamav#1129), and one that kills it stops all mail each time. The hash is of the content as the client sent it: with
//! our `Received:`, which names the time, no two tries would be alike.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Contents that are remembered; beyond, the one that did nothing for the longest time is forgotten.
const REMEMBERED: usize = 4_096;

/// For how long after the last harm: a clamd that was mended may look at it again.
const FOR: Duration = Duration::from_secs(86_400);

/// The table.
#[derive(Debug)]
pub struct Poison {
    after: u32,
    harms: Mutex<HashMap<String, Harms>>,
}

#[derive(Debug)]
struct Harms {
    count: u32,
    last: Instant,
}

impl Poison {
    /// Content is poison after so many harms, at least one.
    pub fn new(after: u32) -> Self {
        Self { after: after.max(1), harms: Mutex::default() }
    }

    /// How often this content harmed a scanner, if that is often enough not to scan it again.
    pub fn known(&self, content: &str, now: Instant) -> Option<u32> {
        let mut harms = self.lock();
        let known = harms.get(content)?;
        if now.saturating_duration_since(known.last) >= FOR {
            harms.remove(content);
            return None;
        }
        (known.count >= self.after).then_some(known.count)
    }

    /// A scanner that was well got this content and gave no answer.
    pub fn harmed(&self, content: &str, now: Instant) {
        let mut harms = self.lock();
        if !harms.contains_key(content) && harms.len() >= REMEMBERED {
            // Once for each harm at most, and those are rare: a scan of a few thousand rows is nothing beside one.
            let oldest = harms.iter().min_by_key(|(_, harms)| harms.last).map(|(content, _)| content.clone());
            oldest.and_then(|oldest| harms.remove(&oldest));
        }
        let harms = harms.entry(content.to_owned()).or_insert(Harms { count: 0, last: now });
        harms.count = harms.count.saturating_add(1);
        harms.last = now;
    }

    /// A scanner answered: whatever stopped the others was not this content.
    pub fn answered(&self, content: &str) {
        self.lock().remove(content);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Harms>> {
        self.harms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn content_is_poison_after_its_harms_and_for_a_day() {
        let poison = Poison::new(3);
        let now = Instant::now();
        for before in 0..3 {
            assert_eq!(poison.known("a", now), None, "{before}");
            poison.harmed("a", now);
        }
        assert_eq!(poison.known("a", now), Some(3));
        assert_eq!(poison.known("b", now), None);
        assert_eq!(poison.known("a", now + FOR - Duration::from_secs(1)), Some(3));
        assert_eq!(poison.known("a", now + FOR), None);
        assert!(poison.lock().is_empty());
    }

    #[tokio::test]
    async fn an_answer_clears_its_name() {
        let poison = Poison::new(1);
        poison.harmed("a", Instant::now());
        poison.answered("a");
        assert_eq!(poison.known("a", Instant::now()), None);
    }

    /// Every message of a dying clamd ends here: the table must not grow with the mail.
    #[tokio::test]
    async fn the_table_is_bounded_and_forgets_the_oldest() {
        let poison = Poison::new(1);
        let began = Instant::now();
        for content in 0..u64::try_from(REMEMBERED).unwrap() + 10 {
            poison.harmed(&content.to_string(), began + Duration::from_millis(content));
        }
        assert_eq!(poison.lock().len(), REMEMBERED);
        assert_eq!(poison.known("9", began), None);
        assert_eq!(poison.known("10", began), Some(1));
    }
}
