//! A script as written, and its plays.

use std::{sync::Arc, time::Duration};

use portaria::{
    policy::{Policy, verdict::ScanVerdict},
    record::Record,
    relay::event::NextHopFailure,
};

use super::{
    play::Play,
    ready::Ready,
    setup::{Setup, duration, words},
    split::Split,
};

/// One script.
#[derive(Debug)]
pub struct Script {
    /// `group/sentence.smtp`
    pub name: String,
    pub setup: Setup,
    pub steps: Vec<Step>,
    faults: Vec<String>,
}

/// One line of it (or several that are one: what a client says in one breath).
#[derive(Debug)]
pub struct Step {
    pub line: usize,
    pub act: Act,
}

/// What a line means.
#[derive(Debug)]
pub enum Act {
    /// Something comes out of the session.
    Expect(Channel, String),
    /// So much content has flowed on the connection to the next hop; 0: none at all.
    ExpectFlow(usize),
    /// `C:`, `C<`
    Client(Vec<u8>),
    /// `C! gone`: the end of its stream.
    ClientGone,
    /// `C! resets`: its connection breaks.
    ClientResets,
    /// `C! secured`
    Secured,
    /// `N:`, `N<`
    NextHop(Vec<u8>),
    /// `N! ready …`
    Ready(Ready),
    /// `N! fails …`
    Fails(NextHopFailure),
    /// `N! gone`
    NextHopGone,
    /// Somebody else waits for a connection.
    Wanted,
    /// `N! stalls`: it takes no more octets; `N! drains`: it does again.
    Stalls(bool),
    /// `V:` one verdict for each group of scanners; none of one that is not asked.
    Scanned(Vec<Option<ScanVerdict>>),
    /// The next `Hold` finds the disk full, or fails; or the hold cannot be read.
    Hold(HoldPlan),
    /// How the next request to the quarantine is answered.
    Quarantine(AnswerPlan),
    /// How the next request to the journal is answered.
    Journal(AnswerPlan),
    /// There is no room for one more of the network that the client is to count for.
    NetworkFull,
    /// Nobody has time for the next password.
    VerifiersBusy,
    /// `T:`
    Time(Duration),
    /// `D! drain`
    Drain,
    /// `D! disk low`, `D! disk has room`
    DiskLow(bool),
    /// `P! later`
    LaterPolicy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldPlan {
    Full,
    Fails,
    Unreadable,
    /// The next read does not answer until told.
    Waits,
    /// The answer that was waited for.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerPlan {
    Fails,
    /// It does not answer until told.
    Waits,
    /// The answer that was waited for.
    Done,
}

/// Where something comes out. Lines of one channel come in the order of the script; between channels only what is fed in
/// between orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    Client,
    NextHop,
    Content,
    Scanner,
    Quarantine,
    Record,
}

impl Script {
    /// Reads a script. What is wrong with it is said by [`Script::play`].
    pub fn parse(name: &str, text: &str) -> Self {
        let mut script = Self { name: name.to_owned(), setup: Setup::default(), steps: Vec::new(), faults: Vec::new() };
        if !text.starts_with("# ") {
            script.faults.push(format!("{name}:1: the first line says why, behind a #\n"));
        }
        for (number, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match script.line(line) {
                Ok(None) => {}
                Ok(Some(act)) => script.push(number, act),
                Err(what) => script.faults.push(format!("{name}:{number}: {what}\n")),
            }
        }
        script
    }

