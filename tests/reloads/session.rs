//! One client, again and again, in one of the ways in which a session can stand when a reload comes.

use std::{
    io::{self, Read, Write},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    sets::{APPLICATION, MAILBOXES, Set, WORDS},
    support::{
        client::{Client, Reply},
        tls::{Trust, Under},
        trace::find_id,
        wire::dot_stuffed,
    },
};

/// Where the gateway is.
#[derive(Debug)]
pub struct Place {
    pub relay: u16,
    pub application: u16,
    pub trust: Trust,
}

/// How it spends its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// EHLO, and a NOOP now and then.
    Idle,
    /// One transaction after another, a pause before each command.
    Steady,
    /// Long between RCPT and DATA.
    InEnvelope,
    /// Its content comes in pieces.
    InData,
    /// Content in chunks (BDAT), with pauses.
    InChunks,
    /// MAIL, RCPT and DATA in one write.
    Pipelined,
    /// A connection for each message.
    Fresh,
    /// Gives up transactions before their end, with RSET.
    Resetting,
    /// A connection for each message, long between STARTTLS and the handshake.
    Shaking,
    /// An application that logs in for each message, long between its name and its password.
    LoggingIn,
}

impl Way {
    pub const ALL: [Self; 10] = [
        Self::Idle,
        Self::Steady,
        Self::InEnvelope,
        Self::InData,
        Self::InChunks,
        Self::Pipelined,
        Self::Fresh,
        Self::Resetting,
        Self::Shaking,
        Self::LoggingIn,
    ];
}

/// What one message met.
#[derive(Clone, Debug)]
pub struct Met {
    /// As the reply to its end names it.
    pub id: String,
    /// By which of the two mailboxes was refused.
    pub set: Set,
    /// What stood in its subject.
    pub word: &'static str,
    /// It heard 452: what was to be held could not be made durable in time, and comes again. That is the disk's, not a reload's.
    pub deferred: bool,
}

/// What one client saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub met: Vec<Met>,
    /// Replies that make no sense, connections that ended.
    pub faults: Vec<String>,
    pub replies: usize,
    /// The longest that a reply to a command was waited for: neither disk nor scanner has a part in it.
    pub longest: Duration,
    /// … the reply to a whole message, which stands on the disk before.
    pub longest_end: Duration,
    pub connections: usize,
}

/// A client.
pub struct Session<'p> {
    place: &'p Place,
    way: Way,
    /// For pauses and words, each client its own.
    seed: u64,
    seen: Seen,
}

impl<'p> Session<'p> {
    pub fn new(place: &'p Place, number: usize) -> Self {
        let way = Way::ALL[number % Way::ALL.len()];
        Self { place, way, seed: number as u64 * 0x9e37_79b9 + 1, seen: Seen::default() }
    }

    /// Goes on until then, and ends well.
    pub fn run(mut self, until: Instant) -> Seen {
        let under_tls = matches!(self.way, Way::Shaking | Way::LoggingIn);
        let ended = if under_tls { self.go_on_under_tls(until) } else { self.go_on(until) };
        if let Err(fault) = ended {
            self.seen.faults.push(format!("{:?}: {fault}", self.way));
        }
        self.seen
    }

    fn go_on(&mut self, until: Instant) -> io::Result<()> {
        let mut client = self.connect()?;
        while Instant::now() < until {
            match self.way {
                Way::Idle => {
                    self.rest(1500);
                    self.say(&mut client, "NOOP")?;
                }
                Way::Resetting => {
                    for _ in 0..4 {
                        self.envelope(&mut client)?;
                        self.say(&mut client, "RSET")?;
                    }
                    // Each envelope has a refused recipient, and twenty errors without a message end a connection.
                    self.message(&mut client)?;
                }
                Way::Fresh => {
                    self.message(&mut client)?;
                    self.quit(client)?;
                    client = self.connect()?;
                }
                _ => self.message(&mut client)?,
            }
        }
        self.quit(client)
    }

