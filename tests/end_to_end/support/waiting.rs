//! Waiting for something to become true, and keeping the heavy cases apart.

use std::{
    fs::File,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// Asks every 20 ms until there is an answer; fails the test with `what` after `limit`.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begun.elapsed() < limit, "waited {limit:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until something is true.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    wait_for(what, limit, || holds().then_some(()));
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
