//! A next hop that reads what is said to it naively and strictly: only whole commands of ours, with extensions that it offered,
//! and mail data that nobody could read otherwise.

use std::collections::{BTreeSet, VecDeque};

use portaria::smtp::{
    client::ForwardAttributes,
    command::{Command, Grammar},
    extension::{Capabilities, Offer},
};

use super::script::Mood;
use crate::{mail_data::naive, splits::find};

/// A message that was ended by a final dot.
#[derive(Clone, Debug)]
pub struct Message {
    /// Paths of the RCPTs that were taken.
    pub recipients: Vec<String>,
    /// Without transparency dots.
    pub content: Vec<u8>,
    /// The code of the reply to the dot; none for what is no reply.
    pub code: Option<u16>,
    /// The reply reached the session whole.
    pub told: bool,
}

/// A command of ours, or our final dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// XFORWARD.
    Forward,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The end of mail data.
    Dot,
    /// RSET.
    Reset,
}

/// How next hops answer.
#[derive(Debug, Default)]
pub struct Moods {
    /// The next commands, one by one, whatever they are.
    pub next: VecDeque<Mood>,
    /// The next command of this kind.
    pub planned: Option<(Verb, Mood)>,
    /// What was answered otherwise than as asked.
    pub shown: Vec<(Verb, Mood)>,
}

impl Moods {
    fn at(&mut self, verb: Verb) -> Mood {
        let planned = self.planned.take_if(|(planned, _)| *planned == verb).map(|(_, mood)| mood);
        let mood = planned.or_else(|| self.next.pop_front()).unwrap_or(Mood::Good);
        if mood != Mood::Good {
            self.shown.push((verb, mood));
        }
        mood
    }
}

/// A reply that is not wholly heard.
#[derive(Debug)]
struct Unheard {
    /// Octets of it.
    left: usize,
    /// Some of it was heard.
    begun: bool,
    /// It answers a final dot.
    dot: bool,
    /// It answers nothing, or is none.
    fault: bool,
}

/// One connection to the next hop.
#[derive(Debug)]
pub struct NextHop {
    offered: Capabilities,
    /// Mail data since 354.
    data: Option<Vec<u8>>,
    smtputf8: bool,
    recipients: Vec<String>,
    /// Said and not yet heard by the session.
    replies: VecDeque<u8>,
    unheard: VecDeque<Unheard>,
    /// A reply was heard after which nothing may be said.
    broken: bool,
    gone: bool,
    /// MAIL was taken.
    open: bool,
    /// Written and not taken yet.
    pub writing: bool,
    /// The messages of this connection.
    pub messages: Vec<Message>,
    /// Every RCPT said.
    pub asked: Vec<String>,
    /// What it was told of the client since its last MAIL.
    told: Vec<String>,
    /// The address among it, as last told.
    pub client: Option<String>,
    /// How often it heard MAIL.
    pub mails: u32,
    /// It served somebody else, and was not reset since.
    owed_reset: bool,
}

impl NextHop {
    pub fn new(offered: Capabilities, owed_reset: bool) -> Self {
        Self {
            offered,
            owed_reset,
            data: None,
            smtputf8: false,
            recipients: Vec::new(),
            replies: VecDeque::new(),
            unheard: VecDeque::new(),
            broken: false,
            gone: false,
            open: false,
            writing: false,
            messages: Vec::new(),
            asked: Vec::new(),
            told: Vec::new(),
            client: None,
            mails: 0,
        }
    }

    /// Octets are said to it. True when a final dot was among them.
    pub fn said(&mut self, octets: &[u8], moods: &mut Moods) -> bool {
        assert!(!octets.is_empty(), "an empty write");
        assert!(!self.broken, "said behind the end of the dialogue: {}", octets.escape_ascii());
        self.writing = true;
        if let Some(data) = &mut self.data {
            data.extend_from_slice(octets);
            return self.end_of_data(moods);
        }
        let mut rest = octets;
        while let Some(end) = find(rest, b"\r\n") {
            self.command(&rest[..end], moods);
            rest = &rest[end + 2..];
            assert!(self.data.is_none() || rest.is_empty(), "something follows DATA: {}", octets.escape_ascii());
        }
        assert!(rest.is_empty(), "half a command: {}", octets.escape_ascii());
        false
    }

