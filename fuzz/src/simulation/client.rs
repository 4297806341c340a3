//! What the client of a simulated session says: some transactions, most of them as they should be. In: chance and what is
//! planned. Out: octets, a group at a time. It does not know what is answered; the driver asks it when the client's turn comes.

use std::collections::VecDeque;

use crate::{
    choices::Choices,
    relay_session::{house::MESSAGE_SIZE, script::Verdict, world::Step},
};

/// The transactions to come, and what of the present one is to be said.
#[derive(Debug)]
pub struct Client {
    left: usize,
    groups: VecDeque<Vec<u8>>,
    content: Vec<u8>,
    /// DATA was said.
    asked_data: bool,
    quits: bool,
    /// It is one, or says so.
    application: bool,
}

/// How a transaction is to be, so that what is planned can happen.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Some recipients are held and others relayed.
    pub mixed: bool,
    /// The content is long enough to flow on while it arrives.
    pub long: bool,
}

impl Shape {
    /// What lets the step come about.
    pub fn reaching(step: Option<Step>, choices: &mut Choices) -> Self {
        let (mixed, long) = match step {
            Some(Step::Settling) => (true, false),
            Some(Step::Keeping) => (choices.once_in(2), choices.once_in(2)),
            Some(Step::Flowing) => (false, true),
            _ => (choices.once_in(6), choices.once_in(2)),
        };
        Self { mixed, long }
    }
}

impl Client {
    /// EHLO mostly, STARTTLS sometimes; an application may log in then, or try to in clear.
    pub fn new(choices: &mut Choices, starttls: bool, application: bool) -> Self {
        let hello: &[u8] = if choices.once_in(10) { b"HELO c\r\n" } else { b"EHLO c.example\r\n" };
        let mut groups = VecDeque::from([hello.to_vec()]);
        if starttls {
            groups = VecDeque::from([b"EHLO c.example\r\n".to_vec(), b"STARTTLS\r\n".to_vec(), hello.to_vec()]);
        }
        if application && !choices.once_in(3) {
            groups.extend(login(choices));
        }
        // Put in by somebody on the way, before TLS.
        if starttls && choices.once_in(20) {
            groups = VecDeque::from([
                b"EHLO c.example\r\n".to_vec(),
                [b"STARTTLS\r\n", hello, &login(choices).concat()].concat(),
            ]);
        }
        Self {
            left: 1 + choices.below(5),
            groups,
            content: Vec::new(),
            asked_data: false,
            quits: choices.once_in(2),
            application,
        }
    }

    /// Whether the next thing to be said begins a transaction.
    pub fn is_between(&self) -> bool {
        self.groups.is_empty() && self.left > 0 && !self.asked_data
    }

    /// A transaction begins.
    pub fn begin(&mut self, shape: Shape, choices: &mut Choices) {
        self.left -= 1;
        let mut commands = Vec::new();
        // It is a proxy, and the next message is another client's: it begins anew.
        if choices.once_in(8) {
            let announced: &[u8] = match choices.below(3) {
                0 => b"XCLIENT ADDR=198.51.100.7 PORT=4711 NAME=mail.out.example\r\n",
                1 => b"XCLIENT ADDR=IPV6:2001:db8::7 HELO=a+20ADDR+3D10.0.0.1 PROTO=SMTP\r\n",
                _ => b"XCLIENT ADDR=[UNAVAILABLE]\r\n",
            };
            commands.push([announced, b"EHLO c.example\r\n"].concat());
        }
        // Whoever was announced may log in as well, and is nobody until then.
        if self.application && choices.once_in(8) {
            commands.extend(login(choices));
        }
        commands.push(if self.application && !choices.once_in(8) {
            b"MAIL FROM:<app@a.example>\r\n".to_vec()
        } else {
            reverse_path(choices).to_vec()
        });
        commands.extend(recipients(shape, choices).into_iter().map(<[u8]>::to_vec));
        let mut content = content(shape, choices);
        if self.application {
            let from: &[u8] = match choices.below(12) {
                0 => b"",
                1 => b"From: um@a.example\r\n",
                2 => b"From: \"x\" <App@alias.example>\r\nFrom: um@a.example\r\n",
                _ => b"From: \"x\" <App@alias.example>\r\n",
            };
            content.splice(0..0, from.iter().copied()).for_each(drop);
        }
        let quit: &[u8] = if self.left == 0 && choices.once_in(4) { b"QUIT\r\n" } else { b"" };
        self.asked_data = false;
        match choices.below(40) {
            0 => commands.push(b"RSET\r\n".to_vec()),
            1..=12 => {
                content.truncate(content.len() - b".\r\n".len());
                commands.extend(chunks(&content, choices));
                commands.last_mut().expect("a chunk").extend_from_slice(quit);
            }
            _ => {
                commands.push(b"DATA\r\n".to_vec());
                self.asked_data = true;
                content.extend_from_slice(quit);
                self.content = content;
            }
        }
        self.groups = if choices.once_in(2) { VecDeque::from([commands.concat()]) } else { commands.into() };
    }

