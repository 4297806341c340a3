//! Who is at the other end of the control socket.
//!
//! In: what the kernel says of the process that connected. Out: an account. Behind `sudo` every process is root's, and two people who both
//! use it would be one: the kernel keeps whom a session was opened for (`/proc/PID/loginuid`, audit(7)), which only root can change. Where
//! nobody logged in (a service, a container) the account is the process's own.

use tokio::net::unix::UCred;

use crate::audit::account_name;

/// What `loginuid` says when nobody logged in.
const NOBODY: u32 = u32::MAX;

/// The account of a peer; `unknown` if the kernel does not say.
pub async fn account(peer: Option<UCred>) -> String {
    let Some(peer) = peer else { return "unknown".to_owned() };
    let login = match peer.pid() {
        Some(pid) => tokio::fs::read_to_string(format!("/proc/{pid}/loginuid")).await.ok(),
        None => None,
    };
    account_name(login.as_deref().and_then(login_uid).unwrap_or(peer.uid()))
}

fn login_uid(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|uid| *uid != NOBODY)
}

#[cfg(test)]
mod tests {
    use tokio::net::UnixStream;

    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test asks the kernel itself")]
    async fn a_peer_has_the_account_that_the_kernel_says() {
        let (one, _other) = UnixStream::pair().unwrap();
        let told = account(Some(one.peer_cred().unwrap())).await;
        let login = std::fs::read_to_string("/proc/self/loginuid").ok().as_deref().and_then(login_uid);
        assert_eq!(told, account_name(login.unwrap_or_else(|| rustix::process::getuid().as_raw())));
        assert_eq!(account(None).await, "unknown");
    }

    #[test]
    fn nobody_logged_in_is_no_account() {
        for (text, uid) in [("1000\n", Some(1000)), ("4294967295", None), ("", None), ("-1", None), ("0", Some(0))] {
            assert_eq!(login_uid(text), uid, "{text:?}");
        }
    }
}
