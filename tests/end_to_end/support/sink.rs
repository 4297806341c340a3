//! A capturing SMTP server: it keeps what it hears, octet for octet, and behaves as it is told.

use std::{
    collections::VecDeque,
    io::{self, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use super::{
    port::Port,
    reader::{Line, LineReader},
};

/// The server, listening until it is dropped.
#[derive(Debug)]
pub struct Sink {
    port: Port,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// What it has heard, and how it behaves.
#[derive(Debug)]
pub struct State {
    /// Every message whose final dot came, whatever the reply to it.
    pub messages: Vec<Captured>,
    /// Lines that broke the protocol: a CR or LF out of place, an unknown command. Expected to stay empty.
    pub violations: Vec<String>,
    /// DATA commands that were answered with 354.
    pub data_begun: usize,
    /// Octets of mail data heard, of all messages, whole or cut short.
    pub octets: u64,
    /// Connections taken.
    pub connections: usize,
    /// How it behaves.
    pub behaviour: Behaviour,
    closed: bool,
}

/// A message whose final dot came.
#[derive(Clone, Debug)]
pub struct Captured {
    /// What stood in the brackets of MAIL.
    pub reverse_path: String,
    /// The parameters of MAIL.
    pub parameters: String,
    /// What stood in the brackets of each accepted RCPT.
    pub recipients: Vec<String>,
    /// The parameters of each accepted RCPT.
    pub recipient_parameters: Vec<String>,
    /// The content, dots unstuffed, every line with its CRLF.
    pub content: Vec<u8>,
    /// What was answered to the dot; empty when the connection was closed instead.
    pub reply: String,
}

/// How the sink behaves. It can be changed at any moment.
#[derive(Debug)]
pub struct Behaviour {
    /// The EHLO keywords.
    pub offers: Vec<&'static str>,
    /// Forward-paths that get another reply than 250.
    pub rcpt: Vec<(String, String)>,
    /// Replies to the next dots; then 250. An empty one closes the connection without an answer.
    pub dots: VecDeque<String>,
    /// Replies to dots wait as long as this is set.
    pub dots_wait: bool,
    /// Pause after each 64 KiB of mail data.
    pub pause: Duration,
}

impl Sink {
    /// Starts one.
    pub fn start() -> Self {
        let port = Port::lease();
        let listener = TcpListener::bind(("127.0.0.1", port.number())).unwrap();
        let behaviour = Behaviour {
            offers: vec!["PIPELINING", "8BITMIME", "SIZE 104857600", "DSN", "SMTPUTF8", "ENHANCEDSTATUSCODES"],
            rcpt: Vec::new(),
            dots: VecDeque::new(),
            dots_wait: false,
            pause: Duration::ZERO,
        };
        let state = State {
            messages: Vec::new(),
            violations: Vec::new(),
            data_begun: 0,
            octets: 0,
            connections: 0,
            behaviour,
            closed: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { port, shared }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// What it has heard.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// Changes how it behaves.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.lock().behaviour);
        self.shared.changed.notify_all();
    }

    /// Waits until what it has heard is so; fails the test with `what` after `limit`.
    #[track_caller]
    pub fn wait_until(&self, what: &str, limit: Duration, holds: impl Fn(&State) -> bool) {
        let begun = Instant::now();
        let mut state = self.shared.lock();
        while !holds(&state) {
            let left = limit.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "waited {limit:?} in vain for the sink: {what}; it heard {}", state.summary());
            state = self.shared.changed.wait_timeout(state, left.min(Duration::from_millis(200))).unwrap().0;
        }
    }

    /// The only message that came; fails the test if there is none or another.
    #[track_caller]
    pub fn only_message(&self) -> Captured {
        let state = self.state();
        assert_eq!(state.messages.len(), 1, "one message was to arrive; the sink heard {}", state.summary());
        state.messages[0].clone()
    }

    /// Fails the test if any message came whole, or any broke the protocol.
    #[track_caller]
    pub fn heard_no_message(&self) {
        let state = self.state();
        assert!(state.messages.is_empty(), "nothing was to arrive; the sink heard {}", state.summary());
    }
}

impl State {
    /// In a few words, for the message of a failing test.
    pub fn summary(&self) -> String {
        let last: Vec<String> = self
            .messages
            .iter()
            .rev()
            .take(5)
            .map(|m| {
                format!(
                    "<{}> to {:?}, {} octets, answered {:?}",
                    m.reverse_path,
                    m.recipients,
                    m.content.len(),
                    m.reply
                )
            })
            .collect();
        format!(
            "{} messages, {} DATA, {} octets of mail data, {} connections, violations {:?}; the last: {last:#?}",
            self.messages.len(),
            self.data_begun,
            self.octets,
            self.connections,
            self.violations
        )
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        if thread::panicking() {
            eprintln!("-- the sink heard {}", state.summary());
        } else {
            assert!(state.violations.is_empty(), "the protocol was broken towards the sink: {:?}", state.violations);
        }
        drop(state);
        self.shared.changed.notify_all();
        drop(TcpStream::connect(("127.0.0.1", self.port())));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    fn violation(&self, what: &str, octets: &[u8]) {
        let octets = octets.get(..200).unwrap_or(octets).escape_ascii().to_string();
        self.change(|state| state.violations.push(format!("{what}: {octets}")));
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.lock().closed {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.change(|state| state.connections += 1);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A connection that breaks off is the other side's right; what came of it stands in the state.
            let _ = Session { reader: LineReader::new(stream.try_clone()?), stream, shared, mail: None }.serve();
            io::Result::Ok(())
        });
    }
}

struct Session {
    stream: TcpStream,
    reader: LineReader,
    shared: Arc<Shared>,
    mail: Option<Captured>,
}

impl Session {
    fn serve(&mut self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(Duration::from_secs(300)))?;
        self.stream.set_nodelay(true)?;
        self.say("220 mailbox.example ESMTP")?;
        loop {
            let line = match self.reader.next()? {
                Line::End => return Ok(()),
                Line::Broken(line) => {
                    self.shared.violation("a broken command line", line);
                    self.stream.write_all(b"500 5.5.2 not a line\r\n")?;
                    continue;
                }
                Line::Proper(line) => String::from_utf8_lossy(line).into_owned(),
            };
            if !self.command(&line)? {
                return self.stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Obeys a command; false ends the session.
    fn command(&mut self, line: &str) -> io::Result<bool> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                self.mail = None;
                let offers = self.shared.lock().behaviour.offers.join("\r\n250-");
                self.say(&format!("250-mailbox.example\r\n250-{offers}\r\n250 HELP"))?;
            }
            "HELO" => self.say("250 mailbox.example")?,
            "MAIL" => self.mail(line)?,
            "RCPT" => self.rcpt(line)?,
            "DATA" => return self.data(),
            "RSET" => {
                self.mail = None;
                self.say("250 2.0.0 reset")?;
            }
            "NOOP" => self.say("250 2.0.0 noted")?,
            "QUIT" => {
                self.say("221 2.0.0 until next time")?;
                return Ok(false);
            }
            _ => {
                self.shared.violation("an unknown command", line.as_bytes());
                self.say("500 5.5.1 unknown")?;
            }
        }
        Ok(true)
    }

    fn mail(&mut self, line: &str) -> io::Result<()> {
        if self.mail.is_some() {
            self.shared.violation("MAIL within a transaction", line.as_bytes());
            return self.say("503 5.5.1 nested MAIL");
        }
        let Some((path, parameters)) = path_of(line, "MAIL FROM:<") else {
            self.shared.violation("not a MAIL command", line.as_bytes());
            return self.say("501 5.5.4 MAIL FROM:<path>");
        };
        self.mail = Some(Captured {
            reverse_path: path,
            parameters,
            recipients: Vec::new(),
            recipient_parameters: Vec::new(),
            content: Vec::new(),
            reply: String::new(),
        });
        self.say("250 2.1.0 sender noted")
    }

    fn rcpt(&mut self, line: &str) -> io::Result<()> {
        let (Some((path, parameters)), Some(mail)) = (path_of(line, "RCPT TO:<"), self.mail.as_mut()) else {
            self.shared.violation("not an RCPT command, or no MAIL", line.as_bytes());
            return self.say("503 5.5.1 RCPT TO:<path> after MAIL");
        };
        let refused = {
            let state = self.shared.lock();
            state.behaviour.rcpt.iter().find(|(address, _)| *address == path).map(|(_, reply)| reply.clone())
        };
        match refused {
            Some(reply) => self.say(&reply),
            None => {
                mail.recipients.push(path);
                mail.recipient_parameters.push(parameters);
                self.say("250 2.1.5 recipient noted")
            }
        }
    }

    fn data(&mut self) -> io::Result<bool> {
        if self.mail.as_ref().is_none_or(|mail| mail.recipients.is_empty()) {
            // Not a violation: behind PIPELINING, DATA may follow refused recipients (RFC 2920 §3.1).
            self.say("554 5.5.1 no valid recipients")?;
            return Ok(true);
        }
        let Some(mut mail) = self.mail.take() else { return Ok(false) };
        self.shared.change(|state| state.data_begun += 1);
        self.say("354 go ahead")?;
        mail.content = match self.content()? {
            Some(content) => content,
            None => return Ok(false),
        };
        let reply = self.reply_to_dot(mail);
        if reply.is_empty() {
            return Ok(false);
        }
        self.say(&reply)?;
        Ok(!reply.starts_with("421"))
    }

    /// Keeps the message, then answers when it may; empty closes the connection.
    fn reply_to_dot(&mut self, mut mail: Captured) -> String {
        let mut state = self.shared.lock();
        let number = state.messages.len() + 1;
        mail.reply = state.behaviour.dots.pop_front().unwrap_or_else(|| format!("250 2.0.0 taken as {number}"));
        let reply = mail.reply.clone();
        state.messages.push(mail);
        self.shared.changed.notify_all();
        while state.behaviour.dots_wait && !state.closed {
            state = self.shared.changed.wait(state).unwrap();
        }
        reply
    }

    /// Mail data up to its dot; none if the connection ended before.
    fn content(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut content: Vec<u8> = Vec::new();
        let mut told = 0;
        loop {
            match self.reader.next()? {
                Line::End => return Ok(None),
                Line::Proper(b".") => break,
                Line::Proper(line) => {
                    content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
                    content.extend_from_slice(b"\r\n");
                }
                Line::Broken(line) => {
                    // The rest of a line that was cut off by the end of the stream is no offence.
                    if line.ends_with(b"\n") || memchr::memchr(b'\r', &line[..line.len() - 1]).is_some() {
                        self.shared.violation("a CR or LF out of place in mail data", line);
                    }
                    content.extend_from_slice(line);
                }
            }
            if content.len() - told >= 64 * 1024 {
                let more = (content.len() - told) as u64;
                told = content.len();
                let pause = self.shared.change(|state| {
                    state.octets += more;
                    state.behaviour.pause
                });
                thread::sleep(pause);
            }
        }
        self.shared.change(|state| state.octets += (content.len() - told) as u64);
        Ok(Some(content))
    }

    fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes())
    }
}

/// What stands in the brackets, and the parameters behind.
fn path_of(line: &str, before: &str) -> Option<(String, String)> {
    if !line.get(..before.len())?.eq_ignore_ascii_case(before) {
        return None;
    }
    let (path, parameters) = line[before.len()..].rsplit_once('>')?;
    Some((path.to_owned(), parameters.trim().to_owned()))
}
