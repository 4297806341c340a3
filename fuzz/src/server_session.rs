//! `smtp::server`: any split of the same octets gives the same conversation; nothing happens while an answer is awaited; octets
//! between 354 and the end of mail data, and those of chunks, are content and nothing else.

use portaria::smtp::{
    limits::Limits,
    mail_data::BareNewlines,
    reply::{Enhanced, Reply},
    server::{Event, Session},
};

use crate::{
    choices::Choices,
    command::ALL,
    mail_data::{chunk_command, naive, naive_chunks},
    splits::splits,
};

/// What an owner of the session sees, with all pieces of the content of a message as one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Conversation {
    events: Vec<String>,
    /// No content came yet in the present transaction.
    fresh: bool,
    contents: Vec<Vec<u8>>,
    said: Vec<u8>,
}

/// The octets are what the client says; the answers depend on them too, and not on how they are cut.
pub fn server_session(data: &[u8]) {
    let choices = Choices::of(data);
    let [whole, others @ ..] = splits(data, &mut choices.clone()).map(|pieces| conversation(&pieces, choices.clone()));
    // What is cut behind STARTTLS comes under TLS, and what is not is refused: there alone the cut counts (CVE-2011-0411).
    if others.iter().chain([&whole]).any(|it| it.events.iter().any(|event| event == "StartTls")) {
        return;
    }
    for other in others {
        assert_eq!(other, whole, "{}", data.escape_ascii());
    }
    check_content(data, &whole);
}

/// Answers for one conversation: three of four are good.
fn answer(choices: &mut Choices, event: &Event) -> Reply {
    let good = if matches!(event, Event::Data) { 354 } else { 250 };
    let code = if choices.once_in(4) { *choices.one_of(&[450, 550, 421, 354, 250, 552]) } else { good };
    Reply::new(code, Some(Enhanced(2, 0, 0)), "answered")
}

fn conversation(pieces: &[&[u8]], mut choices: Choices) -> Conversation {
    let limits = Limits { message_size: 1000, recipients: 2, errors: 4, transactions: 3 };
    let required = choices.once_in(8);
    // Under TLS from the beginning clients may log in.
    let tls = choices.once_in(4);
    let mut session = Session::new("mx.example", ALL.clone(), limits, tls, required);
    let mut conversation = Conversation::default();
    let mut over = false;
    for piece in pieces {
        session.receive(piece);
        while let Some(event) = session.poll_event() {
            assert!(!over, "{event:?} behind the end");
            over = matches!(event, Event::Close(_));
            conversation.add(&event);
            if matches!(event, Event::StartTls) {
                assert!(session.poll_event().is_none(), "an event in the handshake");
                conversation.transmitted(&mut session);
                session.tls_established();
                assert!(session.is_tls() && session.hello().is_none() && session.unparsed() == 0);
            }
            if !session.awaits_answer() {
                continue;
            }
            let said = conversation.said.len();
            conversation.transmitted(&mut session);
            assert!(session.poll_event().is_none(), "{event:?} is not answered yet");
            let hello = session.hello().cloned();
            let reply = answer(&mut choices, &event);
            let taken = reply.is_positive();
            session.answer(reply);
            let forgotten = taken && matches!(event, Event::Announced(_));
            assert_eq!(session.hello().cloned(), hello.filter(|_| !forgotten), "an announced client begins anew");
            assert!(!session.awaits_answer());
            conversation.transmitted(&mut session);
            assert!(conversation.said.len() > said, "an answer is said");
        }
    }
    conversation.transmitted(&mut session);
    conversation
}

impl Conversation {
    fn add(&mut self, event: &Event) {
        match event {
            Event::Content(content) => {
                assert!(!content.is_empty());
                match self.contents.last_mut() {
                    Some(last) if !self.fresh => last.extend(content),
                    _ => self.contents.push(content.to_vec()),
                }
                self.fresh = false;
                if self.events.last().is_none_or(|last| last != "Content") {
                    self.events.push("Content".to_owned());
                }
            }
            event => {
                self.fresh |= matches!(event, Event::Mail(_));
                self.events.push(format!("{event:?}").split('(').next().unwrap_or_default().to_owned());
            }
        }
    }

    /// The last chunk did not come whole.
    fn is_in_chunk(&self) -> bool {
        let marks = ["Chunk", "EndOfChunk", "EndOfMailData", "Close"];
        let last = self.events.iter().rev().find(|event| marks.iter().any(|mark| event.starts_with(mark)));
        last.is_some_and(|event| event == "Chunk")
    }

    fn transmitted(&mut self, session: &mut Session) {
        while let Some(octets) = session.poll_transmit() {
            assert!(octets.ends_with(b"\r\n"));
            self.said.extend_from_slice(&octets);
        }
    }
}

/// What came as content, beside a naive reading of the stream from each 354 on, and of each chunk that was answered by the owner.
fn check_content(data: &[u8], whole: &Conversation) {
    let said = String::from_utf8(whole.said.clone()).expect("ASCII");
    let last_lines = said.split_terminator("\r\n").filter(|line| line.as_bytes().get(3) != Some(&b'-'));
    let (mut rest, mut in_data) = (data, false);
    let (mut contents, mut chunks): (Vec<Vec<u8>>, Option<Vec<u8>>) = (Vec::new(), None);
    let content = |chunks: &[u8], whole| naive_chunks(BareNewlines::Refuse, chunks, whole).content;
    for (at, reply) in last_lines.enumerate() {
        // An answer that cannot be one becomes an error of ours.
        let by_owner = reply.ends_with("answered") || reply.ends_with("Internal error");
        if at == 0 || reply.starts_with("421") && !by_owner {
            continue;
        }
        if in_data {
            let reading = naive(rest);
            let behind = reading.behind.expect("answered before the end of mail data").len();
            contents.push(reading.content);
            rest = &rest[rest.len() - behind..];
        } else {
            let end = rest.iter().position(|octet| b"\r\n".contains(octet)).expect("a reply to nothing");
            let line = &rest[..end];
            rest = rest.get(end + 2..).unwrap_or_default();
            if let Some((size, last)) = chunk_command(line) {
                let (chunk, behind) = rest.split_at(size.min(rest.len()));
                assert!(chunk.len() == size || !by_owner, "answered before its end");
                rest = behind;
                if by_owner {
                    chunks.get_or_insert_default().extend_from_slice(chunk);
                    let over = last || !reply.starts_with('2');
                    contents.extend(chunks.take_if(|_| over).map(|chunks| content(&chunks, last)));
                }
            } else if ends_transaction(line, reply) {
                contents.extend(chunks.take().map(|chunks| content(&chunks, false)));
            }
        }
        in_data = reply.starts_with("354");
    }
    if in_data {
        contents.push(naive(rest).content);
    } else if whole.is_in_chunk() {
        let end = rest.iter().position(|octet| *octet == b'\r').expect("BDAT has a line");
        chunks.get_or_insert_default().extend_from_slice(&rest[end + 2..]);
    }
    contents.extend(chunks.map(|chunks| content(&chunks, false)));
    contents.retain(|content| !content.is_empty());
    assert_eq!(whole.contents, contents, "{}", data.escape_ascii());
}

/// Whether chunks before this command are of no message any more.
fn ends_transaction(line: &[u8], reply: &str) -> bool {
    let verb = line.split(|octet| *octet == b' ').next().unwrap_or_default().to_ascii_uppercase();
    match verb.as_slice() {
        b"RSET" | b"HELO" | b"EHLO" => reply.starts_with("250"),
        b"DATA" => reply.starts_with("503"),
        _ => false,
    }
}
