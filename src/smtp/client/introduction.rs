//! From a connection just opened to one that is ready for MAIL (RFC 5321 §3.1, §3.2; RFC 3207).
//!
//! In: octets of the next hop, and that TLS was established. Out: [`Step`]s. Why an opportunistic handshake failed and
//! whether to connect again in clear is the owner's business.

use bytes::Bytes;

use crate::smtp::{
    extension::Capabilities,
    reply::{Reply, ReplyDecoder, ReplyFault},
};

/// Whether the connection is to be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsWish {
    /// Never.
    Off,
    /// If the server offers it.
    Opportunistic,
    /// Or not at all.
    Required,
}

/// What the introduction wants next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write these octets.
    Send(Bytes),
    /// Do the TLS handshake, then call [`Introduction::tls_established`].
    StartTls,
    /// The server is ready for MAIL.
    Ready(Capabilities),
    /// It is not, and never will be on this connection.
    Failed(IntroductionFault),
    /// More octets are needed.
    Receive,
}

/// Why an introduction failed. All of these are about us, not about the message (`docs/replies.md`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntroductionFault {
    /// The greeting, EHLO and HELO, or STARTTLS was answered with this.
    #[error("the next hop answered {command} with {}", reply.summary())]
    Refused {
        /// `greeting`, `EHLO`, `HELO`, `STARTTLS`.
        command: &'static str,
        /// Its reply.
        reply: Reply,
    },
    /// TLS is required, and it is not offered.
    #[error("TLS is required and the next hop does not offer it")]
    NoTls,
    /// Octets after the reply to STARTTLS and before TLS (CVE-2011-0411, client side).
    #[error("octets were sent between the reply to STARTTLS and TLS")]
    Injection,
    /// Octets after the greeting and before EHLO, or after the last reply: every later reply would be taken for another's.
    #[error("octets were sent that answer nothing")]
    Unsolicited,
    /// What came was not a reply.
    #[error(transparent)]
    NotAReply(#[from] ReplyFault),
}

/// Greeting, EHLO (HELO if that is refused with 5xx), STARTTLS, EHLO again.
///
/// Under [`TlsWish::Opportunistic`] a refused STARTTLS (but for 421) leaves the connection in clear: RFC 7435 asks for no more.
#[derive(Debug)]
pub struct Introduction {
    hostname: String,
    wish: TlsWish,
    is_tls: bool,
    decoder: ReplyDecoder,
    state: State,
}

#[derive(Debug)]
enum State {
    Sending(Command),
    Awaiting(Expected),
    Handshake,
    Ready(Capabilities),
    Failed(IntroductionFault),
}

/// The reply that is awaited.
#[derive(Clone, Debug)]
enum Expected {
    Greeting,
    To(Command),
}

#[derive(Clone, Debug)]
enum Command {
    Ehlo,
    Helo,
    /// With what EHLO said, for the case that it is refused.
    StartTls(Capabilities),
}

impl Introduction {
    /// For a connection just opened. `hostname` is our own name as configured.
    pub fn new(hostname: &str, tls: TlsWish) -> Self {
        Self {
            // Comes from our configuration, which checks it; a CR in it must not become a second command all the same.
            hostname: hostname.chars().filter(char::is_ascii_graphic).collect(),
            wish: tls,
            is_tls: false,
            decoder: ReplyDecoder::default(),
            state: State::Awaiting(Expected::Greeting),
        }
    }

    /// Octets came.
    pub fn receive(&mut self, octets: &[u8]) {
        self.decoder.receive(octets);
    }