    /// Its turn: what it says; none: nothing more. `in_data`: mail data is wanted.
    pub fn next(&mut self, in_data: bool, is_open: bool) -> Option<Vec<u8>> {
        if in_data {
            self.asked_data = false;
            return Some(std::mem::take(&mut self.content)).filter(|content| !content.is_empty());
        }
        if let Some(group) = self.groups.pop_front() {
            return Some(group);
        }
        // DATA was refused.
        if std::mem::take(&mut self.asked_data) && is_open {
            return Some(b"RSET\r\n".to_vec());
        }
        std::mem::take(&mut self.quits).then(|| b"QUIT\r\n".to_vec())
    }
}

/// A login, right more often than not; what stands behind AUTH in one group must not become a command of somebody else.
fn login(choices: &mut Choices) -> Vec<Vec<u8>> {
    let lines: &[&[u8]] = match choices.below(12) {
        0 => &[b"AUTH PLAIN AHN2YwBlcnJhZG8=\r\n"],
        1 => &[b"AUTH PLAIN AG5pbmd1ZW0Ac2VncmVkbw==\r\n"],
        2 => &[b"AUTH LOGIN\r\n", b"*\r\n"],
        3 => &[b"AUTH PLAIN\r\n", b"MAIL FROM:<smuggled@out.example>\r\n"],
        4 => &[b"AUTH PLAIN AHN2YwBlcnJhZG8=\r\n", b"AUTH PLAIN AHN2YwBzZWdyZWRv\r\n"],
        5 | 6 => &[b"AUTH LOGIN\r\n", b"c3Zj\r\n", b"c2VncmVkbw==\r\n"],
        7 => &[b"AUTH PLAIN\r\n", b"AHN2YwBzZWdyZWRv\r\n"],
        _ => &[b"AUTH PLAIN AHN2YwBzZWdyZWRv\r\n"],
    };
    if choices.once_in(3) { vec![lines.concat()] } else { lines.iter().map(|line| line.to_vec()).collect() }
}

/// The content by BDAT, cut anywhere; seldom something that should not stand between two chunks, or behind the last.
fn chunks(content: &[u8], choices: &mut Choices) -> Vec<Vec<u8>> {
    let longest = *choices.one_of(&[5, 300, 5000]);
    let mut pieces =
        if longest == 5 { content.chunks(content.len() / 6 + 1).collect() } else { choices.cut(content, longest) };
    if choices.once_in(4) {
        pieces.push(b"");
    }
    let end = pieces.len();
    let chunk = |(at, piece): (usize, &&[u8])| {
        let last = if at + 1 == end { " LAST" } else { "" };
        [format!("BDAT {}{last}\r\n", piece.len()).as_bytes(), piece].concat()
    };
    let mut chunks: Vec<Vec<u8>> = pieces.iter().enumerate().map(chunk).collect();
    if choices.once_in(12) {
        let all: [&[u8]; 5] = [b"NOOP\r\n", b"DATA\r\n", b"RSET\r\n", b"BDAT 3 LAST\r\nab\n", b"BDAT 9999 LAST\r\n"];
        let stray = *choices.one_of(&all);
        chunks.insert(choices.below(end + 1), stray.to_vec());
    }
    chunks
}

