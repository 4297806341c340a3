//! What an input means: its first octet chooses the gateway, every other is one thing that somebody does, by a letter, so that
//! a seed can be written by hand. There are more deeds than letters: `\\` and the octet behind it are one as well. An octet that is
//! no letter of the table stands for one that is.

/// One thing that somebody does.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// The client has these octets to say.
    Say(&'static [u8]),
    /// It has the next octet of the input to say.
    SayNext,
    /// It writes so many of them.
    Write(usize),
    /// It goes.
    Leave,
    /// Its connection breaks.
    Break,
    /// Its handshake succeeds.
    Secure,
    /// So many seconds pass; none: up to the deadline.
    Pass(Option<u64>),
    /// The connection asked for comes: pipelining and all extensions; or used before, without any.
    Open(bool),
    /// The connection asked for comes: it takes one transaction, with two recipients of one domain (RFC 9422).
    OpenNarrow,
    /// It cannot be had.
    Busy,
    /// It cannot be had.
    Unreachable,
    /// It cannot be had.
    NoTls,
    /// The hold, the quarantine or the journal answers what was asked first.
    Answer,
    /// The next time the hold takes nothing.
    HoldFull,
    /// The next client that is announced is one too many of its network.
    NoRoom,
    /// The next time the hold gives nothing.
    HoldUnreadable,
    /// The next time the quarantine keeps or settles nothing.
    NotKept,
    /// The next time the journal takes nothing.
    NotJournaled,
    /// From now on the hold gives little at a time; or again much.
    ReadLittle,
    /// The scanners answer.
    Scan(Verdict),
    /// The next hop takes what was written.
    Drain,
    /// So many octets of its replies arrive.
    Hear(usize),
    /// It goes.
    NextHopGone,
    /// How it answers the next command.
    Mood(Mood),
    /// It says 421 that nobody asked for, if it owes no reply.
    Unasked,
    /// It refuses the content before its end, if some flows.
    EarlyNo,
    /// Somebody else waits for its connection.
    Wanted,
    /// No descriptor is left for a connection.
    NoDescriptor,
    /// The clock on the wall is set: so many seconds beside what it should show.
    Clock(i64),
    /// The disk is low, or is not any more.
    DiskLow(bool),
    /// The gateway is to stop.
    Stop,
    /// Other rules are in force: none, or again those of the beginning.
    Policy,
    /// Everybody does what is good, until nothing is left to do; with or without the client.
    Settle(bool),
}

/// Ten years, in seconds.
pub const TEN_YEARS: i64 = 315_576_000;

/// What the scanners say.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    /// Clean.
    Clean,
    /// Infected.
    Infected,
    /// Unavailable.
    Unavailable,
    /// Not fully scanned.
    Limits,
    /// Encrypted.
    Encrypted,
    /// Nobody answered at all.
    Nobody,
}

/// How the next hop answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mood {
    /// As asked.
    Good,
    /// 450.
    Later,
    /// 550.
    No,
    /// 421.
    Closing,
    /// As asked, on several lines.
    Wordy,
    /// With a class that the command cannot have: 250 to DATA, 354 to anything else.
    Confused,
    /// With something that is no reply.
    Mad,
    /// Twice.
    Stuttering,
}