    fn end_of_data(&mut self, moods: &mut Moods) -> bool {
        let reading = naive(self.data.as_deref().unwrap_or_default());
        assert!(!reading.bare_newline, "a bare CR or LF in mail data");
        let Some(behind) = reading.behind else { return false };
        assert!(behind.is_empty(), "said behind the final dot: {}", behind.escape_ascii());
        (self.data, self.open) = (None, false);
        let mood = moods.at(Verb::Dot);
        let code = self.reply(mood, 250, true);
        let recipients = std::mem::take(&mut self.recipients);
        self.messages.push(Message { recipients, content: reading.content, code, told: false });
        true
    }

    fn command(&mut self, line: &[u8], moods: &mut Moods) {
        let shown = line.escape_ascii().to_string();
        assert!(self.offered.pipelining || self.unheard.is_empty(), "pipelined without PIPELINING: {shown}");
        let offered = &self.offered;
        let offer = Offer {
            eight_bit_mime: offered.eight_bit_mime,
            smtputf8: offered.smtputf8,
            dsn: offered.dsn,
            ..Offer::default()
        };
        if let Some(words) = line.strip_prefix(b"XFORWARD ") {
            return self.forwarded(words, moods);
        }
        let grammar = Grammar { offer: &offer, smtputf8: self.smtputf8 };
        let command = Command::from_line(line, grammar).unwrap_or_else(|fault| panic!("{fault:?}: {shown}"));
        match command {
            Command::Mail(mail) => {
                assert!(offered.size.is_some() || mail.parameters.size.is_none(), "SIZE was not offered: {shown}");
                assert!(!self.open, "MAIL within a transaction");
                assert!(!self.owed_reset, "MAIL on what somebody else left (decision 54)");
                assert!(mail.parameters.body.is_none() || offered.eight_bit_mime);
                self.mails += 1;
                let most = offered.limits.transactions;
                assert!(most.is_none_or(|most| self.mails <= most), "one MAIL too many: {shown}");
                let asks = offered.forward != ForwardAttributes::default();
                assert_eq!(
                    asks,
                    !std::mem::take(&mut self.told).is_empty(),
                    "told of the client before each MAIL, if asked"
                );
                self.smtputf8 = mail.parameters.smtputf8;
                self.open = self.reply(moods.at(Verb::Mail), 250, false) == Some(250);
            }
            Command::Rcpt(rcpt) => {
                self.asked.push(rcpt.path.to_string());
                if self.reply(moods.at(Verb::Rcpt), 250, false) == Some(250) {
                    self.recipients.push(rcpt.path.to_string());
                }
            }
            Command::Data => {
                assert!(!self.recipients.is_empty(), "DATA without recipients");
                match self.reply(moods.at(Verb::Data), 354, false) {
                    Some(354) => self.data = Some(Vec::new()),
                    _ => self.recipients.clear(),
                }
            }
            Command::Reset => {
                self.recipients.clear();
                (self.open, self.owed_reset) = (false, false);
                self.reply(moods.at(Verb::Reset), 250, false);
            }
            other => panic!("never said by us: {other:?}"),
        }
    }