fn reverse_path(choices: &mut Choices) -> &'static [u8] {
    match choices.below(24) {
        0 => b"MAIL FROM:<bloqueado@a.example>\r\n",
        1 | 2 => b"MAIL FROM:<>\r\n",
        3 => "MAIL FROM:<joão@out.example> SMTPUTF8\r\n".as_bytes(),
        4 | 5 => b"MAIL FROM:<s@out.example> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x\r\n",
        _ => b"MAIL FROM:<s@out.example>\r\n",
    }
}

fn recipients(shape: Shape, choices: &mut Choices) -> Vec<&'static [u8]> {
    let always: &[&[u8]] = &[b"RCPT TO:<noc@a.example>\r\n", b"RCPT TO:<postmaster>\r\n"];
    let ordinary: &[&[u8]] = &[b"RCPT TO:<um@a.example>\r\n", b"RCPT TO:<dois@alias.example>\r\n"];
    let mut all = vec![*choices.one_of(ordinary)];
    if shape.mixed {
        all.push(*choices.one_of(always));
    }
    if choices.once_in(6) {
        all.push(match choices.below(4) {
            0 => b"RCPT TO:<x@elsewhere.example>\r\n".as_slice(),
            1 => b"RCPT TO:<bloqueado@alias.example>\r\n",
            2 => b"RCPT TO:<x@b.example>\r\n",
            _ => b"RCPT TO:<@x.example,@y.example:tres@alias.example> NOTIFY=NEVER ORCPT=rfc822;x\r\n",
        });
    }
    if choices.once_in(2) {
        all.reverse();
    }
    all
}

fn content(shape: Shape, choices: &mut Choices) -> Vec<u8> {
    let subject: &[u8] = match choices.below(12) {
        _ if shape.mixed => b"Subject: retem isto\r\n",
        0 => b"Subject: rejeita isto\r\n",
        1 | 2 => b"Subject: retem isto\r\n",
        3 => b"Subject: marca isto\r\n",
        _ => b"Subject: ata\r\n",
    };
    let mut content = [subject, b"\r\n"].concat();
    for _ in 0..if shape.long { 5 + choices.below(5) } else { choices.below(3) } {
        let line: &[u8] = if choices.once_in(8) { b"..\r\n" } else { b"l" };
        content.extend(line.repeat(if line == b"l" { 100 } else { 1 }));
        if line == b"l" {
            content.extend_from_slice(b"\r\n");
        }
    }
    match choices.below(60) {
        0 => content.extend_from_slice(b"a\n.\nMAIL FROM:<smuggled@out.example>\r\n"),
        1 => content.extend_from_slice(b"a\r\n.\rRCPT TO:<smuggled@a.example>\r\n"),
        2 => content.extend(b"Um texto comprido.\r\n".repeat(usize::try_from(MESSAGE_SIZE).unwrap_or(0) / 15)),
        3 => content.splice(0..0, b"X-Long: y\r\n".repeat(150)).for_each(drop),
        4 => {
            content.splice(0..0, b"Received: from x by y; Sat, 1 Aug 2026 09:00:00 -0300\r\n".repeat(4)).for_each(drop)
        }
        _ => {}
    }
    content.extend_from_slice(b".\r\n");
    content
}

/// What the scanners say when nothing is planned: clean, mostly.
pub fn verdict(choices: &mut Choices) -> Verdict {
    match choices.below(30) {
        0 => Verdict::Infected,
        1 => Verdict::Encrypted,
        2 => Verdict::Limits,
        _ => Verdict::Clean,
    }
}
