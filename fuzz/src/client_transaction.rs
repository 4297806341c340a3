//! `smtp::client::Transaction`: whatever the next hop says and when, what goes out is our commands, each after the replies that
//! it needs, and content that decodes to what was put in; never a final dot behind a fault.

use bytes::Bytes;
use portaria::smtp::{
    client::{Question, Transaction},
    command::{Command, Grammar},
    envelope::{MailFrom, RcptTo},
    extension::Capabilities,
};

use crate::{
    choices::Choices,
    command::{ALL, everything},
    mail_data::naive,
    splits::find,
};

/// The octets are what the next hop says, a piece after each thing that its owner does.
pub fn client_transaction(data: &[u8]) {
    let mut choices = Choices::of(data);
    let capabilities = if choices.once_in(3) { Capabilities::default() } else { everything() };
    let pipelining = capabilities.pipelining;
    let pieces = choices.cut(data, 40);
    let mut it = Owner {
        transaction: Transaction::new(capabilities),
        asked: Vec::new(),
        answered: 0,
        content: Vec::new(),
        dotted: false,
        faulty: false,
        wire: Vec::new(),
        pipelining,
    };
    for piece in pieces {
        it.act(&mut choices);
        it.transmit();
        let whole = choices.once_in(2);
        let pieces: Vec<&[u8]> = if whole { vec![piece] } else { piece.chunks(1).collect() };
        for piece in pieces {
            it.transaction.receive(piece);
            it.poll();
            it.transmit();
        }
    }
    it.check_wire();
}

struct Owner {
    transaction: Transaction,
    asked: Vec<Question>,
    answered: usize,
    content: Vec<u8>,
    dotted: bool,
    faulty: bool,
    wire: Vec<u8>,
    pipelining: bool,
}

impl Owner {
    /// Something that the contract allows now.
    fn act(&mut self, choices: &mut Choices) {
        if self.faulty || self.dotted {
            return;
        }
        if self.transaction.in_mail_data() {
            let content = *choices.one_of(&["a\r\n", ".\r\n", "..b\r\n", "\r\n", "Subject: x\r\n\r\n.x"]);
            let ends = self.content.is_empty() || self.content.ends_with(b"\r\n");
            if choices.once_in(3) && (ends || !choices.once_in(4)) {
                self.dotted = true;
                self.transaction.end_of_mail_data();
                self.asked.push(Question::EndOfMailData);
            } else {
                self.content.extend_from_slice(content.as_bytes());
                self.transaction.content(Bytes::from_static(content.as_bytes()));
            }
            return;
        }
        if matches!(self.asked.last(), Some(Question::Data)) && self.answered < self.asked.len() {
            return;
        }
        let begun = self.asked.iter().rposition(|question| *question == Question::Reset).map_or(0, |at| at + 1);
        let recipients = self.asked[begun..].iter().filter(|question| matches!(question, Question::Rcpt(_))).count();
        let mail = self.asked[begun..].contains(&Question::Mail);
        let data = self.asked.contains(&Question::Data);
        match choices.below(4) {
            3 if !mail && self.asked[begun..].len() < 3 => {
                self.transaction.forward("XFORWARD ADDR=192.0.2.1\r\n".to_owned());
                self.asked.push(Question::Forward);
            }
            _ if !mail => {
                let from = parsed("MAIL FROM:<\"a>b\"@c.example> SIZE=5 BODY=8BITMIME RET=HDRS ENVID=x");
                let Command::Mail(from) = from else { panic!() };
                let _: &MailFrom = &from;
                self.transaction.mail(&from, Some(7));
                self.asked.push(Question::Mail);
            }
            0 | 1 => {
                let Command::Rcpt(to) = parsed("RCPT TO:<@x.example:a@b.example> NOTIFY=NEVER") else { panic!() };
                let _: &RcptTo = &to;
                self.transaction.rcpt(&to);
                self.asked.push(Question::Rcpt(recipients));
            }
            2 if recipients > 0 && self.answered == self.asked.len() && !data => {
                self.transaction.data();
                self.asked.push(Question::Data);
            }
            _ if !data && choices.once_in(4) => {
                self.transaction.reset();
                self.asked.push(Question::Reset);
            }
            _ => {}
        }
    }

    /// Answers come in the order of the questions, one for each.
    fn poll(&mut self) {
        while let Some(answer) = self.transaction.poll_answer() {
            assert!(!self.faulty, "an answer behind a fault");
            match answer {
                Ok((question, reply)) => {
                    assert_eq!(self.asked.get(self.answered), Some(&question), "{}", reply.summary());
                    assert!(!reply.is_intermediate() || question == Question::Data && reply.code() == 354);
                    assert!(question != Question::Data || !reply.is_positive());
                    self.answered += 1;
                }
                Err(_) => self.faulty = true,
            }
        }
    }

    fn transmit(&mut self) {
        while let Some(octets) = self.transaction.poll_transmit() {
            assert!(!self.faulty, "said behind a fault: {}", octets.escape_ascii());
            let lines = octets.windows(2).filter(|two| two == b"\r\n").count();
            assert!(self.pipelining || self.transaction.in_mail_data() || self.dotted || lines == 1, "not one by one");
            self.wire.extend_from_slice(&octets);
        }
        assert!(self.transaction.outstanding() <= self.asked.len());
    }

    /// All that went out is the questions in their order, then the content.
    fn check_wire(&self) {
        let mut rest = self.wire.as_slice();
        for question in &self.asked {
            if *question == Question::EndOfMailData {
                break;
            }
            let Some(end) = find(rest, b"\r\n") else {
                assert!(rest.is_empty());
                return;
            };
            if *question == Question::Forward {
                assert_eq!(&rest[..end], b"XFORWARD ADDR=192.0.2.1");
                rest = &rest[end + 2..];
                continue;
            }
            let command = parsed(std::str::from_utf8(&rest[..end]).expect("ASCII"));
            let fits = match question {
                Question::Mail => matches!(command, Command::Mail(_)),
                Question::Rcpt(_) => matches!(command, Command::Rcpt(_)),
                Question::Data => matches!(command, Command::Data),
                Question::Reset => matches!(command, Command::Reset),
                Question::Forward | Question::EndOfMailData => false,
            };
            assert!(fits, "{question:?}: {command:?}");
            rest = &rest[end + 2..];
        }
        let reading = naive(rest);
        assert!(!reading.bare_newline && self.content.starts_with(&reading.content) || self.dotted, "another content");
        if reading.behind.is_some() {
            assert!(self.dotted);
            let end: &[u8] = if self.content.is_empty() || self.content.ends_with(b"\r\n") { b"" } else { b"\r\n" };
            assert_eq!(reading.content, [self.content.as_slice(), end].concat());
            assert_eq!(reading.behind.as_deref(), Some(&b""[..]), "said behind the final dot");
        }
    }
}

fn parsed(line: &str) -> Command {
    Command::from_line(line.as_bytes(), Grammar { offer: &ALL, smtputf8: true }).expect("a command of ours")
}
