//! Loopback ports that no other test of this machine holds.

use std::{
    fs::{self, File},
    net::TcpListener,
    process,
    time::{SystemTime, UNIX_EPOCH},
};

/// Below the kernel's range for outgoing connections (32768 on Linux), or a connection of some other test could sit on the port between
/// a gateway's death and its next start.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port, ours for as long as this value lives: a lock on a file keeps it from other tests, whatever process they run in.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lease: File,
}

impl Port {
    /// One that nothing listens on.
    pub fn lease() -> Self {
        let folder = std::env::temp_dir().join("portaria-ports");
        fs::create_dir_all(&folder).unwrap();
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let start = (nanos / 1000 + process::id() * 7919) % u32::from(COUNT);
        for step in 0..u32::from(COUNT) {
            let number = FIRST + u16::try_from((start + step * 13) % u32::from(COUNT)).unwrap();
            let lease = File::create(folder.join(number.to_string())).unwrap();
            if lease.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
                return Self { number, _lease: lease };
            }
        }
        panic!("no free port from {FIRST} on");
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}