    /// Plays it whole. Every record that was written, with the policy that judged it.
    pub fn records(&self) -> Vec<(Arc<Policy>, Record)> {
        Play::new(self, Split::Whole).records().unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Plays it at all splits. Says what went wrong, at the first split at which something did.
    pub fn play(&self) -> Vec<String> {
        if !self.faults.is_empty() {
            return self.faults.clone();
        }
        let splits = if self.setup.whole_only { vec![Split::Whole] } else { Split::all() };
        let mut first: Option<Vec<String>> = None;
        for split in splits {
            let played = Play::new(self, split.clone()).run();
            match (played, &first) {
                (Err(fault), _) => return vec![format!("{fault}  (played {split:?})\n")],
                (Ok(transcript), None) => first = Some(transcript),
                (Ok(transcript), Some(first)) if transcript == *first => {}
                (Ok(transcript), Some(first)) => {
                    let differs = first.iter().zip(&transcript).find(|(a, b)| a != b);
                    let (name, lengths) = (&self.name, (first.len(), transcript.len()));
                    return vec![format!("{name}: another conversation, played {split:?}: {differs:?} {lengths:?}\n")];
                }
            }
        }
        Vec::new()
    }

    fn push(&mut self, line: usize, act: Act) {
        match (self.steps.last_mut().map(|step| &mut step.act), act) {
            (Some(Act::Client(said)), Act::Client(more)) => said.extend(more),
            (Some(Act::NextHop(said)), Act::NextHop(more)) => said.extend(more),
            (_, act) => self.steps.push(Step { line, act }),
        }
    }

    fn line(&mut self, line: &str) -> Result<Option<Act>, String> {
        let unknown = || format!("not in the notation: {line}");
        let (mark, rest) = line.split_at_checked(2).ok_or_else(unknown)?;
        let text = rest.strip_prefix(' ').unwrap_or(rest);
        let crlf = || [text.as_bytes(), b"\r\n"].concat();
        let expect = |channel, text: &str| Act::Expect(channel, text.to_owned());
        let act = match (mark, text) {
            ("C:", _) => Act::Client(crlf()),
            ("C<", _) => Act::Client(unescape(text)?),
            ("C!", "gone") => Act::ClientGone,
            ("C!", "resets") => Act::ClientResets,
            ("C!", "secured") => Act::Secured,
            ("S:", _) => expect(Channel::Client, text),
            ("S!", "closes" | "starts TLS") => expect(Channel::Client, &format!("! {text}")),
            ("S!", _) if text.starts_with("counts as ") => expect(Channel::Client, &format!("! {text}")),
            ("C!", "network full") => Act::NetworkFull,
            ("R:", _) => expect(Channel::NextHop, text),
            ("R!", "releases" | "drops" | "cancels") => expect(Channel::NextHop, &format!("! {text}")),
            ("R.", _) => expect(Channel::Content, text),
            ("R>", "none") => Act::ExpectFlow(0),
            ("R>", _) => Act::ExpectFlow(text.parse().map_err(|_| unknown())?),
            ("N:", _) => Act::NextHop(crlf()),
            ("N<", _) => Act::NextHop(unescape(text)?),
            ("N!", "gone") => Act::NextHopGone,
            ("N!", "stalls") => Act::Stalls(true),
            ("N!", "drains") => Act::Stalls(false),
            ("N!", "wanted") => Act::Wanted,
            ("N!", "fails local") => Act::Fails(NextHopFailure::Local("Too many open files".into())),
            ("N!", "fails busy") => Act::Fails(NextHopFailure::Busy),
            ("N!", "fails unreachable") => Act::Fails(NextHopFailure::Unreachable("connection refused".into())),
            ("N!", "fails tls") => Act::Fails(NextHopFailure::Tls("bad certificate".into())),
            ("N!", _) if text.starts_with("ready") => {
                Act::Ready(Ready::parse(&words(text).split_off(1)).ok_or_else(unknown)?)
            }
            ("V:", _) => Act::Scanned(text.split(" | ").map(verdict).collect::<Option<_>>().ok_or_else(unknown)?),
            ("V!", "cancelled") => expect(Channel::Scanner, "! cancelled"),
            ("H!", "full") => Act::Hold(HoldPlan::Full),
            ("H!", "fails") => Act::Hold(HoldPlan::Fails),
            ("H!", "unreadable") => Act::Hold(HoldPlan::Unreadable),
            ("H!", "waits") => Act::Hold(HoldPlan::Waits),
            ("H!", "done") => Act::Hold(HoldPlan::Done),
            ("Q=", _) => expect(Channel::Quarantine, text),
            ("Q!", _) => Act::Quarantine(answer_plan(text).ok_or_else(unknown)?),
            ("J!", _) => Act::Journal(answer_plan(text).ok_or_else(unknown)?),
            ("A!", "busy") => Act::VerifiersBusy,
            ("T:", _) => Act::Time(duration(text).ok_or_else(unknown)?),
            ("D!", "drain") => Act::Drain,
            ("D!", "disk low") => Act::DiskLow(true),
            ("D!", "disk has room") => Act::DiskLow(false),
            ("P!", "later") => Act::LaterPolicy,
            _ if line.starts_with("= ") => expect(Channel::Record, line.trim_start_matches("= ")),
            _ if self.setup.line(line)? => return Ok(None),
            _ => return Err(unknown()),
        };
        Ok(Some(act))
    }
}

fn answer_plan(text: &str) -> Option<AnswerPlan> {
    match text {
        "fails" => Some(AnswerPlan::Fails),
        "waits" => Some(AnswerPlan::Waits),
        "done" => Some(AnswerPlan::Done),
        _ => None,
    }
}

/// None: not in the notation; a group that is not asked has no verdict.
fn verdict(text: &str) -> Option<Option<ScanVerdict>> {
    if text == "not asked" {
        return Some(None);
    }
    let (name, rest) = text.split_once(' ').unwrap_or((text, "x"));
    let rest = rest.to_owned();
    Some(Some(match name {
        "clean" => ScanVerdict::Clean,
        "macro" => ScanVerdict::Macro { signature: rest },
        "encrypted" => ScanVerdict::Encrypted { signature: rest },
        "ambiguous" => ScanVerdict::Ambiguous { reason: rest },
        "outdated" => ScanVerdict::Outdated { reason: rest },
        "poison" => ScanVerdict::Poison { reason: rest },
        "not_fully_scanned" => ScanVerdict::NotFullyScanned { reason: rest },
        "scanner_error" => ScanVerdict::ScannerError { text: rest },
        "unavailable" => ScanVerdict::Unavailable { text: rest },
        "infected" => ScanVerdict::Infected { signature: rest },
        _ => return None,
    }))
}

/// `\r \n \t \\ \x00` and `{repeat 1000 "text"}`, in which the escapes hold too.
fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let (mut octets, mut rest) = (Vec::new(), text);
    while let Some(char) = rest.chars().next() {
        if let Some(repeat) = rest.strip_prefix("{repeat ") {
            let (times, behind) = repeat.split_once(" \"").ok_or("{repeat TIMES \"TEXT\"}")?;
            let (what, behind) = behind.split_once("\"}").ok_or("{repeat TIMES \"TEXT\"}")?;
            octets.extend(unescape(what)?.repeat(times.parse().map_err(|_| "{repeat TIMES \"TEXT\"}")?));
            rest = behind;
            continue;
        }
        rest = &rest[char.len_utf8()..];
        if char != '\\' {
            octets.extend(char.to_string().as_bytes());
            continue;
        }
        let kind = rest.chars().next().ok_or("a \\ at the end")?;
        rest = &rest[kind.len_utf8()..];
        octets.push(match kind {
            'r' => b'\r',
            'n' => b'\n',
            't' => b'\t',
            '\\' => b'\\',
            'x' => {
                let (hex, behind) = rest.split_at_checked(2).ok_or("\\x and two digits")?;
                rest = behind;
                u8::from_str_radix(hex, 16).map_err(|_| "\\x and two digits")?
            }
            other => return Err(format!("\\{other} is no escape")),
        });
    }
    Ok(octets)
}
