//! Waiting for something to become true, and keeping the heavy cases apart.

use std::{
    fs::File,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// Asks every 20 ms until it holds; false if it does not within `limit`.
pub fn eventually(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() >= limit {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Waits until something is true; fails the test with `what` after `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, holds: impl FnMut() -> bool) {
    assert!(eventually(limit, holds), "waited {limit:?} in vain for: {what}");
}

/// Waits until there is an answer; fails the test with `what` after `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let mut answer = None;
    wait_until(what, limit, || {
        answer = ask();
        answer.is_some()
    });
    answer.unwrap()
}

/// Whether somebody listens on a loopback port.
pub fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Holds the one place for cases that need the whole machine; the others of this kind wait, in this process or another.
pub fn alone() -> File {
    let file = File::create(std::env::temp_dir().join("portaria-heavy.lock")).unwrap();
    file.lock().unwrap();
    file
}
