//! `smtp::server`: any split of the same octets gives the same conversation; nothing happens while an answer is awaited; octets
//! between 354 and the end of mail data are content and nothing else.

use portaria::smtp::{
    limits::Limits,
    reply::{Enhanced, Reply},
    server::{Event, Session},
};

use crate::{choices::Choices, command::ALL, mail_data::naive, splits::splits};

/// What an owner of the session sees, with all pieces of content as one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Conversation {
    events: Vec<String>,
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
    let mut session = Session::new("mx.example", ALL.clone(), limits, false, required);
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
                    Some(last) if self.events.last().is_some_and(|last| last == "Content") => last.extend(content),
                    _ => {
                        self.contents.push(content.to_vec());
                        self.events.push("Content".to_owned());
                    }
                }
            }
            event => self.events.push(format!("{event:?}").split('(').next().unwrap_or_default().to_owned()),
        }
    }

    fn transmitted(&mut self, session: &mut Session) {
        while let Some(octets) = session.poll_transmit() {
            assert!(octets.ends_with(b"\r\n"));
            self.said.extend_from_slice(&octets);
        }
    }
}

/// What came as content, beside a naive reading of the stream from each 354 on.
fn check_content(data: &[u8], whole: &Conversation) {
    let said = String::from_utf8(whole.said.clone()).expect("ASCII");
    let last_lines = said.split_terminator("\r\n").filter(|line| line.as_bytes().get(3) != Some(&b'-'));
    let (mut rest, mut contents, mut in_data) = (data, Vec::new(), false);
    for (at, reply) in last_lines.enumerate() {
        if at == 0 || reply.starts_with("421") && !reply.ends_with("answered") {
            continue;
        }
        if in_data {
            let reading = naive(rest);
            let behind = reading.behind.expect("answered before the end of mail data").len();
            contents.push(reading.content);
            rest = &rest[rest.len() - behind..];
        } else {
            let end = rest.iter().position(|octet| b"\r\n".contains(octet)).expect("a reply to nothing");
            rest = rest.get(end + 2..).unwrap_or_default();
        }
        in_data = reply.starts_with("354");
    }
    if in_data {
        contents.push(naive(rest).content);
    }
    contents.retain(|content| !content.is_empty());
    assert_eq!(whole.contents, contents, "{}", data.escape_ascii());
}
