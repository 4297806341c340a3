//! The dialogue with the client, read a second time: every reply is put beside the command that it answers, from nothing but
//! the client's octets and ours. That octets of mail data are no commands, and commands no mail data, shows here (promise 4).

use std::{collections::BTreeSet, sync::Arc};

use portaria::{policy::Policy, smtp::mail_data::BareNewlines};

use super::house::MESSAGE_SIZE;
use crate::{
    mail_data::{Reading, chunk_command, naive, naive_chunks},
    splits::find,
};

/// A mail transaction as the client saw it.
#[derive(Debug)]
pub struct Said {
    /// In force at MAIL: it judges to the end (promise 10).
    pub policy: Arc<Policy>,
    /// Paths that heard 250, in the form in which the next hop hears them.
    pub recipients: BTreeSet<String>,
    /// Paths that heard anything.
    pub named: BTreeSet<String>,
    /// 354 was heard; the mail data as far as it came. Or the last chunk was answered: all of them; or one was refused: none.
    pub content: Option<Reading>,
    /// The reply to the end of mail data.
    pub last: Option<(u16, String)>,
    /// The client had logged in.
    pub logged_in: bool,
}

/// Both sides of the client's connection.
#[derive(Debug)]
pub struct Dialogue {
    /// In force now.
    pub policy: Arc<Policy>,
    /// What the client said.
    stream: Vec<u8>,
    /// Where the next command begins.
    at: usize,
    /// Ours, not yet a whole reply.
    partial: Vec<u8>,
    greeted: bool,
    in_data: bool,
    /// 334 was said: what comes is no command.
    challenged: bool,
    /// AUTH was answered 235, and nobody else was announced since.
    logged_in: bool,
    open: bool,
    /// The octets of the chunks of the open transaction that were answered.
    chunks: Option<Vec<u8>>,
    /// Octets of all chunks since the last MAIL that was taken.
    announced: usize,
    /// 421 was said, or QUIT answered.
    pub ended: bool,
    /// All transactions that a MAIL asked for.
    pub transactions: Vec<Said>,
}

/// A chunk on its way.
#[derive(Clone, Copy, Debug)]
struct Chunk<'s> {
    last: bool,
    octets: &'s [u8],
    is_whole: bool,
}

/// What a reply of ours was.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Anything else.
    Other,
    /// The reply to the end of mail data of the last transaction.
    Final,
}

