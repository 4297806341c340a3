//! The client's login: who it says it is goes out to be verified, and what comes back is answered in its time.
//!
//! In: credentials, the answer of whoever computes the hash, and the time. Out: the reply that is due, and the login of the connection.
//! Every failure looks the same, whatever was wrong, and is told only [`FAILURE_DELAY`] after it was asked for: neither the words nor
//! the time tell a name that exists from one that does not, and guessing is slow.

use std::time::{Duration, Instant};

use super::event::{Verification, Verified};
use crate::{
    policy::application::{Login, password::PasswordHash},
    smtp::{auth::Secret, reply::Reply},
};

/// A failed login is answered so long after it was asked for, or later.
pub const FAILURE_DELAY: Duration = Duration::from_secs(3);
/// Failed logins of one connection; then it is closed.
pub const FAILURES: u32 = 3;

/// Where the login of a connection stands.
#[derive(Debug, Default)]
pub(super) struct LoginState {
    login: Option<Login>,
    asked: Option<Asked>,
    failures: u32,
}

#[derive(Debug)]
struct Asked {
    /// Whose login it would be; none: nobody's.
    login: Option<Login>,
    /// A failure is answered then.
    due: Instant,
    failed: bool,
}

impl LoginState {
    /// As whom the client has logged in.
    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The client is another one.
    pub(super) fn forget(&mut self) {
        self.login = None;
    }

    /// AUTH: what is to be verified. `login`: the one that it names, if there is one. A name that nobody has is verified as well, against a
    /// hash that no password has.
    pub(super) fn ask(&mut self, login: Option<Login>, password: Secret, now: Instant) -> Verification {
        let hash = login.as_ref().map_or_else(PasswordHash::decoy, |login| login.hash.clone());
        self.asked = Some(Asked { login, due: now + FAILURE_DELAY, failed: false });
        Verification { password, hash }
    }

    /// The answer came. Some: what the client hears now; none: it hears it later, or has not asked. `failed` is called for a failure.
    pub(super) fn verified(&mut self, verified: Verified, failed: impl FnOnce()) -> Option<Reply> {
        let asked = self.asked.as_mut().filter(|asked| !asked.failed)?;
        match (verified, &asked.login) {
            (Verified::Right, Some(login)) => {
                self.login = Some(login.clone());
                self.asked = None;
                Some(super::reply::logged_in())
            }
            (Verified::Busy, _) => {
                self.asked = None;
                Some(super::reply::login_busy())
            }
            (Verified::Right | Verified::Wrong, _) => {
                asked.failed = true;
                self.failures = self.failures.saturating_add(1);
                failed();
                None
            }
        }
    }

    /// Whether an answer is awaited: whoever goes now has cost a hash and told nobody what came of it.
    pub(super) fn is_verifying(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| !asked.failed)
    }

    /// When a failure is to be told.
    pub(super) fn due(&self) -> Option<Instant> {
        self.asked.as_ref().filter(|asked| asked.failed).map(|asked| asked.due)
    }

    /// The failure that is due, if one is.
    pub(super) fn time_passed(&mut self, now: Instant) -> Option<Reply> {
        self.due().filter(|due| now >= *due)?;
        self.asked = None;
        let enough = self.failures >= FAILURES;
        Some(if enough { super::reply::too_many_logins() } else { super::reply::login_failed() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "there is no other way to an Instant")]
    fn now() -> Instant {
        Instant::now()
    }

    fn login() -> Login {
        Login { name: "svc".to_owned(), hash: PasswordHash::decoy() }
    }

    fn secret() -> Secret {
        b"hunter2".as_slice().into()
    }

    /// Whatever was wrong, the same is said at the same time; and a password that is right for nobody opens nothing.
    #[test]
    fn failures_look_alike() {
        let begin = now();
        for (named, verified) in [(Some(login()), Verified::Wrong), (None, Verified::Wrong), (None, Verified::Right)] {
            let mut state = LoginState::default();
            state.ask(named, secret(), begin);
            assert_eq!(state.due(), None);
            let mut counted = 0;
            assert_eq!(state.verified(verified, || counted += 1), None);
            assert_eq!((state.due(), counted), (Some(begin + FAILURE_DELAY), 1));
            assert_eq!(state.verified(verified, || counted += 1), None, "asked once, counted once");
            assert_eq!(state.time_passed(begin + FAILURE_DELAY - Duration::from_millis(1)), None);
            let told = state.time_passed(begin + FAILURE_DELAY).unwrap().summary();
            assert_eq!((told.as_str(), counted), ("535 5.7.8 Authentication failed", 1));
            assert_eq!(state.login(), None);
        }
    }

    #[test]
    fn the_third_failure_is_the_last_and_success_is_told_at_once() {
        let (mut state, begin) = (LoginState::default(), now());
        let codes: Vec<u16> = (0..3)
            .map(|_| {
                state.ask(Some(login()), secret(), begin);
                state.verified(Verified::Wrong, || ());
                state.time_passed(begin + FAILURE_DELAY).unwrap().code()
            })
            .collect();
        assert_eq!(codes, [535, 535, 421]);
        state.ask(Some(login()), secret(), begin);
        assert_eq!(state.verified(Verified::Busy, || ()).unwrap().code(), 454);
        state.ask(Some(login()), secret(), begin);
        assert_eq!(state.verified(Verified::Right, || ()).unwrap().code(), 235);
        assert_eq!(state.login(), Some(&login()));
        assert_eq!(state.verified(Verified::Right, || ()), None, "nothing was asked");
    }
}
