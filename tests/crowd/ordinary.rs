//! Ordinary mail beside the crowd, and how long each message of it takes.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::support::client::Client;

/// Clients that send it, each one message after the other.
pub const CONNECTIONS: usize = 20;

/// What a client rests between two messages.
const REST: Duration = Duration::from_millis(100);

/// How long each message took from MAIL to its final reply, and what those heard that were not taken at once.
#[derive(Debug, Default)]
pub struct Timings {
    taken: Vec<Duration>,
    others: BTreeMap<String, usize>,
}

impl Timings {
    /// The one in the place `share` (0 to 1) of all that were taken, by time.
    pub fn at(&self, share: f64) -> Duration {
        let mut sorted = self.taken.clone();
        sorted.sort_unstable();
        let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
        sorted.get(place).copied().unwrap_or_default()
    }

    /// How many were taken, and how many were not.
    pub fn counts(&self) -> (usize, usize) {
        (self.taken.len(), self.others.values().sum())
    }

    /// On one line.
    pub fn line(&self) -> String {
        let [median, most, worst] = [0.5, 0.99, 1.0].map(|share| self.at(share).as_secs_f64() * 1e3);
        let others: Vec<String> = self.others.iter().map(|(reply, count)| format!("{count} × {reply:?}")).collect();
        format!(
            "{} messages, median {median:.0} ms, 99 of 100 within {most:.0} ms, worst {worst:.0} ms; not taken: {}",
            self.taken.len(),
            if others.is_empty() { "none".to_owned() } else { others.join(", ") }
        )
    }
}

/// Sends ordinary mail, 4 KB each, for as long as `during` takes.
pub fn beside<T>(port: u16, during: impl FnOnce() -> T) -> (T, Timings) {
    let (over, timings) = (AtomicBool::new(false), Mutex::new(Timings::default()));
    let result = thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut client = Client::connect(port);
                while !over.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    let reply = send(&mut client);
                    let mut timings = timings.lock().unwrap();
                    match reply {
                        None => timings.taken.push(begun.elapsed()),
                        Some(reply) => *timings.others.entry(reply).or_default() += 1,
                    }
                    drop(timings);
                    thread::sleep(REST);
                }
                client.say("QUIT").expect("221", "QUIT");
            });
        }
        let result = during();
        over.store(true, Ordering::Relaxed);
        result
    });
    (result, timings.into_inner().unwrap())
}

/// A message. What was said when it was not taken.
fn send(client: &mut Client) -> Option<String> {
    client.say("MAIL FROM:<ordinary@origin.example>").expect("250", "MAIL");
    let reply = client.say("RCPT TO:<jose@tjpa.jus.br>");
    if reply.code != 250 {
        client.say("RSET").expect("250", "RSET");
        return Some(reply.line());
    }
    let reply = client.data(&message(4096));
    (reply.code != 250).then(|| reply.line())
}

/// A message of about so many octets.
pub fn message(octets: usize) -> Vec<u8> {
    let mut content = b"Subject: Ata da reuniao\r\n\r\n".to_vec();
    while content.len() < octets {
        content.extend_from_slice(b"Segue a ata da reuniao de ontem, para conhecimento.\r\n");
    }
    content
}