    /// What to do now. Call it again after every answer to its wishes until it says `Receive`, `Ready` or `Failed`.
    pub fn poll(&mut self) -> Step {
        loop {
            match &self.state {
                State::Sending(command) => {
                    let command = command.clone();
                    let line = self.encode(&command);
                    self.state = State::Awaiting(Expected::To(command));
                    return Step::Send(line);
                }
                State::Awaiting(expected) => match self.decoder.poll() {
                    None => return Step::Receive,
                    Some(Err(fault)) => self.state = State::Failed(fault.into()),
                    Some(Ok(reply)) => self.state = self.checked(self.next(expected.clone(), reply)),
                },
                State::Handshake if self.decoder.is_empty() => return Step::StartTls,
                State::Handshake => self.state = State::Failed(IntroductionFault::Injection),
                State::Ready(capabilities) => return Step::Ready(capabilities.clone()),
                State::Failed(fault) => return Step::Failed(fault.clone()),
            }
        }
    }

    /// The handshake succeeded. What was said before it is forgotten (RFC 3207 §4.2).
    pub fn tls_established(&mut self) {
        if matches!(self.state, State::Handshake) {
            self.is_tls = true;
            let untouched = self.decoder.is_empty();
            self.state =
                if untouched { State::Sending(Command::Ehlo) } else { State::Failed(IntroductionFault::Injection) };
        }
    }

    fn encode(&self, command: &Command) -> Bytes {
        match command {
            Command::Ehlo => format!("EHLO {}\r\n", self.hostname).into(),
            Command::Helo => format!("HELO {}\r\n", self.hostname).into(),
            Command::StartTls(_) => Bytes::from_static(b"STARTTLS\r\n"),
        }
    }

    /// What follows on `reply`.
    fn next(&self, expected: Expected, reply: Reply) -> State {
        match (expected, reply.code()) {
            (Expected::Greeting, 220) => State::Sending(Command::Ehlo),
            (Expected::Greeting, _) => refused("greeting", reply),
            (Expected::To(Command::Ehlo), 250) => self.introduced(Capabilities::from_ehlo_lines(reply.lines())),
            (Expected::To(Command::Ehlo), _) if reply.is_permanent() => State::Sending(Command::Helo),
            (Expected::To(Command::Ehlo), _) => refused("EHLO", reply),
            (Expected::To(Command::Helo), 250) => self.introduced(Capabilities::default()),
            (Expected::To(Command::Helo), _) => refused("HELO", reply),
            (Expected::To(Command::StartTls(_)), 220) => State::Handshake,
            // 421 says that the connection is closing: staying on it in clear would fail at MAIL.
            (Expected::To(Command::StartTls(in_clear)), code) if self.wish != TlsWish::Required && code != 421 => {
                State::Ready(in_clear)
            }
            (Expected::To(Command::StartTls(_)), _) => refused("STARTTLS", reply),
        }
    }

    /// After EHLO or HELO was taken.
    fn introduced(&self, capabilities: Capabilities) -> State {
        match self.wish {
            _ if self.is_tls => State::Ready(capabilities),
            TlsWish::Off => State::Ready(capabilities),
            TlsWish::Opportunistic | TlsWish::Required if capabilities.starttls => {
                State::Sending(Command::StartTls(capabilities))
            }
            TlsWish::Opportunistic => State::Ready(capabilities),
            TlsWish::Required => State::Failed(IntroductionFault::NoTls),
        }
    }

    /// `next`, unless octets came that nothing of ours has asked for yet.
    fn checked(&self, next: State) -> State {
        match next {
            State::Sending(_) | State::Ready(_) if !self.decoder.is_empty() => {
                State::Failed(IntroductionFault::Unsolicited)
            }
            next => next,
        }
    }
}

