//! One connection of the capturing sink: the server's side of SMTP, strict and small.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use super::{
    reader::{Line, LineReader},
    sink::{Captured, Shared},
};

/// Takes connections until the sink is closed, each in a thread of its own.
pub fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.lock().closed {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.change(|state| state.connections += 1);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A connection that breaks off is the other side's right; what came of it stands in the state.
            let _ = Session { reader: LineReader::new(stream.try_clone()?), stream, shared, mail: None }.serve();
            io::Result::Ok(())
        });
    }
}

struct Session {
    stream: TcpStream,
    reader: LineReader,
    shared: Arc<Shared>,
    mail: Option<Captured>,
}

impl Session {
    fn serve(&mut self) -> io::Result<()> {
        self.stream.set_read_timeout(Some(Duration::from_secs(300)))?;
        self.stream.set_nodelay(true)?;
        self.shared.stall("greeting");
        self.say("220 mailbox.example ESMTP")?;
        loop {
            let line = match self.reader.next()? {
                Line::End => return Ok(()),
                Line::Broken(line) => {
                    self.shared.violation("a broken command line", line);
                    self.stream.write_all(b"500 5.5.2 not a line\r\n")?;
                    continue;
                }
                Line::Proper(line) => String::from_utf8_lossy(line).into_owned(),
            };
            if !self.command(&line)? {
                return self.stream.shutdown(Shutdown::Both);
            }
        }
    }

    /// Obeys a command; false ends the session.
    fn command(&mut self, line: &str) -> io::Result<bool> {
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        self.shared.stall(&verb);
        match verb.as_str() {
            "EHLO" => {
                self.mail = None;
                let offers = self.shared.lock().behaviour.offers.join("\r\n250-");
                self.say(&format!("250-mailbox.example\r\n250-{offers}\r\n250 HELP"))?;
            }
            "HELO" => self.say("250 mailbox.example")?,
            "MAIL" => self.mail(line)?,
            "RCPT" => self.rcpt(line)?,
            "DATA" => return self.data(),
            "RSET" => {
                self.mail = None;
                self.say("250 2.0.0 reset")?;
            }
            "NOOP" => self.say("250 2.0.0 noted")?,
            "QUIT" => {
                self.say("221 2.0.0 until next time")?;
                return Ok(false);
            }
            _ => {
                self.shared.violation("an unknown command", line.as_bytes());
                self.say("500 5.5.1 unknown")?;
            }
        }
        Ok(true)
    }

    fn mail(&mut self, line: &str) -> io::Result<()> {
        if self.mail.is_some() {
            self.shared.violation("MAIL within a transaction", line.as_bytes());
            return self.say("503 5.5.1 nested MAIL");
        }
        let Some((path, parameters)) = path_of(line, "MAIL FROM:<") else {
            self.shared.violation("not a MAIL command", line.as_bytes());
            return self.say("501 5.5.4 MAIL FROM:<path>");
        };
        self.mail = Some(Captured {
            reverse_path: path,
            parameters,
            recipients: Vec::new(),
            recipient_parameters: Vec::new(),
            content: Vec::new(),
            reply: String::new(),
        });
        self.say("250 2.1.0 sender noted")
    }

    fn rcpt(&mut self, line: &str) -> io::Result<()> {
        let (Some((path, parameters)), Some(mail)) = (path_of(line, "RCPT TO:<"), self.mail.as_mut()) else {
            self.shared.violation("not an RCPT command, or no MAIL", line.as_bytes());
            return self.say("503 5.5.1 RCPT TO:<path> after MAIL");
        };
        let refused = {
            let state = self.shared.lock();
            state.behaviour.rcpt.iter().find(|(address, _)| *address == path).map(|(_, reply)| reply.clone())
        };
        match refused {
            Some(reply) => self.say(&reply),
            None => {
                mail.recipients.push(path);
                mail.recipient_parameters.push(parameters);
                self.say("250 2.1.5 recipient noted")
            }
        }
    }

    fn data(&mut self) -> io::Result<bool> {
        if self.mail.as_ref().is_none_or(|mail| mail.recipients.is_empty()) {
            // Not a violation: behind PIPELINING, DATA may follow refused recipients (RFC 2920 §3.1).
            self.say("554 5.5.1 no valid recipients")?;
            return Ok(true);
        }
        let Some(mut mail) = self.mail.take() else { return Ok(false) };
        self.shared.change(|state| state.data_begun += 1);
        self.say("354 go ahead")?;
        mail.content = match self.content()? {
            Some(content) => content,
            None => return Ok(false),
        };
        let reply = self.shared.keep(mail);
        if reply.is_empty() {
            return Ok(false);
        }
        self.say(&reply)?;
        Ok(!reply.starts_with("421"))
    }

    /// Mail data up to its dot; none if the connection ended before.
    fn content(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut content: Vec<u8> = Vec::new();
        let mut told = 0;
        loop {
            match self.reader.next()? {
                Line::End => return Ok(None),
                Line::Proper(b".") => break,
                Line::Proper(line) => {
                    content.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
                    content.extend_from_slice(b"\r\n");
                }
                Line::Broken(line) => {
                    // The rest of a line that was cut off by the end of the stream is no offence.
                    if line.ends_with(b"\n") || memchr::memchr(b'\r', &line[..line.len() - 1]).is_some() {
                        self.shared.violation("a CR or LF out of place in mail data", line);
                    }
                    content.extend_from_slice(line);
                }
            }
            if content.len() - told >= 64 * 1024 {
                let more = (content.len() - told) as u64;
                told = content.len();
                let pause = self.shared.change(|state| {
                    state.octets += more;
                    state.behaviour.pause
                });
                thread::sleep(pause);
            }
        }
        self.shared.change(|state| state.octets += (content.len() - told) as u64);
        Ok(Some(content))
    }

    fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes())
    }
}

/// What stands in the brackets, and the parameters behind.
fn path_of(line: &str, before: &str) -> Option<(String, String)> {
    if !line.get(..before.len())?.eq_ignore_ascii_case(before) {
        return None;
    }
    let (path, parameters) = line[before.len()..].rsplit_once('>')?;
    Some((path.to_owned(), parameters.trim().to_owned()))
}