    /// Who the client is: in attributes that it listed, outside a transaction, on a line that is not too long.
    fn forwarded(&mut self, words: &[u8], moods: &mut Moods) {
        let shown = words.escape_ascii().to_string();
        assert!(!self.open, "XFORWARD within a transaction: {shown}");
        assert!(words.len() <= 512 - "XFORWARD \r\n".len(), "{shown}");
        let words = std::str::from_utf8(words).expect("ASCII");
        for word in words.split(' ') {
            let (name, value) = word.split_once('=').unwrap_or_else(|| panic!("{shown}"));
            assert!(
                !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'='),
                "{shown}"
            );
            let known = ForwardAttributes::parse(std::iter::once(name));
            assert!(
                known != ForwardAttributes::default() && self.offered.forward != ForwardAttributes::default(),
                "{shown}"
            );
            if name == "ADDR" {
                self.client = Some(value.trim_start_matches("IPV6:").to_owned());
            }
            self.told.push(word.to_owned());
        }
        self.reply(moods.at(Verb::Forward), 250, false);
    }

    fn reply(&mut self, mood: Mood, good: u16, dot: bool) -> Option<u16> {
        let (text, code) = match mood {
            Mood::Good => (format!("{good} 2.0.0 as you wish\r\n"), Some(good)),
            Mood::Wordy => (format!("{good}-as\r\n{good}-you\r\n{good} wish\r\n"), Some(good)),
            Mood::Later => ("450 4.2.1 later\r\n".to_owned(), Some(450)),
            Mood::No => ("550 5.1.1 no\r\n".to_owned(), Some(550)),
            Mood::Closing => ("421 4.3.2 bye\r\n".to_owned(), Some(421)),
            Mood::Confused if good == 354 => ("250 done\r\n".to_owned(), None),
            Mood::Confused => ("354 go on\r\n".to_owned(), None),
            Mood::Mad => ("HTTP/1.1 400 Bad Request\r\n".to_owned(), None),
            // To anything but DATA the second reply may pass for that to the next command: nobody could tell.
            Mood::Stuttering if good != 354 => (format!("{good} once\r\n"), Some(good)),
            Mood::Stuttering => (format!("{good} once\r\n{good} twice\r\n"), Some(good)),
        };
        self.replies.extend(text.bytes());
        let fault = code.is_none() || text.contains("twice");
        self.unheard.push_back(Unheard { left: text.len(), begun: false, dot, fault });
        code
    }

    /// How many recipients it took beyond what it said it takes, if so.
    pub fn too_many(&self) -> Option<usize> {
        let taken = self.recipients.iter().collect::<BTreeSet<_>>().len();
        self.offered.limits.recipients.filter(|most| taken > *most as usize).map(|_| taken)
    }

    /// The next `most` octets of its replies.
    pub fn hear(&mut self, most: usize) -> Vec<u8> {
        let octets: Vec<u8> = self.replies.drain(..most.min(self.replies.len())).collect();
        let mut heard = octets.len();
        while let Some(reply) = self.unheard.front_mut() {
            let now = heard.min(reply.left);
            reply.left -= now;
            reply.begun |= now > 0;
            heard -= now;
            if reply.left > 0 {
                break;
            }
            self.broken |= reply.fault;
            if reply.dot && !self.broken {
                self.messages.last_mut().expect("a dot").told = true;
            }
            self.unheard.pop_front();
        }
        octets
    }

    /// Whether it has something to say.
    pub fn has_replies(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Whether what is said now is mail data.
    pub fn in_data(&self) -> bool {
        self.data.is_some()
    }

    /// It closes the connection.
    pub fn go(&mut self) {
        (self.broken, self.gone, self.writing) = (true, true, false);
        self.replies.clear();
    }

    /// Whether it has closed the connection.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// It says something that nobody asked for: nothing may be said to it any more.
    pub fn interject(&mut self) -> &'static [u8] {
        self.broken = true;
        b"421 4.4.2 idle for too long\r\n"
    }

    /// It has seen enough of the content.
    pub fn refuse_early(&mut self) -> &'static [u8] {
        self.broken = true;
        b"550 5.6.0 I have seen enough\r\n"
    }

    /// Whether it has said something after which nothing may be said to it.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether some of a reply was heard, and not all.
    pub fn is_half_heard(&self) -> bool {
        self.unheard.front().is_some_and(|reply| reply.begun)
    }

    /// Whether it answers a final dot, which it then has: all of it was taken.
    pub fn answers_dot(&self) -> bool {
        self.unheard.iter().any(|reply| reply.dot)
    }

    /// Whether it owes a reply.
    pub fn is_awaited(&self) -> bool {
        !self.unheard.is_empty()
    }

    /// Whether nothing stands on it: no MAIL was taken since its last message, or since it was reset.
    pub fn has_nothing_open(&self) -> bool {
        !self.open
    }

    /// Whether another session may have it: nothing half said, nothing half heard, no mail data open.
    pub fn is_clean(&self) -> bool {
        self.data.is_none() && self.unheard.is_empty() && !self.writing && !self.broken
    }
}
