//! What follows an attempt, and when the next one is due.
//!
//! Time is summed from pauses that were planned and never taken as a difference of dates: a clock that is set neither ends a
//! release nor puts it to sleep.

use super::{RecipientState, Release, ReleaseState};
use crate::record::UnixMillis;

/// Milliseconds before the second attempt; each further pause is twice as long …
const FIRST_PAUSE: UnixMillis = 30_000;
/// … up to this. An attempt that lies further off was planned under another clock, and is due at once.
pub const LONGEST_PAUSE: UnixMillis = 3_600_000;

/// What one attempt found out about one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its index in [`Release::recipients`].
    pub recipient: usize,
    /// What it has now. [`RecipientState::Open`]: it is to be tried again.
    pub state: RecipientState,
    /// What was said, one line.
    pub said: String,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is tried again after so many milliseconds; 0: at once, for recipients that this attempt was not for.
    Again(UnixMillis),
    /// It is over.
    Over(ReleaseState),
}

/// The pause before attempt number `attempts + 1`.
pub fn pause_after(attempts: u32) -> UnixMillis {
    let doublings = attempts.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

/// Writes what an attempt found out into the release, and says what follows. Tried again is as long as the planned pauses together
/// stay within `patience` (milliseconds); recipients that are open then are given up.
pub fn after_attempt(release: &mut Release, heard: Vec<Heard>, patience: UnixMillis, now: UnixMillis) -> Next {
    let mut postponed = false;
    for Heard { recipient, state, said } in heard {
        let Some(recipient) = release.recipients.get_mut(recipient) else { continue };
        // What it has is never taken back.
        if recipient.state == RecipientState::Delivered {
            continue;
        }
        postponed |= state == RecipientState::Open;
        recipient.state = state;
        release.said.clone_from(&said);
        recipient.said = said;
    }
    release.owner = None;
    release.dotted = false;
    if release.recipients.iter().any(|recipient| recipient.state == RecipientState::Open) {
        let pause = if postponed { pause_after(release.attempts) } else { 0 };
        let waited = release.waited.saturating_add(pause);
        if waited <= patience {
            release.waited = waited;
            release.next_attempt_at = now.saturating_add(pause);
            release.state = ReleaseState::Approved;
            return Next::Again(pause);
        }
        give_up(release);
    }
    release.state = outcome(release);
    release.settled_at = Some(now);
    Next::Over(release.state)
}

fn give_up(release: &mut Release) {
    let open = release.recipients.iter_mut().filter(|recipient| recipient.state == RecipientState::Open);
    open.for_each(|recipient| recipient.state = RecipientState::GivenUp);
}

/// What nobody knows is told before what is known.
fn outcome(release: &Release) -> ReleaseState {
    let count = |state| release.recipients.iter().filter(|recipient| recipient.state == state).count();
    match (count(RecipientState::Unknown), count(RecipientState::Delivered)) {
        (1.., _) => ReleaseState::Unknown,
        (0, 0) => ReleaseState::Failed,
        (0, delivered) if delivered == release.recipients.len() => ReleaseState::Delivered,
        (0, _) => ReleaseState::Partly,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::asked, *};
    use crate::record::sample;

    const HOUR: UnixMillis = 3_600_000;
    const PATIENCE: UnixMillis = 48 * HOUR;

    fn release(recipients: usize) -> Release {
        let mut item = sample::item(1, b"", b"x");
        item.recipients = (0..recipients).map(|n| format!("r{n}@tjpa.jus.br")).collect();
        let mut release = asked::plan(&item, &[], asked::asked_by("maria", None, 0)).unwrap();
        release.attempts = 1;
        release
    }

    fn heard(states: &[RecipientState]) -> Vec<Heard> {
        let each = states.iter().enumerate();
        each.map(|(recipient, &state)| Heard { recipient, state, said: format!("{state:?}") }).collect()
    }

    #[test]
    fn states_of_recipients_make_the_state_of_the_release() {
        use RecipientState::{Delivered, Open, Refused, Unknown};
        for (states, next) in [
            (&[Delivered, Delivered][..], Next::Over(ReleaseState::Delivered)),
            (&[Delivered, Refused], Next::Over(ReleaseState::Partly)),
            (&[Refused, Refused], Next::Over(ReleaseState::Failed)),
            (&[Delivered, Unknown], Next::Over(ReleaseState::Unknown)),
            (&[Refused, Unknown], Next::Over(ReleaseState::Unknown)),
            (&[Delivered, Open], Next::Again(30_000)),
            (&[Unknown, Open], Next::Again(30_000)),
            // The second one was not asked for at all: another next hop, at once.
            (&[Delivered], Next::Again(0)),
        ] {
            let mut release = release(2);
            assert_eq!(after_attempt(&mut release, heard(states), PATIENCE, 1000), next, "{states:?}");
            assert_eq!(release.settled_at.is_some(), matches!(next, Next::Over(_)));
            assert_eq!(release.owner, None);
        }
    }

    /// Two days of pauses, whatever the clock says meanwhile.
    #[test]
    fn it_is_tried_as_long_as_the_planned_pauses_say() {
        let mut release = release(1);
        let mut pauses = 0;
        for now in [0, -HOUR * 10_000, HOUR * 100_000].into_iter().cycle() {
            match after_attempt(&mut release, heard(&[RecipientState::Open]), PATIENCE, now) {
                Next::Again(pause) => pauses += pause,
                Next::Over(state) => {
                    assert_eq!(state, ReleaseState::Failed);
                    break;
                }
            }
            release.attempts += 1;
        }
        assert!((PATIENCE - HOUR..=PATIENCE).contains(&pauses), "{pauses}");
        assert_eq!(release.recipients[0].state, RecipientState::GivenUp);
        assert!((50..60).contains(&release.attempts), "{}", release.attempts);
    }

    #[test]
    fn pauses_grow_and_end_growing() {
        let pauses = [0, 1, 2, 3, 7, 8, 9, 1000, u32::MAX].map(pause_after);
        let seconds = [30, 30, 60, 120, 1_920, 3_600, 3_600, 3_600, 3_600];
        assert_eq!(pauses, seconds.map(|seconds| seconds * 1_000));
    }

    /// What somebody has is not taken back by a later word.
    #[test]
    fn delivered_stays_delivered() {
        let mut release = release(2);
        release.recipients[0].state = RecipientState::Delivered;
        after_attempt(&mut release, heard(&[RecipientState::Open, RecipientState::Refused]), PATIENCE, 0);
        assert_eq!(release.state, ReleaseState::Partly);
        assert_eq!(release.recipients[0].state, RecipientState::Delivered);
    }
}
