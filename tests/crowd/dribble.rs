//! Clients that dribble: faster than the data floor, slower than anybody should wait for.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt as _,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{plan::MESSAGE, talk::Talk};

/// Octets a second while others still come in: just above the data floor of 500.
pub const SLOWEST: usize = 600;
/// Octets a second afterwards: just below the 16 KiB for which a next-hop connection waits.
pub const SLOW: usize = 14 * 1024;

const HEADER: &[u8] = b"Subject: slowly\r\n\r\n";

/// All of them.
#[derive(Debug)]
pub struct Dribblers {
    orders: Arc<Orders>,
    tasks: JoinSet<io::Result<Dribbler>>,
}

/// One, when it was told to stop: its connection, and how much of its message it has sent.
#[derive(Debug)]
pub struct Dribbler {
    number: usize,
    talk: Talk,
    /// Octets behind the header section.
    sent: usize,
}

#[derive(Debug)]
struct Orders {
    /// Octets a second.
    pace: AtomicUsize,
    stop: AtomicBool,
    /// How many were told 354, and how many 4xx before.
    begun: AtomicUsize,
    told_to_wait: AtomicUsize,
}

impl Dribblers {
    /// They come in, all at once.
    pub fn begin(count: usize, port: u16, until: Instant) -> Self {
        let orders = Arc::new(Orders {
            pace: AtomicUsize::new(SLOWEST),
            stop: AtomicBool::new(false),
            begun: AtomicUsize::new(0),
            told_to_wait: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        for number in 0..count {
            tasks.spawn(dribble(number, port, until, Arc::clone(&orders)));
        }
        Self { orders, tasks }
    }

    /// How many were told 354.
    pub fn begun(&self) -> usize {
        self.orders.begun.load(Ordering::Relaxed)
    }

    /// How many 4xx they were told before.
    pub fn told_to_wait(&self) -> usize {
        self.orders.told_to_wait.load(Ordering::Relaxed)
    }

    /// From now on so many octets a second.
    pub fn pace(&self, octets: usize) {
        self.orders.pace.store(octets, Ordering::Relaxed);
    }

    /// Whether none of them has failed.
    pub fn are_well(&mut self) -> bool {
        self.tasks.try_join_next().is_none()
    }

    /// They stop where they are.
    pub async fn stop(self) -> Vec<Dribbler> {
        self.orders.stop.store(true, Ordering::Relaxed);
        let mut all: Vec<_> =
            self.tasks.join_all().await.into_iter().map(|one| one.expect("a dribbler fails")).collect();
        all.sort_by_key(|one| one.number);
        all
    }
}

impl Dribbler {
    /// Which one it is.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The rest of the message, as fast as it goes. It is taken.
    pub async fn finish(mut self) -> io::Result<()> {
        self.talk.stream.write_all(&content(self.number)[HEADER.len() + self.sent..]).await?;
        self.talk.stream.write_all(b".\r\n").await?;
        self.talk.expect("250").await
    }
}

async fn dribble(number: usize, port: u16, until: Instant, orders: Arc<Orders>) -> io::Result<Dribbler> {
    let mut talk = Talk::begin(port, until).await?;
    // Every other one says how large it is going to be, more or less (RFC 1870 §5: an estimate).
    let parameters = if number.is_multiple_of(2) { format!(" SIZE={MESSAGE}") } else { String::new() };
    let told = talk.envelope(&parameters, until).await?;
    orders.told_to_wait.fetch_add(told, Ordering::Relaxed);
    talk.say("DATA", "354").await?;
    orders.begun.fetch_add(1, Ordering::Relaxed);
    let mut sent = 0;
    let lines = lines(number, SLOW + 64);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    talk.stream.write_all(HEADER).await?;
    loop {
        second.tick().await;
        if orders.stop.load(Ordering::Relaxed) {
            return Ok(Dribbler { number, talk, sent });
        }
        let unasked = talk.unasked();
        if !unasked.is_empty() {
            return Err(io::Error::other(format!("dribbler {number}, after {sent} octets: {unasked}")));
        }
        let pace = orders.pace.load(Ordering::Relaxed);
        let start = sent % LINE;
        talk.stream.write_all(&lines[start..start + pace]).await?;
        sent += pace;
    }
}

/// The content of a dribbler's message: no two are the same.
pub fn content(number: usize) -> Vec<u8> {
    [HEADER, &lines(number, MESSAGE)].concat()
}

/// Octets of a line with its CRLF.
const LINE: usize = 64;

/// Whole lines, of so many octets at least.
fn lines(number: usize, octets: usize) -> Vec<u8> {
    let mut line = format!("dribbler {number} ").into_bytes();
    line.resize(LINE - 2, b'.');
    line.extend_from_slice(b"\r\n");
    line.repeat(octets.div_ceil(LINE))
}