impl Dialogue {
    /// Nothing is said yet.
    pub fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            stream: Vec::new(),
            at: 0,
            partial: Vec::new(),
            greeted: false,
            in_data: false,
            challenged: false,
            logged_in: false,
            open: false,
            chunks: None,
            announced: 0,
            ended: false,
            transactions: Vec::new(),
        }
    }

    /// The client says this.
    pub fn client(&mut self, octets: &[u8]) {
        self.stream.extend_from_slice(octets);
        self.read_on();
    }

    /// The mail data of an open transaction, as far as it came.
    fn read_on(&mut self) {
        if self.in_data {
            let content = naive(&self.stream[self.at..]);
            self.transactions.last_mut().expect("a transaction").content = Some(content);
        } else if let Some((Chunk { last: true, octets, is_whole: true }, _)) = self.chunk(true) {
            let all = [self.chunks.as_deref().unwrap_or_default(), octets].concat();
            let content = naive_chunks(BareNewlines::Refuse, &all, true);
            self.transactions.last_mut().expect("a transaction").content = Some(content);
        }
    }

    /// Whether the client is to send mail data.
    pub fn in_data(&self) -> bool {
        self.in_data
    }

    /// The chunk that is to be answered next, as far as it came, if it is one of the open transaction, or one that is not.
    fn chunk(&self, of_transaction: bool) -> Option<(Chunk<'_>, &[u8])> {
        let rest = &self.stream[self.at..];
        let end = find(rest, b"\r\n").filter(|_| !self.in_data && self.takes_chunks() == of_transaction)?;
        let (size, last) = chunk_command(&rest[..end])?;
        let octets = &rest[end + 2..];
        let (chunk, behind) = octets.split_at(size.min(octets.len()));
        Some((Chunk { last, octets: chunk, is_whole: chunk.len() == size }, behind))
    }

    /// Whether BDAT is in its place.
    fn takes_chunks(&self) -> bool {
        self.open && self.transactions.last().is_some_and(|said| !said.recipients.is_empty())
    }

    /// Whether the client is in the middle of a chunk of the open transaction.
    pub fn in_chunk(&self) -> bool {
        self.chunk(true).is_some_and(|(chunk, _)| !chunk.is_whole)
    }

    /// Whether it is in the middle of a chunk that belongs to nothing.
    pub fn in_refused_chunk(&self) -> bool {
        self.chunk(false).is_some_and(|(chunk, _)| !chunk.is_whole)
    }

    /// Whether content is under way.
    pub fn in_content(&self) -> bool {
        self.in_data || self.open && self.chunks.is_some() || self.chunk(true).is_some()
    }

    /// Whether all that the client said is answered, and mail data is not what it is to say.
    pub fn is_answered(&self) -> bool {
        self.greeted && !self.in_data && self.at == self.stream.len()
    }

    /// Whether MAIL was taken and the transaction is not over.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether the client has said all its mail data.
    pub fn has_all_data(&self) -> bool {
        if let Some((chunk, _)) = self.chunk(true) {
            return chunk.last && chunk.is_whole;
        }
        let content = self.transactions.last().filter(|_| self.in_data).and_then(|said| said.content.as_ref());
        content.is_some_and(|content| content.behind.is_some())
    }

    /// Whether the client has said all its mail data and behind it QUIT, and nothing else.
    pub fn is_quitting(&self) -> bool {
        if let Some((Chunk { last: true, is_whole: true, .. }, behind)) = self.chunk(true) {
            return behind.eq_ignore_ascii_case(b"QUIT\r\n");
        }
        let content = self.transactions.last().filter(|_| self.in_data).and_then(|said| said.content.as_ref());
        content.and_then(|content| content.behind.as_ref()).is_some_and(|rest| rest.eq_ignore_ascii_case(b"QUIT\r\n"))
    }

    /// We say this: `heard` is called for each reply.
    pub fn server(&mut self, octets: &[u8], mut heard: impl FnMut(&mut Self, Heard)) {
        assert!(!octets.is_empty());
        self.partial.extend_from_slice(octets);
        while let Some(end) = find(&self.partial, b"\r\n") {
            let line: Vec<u8> = self.partial.drain(..end + 2).collect();
            let text = String::from_utf8(line).expect("ASCII").trim_end().to_owned();
            assert!(text.len() <= 510 && text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{text:?}");
            if text.as_bytes().get(3) != Some(&b'-') {
                let what = self.reply(text[..3].parse().expect("a code"), text);
                heard(self, what);
                self.read_on();
            }
        }
        assert!(self.partial.is_empty(), "half a reply line");
    }

    fn reply(&mut self, code: u16, text: String) -> Heard {
        assert!(!self.ended, "said behind the end: {text}");
        if code == 421 {
            self.ended = true;
        } else if !self.greeted {
            assert_eq!(code, 220);
            self.greeted = true;
        } else if self.in_data {
            let said = self.transactions.last_mut().expect("a transaction");
            let behind = said.content.as_ref().and_then(|content| content.behind.as_ref());
            let behind = behind.unwrap_or_else(|| panic!("answered before the end of mail data: {text}")).len();
            said.last = Some((code, text));
            self.at = self.stream.len() - behind;
            self.close();
            return Heard::Final;
        } else {
            let line = self.next_line(&text);
            if std::mem::replace(&mut self.challenged, code == 334) {
                assert!(matches!(code, 334 | 235 | 454 | 501 | 535), "{text}");
                self.logged_in |= code == 235;
                return Heard::Other;
            }
            if let Some((size, last)) = chunk_command(&line).filter(|_| !self.ended) {
                return self.chunk_answered(size, last, code, text);
            }
            self.command(&line, code, &text);
        }
        Heard::Other
    }

    /// The reply to BDAT comes when all its octets came, unless there are more of them than are ever taken.
    fn chunk_answered(&mut self, size: usize, last: bool, code: u16, text: String) -> Heard {
        let octets = self.stream[self.at..].to_vec();
        let chunk = &octets[..size.min(octets.len())];
        self.announced = self.announced.saturating_add(size);
        self.at += chunk.len();
        if chunk.len() < size {
            assert!(self.announced as u64 > 4 * MESSAGE_SIZE, "answered before the end of the chunk: {text}");
            assert!(code >= 500, "{text}");
            self.ended = true;
        }
        if !self.takes_chunks() {
            assert!(code == 503 || code == 554, "{text}");
            return Heard::Other;
        }
        let chunks = self.chunks.get_or_insert_default();
        chunks.extend_from_slice(chunk);
        if !last && code == 250 {
            return Heard::Other;
        }
        let mut content = naive_chunks(BareNewlines::Refuse, chunks, last);
        // Bare newlines are told of at the last chunk only.
        content.bare_newline &= last && !self.ended;
        let said = self.transactions.last_mut().expect("a transaction");
        (said.content, said.last) = (Some(content), Some((code, text)));
        self.close();
        Heard::Final
    }

    /// The transaction is over.
    fn close(&mut self) {
        (self.in_data, self.open, self.chunks) = (false, false, None);
    }

    /// The command that `text` answers.
    fn next_line(&mut self, text: &str) -> Vec<u8> {
        let rest = &self.stream[self.at..];
        let stop = rest.iter().position(|octet| b"\r\n".contains(octet));
        let stop = stop.unwrap_or_else(|| panic!("a reply to nothing: {text}"));
        let line = rest[..stop].to_vec();
        if rest[stop..].starts_with(b"\r\n") {
            self.at += stop + 2;
        } else {
            assert!(text.starts_with("500"), "a bare CR or LF was answered {text}");
            self.ended = true;
        }
        line
    }

    fn command(&mut self, line: &[u8], code: u16, text: &str) {
        // A record is owed for every MAIL that came where it may and whose path could be read.
        let mail = match code {
            250 | 450 | 451 | 452 | 550 | 552 | 555 => true,
            501 => text.contains("Bad parameters"),
            553 => std::str::from_utf8(line).is_ok(),
            _ => false,
        };
        let line = String::from_utf8_lossy(line);
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match (verb.as_str(), code) {
            ("MAIL", _) if mail => {
                assert!(!self.open, "a transaction within another");
                self.open = code == 250;
                if self.open {
                    // A refused MAIL gives back nothing of what is swallowed at most.
                    self.announced = 0;
                }
                self.transactions.push(Said {
                    policy: self.policy.clone(),
                    recipients: BTreeSet::new(),
                    named: BTreeSet::new(),
                    content: None,
                    last: None,
                    logged_in: self.logged_in,
                });
            }
            ("RCPT", _) if self.open => {
                let said = self.transactions.last_mut().expect("a transaction");
                if let Some(path) = path(&line) {
                    said.named.insert(path.clone());
                    if code / 100 == 2 {
                        said.recipients.insert(path);
                    }
                }
            }
            ("RCPT", 200..300) => panic!("a recipient without transaction"),
            ("DATA", 354) => {
                assert!(self.open);
                self.in_data = true;
                self.read_on();
            }
            (_, 354) => panic!("354 to {line}"),
            // Behind chunks it ends the transaction.
            ("DATA", 503) if self.chunks.is_some() => self.close(),
            ("DATA", 400..) => {}
            ("EHLO" | "HELO" | "RSET", 250) => self.close(),
            ("AUTH", 235) => self.logged_in = true,
            (_, 235 | 334) => assert_eq!(verb, "AUTH", "{text}"),
            // Another client: whoever logged in before is gone.
            ("XCLIENT", 220) => self.logged_in = false,
            ("STARTTLS", 220) => assert_eq!(self.at, self.stream.len(), "octets in clear behind STARTTLS"),
            ("QUIT", 221) => self.ended = true,
            _ => {}
        }
    }
}

/// The path as the next hop is to hear it.
fn path(line: &str) -> Option<String> {
    let inside = line.split_once('<')?.1.rsplit_once('>')?.0;
    let bare = if inside.starts_with('@') { inside.split_once(':')?.1 } else { inside };
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    Some(if bare.eq_ignore_ascii_case("postmaster") { "postmaster@a.example".to_owned() } else { bare.to_owned() })
}
