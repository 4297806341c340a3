//! A capturing SMTP server: it keeps what it hears, octet for octet, and behaves as it is told.

use std::{
    collections::VecDeque,
    net::{TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use super::{port::Port, sink_session::accept};

/// The server, listening until it is dropped.
#[derive(Debug)]
pub struct Sink {
    port: Arc<Port>,
    shared: Arc<Shared>,
}

/// What the sink and the threads of its connections share.
#[derive(Debug)]
pub struct Shared {
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
    /// Replies that wait just now.
    pub stalled: usize,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// The sink is gone: its threads end.
    pub closed: bool,
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
    /// The reply to this command (`MAIL`, `RCPT`, `DATA`), or the `greeting`, waits as long as it is set.
    pub stalls: Option<&'static str>,
    /// Pause after each 64 KiB of mail data.
    pub pause: Duration,
}

impl Sink {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_on(Arc::new(Port::lease()))
    }

    /// Starts one on the port of one that is gone.
    pub fn start_on(port: Arc<Port>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port.number())).unwrap();
        let behaviour = Behaviour {
            offers: vec!["PIPELINING", "8BITMIME", "SIZE 104857600", "DSN", "SMTPUTF8", "ENHANCEDSTATUSCODES"],
            rcpt: Vec::new(),
            dots: VecDeque::new(),
            dots_wait: false,
            stalls: None,
            pause: Duration::ZERO,
        };
        let state = State {
            messages: Vec::new(),
            violations: Vec::new(),
            data_begun: 0,
            octets: 0,
            connections: 0,
            stalled: 0,
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

    /// The lease of its port, for whoever starts it again.
    #[allow(dead_code, reason = "for the alerts")]
    pub fn lease(&self) -> Arc<Port> {
        self.port.clone()
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
    /// The state, to look at.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Changes the state and wakes those that wait for it.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Keeps a message whose dot came; what to answer to it, once that may be said. Empty closes the connection.
    pub fn keep(&self, mut mail: Captured) -> String {
        let mut state = self.lock();
        let number = state.messages.len() + 1;
        mail.reply = state.behaviour.dots.pop_front().unwrap_or_else(|| format!("250 2.0.0 taken as {number}"));
        let reply = mail.reply.clone();
        state.messages.push(mail);
        self.changed.notify_all();
        while state.behaviour.dots_wait && !state.closed {
            state = self.changed.wait(state).unwrap();
        }
        reply
    }

    /// Waits as long as the reply to this command is to wait.
    pub fn stall(&self, command: &str) {
        let mut state = self.lock();
        if state.behaviour.stalls != Some(command) {
            return;
        }
        state.stalled += 1;
        self.changed.notify_all();
        while state.behaviour.stalls == Some(command) && !state.closed {
            state = self.changed.wait(state).unwrap();
        }
        state.stalled -= 1;
    }

    /// Notes that the protocol was broken.
    pub fn violation(&self, what: &str, octets: &[u8]) {
        let octets = octets.get(..200).unwrap_or(octets).escape_ascii().to_string();
        self.change(|state| state.violations.push(format!("{what}: {octets}")));
    }
}