    fn go_on_under_tls(&mut self, until: Instant) -> io::Result<()> {
        while Instant::now() < until {
            let client = self.connect()?;
            let mut client = self.under_tls(client)?;
            if self.way == Way::LoggingIn {
                self.log_in(&mut client)?;
            }
            self.message(&mut client)?;
            self.quit(client)?;
        }
        Ok(())
    }

    fn connect(&mut self) -> io::Result<Client> {
        let port = if self.way == Way::LoggingIn { self.place.application } else { self.place.relay };
        let mut client = Client::dial(port)?;
        self.seen.connections += 1;
        self.hear(&mut client, 220)?;
        self.say(&mut client, "EHLO mta.origin.example")?;
        Ok(client)
    }

    fn under_tls(&mut self, mut client: Client) -> io::Result<Client<Under>> {
        client.try_write(b"STARTTLS\r\n")?;
        self.hear(&mut client, 220)?;
        self.rest(1500);
        let mut client = client.under_tls(&self.place.trust)?;
        self.say(&mut client, "EHLO mta.origin.example")?;
        Ok(client)
    }

    fn log_in<S: Read + Write>(&mut self, client: &mut Client<S>) -> io::Result<()> {
        client.try_write(b"AUTH LOGIN\r\n")?;
        self.hear(client, 334)?;
        self.rest(1500);
        client.try_write(format!("{}\r\n", APPLICATION.login_as_sent).as_bytes())?;
        self.hear(client, 334)?;
        self.rest(3000);
        client.try_write(format!("{}\r\n", APPLICATION.password_as_sent).as_bytes())?;
        // Not among the waits for replies: the hash of a password is made to take long.
        let reply = client.try_read()?;
        self.seen.replies += 1;
        if reply.code == 235 { Ok(()) } else { Err(io::Error::other(format!("235 expected, {:?}", reply.line()))) }
    }

