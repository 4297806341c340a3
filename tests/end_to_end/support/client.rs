//! A strict SMTP client: it says what it is told to and takes nothing but well-formed replies.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use super::{
    reader::{Line, LineReader},
    tls::{Trust, Under},
    wire::dot_stuffed,
};

/// A reply: its code and text, lines joined by a newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Three digits.
    pub code: u16,
    /// What follows the code, lines joined by `\n`.
    pub text: String,
}

impl Reply {
    /// Code and text on one line, as the tests compare it.
    pub fn line(&self) -> String {
        format!("{} {}", self.code, self.text.replace('\n', " "))
    }

    /// Whether it begins so: `550 5.2.1`.
    pub fn is(&self, beginning: &str) -> bool {
        self.line().starts_with(beginning)
    }

    /// Fails the test unless it begins so.
    #[track_caller]
    pub fn expect(self, beginning: &str, about: &str) -> Self {
        assert!(self.is(beginning), "{about}: expected a reply {beginning:?}…, heard {:?}", self.line());
        self
    }
}

/// One connection.
#[derive(Debug)]
pub struct Client<S = TcpStream> {
    reader: LineReader<S>,
}

impl Client {
    /// Connects, reads the greeting, says EHLO.
    #[track_caller]
    pub fn connect(port: u16) -> Self {
        let mut client = Self::dial(port).unwrap_or_else(|error| panic!("no connection to port {port}: {error}"));
        client.read().expect("220", "greeting");
        client.say("EHLO mta.origin.example").expect("250", "EHLO");
        client
    }

    /// Connects and says nothing.
    pub fn dial(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(120)))?;
        stream.set_write_timeout(Some(Duration::from_secs(120)))?;
        stream.set_nodelay(true)?;
        Ok(Self { reader: LineReader::new(stream) })
    }

    /// Shakes hands; an error when the server or its certificate is not to our liking. Nothing may have come before TLS.
    pub fn under_tls(self, trust: &Trust) -> io::Result<Client<Under>> {
        let (stream, quiet) = self.reader.into_stream();
        assert!(quiet, "nothing that came in clear is read under TLS");
        Ok(Client { reader: LineReader::new(trust.shake(stream)?) })
    }
}

impl Client<Under> {
    /// The certificate that the server showed.
    pub fn shown(&mut self) -> Vec<u8> {
        self.reader.stream().conn.peer_certificates().expect("the handshake is over")[0].to_vec()
    }
}

impl Client<Under> {
    /// Ends TLS as it should be ended, then sends octets past it. What the server still says, as it is on the wire.
    pub fn ends_tls_and_says_in_clear(mut self, octets: &[u8]) -> Vec<u8> {
        let under = self.reader.stream();
        under.conn.send_close_notify();
        under.flush().unwrap();
        let mut heard = Vec::new();
        // The server may have closed already.
        let _ = under.sock.write_all(octets);
        let _ = under.sock.read_to_end(&mut heard);
        heard
    }
}

impl<S: Read + Write> Client<S> {
    /// Sends a command and reads its reply.
    #[track_caller]
    pub fn say(&mut self, command: &str) -> Reply {
        self.write(format!("{command}\r\n").as_bytes());
        match self.try_read() {
            Ok(reply) => reply,
            Err(error) => panic!("no reply to {command:?}: {error}"),
        }
    }

    /// Sends octets.
    #[track_caller]
    pub fn write(&mut self, octets: &[u8]) {
        self.try_write(octets).unwrap_or_else(|error| panic!("cannot write to the server: {error}"));
    }

    /// Sends octets, if the server still takes them.
    pub fn try_write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.reader.stream().write_all(octets)
    }

    /// Reads a reply.
    #[track_caller]
    pub fn read(&mut self) -> Reply {
        self.try_read().unwrap_or_else(|error| panic!("no reply: {error}"))
    }

    /// Reads a reply; an error when the connection ends, times out, or what came is no reply (RFC 5321 §4.2).
    pub fn try_read(&mut self) -> io::Result<Reply> {
        let mut code = None;
        let mut texts: Vec<String> = Vec::new();
        loop {
            let line = match self.reader.next()? {
                Line::End => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
                }
                Line::Broken(line) => return Err(malformed(line)),
                Line::Proper(line) => line,
            };
            let (digits, last, text) = split_reply_line(line).ok_or_else(|| malformed(line))?;
            if *code.get_or_insert(digits) != digits || line.len() > 510 {
                return Err(malformed(line));
            }
            texts.push(text);
            if last {
                return Ok(Reply { code: digits, text: texts.join("\n") });
            }
        }
    }

    /// Says MAIL and RCPT for each recipient; fails the test unless all are accepted.
    #[track_caller]
    pub fn envelope(&mut self, reverse_path: &str, recipients: &[&str]) {
        self.say(&format!("MAIL FROM:<{reverse_path}>")).expect("250", "MAIL");
        for recipient in recipients {
            self.say(&format!("RCPT TO:<{recipient}>")).expect("250", recipient);
        }
    }

    /// One whole transaction after [`Client::envelope`]: DATA, the content, the reply after the dot.
    #[track_caller]
    pub fn data(&mut self, content: &[u8]) -> Reply {
        self.say("DATA").expect("354", "DATA");
        self.write(&dot_stuffed(content));
        self.read()
    }

    /// A message from start to end; fails the test unless MAIL and every RCPT are accepted. The reply after the dot.
    #[track_caller]
    pub fn send(&mut self, reverse_path: &str, recipients: &[&str], content: &[u8]) -> Reply {
        self.envelope(reverse_path, recipients);
        self.data(content)
    }
}

fn split_reply_line(line: &[u8]) -> Option<(u16, bool, String)> {
    let line =
        std::str::from_utf8(line).ok().filter(|line| line.bytes().all(|octet| (b' '..=b'~').contains(&octet)))?;
    let code = line.get(..3).filter(|code| code.bytes().all(|octet| octet.is_ascii_digit()))?.parse().ok()?;
    match line.as_bytes().get(3) {
        None => Some((code, true, String::new())),
        Some(b' ') => Some((code, true, line[4..].to_owned())),
        Some(b'-') => Some((code, false, line[4..].to_owned())),
        Some(_) => None,
    }
}

fn malformed(line: &[u8]) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a reply line: {:?}", line.escape_ascii().to_string()))
}

#[test]
fn a_reply_line_is_three_digits_then_space_or_hyphen_or_nothing() {
    assert_eq!(split_reply_line(b"250-SIZE 1"), Some((250, false, "SIZE 1".to_owned())));
    assert_eq!(split_reply_line(b"250"), Some((250, true, String::new())));
    for broken in [b"25 x".as_slice(), b"250+x", b"x", b"250 \xe7", b"250 \x07"] {
        assert_eq!(split_reply_line(broken), None, "{}", broken.escape_ascii());
    }
}
