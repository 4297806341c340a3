//! Passwords, verified where no session waits for the thread.
//!
//! In: a password and the hash that it may be of. Out: whether it is, or that nobody had time. A hash takes some 20 ms and 20 MiB (at most
//! 64 MiB, which the registry holds it to), and anybody who can connect to an application listener makes us compute one: so only
//! [`AT_ONCE`] are computed at a time, and who waits longer than [`PATIENCE`] for a turn is told to come later.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::relay::event::{Verification, Verified};

/// Hashes computed at a time.
const AT_ONCE: usize = 2;
/// Waiting for a turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// Those who verify.
#[derive(Debug)]
pub struct Verifiers {
    turns: Arc<Semaphore>,
}

impl Default for Verifiers {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Verifiers {
    /// Verifies in its turn. Given up half-way, the work under way is finished and keeps its turn until then.
    pub fn verify(&self, verification: Verification) -> impl Future<Output = Verified> + Send + 'static {
        let turns = self.turns.clone();
        async move {
            let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turns.acquire_owned()).await else {
                return counted(Verified::Busy, "busy");
            };
            let verified = tokio::task::spawn_blocking(move || {
                let is_right = verification.hash.is_of(&verification.password);
                drop(turn);
                is_right
            });
            match verified.await {
                Ok(true) => counted(Verified::Right, "right"),
                Ok(false) => counted(Verified::Wrong, "wrong"),
                Err(_) => counted(Verified::Busy, "busy"),
            }
        }
    }
}

fn counted(verified: Verified, result: &'static str) -> Verified {
    metrics::counter!("portaria_logins_total", "result" => result).increment(1);
    verified
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::application::password::PasswordHash;

    fn verification(password: &[u8]) -> Verification {
        let hash = PasswordHash::make(&b"right".as_slice().into(), [1; 16]).unwrap();
        Verification { password: password.into(), hash }
    }

    #[tokio::test]
    async fn a_password_is_verified() {
        let verifiers = Verifiers::default();
        assert_eq!(verifiers.verify(verification(b"right")).await, Verified::Right);
        assert_eq!(verifiers.verify(verification(b"wrong")).await, Verified::Wrong);
    }

    /// However many ask, only so many hashes take memory and a processor at a time; who has to wait too long is told so.
    #[tokio::test(start_paused = true)]
    async fn turns_are_few_and_nobody_waits_for_ever() {
        let verifiers = Verifiers::default();
        let taken = verifiers.turns.clone().acquire_many_owned(AT_ONCE as u32).await.unwrap();
        assert_eq!(verifiers.verify(verification(b"right")).await, Verified::Busy);
        drop(taken);
        assert_eq!(verifiers.turns.available_permits(), AT_ONCE);
    }
}
