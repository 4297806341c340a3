//! The naive reader: a dialogue that lies there whole is read as RFC 5321 and RFC 3030 say, or as the most gullible server would.
//!
//! It knows nothing of the code under test. A client's octets read so are what must be relayed; a next hop's wire read so is
//! what was.

use portaria::smtp::mail_data::BareNewlines;

/// One message, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// MAIL and RCPT as far as their angle bracket closes.
    pub envelope: Vec<String>,
    /// Transparency undone.
    pub content: Vec<u8>,
    /// What came by BDAT so far (RFC 3030).
    chunks: Option<Vec<u8>>,
}

/// `BDAT size [LAST]`
fn size_of_chunk(line: &[u8]) -> Option<(usize, bool)> {
    let line = String::from_utf8_lossy(line);
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["BDAT", size] => Some((size.parse().ok()?, false)),
        ["BDAT", size, "LAST"] => Some((size.parse().ok()?, true)),
        _ => None,
    }
}

/// Each CR and LF that is no CRLF made one, and the last line ended.
fn whole_lines(octets: &[u8]) -> Vec<u8> {
    let lines: Vec<Vec<u8>> =
        split(octets, b"\r\n").iter().map(|line| replaced(&replaced(line, b"\r", b"\n"), b"\n", b"\r\n")).collect();
    let mut content = lines.join(&b"\r\n"[..]);
    if !content.is_empty() && !content.ends_with(b"\r\n") {
        content.extend_from_slice(b"\r\n");
    }
    content
}

/// What a client's octets must lead to: its messages, up to where the gateway closes the connection.
pub fn by_rfc_5321(client: &[u8], bare: BareNewlines) -> Vec<Message> {
    let (mut messages, mut message, mut rest) = (Vec::new(), Message::default(), client);
    while let Some(end) = find(rest, b"\r\n") {
        let line = &rest[..end];
        if line.contains(&b'\r') || line.contains(&b'\n') {
            break;
        }
        rest = &rest[end + 2..];
        if line.starts_with(b"BDAT ") {
            let Some((size, last)) = size_of_chunk(line) else { break };
            let chunk = &rest[..size.min(rest.len())];
            rest = &rest[chunk.len()..];
            if chunk.len() < size {
                break;
            }
            // Without a recipient its octets are nobody's.
            if message.envelope.len() > 1 {
                message.chunks.get_or_insert_default().extend_from_slice(chunk);
            }
            if let Some(chunks) = message.chunks.take_if(|_| last) {
                if bare == BareNewlines::Refuse && self::bare(&chunks) > 0 {
                    break;
                }
                message.content = whole_lines(&chunks);
                messages.push(std::mem::take(&mut message));
            }
            continue;
        }
        // Behind chunks DATA ends the transaction.
        if line != b"DATA" || message.chunks.is_some() {
            message.command(line);
            continue;
        }
        // DATA's own CRLF is the one before the first line.
        let data = &client[client.len() - rest.len() - 2..];
        let Some(end) = find(data, b"\r\n.\r\n") else { break };
        let text = &data[..end + 2];
        rest = &data[end + 5..];
        let mut lines = split(text, b"\r\n");
        lines.pop();
        for line in lines.iter().skip(1) {
            let line = line.strip_prefix(b".").unwrap_or(line);
            let is_bare = |octet: &u8| b"\r\n".contains(octet);
            if bare == BareNewlines::Refuse && line.iter().any(is_bare) {
                return messages;
            }
            for octet in line {
                match is_bare(octet) {
                    true => message.content.extend_from_slice(b"\r\n"),
                    false => message.content.push(*octet),
                }
            }
            message.content.extend_from_slice(b"\r\n");
        }
        messages.push(std::mem::take(&mut message));
    }
    messages
}

/// What is read by a server for which CRLF, LF and CR all end lines, and a line that is a dot ends mail data.
pub fn by_the_gullible(wire: &[u8]) -> Vec<Message> {
    let wire: Vec<u8> = replaced(&replaced(wire, b"\r\n", b"\n"), b"\r", b"\n");
    let (mut messages, mut message, mut in_data) = (Vec::new(), Message::default(), false);
    for line in split(&wire, b"\n") {
        match (in_data, line) {
            (true, b".") => {
                messages.push(std::mem::take(&mut message));
                in_data = false;
            }
            (true, line) => {
                message.content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
                message.content.extend_from_slice(b"\r\n");
            }
            (false, b"DATA") => in_data = true,
            (false, line) => message.command(line),
        }
    }
    messages
}

impl Message {
    fn command(&mut self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if self.chunks.is_some() && (line.starts_with("MAIL") || line.starts_with("RCPT")) {
            return;
        }
        let path = line.split_inclusive('>').next().unwrap_or_default();
        if line.starts_with("MAIL FROM:") {
            self.envelope = vec![path.to_owned()];
        } else if line.starts_with("RCPT TO:") {
            self.envelope.push(path.to_owned());
        } else if line.starts_with("RSET") || line == "DATA" {
            *self = Self::default();
        }
    }

    /// Without our trace field, which is one field at the top.
    pub fn without_trace(mut self) -> Self {
        let lines = split(&self.content, b"\r\n");
        assert!(lines[0].starts_with(b"Received: from "), "{}", self.content.escape_ascii());
        let folded = lines.iter().skip(1).take_while(|line| line.starts_with(b"\t") || line.starts_with(b" ")).count();
        let trace: usize = lines[..=folded].iter().map(|line| line.len() + 2).sum();
        self.content.drain(..trace);
        self
    }
}

/// Where `needle` first stands.
pub fn find(octets: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(octets, needle)
}

/// The CR and LF that are not two halves of one CRLF.
pub fn bare(octets: &[u8]) -> usize {
    replaced(octets, b"\r\n", b"").iter().filter(|octet| b"\r\n".contains(octet)).count()
}

fn split<'o>(mut octets: &'o [u8], by: &[u8]) -> Vec<&'o [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = find(octets, by) {
        pieces.push(&octets[..at]);
        octets = &octets[at + by.len()..];
    }
    pieces.push(octets);
    pieces
}

fn replaced(octets: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    split(octets, what).join(by)
}
