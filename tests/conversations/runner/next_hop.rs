//! The next hop as seen on its wire: what it was told, what it accepted, and the mail data that it got.

use std::collections::VecDeque;

/// One connection.
#[derive(Debug, Default)]
pub struct Connection {
    wire: Vec<u8>,
    /// Said, not answered.
    unanswered: VecDeque<String>,
    in_mail_data: bool,
    /// How often it heard MAIL.
    pub mails: u32,
    /// MAIL was said since the last answer to RSET or to a dot.
    pub has_envelope: bool,
    /// Recipients that it accepted in its open transaction.
    pub accepted: Vec<String>,
    /// Octets of mail data, as they came, since 354 and without a final dot.
    pub mail_data: Vec<u8>,
}

/// What it noticed.
#[derive(Debug, PartialEq, Eq)]
pub enum Noticed {
    /// A command.
    Command(String),
    /// The final dot, and the content before it, decoded.
    Dot(Vec<u8>),
}

impl Connection {
    /// One on which MAIL was said so often.
    pub fn after(mails: u32) -> Self {
        Self { mails, ..Self::default() }
    }

    /// Octets of ours came.
    pub fn receive(&mut self, octets: &[u8]) -> Vec<Noticed> {
        let mut noticed = Vec::new();
        if self.in_mail_data {
            self.mail_data.extend_from_slice(octets);
            // Dots at line starts are doubled, so this cannot be content.
            if self.mail_data.ends_with(b"\r\n.\r\n") || self.mail_data == b".\r\n" {
                self.in_mail_data = false;
                self.unanswered.push_back(".".to_owned());
                let mail_data = std::mem::take(&mut self.mail_data);
                noticed.push(Noticed::Dot(content(&mail_data).unwrap().0));
            }
            return noticed;
        }
        self.wire.extend_from_slice(octets);
        while let Some(end) = self.wire.windows(2).position(|pair| pair == b"\r\n") {
            let line: Vec<u8> = self.wire.drain(..end + 2).collect();
            let line = String::from_utf8(line[..end].to_vec()).unwrap();
            self.mails += u32::from(line.starts_with("MAIL "));
            self.has_envelope |= line.starts_with("MAIL ");
            self.unanswered.push_back(line.clone());
            noticed.push(Noticed::Command(line));
        }
        noticed
    }

    /// It says these lines: keeps its own books. Whether it said yes to our final dot, if it answers it.
    pub fn say(&mut self, octets: &[u8]) -> Option<bool> {
        let mut to_dot = None;
        for line in String::from_utf8_lossy(octets).split("\r\n").filter(|line| line.len() > 3 && !line.contains('-')) {
            let positive = line.starts_with('2');
            match self.unanswered.pop_front() {
                Some(command) if command == "DATA" && line.starts_with("354") => {
                    self.in_mail_data = true;
                    self.mail_data.clear();
                }
                Some(command) if command == "." => (to_dot, self.has_envelope) = (Some(positive), false),
                Some(command) if command == "RSET" => {
                    self.accepted.clear();
                    // Another transaction may be on its way already.
                    self.has_envelope = self.unanswered.iter().any(|asked| asked.starts_with("MAIL "));
                }
                Some(command) if command.starts_with("MAIL ") => self.accepted.clear(),
                Some(command) if command.starts_with("RCPT ") && positive => self.accepted.push(command),
                _ => {}
            }
        }
        to_dot
    }
}

/// The naive reading of mail data (RFC 5321 §4.5.2): split at CRLF, stop at the line that is a dot, remove a dot in front. The
/// content, and how many octets of the wire it took; none if there is no end.
pub fn content(wire: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut content, mut rest) = (Vec::new(), wire);
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &rest[..end];
        rest = &rest[end + 2..];
        if line == b"." {
            return Some((content, wire.len() - rest.len()));
        }
        content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        content.extend_from_slice(b"\r\n");
    }
}
