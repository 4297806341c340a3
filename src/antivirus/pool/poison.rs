//! Content that scanners give no answer to, recognised when it comes again.
//!
//! In: the hash of a content before each try, and what became of the try. Out: leave to try, or how often it harmed a scanner that was well
//! before. It refuses to know scanners and messages.
//!
//! A sender tries again for days. Without this table one message that hangs clamd takes a thread of it at every try (decision 9:
//! Cisco-Talos/clamav#1129), and one that kills it stops all mail each time. The hash is of the content as the client sent it: with
//! our `Received:`, which names the time, no two tries would be alike.
//!
//! Tries come side by side, too: one message for many recipients is several transactions. So what is being tried counts as well: never
//! more at a time than would make it poison, and after the first harm one at a time; the others wait. Harms of tries that ran at the same
//! time are one: a clamd that is restarted takes them all with it, and they say no more against the content than one does.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// Contents that are remembered; beyond, the one that did nothing for the longest time is forgotten.
const REMEMBERED: usize = 4_096;

/// For how long after the last harm: a clamd that was mended may look at it again.
const FOR: Duration = Duration::from_secs(86_400);

/// The table.
#[derive(Debug)]
pub struct Poison {
    after: u32,
    contents: Mutex<HashMap<String, Known>>,
    /// A try ended.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Known {
    harms: u32,
    /// When the last harm was seen; none without any.
    last: Option<Instant>,
    /// Tries that have not ended.
    trying: u32,
}

/// Why content is not to be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It harmed scanners so many times.
    Poison(u32),
    /// It is being tried, and none of those tries ended in time.
    Busy,
}

/// Leave to try. Dropped without a word it says nothing for or against the content.
#[derive(Debug)]
pub struct Try<'p> {
    poison: &'p Poison,
    content: &'p str,
    began: Instant,
}

impl Poison {
    /// Content is poison after so many harms, at least one.
    pub fn new(after: u32) -> Self {
        Self { after: after.max(1), contents: Mutex::default(), ended: Notify::new() }
    }

    /// Leave to try `content`, waiting for other tries of it until `deadline`.
    pub async fn admit<'p>(&'p self, content: &'p str, deadline: Instant) -> Result<Try<'p>, Refused> {
        loop {
            // Before the table is looked at: a try that ends between the two wakes us all the same.
            let ended = self.ended.notified();
            let now = Instant::now();
            if let Some(refused) = self.enter(content, now) {
                refused?;
                return Ok(Try { poison: self, content, began: now });
            }
            if timeout_at(deadline, ended).await.is_err() {
                return Err(Refused::Busy);
            }
        }
    }

    /// None: others are being tried, and this one has to wait.
    fn enter(&self, content: &str, now: Instant) -> Option<Result<(), Refused>> {
        let mut contents = self.lock();
        let known = contents.entry(content.to_owned()).or_default();
        if known.last.is_some_and(|last| now.saturating_duration_since(last) >= FOR) {
            (known.harms, known.last) = (0, None);
        }
        if known.harms >= self.after {
            return Some(Err(Refused::Poison(known.harms)));
        }
        let at_a_time = if known.harms == 0 { self.after } else { 1 };
        if known.trying >= at_a_time {
            return None;
        }
        known.trying = known.trying.saturating_add(1);
        Some(Ok(()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try<'_> {
    /// The scanner was well, got this content and gave no answer.
    pub fn harmed(&self) {
        let mut contents = self.poison.lock();
        let Some(known) = contents.get_mut(self.content) else { return };
        if known.last.is_none_or(|last| last <= self.began) {
            known.harms = known.harms.saturating_add(1);
            known.last = Some(Instant::now());
        }
        let remembered = contents.values().filter(|known| known.harms > 0).count();
        if remembered > REMEMBERED {
            // Once for each harm at most, and those are rare: a scan of a few thousand rows is nothing beside one.
            let oldest = contents.iter().filter(|(_, known)| known.trying == 0).min_by_key(|(_, known)| known.last);
            let oldest = oldest.map(|(content, _)| content.clone());
            oldest.and_then(|oldest| contents.remove(&oldest));
        }
    }

    /// A scanner answered: whatever stopped the others was not this content.
    pub fn answered(&self) {
        if let Some(known) = self.poison.lock().get_mut(self.content) {
            (known.harms, known.last) = (0, None);
        }
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let mut contents = self.poison.lock();
        if let Some(known) = contents.get_mut(self.content) {
            known.trying = known.trying.saturating_sub(1);
            if known.trying == 0 && known.harms == 0 {
                contents.remove(self.content);
            }
        }
        drop(contents);
        self.poison.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn known(poison: &Poison, content: &str) -> Option<u32> {
        match poison.admit(content, Instant::now()).await {
            Ok(_) => None,
            Err(Refused::Poison(times)) => Some(times),
            Err(Refused::Busy) => panic!("busy"),
        }
    }

    async fn harm(poison: &Poison, content: &str) {
        poison.admit(content, Instant::now()).await.unwrap().harmed();
        tokio::time::advance(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn content_is_poison_after_its_harms_and_for_a_day() {
        let poison = Poison::new(3);
        for before in 0..3 {
            assert_eq!(known(&poison, "a").await, None, "{before}");
            harm(&poison, "a").await;
        }
        assert_eq!((known(&poison, "a").await, known(&poison, "b").await), (Some(3), None));
        tokio::time::advance(FOR - Duration::from_secs(1)).await;
        assert_eq!(known(&poison, "a").await, Some(3));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(known(&poison, "a").await, None);
        assert!(poison.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_clears_its_name() {
        let poison = Poison::new(2);
        harm(&poison, "a").await;
        poison.admit("a", Instant::now()).await.unwrap().answered();
        assert!(poison.lock().is_empty());
    }

    /// A clamd that is restarted takes all its scans with it: three transactions with one content are not three harms.
    #[tokio::test(start_paused = true)]
    async fn harms_at_the_same_time_are_one_and_then_it_is_tried_alone() {
        let poison = Poison::new(3);
        let soon = || Instant::now() + Duration::from_millis(10);
        let mut tries = Vec::new();
        for _ in 0..3 {
            tries.push(poison.admit("a", soon()).await.unwrap());
        }
        assert_eq!(poison.admit("a", soon()).await.unwrap_err(), Refused::Busy, "three would make it poison");
        for one in &tries {
            tokio::time::advance(Duration::from_millis(1)).await;
            one.harmed();
        }
        tries.clear();
        let alone = poison.admit("a", soon()).await.unwrap();
        assert_eq!(poison.admit("a", soon()).await.unwrap_err(), Refused::Busy, "it harmed once");
        // Who waits goes on as soon as it ends.
        let (second, ()) =
            tokio::join!(poison.admit("a", Instant::now() + Duration::from_secs(5)), async { drop(alone) });
        second.unwrap().answered();
        assert!(poison.lock().is_empty());
    }

    /// Every message of a dying clamd ends here: the table must not grow with the mail.
    #[tokio::test(start_paused = true)]
    async fn the_table_is_bounded_and_forgets_the_oldest() {
        let poison = Poison::new(1);
        for content in 0..REMEMBERED + 10 {
            harm(&poison, &content.to_string()).await;
        }
        assert_eq!(poison.lock().len(), REMEMBERED);
        assert_eq!((known(&poison, "9").await, known(&poison, "10").await), (None, Some(1)));
    }
}
