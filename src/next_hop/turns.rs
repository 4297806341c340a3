//! Whose turn it is to use a connection of one next hop: so many permits, handed to those who wait in the order in which they
//! came, and a call to those who hold one and do nothing with it.
//!
//! In: who waits, who lets go, who could let go. Out: [`Permit`]s. What a connection is, and what its holder does with it, is not
//! known here.
//!
//! One who waits calls one holder: `called` counts the permits that are on their way back because of a call. Whoever gives back
//! stands behind all others when it asks again, since a permit goes from hand to hand and nobody can take it in between.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use tokio::sync::oneshot;

/// The permits of one next hop.
#[derive(Debug)]
pub(super) struct Turns {
    all: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Those who wait, the first one in front; among them some who stopped waiting.
    queue: VecDeque<oneshot::Sender<Permit>>,
    /// Those in the queue who wait.
    waiting: usize,
    /// Permits whose holders follow a call.
    called: usize,
    /// Holders that could let go, by their permit's number; at most one entry a permit. They are woken together, since one that is
    /// woken may be busy by then; the count decides who is called.
    idle: BTreeMap<u64, Waker>,
    numbers: u64,
}

/// The right to use one connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    turns: Arc<Turns>,
    number: u64,
    called: bool,
    /// Nobody has it: dropping it gives nothing back.
    void: bool,
}

impl Turns {
    pub(super) fn new(all: usize) -> Arc<Self> {
        let state =
            State { free: all, queue: VecDeque::new(), waiting: 0, called: 0, idle: BTreeMap::new(), numbers: 0 };
        Arc::new(Self { all, state: Mutex::new(state) })
    }

    /// Waits for a permit. Whoever stops waiting loses its place and nothing else.
    pub(super) async fn permit(self: &Arc<Self>) -> Permit {
        loop {
            let mut waiter = match self.ask() {
                Ok(permit) => return permit,
                Err(receiver) => Waiter { turns: self, receiver },
            };
            // The other end goes with its permit or stays; were it ever otherwise, we ask again.
            if let Ok(permit) = (&mut waiter.receiver).await {
                return permit;
            }
        }
    }

    fn ask(self: &Arc<Self>) -> Result<Permit, oneshot::Receiver<Permit>> {
        let mut state = self.lock();
        if let Some(free) = state.free.checked_sub(1) {
            state.free = free;
            return Ok(self.issue(&mut state));
        }
        let (turn, receiver) = oneshot::channel();
        // Who stops waiting does so at a deadline, mostly in the order of the queue: what is left of them is little.
        while state.queue.pop_front_if(|turn| turn.is_closed()).is_some() {}
        state.queue.push_back(turn);
        state.waiting = state.waiting.saturating_add(1);
        let idle = std::mem::take(&mut state.idle);
        drop(state);
        idle.into_values().for_each(Waker::wake);
        Err(receiver)
    }

    fn issue(self: &Arc<Self>, state: &mut State) -> Permit {
        state.numbers = state.numbers.wrapping_add(1);
        Permit { turns: Arc::clone(self), number: state.numbers, called: false, void: false }
    }

    /// Permits that somebody has.
    pub(super) fn in_use(&self) -> usize {
        self.all.saturating_sub(self.lock().free)
    }

    /// Nothing that panics runs under this lock; should it ever, the counts in it are still right.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether somebody waits for whom nobody was called.
    fn is_wanting(&self) -> bool {
        self.waiting > self.called
    }
}

/// One who waits, until this is dropped.
struct Waiter<'a> {
    turns: &'a Turns,
    receiver: oneshot::Receiver<Permit>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        // Permits are sent under the lock: nothing comes behind this look.
        match self.receiver.try_recv() {
            // Its turn came as it stopped waiting: somebody else's now.
            Ok(permit) => {
                drop(state);
                drop(permit);
            }
            Err(oneshot::error::TryRecvError::Empty) => {
                self.receiver.close();
                state.waiting = state.waiting.saturating_sub(1);
            }
            // It has had it.
            Err(oneshot::error::TryRecvError::Closed) => {}
        }
    }
}

impl Permit {
    /// Ready while somebody waits for whom nobody was called; else the task of `cx` is woken when somebody begins to wait.
    pub(super) fn poll_wanted(&self, cx: &Context<'_>) -> Poll<()> {
        if self.called {
            return Poll::Pending;
        }
        let mut state = self.turns.lock();
        if state.is_wanting() {
            return Poll::Ready(());
        }
        match state.idle.get_mut(&self.number) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => drop(state.idle.insert(self.number, cx.waker().clone())),
        }
        Poll::Pending
    }

    /// Takes the call, if there still is one: then the permit is to be dropped soon, and nobody else is called for the same.
    pub(super) fn take_call(&mut self) -> bool {
        let mut state = self.turns.lock();
        let takes = !self.called && state.is_wanting();
        if takes {
            state.called = state.called.saturating_add(1);
            self.called = true;
        }
        takes
    }
}