fn refused(command: &'static str, reply: Reply) -> State {
    State::Failed(IntroductionFault::Refused { command, reply })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TLS: &str = "<tls>";

    /// Runs a conversation: `N` lines are what the next hop says whenever more is wanted, in pieces of `size` octets; the outcome
    /// is all that was said to it, `<tls>` for a handshake, and the end.
    fn run(wish: TlsWish, said: &[&str], size: usize) -> (Vec<String>, Step) {
        let mut introduction = Introduction::new("portaria.example", wish);
        let mut said = said.iter();
        let mut pieces = Vec::new().into_iter();
        let mut ours = Vec::new();
        loop {
            match introduction.poll() {
                Step::Send(octets) => ours.push(String::from_utf8(octets.to_vec()).unwrap()),
                Step::StartTls => {
                    ours.push(TLS.to_owned());
                    introduction.tls_established();
                }
                Step::Receive => match pieces.next() {
                    Some(piece) => introduction.receive(piece),
                    None => match said.next() {
                        Some(text) => pieces = text.as_bytes().chunks(size).collect::<Vec<_>>().into_iter(),
                        None => return (ours, Step::Receive),
                    },
                },
                end => return (ours, end),
            }
        }
    }

    /// The same whole and octet by octet.
    fn both_ways(wish: TlsWish, said: &[&str]) -> (Vec<String>, Step) {
        let whole = run(wish, said, usize::MAX);
        assert_eq!(run(wish, said, 1), whole, "{said:?}");
        whole
    }

    const EHLO: &str = "EHLO portaria.example\r\n";
    const HELO: &str = "HELO portaria.example\r\n";
    const STARTTLS: &str = "STARTTLS\r\n";

    fn dsn() -> Step {
        Step::Ready(Capabilities { dsn: true, ..Capabilities::default() })
    }

    fn refused(command: &'static str, reply: Reply) -> Step {
        Step::Failed(IntroductionFault::Refused { command, reply })
    }

    #[test]
    fn conversations_that_end_well() {
        use TlsWish::*;
        let both = Capabilities { dsn: true, starttls: true, ..Capabilities::default() };
        let offers = "250-mx\r\n250-STARTTLS\r\n250 DSN\r\n";
        for (wish, said, ours, end) in [
            // In clear.
            (Off, vec!["220 mx\r\n", "250-mx\r\n250 DSN\r\n"], vec![EHLO], dsn()),
            (Off, vec!["220-mx\r\n220 hello\r\n", offers], vec![EHLO], Step::Ready(both.clone())),
            // An old server.
            (
                Off,
                vec!["220 mx\r\n", "502 what?\r\n", "250 mx\r\n"],
                vec![EHLO, HELO],
                Step::Ready(Capabilities::default()),
            ),
            // TLS where it is offered; what EHLO said before it is forgotten.
            (Opportunistic, vec!["220 mx\r\n", "250-mx\r\n250 DSN\r\n"], vec![EHLO], dsn()),
            (
                Opportunistic,
                vec!["220 mx\r\n", "250-mx\r\n250-SIZE 9\r\n250 STARTTLS\r\n", "220 go\r\n", "250-mx\r\n250 DSN\r\n"],
                vec![EHLO, STARTTLS, TLS, EHLO],
                dsn(),
            ),
            (
                Required,
                vec!["220 mx\r\n", offers, "220 go\r\n", "250-mx\r\n250 DSN\r\n"],
                vec![EHLO, STARTTLS, TLS, EHLO],
                dsn(),
            ),
            // STARTTLS offered again under TLS is not asked again.
            (
                Required,
                vec!["220 mx\r\n", offers, "220 go\r\n", offers],
                vec![EHLO, STARTTLS, TLS, EHLO],
                Step::Ready(both.clone()),
            ),
            // A certificate that is gone for the moment: RFC 7435 asks for no more than the attempt.
            (Opportunistic, vec!["220 mx\r\n", offers, "454 no TLS\r\n"], vec![EHLO, STARTTLS], Step::Ready(both)),
            // Nothing more comes.
            (Off, vec!["220 mx\r\n", "250-mx\r\n"], vec![EHLO], Step::Receive),
            (Off, vec![], vec![], Step::Receive),
        ] {
            let (said_by_us, reached) = both_ways(wish, &said);
            assert_eq!((said_by_us.iter().map(String::as_str).collect(), reached), (ours, end), "{said:?}");
        }
    }

    #[test]
    fn conversations_that_fail() {
        use TlsWish::*;
        let offers = "250-mx\r\n250 STARTTLS\r\n";
        let reply = Reply::new;
        for (wish, said, end) in [
            (Off, vec!["554 no\r\n"], refused("greeting", reply(554, None, "no"))),
            (Off, vec!["421 busy\r\n"], refused("greeting", reply(421, None, "busy"))),
            (Off, vec!["250 mx\r\n"], refused("greeting", reply(250, None, "mx"))),
            (Off, vec!["220 mx\r\n", "421 busy\r\n"], refused("EHLO", reply(421, None, "busy"))),
            (Off, vec!["220 mx\r\n", "354 go\r\n"], refused("EHLO", reply(354, None, "go"))),
            (Off, vec!["220 mx\r\n", "550 no\r\n", "550 never\r\n"], refused("HELO", reply(550, None, "never"))),
            (Required, vec!["220 mx\r\n", "250 mx\r\n"], Step::Failed(IntroductionFault::NoTls)),
            (Required, vec!["220 mx\r\n", "502 no\r\n", "250 mx\r\n"], Step::Failed(IntroductionFault::NoTls)),
            (Required, vec!["220 mx\r\n", offers, "454 no\r\n"], refused("STARTTLS", reply(454, None, "no"))),
            (Opportunistic, vec!["220 mx\r\n", offers, "421 bye\r\n"], refused("STARTTLS", reply(421, None, "bye"))),
            (
                Off,
                vec!["SSH-2.0-x\r\n"],
                Step::Failed(IntroductionFault::NotAReply(ReplyFault::NotAReply("SSH-2.0-x".to_owned()))),
            ),
            (
                Required,
                vec!["220 mx\r\n", offers, "220 go\r\n", "250-a\r\n251 b\r\n"],
                Step::Failed(IntroductionFault::NotAReply(ReplyFault::CodeChanged(250, 251))),
            ),
        ] {
            assert_eq!(both_ways(wish, &said).1, end, "{said:?}");
        }
    }

    /// CVE-2011-0411, client side: octets behind the 220 in clear would be read as if they had come under TLS.
    #[test]
    fn octets_between_the_reply_to_starttls_and_tls_end_it() {
        for injected in ["220 go\r\n250-mx\r\n250 DSN\r\n", "220 go\r\n2", "220 go\r\n\0"] {
            let (ours, end) =
                run(TlsWish::Opportunistic, &["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", injected], usize::MAX);
            assert_eq!(ours, [EHLO, STARTTLS]);
            assert_eq!(end, Step::Failed(IntroductionFault::Injection), "{injected:?}");
        }
        // Even when they come after `StartTls` was polled.
        let mut introduction = Introduction::new("portaria.example", TlsWish::Required);
        introduction.receive(b"220 mx\r\n");
        assert!(matches!(introduction.poll(), Step::Send(_)));
        introduction.receive(b"250-mx\r\n250 STARTTLS\r\n");
        assert!(matches!(introduction.poll(), Step::Send(_)));
        introduction.receive(b"220 go\r\n");
        assert_eq!(introduction.poll(), Step::StartTls);
        introduction.receive(b"250 x\r\n");
        introduction.tls_established();
        assert_eq!(introduction.poll(), Step::Failed(IntroductionFault::Injection));
    }

    /// A reply before its question would shift all that follow: the 250 to RCPT would be taken for the one after the dot.
    #[test]
    fn a_reply_before_its_question_ends_it() {
        for said in [
            vec!["220 mx\r\n250 mx\r\n"],
            vec!["220 mx\r\n", "250 mx\r\n250 ok\r\n"],
            vec!["220 mx\r\n", "250 mx\r\n2"],
            vec!["220 mx\r\n", "500 what?\r\n250 mx\r\n"],
        ] {
            let end = run(TlsWish::Off, &said, usize::MAX).1;
            assert_eq!(end, Step::Failed(IntroductionFault::Unsolicited), "{said:?}");
        }
    }

    #[test]
    fn our_name_is_one_word() {
        let mut introduction = Introduction::new("a\r\nMAIL FROM:<x>", TlsWish::Off);
        introduction.receive(b"220 mx\r\n");
        assert_eq!(introduction.poll(), Step::Send(Bytes::from_static(b"EHLO aMAILFROM:<x>\r\n")));
    }
}