    fn reverse_path(&self) -> &'static str {
        if self.way == Way::LoggingIn { APPLICATION.sender } else { "a@origin.example" }
    }

    fn quit<S: Read + Write>(&mut self, mut client: Client<S>) -> io::Result<()> {
        client.try_write(b"QUIT\r\n")?;
        self.hear(&mut client, 221).map(drop)
    }

    /// One whole message, and what it met.
    fn message<S: Read + Write>(&mut self, client: &mut Client<S>) -> io::Result<()> {
        let word = WORDS[self.next(2)];
        let content = format!(
            "From: <{}>\r\nSubject: vento {word} {}\r\n\r\n{}",
            self.reverse_path(),
            self.next(1 << 20),
            "texto do corpo\r\n".repeat(40)
        );
        let (set, reply) = match self.way {
            Way::Pipelined => self.pipelined(client, content.as_bytes())?,
            Way::InChunks => {
                let set = self.envelope(client)?;
                (set, self.chunks(client, content.as_bytes())?)
            }
            _ => {
                let set = self.envelope(client)?;
                self.rest(if self.way == Way::InEnvelope { 3000 } else { 100 });
                client.try_write(b"DATA\r\n")?;
                self.hear(client, 354)?;
                let octets = dot_stuffed(content.as_bytes());
                let pieces = if self.way == Way::InData { 12 } else { 1 };
                for piece in octets.chunks(octets.len().div_ceil(pieces)) {
                    client.try_write(piece)?;
                    if pieces > 1 {
                        self.rest(150);
                    }
                }
                (set, self.hear_end(client)?)
            }
        };
        let id = find_id(&reply.line()).ok_or_else(|| io::Error::other(format!("no id in {:?}", reply.line())))?;
        self.seen.met.push(Met { id, set, word, deferred: reply.code == 452 });
        Ok(())
    }

    /// MAIL and three RCPT. Which of the two mailboxes is refused tells the set; both or none would be two sets, or none.
    fn envelope<S: Read + Write>(&mut self, client: &mut Client<S>) -> io::Result<Set> {
        self.pause();
        self.say(client, &format!("MAIL FROM:<{}>", self.reverse_path()))?;
        let mut heard = Vec::new();
        for mailbox in MAILBOXES {
            self.pause();
            client.try_write(format!("RCPT TO:<{mailbox}>\r\n").as_bytes())?;
            heard.push(self.hear_any(client)?);
        }
        self.pause();
        self.say(client, "RCPT TO:<maria@tjpa.jus.br>")?;
        judged(&heard)
    }

    fn pipelined<S: Read + Write>(&mut self, client: &mut Client<S>, content: &[u8]) -> io::Result<(Set, Reply)> {
        self.rest(400);
        let [ana, bia] = MAILBOXES;
        let commands = format!(
            "MAIL FROM:<a@origin.example>\r\nRCPT TO:<{ana}>\r\nRCPT TO:<{bia}>\r\nRCPT TO:<maria@tjpa.jus.br>\r\nDATA\r\n"
        );
        client.try_write(commands.as_bytes())?;
        self.hear(client, 250)?;
        let heard = [self.hear_any(client)?, self.hear_any(client)?];
        self.hear(client, 250)?;
        self.hear(client, 354)?;
        client.try_write(&dot_stuffed(content))?;
        Ok((judged(&heard)?, self.hear_end(client)?))
    }

    fn chunks<S: Read + Write>(&mut self, client: &mut Client<S>, content: &[u8]) -> io::Result<Reply> {
        let pieces: Vec<&[u8]> = content.chunks(content.len().div_ceil(3)).collect();
        for (nth, piece) in pieces.iter().enumerate() {
            self.rest(400);
            let last = if nth + 1 == pieces.len() { " LAST" } else { "" };
            client.try_write(format!("BDAT {}{last}\r\n", piece.len()).as_bytes())?;
            client.try_write(piece)?;
            if last.is_empty() {
                self.hear(client, 250)?;
            }
        }
        self.hear_end(client)
    }

    fn say<S: Read + Write>(&mut self, client: &mut Client<S>, command: &str) -> io::Result<Reply> {
        client.try_write(format!("{command}\r\n").as_bytes())?;
        self.hear(client, 250)
    }

    /// The reply to a whole message.
    fn hear_end<S: Read + Write>(&mut self, client: &mut Client<S>) -> io::Result<Reply> {
        let begun = Instant::now();
        let reply = client.try_read()?;
        self.seen.longest_end = self.seen.longest_end.max(begun.elapsed());
        self.seen.replies += 1;
        let is_end = reply.code == 250 || reply.is("452 4.3.1");
        if is_end { Ok(reply) } else { Err(io::Error::other(format!("an end expected, {:?}", reply.line()))) }
    }

    fn hear<S: Read + Write>(&mut self, client: &mut Client<S>, code: u16) -> io::Result<Reply> {
        let reply = self.hear_any(client)?;
        if reply.code == code {
            Ok(reply)
        } else {
            Err(io::Error::other(format!("{code} expected, {:?}", reply.line())))
        }
    }

    fn hear_any<S: Read + Write>(&mut self, client: &mut Client<S>) -> io::Result<Reply> {
        let begun = Instant::now();
        let reply = client.try_read()?;
        self.seen.longest = self.seen.longest.max(begun.elapsed());
        self.seen.replies += 1;
        Ok(reply)
    }

    fn pause(&mut self) {
        if matches!(self.way, Way::Steady | Way::InEnvelope | Way::Resetting) {
            self.rest(200);
        }
    }

    /// Up to so many milliseconds.
    fn rest(&mut self, most: usize) {
        let millis = self.next(most) as u64;
        sleep(Duration::from_millis(millis));
    }

    fn next(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % below
    }
}

/// By which set the two mailboxes were judged.
fn judged(heard: &[Reply]) -> io::Result<Set> {
    match heard {
        [ana, bia] if ana.is("550 5.2.1") && bia.code == 250 => Ok(Set::Alfa),
        [ana, bia] if ana.code == 250 && bia.is("550 5.2.1") => Ok(Set::Beta),
        _ => Err(io::Error::other(format!("no set says so: {heard:?}"))),
    }
}