impl Drop for Permit {
    /// To the one who waits longest, if anybody does.
    fn drop(&mut self) {
        if self.void {
            return;
        }
        let mut state = self.turns.lock();
        state.idle.remove(&self.number);
        if self.called {
            state.called = state.called.saturating_sub(1);
        }
        while let Some(turn) = state.queue.pop_front() {
            match turn.send(self.turns.issue(&mut state)) {
                Ok(()) => {
                    state.waiting = state.waiting.saturating_sub(1);
                    return;
                }
                // It stopped waiting. Dropped as it is, the permit would come here again, for the lock that is held.
                Err(mut unwanted) => unwanted.void = true,
            }
        }
        state.free = state.free.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, sync::atomic::AtomicUsize, sync::atomic::Ordering, task::Wake};

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
        std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
    }

    fn free(turns: &Arc<Turns>) -> Permit {
        match poll(&mut pin!(turns.permit())) {
            Poll::Ready(permit) => permit,
            Poll::Pending => panic!("there is none"),
        }
    }

    fn is_wanted(permit: &Permit) -> bool {
        permit.poll_wanted(&Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn one_who_waits_calls_one_holder_and_whoever_gives_back_stands_behind_the_others() {
        let turns = Turns::new(2);
        let (mut first, mut second) = (free(&turns), free(&turns));
        assert!(!is_wanted(&first) && !first.take_call(), "nobody waits");
        let mut one = Box::pin(turns.permit());
        assert!(poll(&mut one).is_pending());
        assert!(is_wanted(&first) && is_wanted(&second));
        assert!(first.take_call());
        assert!(!is_wanted(&second) && !second.take_call(), "one waits, one is called");
        assert!(!first.take_call(), "nor twice");
        let mut two = Box::pin(turns.permit());
        assert!(poll(&mut two).is_pending());
        assert!(second.take_call(), "another one waits");
        drop(first);
        let mut again = Box::pin(turns.permit());
        assert!(poll(&mut again).is_pending(), "behind those who wait");
        let Poll::Ready(third) = poll(&mut one) else { panic!("it is the first one's turn") };
        assert!(poll(&mut two).is_pending() && turns.in_use() == 2);
        drop(second);
        assert!(poll(&mut again).is_pending());
        let Poll::Ready(fourth) = poll(&mut two) else { panic!("it is the second one's turn") };
        drop((third, fourth));
        assert!(poll(&mut again).is_ready());
        assert_eq!(turns.in_use(), 0, "and that one was dropped");
    }

    #[test]
    fn who_stops_waiting_is_passed_over_and_no_permit_is_lost() {
        let turns = Turns::new(1);
        let mut only = free(&turns);
        let mut gone = Box::pin(turns.permit());
        let mut next = Box::pin(turns.permit());
        assert!(poll(&mut gone).is_pending() && poll(&mut next).is_pending());
        drop(gone);
        assert!(only.take_call());
        drop(only);
        // It has got it and does not know yet.
        drop(next);
        assert_eq!(turns.in_use(), 0);
        let only = free(&turns);
        assert!(!is_wanted(&only), "of those who are gone nobody waits");
        let counts = |turns: &Turns| {
            let state = turns.lock();
            (state.called, state.waiting, state.queue.len())
        };
        assert_eq!((counts(&turns).0, counts(&turns).1), (0, 0));
        for _ in 0..100 {
            assert!(poll(&mut Box::pin(turns.permit())).is_pending());
        }
        assert!(matches!(counts(&turns), (0, 0, 0..=1)), "who is gone takes no room: {:?}", counts(&turns));
    }

    #[test]
    fn holders_are_woken_when_somebody_begins_to_wait_and_those_that_are_gone_are_forgotten() {
        let turns = Turns::new(2);
        let (first, second) = (free(&turns), free(&turns));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        for _ in 0..3 {
            for permit in [&first, &second] {
                assert!(permit.poll_wanted(&Context::from_waker(&waker)).is_pending());
            }
        }
        assert_eq!(turns.lock().idle.len(), 2, "one entry a permit");
        drop(first);
        assert_eq!(turns.lock().idle.len(), 1);
        let _third = free(&turns);
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        assert!(poll(&mut Box::pin(turns.permit())).is_pending());
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    }
}