/// The letters, each once: of two that are the same the second would never be found. An octet that is none is taken by its place
/// in this list, so new ones go to the end.
pub const TABLE: &[(&[u8], Deed)] = &[
    (b"E", Deed::Say(b"EHLO c.example\r\n")),
    (b"H", Deed::Say(b"HELO c\r\n")),
    (b"M", Deed::Say(b"MAIL FROM:<s@out.example>\r\n")),
    (b"m", Deed::Say(b"MAIL FROM:<>\r\n")),
    (b"B", Deed::Say(b"MAIL FROM:<bloqueado@a.example>\r\n")),
    (b"1", Deed::Say(b"MAIL FROM:<s@out.example> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x\r\n")),
    (b"3", Deed::Say("MAIL FROM:<joão@out.example> SMTPUTF8\r\n".as_bytes())),
    (b"R", Deed::Say(b"RCPT TO:<um@a.example>\r\n")),
    (b"S", Deed::Say(b"RCPT TO:<noc@a.example>\r\n")),
    (b"T", Deed::Say(b"RCPT TO:<x@b.example>\r\n")),
    (b"V", Deed::Say(b"RCPT TO:<x@elsewhere.example>\r\n")),
    (b"W", Deed::Say(b"RCPT TO:<bloqueado@alias.example>\r\n")),
    (b"p", Deed::Say(b"RCPT TO:<postmaster>\r\n")),
    (b"%", Deed::Say(b"RCPT TO:<@x.example,@y.example:dois@alias.example> NOTIFY=NEVER ORCPT=rfc822;x\r\n")),
    (b"0", Deed::Say(b"RCPT TO:<x%elsewhere.example@a.example>\r\n")),
    (b"D", Deed::Say(b"DATA\r\n")),
    (b"X", Deed::Say(b"RSET\r\n")),
    (b"Q", Deed::Say(b"QUIT\r\n")),
    (b"Z", Deed::Say(b"NOOP\r\n")),
    (b"L", Deed::Say(b"STARTTLS\r\n")),
    (b"G", Deed::Say(b"XCLIENT ADDR=198.51.100.7 PORT=4711 NAME=mail.out.example\r\n")),
    (b"J", Deed::Say(b"XCLIENT ADDR=IPV6:2001:db8::7 HELO=a+20ADDR+3D10.0.0.1 PROTO=SMTP\r\n")),
    (b"s", Deed::Say(b"Subject: ata\r\n")),
    (b"r", Deed::Say(b"Subject: rejeita isto\r\n")),
    (b"q", Deed::Say(b"Subject: retem isto\r\n")),
    (b"t", Deed::Say(b"Subject: marca isto\r\n")),
    (b"#", Deed::Say(b"Content-Type: message/partial; id=1\r\n")),
    (b"o", Deed::Say(b"Received: from x by y; Sat, 1 Aug 2026 09:00:00 -0300\r\n")),
    (b"e", Deed::Say(b"\r\n")),
    (b"x", Deed::Say(b"Um texto sem nada demais, numa linha.\r\n")),
    (b"d", Deed::Say(b"..\r\n...\r\n")),
    (b"l", Deed::Say(&[b'l'; 250])),
    (b".", Deed::Say(b"\r\n.\r\n")),
    (b"_", Deed::Say(b".\r\n")),
    (b"[", Deed::Say(b"BDAT 16\r\nSubject: ata\r\n\r\n")),
    (b"{", Deed::Say(b"BDAT 23\r\nSubject: retem isto\r\n\r\n")),
    (b"(", Deed::Say(b"BDAT 24\r\nSubject: rejeita isto\r\n\r")),
    (b")", Deed::Say(b"BDAT 3 LAST\r\n\n.\r")),
    (b"|", Deed::Say(b"BDAT 39\r\nUm texto sem nada demais, numa linha.\r\n")),
    (b"]", Deed::Say(b"BDAT 39 LAST\r\nUm texto sem nada demais, numa linha.\r\n")),
    (b"}", Deed::Say(b"BDAT 0 LAST\r\n")),
    (br"\B", Deed::Say(b"BDAT 12\r\nRSET\r\nQUIT\r\n")),
    (br"\S", Deed::Say(b"BDAT 34\r\na\n.\nRCPT TO:<smuggled@a.example>\r\n")),
    (b":", Deed::Say(b"BDAT 250\r\n")),
    (b",", Deed::Say(b"BDAT 99999 LAST\r\n")),
    (br"\0", Deed::Say(b"BDAT 0x1 LAST\r\n")),
    (b"n", Deed::Say(b"a\n.\nMAIL FROM:<smuggled@out.example>\r\n")),
    (b"c", Deed::Say(b"a\r\n.\rRCPT TO:<smuggled@a.example>\r\n")),
    (b"'", Deed::SayNext),
    (b">", Deed::Write(usize::MAX)),
    (b"<", Deed::Write(1)),
    (b"/", Deed::Write(7)),
    (b"@", Deed::Leave),
    (b"b", Deed::Break),
    (b"y", Deed::Secure),
    (b"-", Deed::Pass(Some(1))),
    (b"*", Deed::Pass(Some(6))),
    (b"^", Deed::Pass(Some(61))),
    (b"+", Deed::Pass(None)),
    (b"O", Deed::Open(true)),
    (b"a", Deed::Open(false)),
    (br"\O", Deed::OpenNarrow),
    (b"u", Deed::Busy),
    (b"U", Deed::Unreachable),
    (b"=", Deed::NoTls),
    (b"h", Deed::Answer),
    (b"F", Deed::HoldFull),
    (br"\R", Deed::NoRoom),
    (b"Y", Deed::HoldUnreadable),
    (b"v", Deed::NotKept),
    (b"j", Deed::NotJournaled),
    (b"k", Deed::ReadLittle),
    (b"C", Deed::Scan(Verdict::Clean)),
    (b"I", Deed::Scan(Verdict::Infected)),
    (b"~", Deed::Scan(Verdict::Unavailable)),
    (b"K", Deed::Scan(Verdict::Limits)),
    (b"P", Deed::Scan(Verdict::Encrypted)),
    (b"\"", Deed::Scan(Verdict::Nobody)),
    (b"w", Deed::Drain),
    (b"N", Deed::Hear(usize::MAX)),
    (b"z", Deed::Hear(1)),
    (b"!", Deed::NextHopGone),
    (b"2", Deed::Mood(Mood::Good)),
    (b"4", Deed::Mood(Mood::Later)),
    (b"5", Deed::Mood(Mood::No)),
    (b"6", Deed::Mood(Mood::Closing)),
    (b"7", Deed::Mood(Mood::Mad)),
    (b"8", Deed::Mood(Mood::Wordy)),
    (b"9", Deed::Mood(Mood::Confused)),
    (b"`", Deed::Mood(Mood::Stuttering)),
    (b"i", Deed::Unasked),
    (br"\N", Deed::EarlyNo),
    (br"\W", Deed::Wanted),
    (br"\D", Deed::NoDescriptor),
    (br"\(", Deed::Clock(-TEN_YEARS)),
    (br"\)", Deed::Clock(TEN_YEARS)),
    (br"\[", Deed::Clock(-3600)),
    (br"\]", Deed::Clock(3600)),
    (br"\|", Deed::Clock(0)),
    // Before 1970.
    (br"\#", Deed::Clock(-6 * TEN_YEARS)),
    (b"f", Deed::DiskLow(true)),
    (b"g", Deed::DiskLow(false)),
    (b"$", Deed::Stop),
    (b"&", Deed::Policy),
    (b"?", Deed::Settle(true)),
    (b";", Deed::Settle(false)),
    // For a listener of applications.
    (b"\x80", Deed::Say(b"MAIL FROM:<app@a.example>\r\n")),
    (b"\x81", Deed::Say(b"From: \"x\" <App@alias.example>\r\n")),
    (b"\x82", Deed::Say(b"From: um@a.example\r\n")),
    (b"\x83", Deed::Say(b"AUTH PLAIN AHN2YwBzZWdyZWRv\r\n")),
    (b"\x84", Deed::Say(b"AUTH PLAIN AHN2YwBlcnJhZG8=\r\n")),
    (b"\x85", Deed::Say(b"AUTH LOGIN\r\n")),
    (b"\x86", Deed::Say(b"c3Zj\r\n")),
    (b"\x87", Deed::Say(b"c2VncmVkbw==\r\n")),
];

/// What an octet stands for; `next` has the one behind it, for `\\` alone.
pub fn deed(octet: u8, next: impl FnOnce() -> Option<u8>) -> Deed {
    let behind = if octet == b'\\' { next() } else { None };
    let letter: Vec<u8> = [octet].into_iter().chain(behind).collect();
    let found = TABLE.iter().find(|(named, _)| *named == letter);
    found.unwrap_or(&TABLE[usize::from(behind.unwrap_or(octet)) % TABLE.len()]).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_means_one_thing() {
        for (at, (letter, deed)) in TABLE.iter().enumerate() {
            let twin = TABLE[..at].iter().find(|(other, _)| other == letter);
            assert!(twin.is_none(), "{} is {deed:?} and {:?}", letter.escape_ascii(), twin.map(|(_, deed)| deed));
            assert!(matches!(letter, [octet] if *octet != b'\\') || matches!(letter, [b'\\', _]), "{letter:?}");
            let found = super::deed(letter[0], || letter.get(1).copied());
            assert_eq!(format!("{found:?}"), format!("{deed:?}"));
        }
    }
}
