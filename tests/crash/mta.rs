//! A client that behaves as an MTA: it keeps a message until it hears 250 or 5xx for it, and remembers every attempt.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    letters::letter,
    support::{
        client::{Client, Reply},
        generator::Chance,
        load::Letter,
        wire::dot_stuffed,
    },
};

/// How one attempt at a message ended, as the client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The final reply, on one line.
    Answered(String),
    /// The connection was lost before our dot was out.
    LostBeforeDot,
    /// The connection was lost between our dot and the reply: the one case in which a second copy may come of the next attempt.
    LostAfterDot,
}

/// All attempts at a message; the last of them is answered 2xx or 5xx.
pub type Journey = Vec<Attempt>;

/// Messages that several clients share: whoever is free takes the next.
#[derive(Debug)]
pub struct Work {
    next: AtomicUsize,
    answered: AtomicUsize,
    journeys: Mutex<Vec<Journey>>,
}

impl Work {
    /// The first so many letters.
    pub fn of(messages: usize) -> Self {
        Self {
            next: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
            journeys: Mutex::new(vec![Journey::new(); messages]),
        }
    }

    /// Lets this client deliver until nothing is left.
    pub fn share(&self, mut mta: Mta) {
        let messages = self.journeys.lock().unwrap().len();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= messages {
                return;
            }
            let journey = mta.deliver(&letter(number));
            self.journeys.lock().unwrap()[number] = journey;
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many are answered for good.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// All attempts, by letter.
    pub fn journeys(self) -> Vec<Journey> {
        self.journeys.into_inner().unwrap()
    }
}

/// One client, with one connection at a time.
#[derive(Debug)]
pub struct Mta {
    port: u16,
    chance: Chance,
    client: Option<Client>,
    left: usize,
    until: Instant,
}

impl Mta {
    /// To this port. A message that is not answered by `until` fails the test.
    pub fn new(port: u16, seed: u64, until: Instant) -> Self {
        Self { port, chance: Chance::new(seed), client: None, left: 0, until }
    }

    /// Sends a message until it is answered for good.
    pub fn deliver(&mut self, letter: &Letter) -> Journey {
        let mut journey = Journey::new();
        loop {
            let attempt = self.attempt(letter);
            let failed = !matches!(&attempt, Some(Attempt::Answered(_)));
            let answered = matches!(&attempt, Some(Attempt::Answered(reply)) if !reply.starts_with('4'));
            journey.extend(attempt);
            if answered {
                return journey;
            }
            assert!(Instant::now() < self.until, "<{}> is not answered in time: {journey:?}", letter.reverse_path);
            if failed {
                self.client = None;
            }
            thread::sleep(Duration::from_millis(30 + self.chance.next() % 120));
        }
    }

    /// One attempt; none if nobody took the connection, so that the message was never spoken of.
    fn attempt(&mut self, letter: &Letter) -> Option<Attempt> {
        if self.left == 0 {
            self.client = None;
        }
        let mut client = match self.client.take() {
            Some(client) => client,
            None => {
                self.left = 1 + self.chance.below(30);
                open(self.port).ok()?
            }
        };
        self.left -= 1;
        let pipelining = self.chance.below(2) == 0;
        let attempt = match before_content(&mut client, letter, pipelining) {
            Ok(None) => content(&mut client, letter),
            Ok(Some(refusal)) => Attempt::Answered(refusal.line()),
            Err(_) => Attempt::LostBeforeDot,
        };
        if matches!(&attempt, Attempt::Answered(reply) if !reply.starts_with("421")) {
            self.client = Some(client);
        }
        Some(attempt)
    }
}

fn open(port: u16) -> io::Result<Client> {
    let mut client = Client::dial(port)?;
    for command in ["", "EHLO mta.origin.example\r\n"] {
        client.try_write(command.as_bytes())?;
        let reply = client.try_read()?;
        if reply.code >= 400 {
            return Err(io::Error::other(reply.line()));
        }
    }
    Ok(client)
}

/// Up to the 354 of DATA, or the refusal that came instead (then the transaction is taken back).
fn before_content(client: &mut Client, letter: &Letter, pipelining: bool) -> io::Result<Option<Reply>> {
    let mut commands = vec![format!("MAIL FROM:<{}>\r\n", letter.reverse_path)];
    commands.extend(letter.recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>\r\n")));
    commands.push("DATA\r\n".to_owned());
    if pipelining {
        client.try_write(commands.concat().as_bytes())?;
    }
    let (mut refusal, mut goes_on) = (None, false);
    for command in &commands {
        if !pipelining {
            client.try_write(command.as_bytes())?;
        }
        let reply = client.try_read()?;
        goes_on = reply.code == 354;
        if reply.code == 421 {
            return Ok(Some(reply));
        }
        if reply.code >= 400 && refusal.is_none() {
            refusal = Some(reply);
            if !pipelining {
                break;
            }
        }
    }
    match (refusal, goes_on) {
        (None, true) => Ok(None),
        // Some recipients only: an MTA would go on for them; here the message is tried again as a whole.
        (Some(_), true) => Err(io::Error::other("354 for a part of the recipients; the connection is given up")),
        (refusal, false) => {
            client.try_write(b"RSET\r\n")?;
            client.try_read()?;
            Ok(refusal)
        }
    }
}

fn content(client: &mut Client, letter: &Letter) -> Attempt {
    // `write_all` fails only if not all of it went to the kernel: then the dot, which is last, did not go out.
    if client.try_write(&dot_stuffed(&letter.content)).is_err() {
        return Attempt::LostBeforeDot;
    }
    match client.try_read() {
        Ok(reply) => Attempt::Answered(reply.line()),
        Err(_) => Attempt::LostAfterDot,
    }
}
