//! The load program: many messages over several connections, each with its final reply.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    client::{Client, Reply},
    wire::dot_stuffed,
};

/// A message with its envelope.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What stands in the brackets of MAIL.
    pub reverse_path: String,
    /// What stands in the brackets of each RCPT.
    pub recipients: Vec<String>,
    /// The content: empty, or lines that end with CRLF.
    pub content: Vec<u8>,
}

/// How to send.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Where to, on loopback.
    pub port: u16,
    /// Connections at the same time.
    pub connections: usize,
    /// MAIL, RCPT and DATA in one write (RFC 2920).
    pub pipelining: bool,
}

impl Load {
    /// Sends `count` messages, made one after another by `make`. For each the final reply on one line: that to the dot, or the first
    /// refusal before it, or what went wrong with the connection (then the next message gets a new one).
    pub fn send(&self, count: usize, make: impl Fn(usize) -> Letter + Sync) -> Vec<String> {
        let next = AtomicUsize::new(0);
        let replies = Mutex::new(vec![String::new(); count]);
        thread::scope(|scope| {
            for _ in 0..self.connections {
                scope.spawn(|| {
                    let mut client = None;
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= count {
                            return;
                        }
                        let reply = match self.deliver(&mut client, &make(index)) {
                            Ok(reply) => reply.line(),
                            Err(error) => {
                                client = None;
                                format!("connection lost: {error}")
                            }
                        };
                        replies.lock().unwrap()[index] = reply;
                    }
                });
            }
        });
        replies.into_inner().unwrap()
    }

    fn deliver(&self, client: &mut Option<Client>, letter: &Letter) -> io::Result<Reply> {
        let client = match client {
            Some(client) => client,
            None => client.insert(self.open()?),
        };
        let mut commands = vec![format!("MAIL FROM:<{}> BODY=8BITMIME\r\n", letter.reverse_path)];
        commands.extend(letter.recipients.iter().map(|recipient| format!("RCPT TO:<{recipient}>\r\n")));
        commands.push("DATA\r\n".to_owned());
        let mut replies = Vec::new();
        if self.pipelining {
            client.try_write(commands.concat().as_bytes())?;
            for _ in &commands {
                replies.push(client.try_read()?);
            }
        } else {
            for command in &commands {
                client.try_write(command.as_bytes())?;
                replies.push(client.try_read()?);
                if replies.last().is_some_and(|reply| reply.code >= 400) {
                    break;
                }
            }
        }
        let refusal = replies.iter().find(|reply| reply.code >= 400).cloned();
        if replies.last().is_some_and(|reply| reply.code == 354) {
            client.try_write(&dot_stuffed(&letter.content))?;
            let reply = client.try_read()?;
            return Ok(refusal.unwrap_or(reply));
        }
        client.try_write(b"RSET\r\n")?;
        client.try_read()?;
        Ok(refusal.unwrap_or_else(|| replies.swap_remove(0)))
    }

    fn open(&self) -> io::Result<Client> {
        let mut client = Client::dial(self.port)?;
        client.try_read()?;
        client.try_write(b"EHLO load.origin.example\r\n")?;
        client.try_read()?;
        Ok(client)
    }
}

#[test]
fn the_load_program_and_the_sink_agree_on_every_octet() {
    let sink = super::sink::Sink::start();
    let letters = super::generator::odd_letters("a@tjpa.jus.br");
    for pipelining in [false, true] {
        let load = Load { port: sink.port(), connections: 4, pipelining };
        let replies = load.send(letters.len(), |index| letters[index].1.clone());
        assert!(replies.iter().all(|reply| reply.starts_with("250 2.0.0 taken")), "{replies:#?}");
        let mut state = sink.state();
        assert_eq!(state.messages.len(), letters.len());
        for (name, letter) in &letters {
            let message = state.messages.iter().find(|message| message.reverse_path == letter.reverse_path).unwrap();
            assert_eq!(message.recipients, letter.recipients, "{name}");
            super::trace::assert_same_octets(name, &message.content, &letter.content);
        }
        state.messages.clear();
    }
}
