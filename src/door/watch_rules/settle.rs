//! When files that changed have come to rest. In: what the file system says of them at each look, and the time. Out: whether they are to
//! be read now. It does not read them.

use std::time::{Duration, Instant};

use crate::rule_history::Stamps;

/// Files that nobody has touched for so long are taken: an editor, `cp` or a deployment is done by then.
pub const QUIET: Duration = Duration::from_secs(1);

/// … and so long, if something that was there is gone, or shorter: that is what a file looks like that somebody writes anew and has
/// not finished, over a network that stands still for a moment.
pub const QUIET_WITH_LESS: Duration = Duration::from_secs(5);

/// Files that are never quiet are looked into after so long: it may be that only their times change.
pub const LONGEST: Duration = Duration::from_secs(30);

/// … and again after so long.
pub const AGAIN: Duration = Duration::from_secs(5);

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Nothing.
    Nothing,
    /// Read them: they have been quiet.
    AfterQuiet,
    /// Read them, although they are not quiet: only if their contents stay the same for as long as quiet would have been.
    WithoutQuiet,
}

/// What was seen of some files.
#[derive(Debug, Default)]
pub struct Settle {
    taken: Stamps,
    unrest: Option<Unrest>,
}

/// They are not as they were when they were last taken.
#[derive(Debug)]
struct Unrest {
    seen: Stamps,
    began: Instant,
    /// When something last changed.
    moved: Instant,
    /// When they were last read in vain.
    tried: Option<Instant>,
}

impl Settle {
    /// They were taken as they are now.
    pub fn taken(stamps: Stamps) -> Self {
        Self { taken: stamps, unrest: None }
    }

    /// The files are as `seen` now. Where the answer is not nothing, [`Settle::done`] or [`Settle::again`] is to follow.
    pub fn look(&mut self, seen: Stamps, now: Instant) -> Take {
        if self.unrest.is_none() && seen == self.taken {
            return Take::Nothing;
        }
        let unrest =
            self.unrest.get_or_insert_with(|| Unrest { seen: seen.clone(), began: now, moved: now, tried: None });
        if unrest.seen != seen {
            unrest.moved = now;
            unrest.seen = seen;
        }
        let quiet = now.saturating_duration_since(unrest.moved);
        let needed = if unrest.seen.lack_something_of(&self.taken) { QUIET_WITH_LESS } else { QUIET };
        let since = |past: Instant| now.saturating_duration_since(past);
        if quiet >= needed {
            Take::AfterQuiet
        } else if since(unrest.began) >= LONGEST && unrest.tried.is_none_or(|tried| since(tried) >= AGAIN) {
            Take::WithoutQuiet
        } else {
            Take::Nothing
        }
    }

    /// They were read, whatever came of it: nothing is to be done until they change.
    pub fn done(&mut self) {
        if let Some(unrest) = self.unrest.take() {
            self.taken = unrest.seen;
        }
    }

    /// They changed while they were read.
    pub fn again(&mut self, now: Instant) {
        if let Some(unrest) = &mut self.unrest {
            unrest.moved = now;
            unrest.tried = Some(now);
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write files, and begin somewhere in time")]
mod tests {
    use std::{fs, path::PathBuf};

    use super::*;

    struct Desk {
        folder: tempfile::TempDir,
        settle: Settle,
        began: Instant,
        at: Duration,
    }

    impl Desk {
        /// With one file of a few octets, which was taken.
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("a"), "123").unwrap();
            let began = Instant::now();
            let mut desk = Self { folder, settle: Settle::default(), began, at: Duration::ZERO };
            desk.settle = Settle::taken(desk.stamps());
            desk
        }

        fn stamps(&self) -> Stamps {
            let names: Vec<PathBuf> =
                fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
            Stamps::of(names)
        }

        fn write(&self, octets: usize) {
            // The clock of a file system ticks every few milliseconds.
            std::thread::sleep(Duration::from_millis(12));
            fs::write(self.folder.path().join("a"), "x".repeat(octets)).unwrap();
        }

        /// A look so much later.
        fn look(&mut self, later: Duration) -> Take {
            self.at += later;
            let seen = self.stamps();
            self.settle.look(seen, self.began + self.at)
        }
    }

    const MOMENT: Duration = Duration::from_millis(500);

    #[test]
    fn what_changed_is_taken_once_when_it_has_been_quiet() {
        let mut desk = Desk::new();
        assert_eq!(desk.look(MOMENT), Take::Nothing);
        desk.write(4);
        assert_eq!(desk.look(MOMENT), Take::Nothing, "just seen");
        assert_eq!(desk.look(QUIET - Duration::from_millis(1)), Take::Nothing);
        assert_eq!(desk.look(Duration::from_millis(1)), Take::AfterQuiet);
        desk.settle.done();
        assert_eq!(desk.look(LONGEST * 2), Take::Nothing, "bad or good, it is not read again");
        desk.write(5);
        desk.look(MOMENT);
        assert_eq!(desk.look(QUIET), Take::AfterQuiet);
    }

    #[test]
    fn what_moves_on_is_not_taken_while_it_moves() {
        let mut desk = Desk::new();
        for octets in 4..30 {
            desk.write(octets);
            assert_eq!(desk.look(QUIET), Take::Nothing, "{octets}");
        }
        assert_eq!(desk.look(QUIET), Take::AfterQuiet);
    }

    #[test]
    fn what_is_less_than_before_has_more_time() {
        let mut desk = Desk::new();
        desk.write(1);
        desk.look(MOMENT);
        assert_eq!(desk.look(QUIET_WITH_LESS - Duration::from_millis(1)), Take::Nothing);
        assert_eq!(desk.look(Duration::from_millis(1)), Take::AfterQuiet);
        desk.settle.done();
        fs::remove_file(desk.folder.path().join("a")).unwrap();
        desk.look(MOMENT);
        assert_eq!(desk.look(QUIET), Take::Nothing, "gone");
        assert_eq!(desk.look(QUIET_WITH_LESS), Take::AfterQuiet);
    }

    /// Whoever touches a file every moment does not keep changes out for ever, and does not make them be read every moment.
    #[test]
    fn what_never_rests_is_looked_into_now_and_then() {
        let mut desk = Desk::new();
        let mut taken = Vec::new();
        while desk.at < LONGEST + AGAIN * 2 + MOMENT {
            desk.write(4);
            let take = desk.look(MOMENT);
            if take != Take::Nothing {
                assert_eq!(take, Take::WithoutQuiet);
                taken.push(desk.at.as_secs());
                desk.settle.again(desk.began + desk.at);
            }
        }
        assert_eq!(taken, [30, 35, 40]);
        desk.settle.done();
        assert_eq!(desk.look(MOMENT), Take::Nothing);
    }

    #[test]
    fn what_changed_while_it_was_read_must_be_quiet_anew() {
        let mut desk = Desk::new();
        desk.write(4);
        desk.look(MOMENT);
        assert_eq!(desk.look(QUIET), Take::AfterQuiet);
        desk.settle.again(desk.began + desk.at);
        assert_eq!(desk.look(MOMENT), Take::Nothing);
        assert_eq!(desk.look(MOMENT), Take::AfterQuiet);
    }
}
