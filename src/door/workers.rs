//! What a worker of the runtime does that finds nothing to do, while a scanner has more than it can do.
//!
//! In: that a worker is about to sleep, and that it is awake again. Out: it lets others have the processor first, or stays away for a moment.
//!
//! While scans wait for a scanner's slot, the processors are what everybody waits for, and the scanner has them most of the time. A
//! worker that sleeps at once is woken by the very next octet, does 20 µs of work, and sleeps again; and a second one that is woken to
//! help takes the processor from those whom both wait for. Both switches cost more than the work. So the last one awake lets
//! everybody else run before it sleeps, and then finds the octets of several sessions together; and who has another one awake
//! beside it stays away for [`AWAY`]. Without a scanner, or with one that keeps up, no scan waits, and everything is as if this were
//! not here; with idle processors a yield returns at once.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicIsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use tokio::runtime::{Builder, Runtime};

/// How long a worker stays away that is not the only one awake. While it does, the runtime takes it for one that looks for work, and wakes no other:
/// what a thread outside brings may wait for so long, and so may everything if the disk holds the one that is awake (decision 52).
const AWAY: Duration = Duration::from_millis(5);

/// How often the last one awake lets others run: the first time mostly a client that has just been answered does, the second time the scanner.
const YIELDS: usize = 2;

/// Workers that are neither asleep nor away. Below the truth until [`build`] is done, and then nobody stays away.
#[derive(Debug, Default)]
struct Awake(AtomicIsize);

/// What is done before sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// Others run first: nobody else is awake, and nobody else would look at the sockets.
    Yield,
    /// Another one is awake.
    StayAway,
}

/// Builds a runtime whose workers do so. `scans_wait`: whether a scanner that is a program of its own has more than it can do; asked each time that one has nothing to do.
pub fn build(builder: &mut Builder, scans_wait: impl Fn() -> bool + Send + Sync + 'static) -> io::Result<Runtime> {
    let awake = Arc::new(Awake::default());
    let (leaving, coming) = (Arc::clone(&awake), Arc::clone(&awake));
    let runtime = builder
        .on_thread_park(move || leaving.leave(scans_wait()).pause())
        .on_thread_unpark(move || coming.come())
        .build()?;
    awake.begin(runtime.metrics().num_workers());
    Ok(runtime)
}

impl Awake {
    /// So many workers are there, those that are asleep already included.
    fn begin(&self, workers: usize) {
        self.0.fetch_add(workers.cast_signed(), SeqCst);
    }

    /// One has nothing to do.
    fn leave(&self, scans_wait: bool) -> Before {
        let awake = self.0.fetch_sub(1, SeqCst);
        match scans_wait {
            false => Before::Nothing,
            true if awake > 1 => Before::StayAway,
            true => Before::Yield,
        }
    }

    /// One is awake again.
    fn come(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Before {
    fn pause(self) {
        match self {
            Self::Nothing => {}
            Self::Yield => (0..YIELDS).for_each(|_| thread::yield_now()),
            #[expect(
                clippy::disallowed_methods,
                reason = "a worker without work stays away on purpose, and another one is awake"
            )]
            Self::StayAway => thread::sleep(AWAY),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            atomic::{AtomicBool, AtomicU32},
            mpsc,
        },
        time::Instant,
    };

    use super::*;

    #[test]
    fn the_last_one_awake_lets_others_run_and_any_other_stays_away() {
        let awake = Awake::default();
        awake.begin(3);
        assert_eq!(awake.leave(true), Before::StayAway);
        assert_eq!(awake.leave(true), Before::StayAway);
        assert_eq!(awake.leave(true), Before::Yield);
        awake.come();
        assert_eq!(awake.leave(true), Before::Yield, "it alone was awake");
        awake.come();
        awake.come();
        assert_eq!(awake.leave(true), Before::StayAway);
    }

    #[test]
    fn while_no_scan_waits_who_sleeps_is_counted_and_nothing_else() {
        let awake = Awake::default();
        awake.begin(2);
        assert_eq!(awake.leave(false), Before::Nothing);
        assert_eq!(awake.leave(true), Before::Yield);
    }

    #[test]
    fn nobody_stays_away_before_it_is_known_how_many_there_are() {
        let awake = Awake::default();
        assert_eq!(awake.leave(true), Before::Yield);
        awake.begin(2);
        assert_eq!(awake.leave(true), Before::Yield, "the other one sleeps already");
    }

    /// As while a scanner has more than it can do.
    fn two_workers() -> Runtime {
        build(Builder::new_multi_thread().worker_threads(2).enable_all(), || true).unwrap()
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a worker is held on purpose")]
    fn while_one_is_held_the_other_is_away_for_moments_only() {
        let runtime = two_workers();
        let ticks = Arc::new(AtomicU32::new(0));
        let ticking = Arc::clone(&ticks);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                ticking.fetch_add(1, SeqCst);
            }
        });
        let (begun, seen) = mpsc::channel();
        let done = Arc::new(AtomicBool::new(false));
        let holding = Arc::clone(&done);
        runtime.spawn(async move {
            // What is spawned is woken for; what comes from the timers finds the other one asleep or away.
            tokio::time::sleep(Duration::from_millis(50)).await;
            // Somebody has to be awake to look at the timers (decision 52 sees to that).
            tokio::spawn(async {});
            tokio::spawn(async {});
            begun.send(()).unwrap();
            thread::sleep(Duration::from_millis(600));
            holding.store(true, SeqCst);
        });
        seen.recv().unwrap();
        let before = ticks.load(SeqCst);
        thread::sleep(Duration::from_millis(400));
        let during = ticks.load(SeqCst) - before;
        assert!(!done.load(SeqCst), "it was not held");
        assert!(during >= 10, "{during} ticks of 10 ms in 400 ms");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the time it takes is what is asked")]
    fn what_comes_from_outside_waits_for_a_moment_at_most() {
        let runtime = two_workers();
        let began = Instant::now();
        for _ in 0..50 {
            let (said, heard) = mpsc::channel();
            runtime.spawn(async move { said.send(()) });
            heard.recv_timeout(Duration::from_secs(5)).unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?} for 50", began.elapsed());
    }
}
