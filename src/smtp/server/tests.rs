//! Conversations with the session. Each runs whole, octet by octet and in pieces, and must be the same every time.

mod auth;
mod chunks;

use super::*;

fn limits() -> Limits {
    Limits { message_size: 1000, recipients: 3, errors: 2, transactions: 5 }
}

fn offer() -> Offer {
    Offer {
        eight_bit_mime: true,
        smtputf8: true,
        dsn: false,
        starttls: true,
        size: 900,
        recipients: None,
        xclient: false,
        auth: false,
    }
}

fn plain() -> Session {
    Session::new("mx.example", offer(), limits(), false, false)
}

/// What policy says in these conversations: `no@` is refused, `later@` deferred, `drain@` hears 421.
fn answer_to(event: &Event) -> Option<Reply> {
    let judge = |address: String| match address.split('@').next() {
        Some("no") => own(550, 1, 1, "no"),
        Some("later") => own(451, 7, 1, "later"),
        Some("drain") => own(421, 3, 2, "drain"),
        _ => own(250, 1, 0, "yes"),
    };
    match event {
        Event::Mail(mail) => Some(judge(mail.path.to_string())),
        Event::Rcpt(rcpt) => Some(judge(rcpt.path.to_string())),
        // The door has room for everybody but one network.
        Event::Announced(announced) if announced.address == Some([192, 0, 2, 66].into()) => {
            Some(own(421, 3, 2, "full"))
        }
        Event::Authenticate(credentials) => Some(match credentials.password.octets() {
            b"right" => own(235, 7, 0, "in"),
            _ => own(535, 7, 8, "out"),
        }),
        Event::Announced(_) => Some(Reply::new(220, None, "mx.example ESMTP")),
        Event::Data => Some(Reply::new(354, None, "go on")),
        Event::EndOfChunk => Some(own(250, 0, 0, "more")),
        Event::EndOfMailData { bare_newline: true } => Some(own(550, 6, 11, "bare")),
        Event::EndOfMailData { bare_newline: false } => Some(own(250, 0, 0, "taken")),
        Event::Hello(_) | Event::Reset | Event::StartTls | Event::MailRefused { .. } => None,
        Event::Content(_) | Event::Chunk(_) | Event::Mixed | Event::Close(_) => None,
    }
}

fn name(event: &Event) -> String {
    match event {
        Event::Hello(hello) => format!("<hello {}>", hello.name),
        Event::Reset => "<reset>".into(),
        Event::StartTls => "<starttls>".into(),
        Event::Announced(announced) => format!("<announced {:?}>", announced.address),
        Event::Authenticate(credentials) => format!("<auth {}>", credentials.login),
        Event::Mail(mail) => format!("<mail {}>", mail.path),
        Event::MailRefused { mail, reply, .. } => format!("<refused {} {}>", mail.path, reply.code()),
        Event::Rcpt(rcpt) => format!("<rcpt {}>", rcpt.path),
        Event::Data => "<data>".into(),
        Event::Chunk(size) => format!("[chunk {size}]"),
        Event::EndOfChunk => "<end of chunk>".into(),
        Event::Mixed => "<mixed>".into(),
        Event::Content(content) => format!("<content {}>", content.escape_ascii()),
        Event::EndOfMailData { bare_newline } => format!("<end {bare_newline}>"),
        Event::Close(why) => format!("<close {why:?}>"),
    }
}

/// Everything that can happen now happens: events and replies in order, CRLF as ` / `.
fn drain(session: &mut Session) -> String {
    let mut log = String::new();
    let said = |session: &mut Session, log: &mut String| {
        while let Some(octets) = session.poll_transmit() {
            log.push_str(&String::from_utf8_lossy(&octets).replace("\r\n", " / "));
        }
    };
    said(session, &mut log);
    while let Some(event) = session.poll_event() {
        // What was said before an event is logged before it.
        said(session, &mut log);
        log.push_str(&name(&event));
        log.push(' ');
        assert_eq!(session.awaits_answer(), answer_to(&event).is_some(), "{}", name(&event));
        if let Some(reply) = answer_to(&event) {
            assert_eq!(session.poll_event(), None, "nothing is parsed before the answer");
            session.answer(reply);
        }
        said(session, &mut log);
    }
    said(session, &mut log);
    log.trim_end_matches([' ', '/']).to_owned()
}

fn talk(mut session: Session, octets: &[u8], size: usize) -> String {
    assert_eq!(drain(&mut session), "220 mx.example ESMTP");
    let mut log = String::new();
    for piece in octets.chunks(size) {
        session.receive(piece);
        let more = drain(&mut session);
        if !more.is_empty() {
            log.push_str(&more);
            log.push_str(if more.ends_with(['>', ']']) { " " } else { " / " });
        }
    }
    // Pieces of content are one content, however it came.
    log.replace("> <content ", "").trim_end_matches([' ', '/']).to_owned()
}

/// The client says `octets`; the conversation is `expected`, at any split.
fn converse(session: impl Fn() -> Session, octets: &str, expected: &str) {
    for size in [octets.len().max(1), 1, 2, 3, 7, 50] {
        assert_eq!(talk(session(), octets.as_bytes(), size), expected, "{octets:?} in pieces of {size}");
    }
}

const HELLO: &str = "EHLO c.example\r\n";
const HEARD: &str = "250-mx.example / 250-PIPELINING / 250-SIZE 900 / 250-LIMITS MAILMAX=5 RCPTMAX=3 / 250-8BITMIME / 250-STARTTLS / \
                     250-ENHANCEDSTATUSCODES / 250-CHUNKING / 250 SMTPUTF8 / <hello c.example>";

/// A conversation that begins with EHLO.
fn after_hello(octets: &str, expected: &str) {
    converse(plain, &format!("{HELLO}{octets}"), &format!("{HEARD} {expected}"));
}

#[test]
fn a_message_and_another_and_good_bye() {
    after_hello(
        "MAIL FROM:<a@c.example> SIZE=10\r\nRCPT TO:<b@d.example>\r\nDATA\r\n..a\r\nb\r\n.\r\n\
         MAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nDATA\r\n.\r\nQUIT\r\n",
        "<mail a@c.example> 250 2.1.0 yes / <rcpt b@d.example> 250 2.1.0 yes / <data> 354 go on / \
         <content .a\\r\\nb\\r\\n> <end false> 250 2.0.0 taken / \
         <mail > 250 2.1.0 yes / <rcpt postmaster> 250 2.1.0 yes / <data> 354 go on / \
         <end false> 250 2.0.0 taken / 221 2.0.0 Bye / <close Quit>",
    );
}

#[test]
fn the_session_answers_by_itself_what_needs_no_decision() {
    converse(
        plain,
        "NOOP\r\nNOOP x\r\nHELP\r\nRSET\r\nVRFY a\r\nHELO c\r\nQUIT\r\nNOOP\r\n",
        "250 2.0.0 OK / 250 2.0.0 OK / 214 2.0.0 HELO EHLO STARTTLS MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT / \
         250 2.0.0 OK / <reset> 252 2.5.0 Cannot verify, will take mail and try / 250 mx.example / <hello c> \
         221 2.0.0 Bye / <close Quit>",
    );
}

#[test]
fn commands_out_of_sequence() {
    // MAIL before HELO; RCPT and DATA before MAIL.
    converse(
        plain,
        "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n",
        "503 5.5.1 Say HELO or EHLO first / 503 5.5.1 Say HELO or EHLO first",
    );
    after_hello("RCPT TO:<a@b>\r\nDATA\r\n", "503 5.5.1 Need MAIL command / 503 5.5.1 Need MAIL command");
    // A second MAIL; DATA without a recipient; the transaction goes on all the same.
    after_hello(
        "MAIL FROM:<>\r\nMAIL FROM:<>\r\nDATA\r\nRCPT TO:<a@b>\r\n",
        "<mail > 250 2.1.0 yes / 503 5.5.1 A mail transaction is in progress / 554 5.5.1 No valid recipients / \
         <rcpt a@b> 250 2.1.0 yes",
    );
    // RSET, HELO and EHLO end it.
    for (verb, heard) in [("RSET", "250 2.0.0 OK / <reset>"), ("HELO c", "250 mx.example / <hello c>")] {
        after_hello(
            &format!("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n{verb}\r\nDATA\r\n"),
            &format!("<mail > 250 2.1.0 yes / <rcpt a@b> 250 2.1.0 yes / {heard} 503 5.5.1 Need MAIL command"),
        );
    }
}

#[test]
fn what_is_pipelined_behind_a_refused_mail_is_no_error() {
    // A group of five against two errors that are allowed: the sender must hear the refusal, not a 421.
    let group = "RCPT TO:<a@b>\r\nRCPT TO:<b@b>\r\nRCPT TO:<c@b>\r\nDATA\r\n";
    let unneeded = ["503 5.5.1 Need MAIL command"; 4].join(" / ");
    after_hello(&format!("MAIL FROM:<later@b>\r\n{group}"), &format!("<mail later@b> 451 4.7.1 later / {unneeded}"));
    after_hello(&format!("MAIL FROM:<no@b>\r\n{group}"), &format!("<mail no@b> 550 5.1.1 no / {unneeded}"));
    after_hello(
        &format!("MAIL FROM:<> SIZE=901\r\n{group}"),
        &format!("552 5.3.4 Message size exceeds limit / <refused  552> {unneeded}"),
    );
    after_hello(
        &format!("MAIL FROM:<a>\r\n{group}"),
        &format!("501 5.1.7 Bad sender address syntax: the domain is missing / {unneeded}"),
    );
    // But not for ever: one more than there may be recipients and a DATA.
    after_hello(
        &format!("MAIL FROM:<later@b>\r\n{group}DATA\r\nDATA\r\nDATA\r\nDATA\r\n"),
        &format!(
            "<mail later@b> 451 4.7.1 later / {unneeded} / {} / 421 4.7.0 Too many errors / <close TooManyErrors>",
            ["503 5.5.1 Need MAIL command"; 3].join(" / ")
        ),
    );
}

#[test]
fn smtputf8_holds_for_its_transaction_only() {
    after_hello(
        "MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<joão@b>\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<joão@b>\r\n",
        "<mail > 250 2.1.0 yes / <rcpt joão@b> 250 2.1.0 yes / 250 2.0.0 OK / <reset> \
         <mail > 250 2.1.0 yes / 553 5.6.7 Non-ASCII addresses need SMTPUTF8",
    );
}

#[test]
fn too_many_errors() {
    let end = "421 4.7.0 Too many errors / <close TooManyErrors>";
    // Two are allowed; the third is answered and then it is over, whatever is behind it.
    let unknown = "500 5.5.1 Command not recognized";
    converse(plain, "X\r\nX\r\nX\r\nQUIT\r\n", &format!("{unknown} / {unknown} / {unknown} / {end}"));
    // 5xx to MAIL and RCPT count (harvesting), 4xx do not.
    after_hello(
        "MAIL FROM:<>\r\nRCPT TO:<later@b>\r\nRCPT TO:<later@b>\r\nRCPT TO:<later@b>\r\n\
         RCPT TO:<no@b>\r\nRCPT TO:<no@b>\r\nRCPT TO:<no@b>\r\nQUIT\r\n",
        &format!(
            "<mail > 250 2.1.0 yes / {}{}{end}",
            "<rcpt later@b> 451 4.7.1 later / ".repeat(3),
            "<rcpt no@b> 550 5.1.1 no / ".repeat(3)
        ),
    );
    // A message that was taken wipes the slate.
    let message = "MAIL FROM:<>\r\nRCPT TO:<no@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\n";
    let heard = "<mail > 250 2.1.0 yes / <rcpt no@b> 550 5.1.1 no / <rcpt a@b> 250 2.1.0 yes / <data> 354 go on / \
                 <end false> 250 2.0.0 taken / ";
    after_hello(&format!("{}QUIT\r\n", message.repeat(5)), &format!("{}221 2.0.0 Bye / <close Quit>", heard.repeat(5)));
}

/// A client that sent much and then falls silent: what is left of it must not keep the room of all that came with it.
#[test]
fn what_waits_for_its_end_does_not_keep_a_large_buffer() {
    for (left, kept) in [(&b""[..], &b""[..]), (b"\r", b"\r"), (b"\r\n.\r\nMAIL FROM:<a@", b"MAIL FROM:<a@")] {
        let mut session = plain();
        session.receive(b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<yes@b.example>\r\nDATA\r\n");
        drain(&mut session);
        session.receive(&[&[b'x'; 60_000], left].concat());
        drain(&mut session);
        assert_eq!(session.unparsed, kept);
        assert!(!session.unparsed.try_reclaim(4096), "{} octets keep a large buffer", kept.len());

        let mut session = plain();
        session.receive(b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<yes@b.example>\r\nDATA\r\n");
        drain(&mut session);
        session.receive_buffer([&[b'x'; 60_000], left].concat().into());
        drain(&mut session);
        assert_eq!(session.unparsed, kept);
        assert!(!session.unparsed.try_reclaim(4096), "{} octets keep the buffer that they came in", kept.len());
    }
}

/// Mail data that comes in a buffer of its own stands where it stood; what somebody else can see too is never moved.
#[test]
fn mail_data_is_read_where_it_stands() {
    for shared in [false, true] {
        let mut session = plain();
        session.receive(b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<yes@b.example>\r\nDATA\r\n");
        drain(&mut session);
        let octets = Bytes::from(b"a\r\n..b\r\n".repeat(10));
        let (place, other) = (octets.as_ptr(), shared.then(|| octets.clone()));
        session.receive_buffer(octets);
        let Some(Event::Content(content)) = session.poll_event() else { panic!("no content") };
        assert_eq!((content.as_ref(), content.as_ptr() == place), (&b"a\r\n.b\r\n".repeat(10)[..], !shared));
        assert!(other.is_none_or(|other| other == b"a\r\n..b\r\n".repeat(10)));
    }
}

/// What is small is read and written in two buffers that stay, or each command and each reply would have one of its own; what was large is
/// given back.
#[test]
fn small_buffers_stay_and_large_ones_do_not() {
    for (noops, stays) in [(1, true), (USELESS_COMMANDS as usize, false)] {
        let mut session = plain();
        drain(&mut session);
        session.receive("NOOP\r\n".repeat(noops).as_bytes());
        assert_eq!(session.poll_event(), None);
        assert_eq!(session.poll_transmit().unwrap().len(), "250 2.0.0 OK\r\n".len() * noops);
        let kept = [session.unparsed.capacity(), session.transmit.capacity()];
        assert_eq!(kept.map(|octets| (1..=KEPT).contains(&octets)), [stays; 2], "{kept:?} behind {noops}");
    }
}

#[test]
fn commands_without_use_are_free_only_so_often() {
    let noops = "NOOP\r\n".repeat(USELESS_COMMANDS as usize);
    let log = talk(plain(), format!("{noops}QUIT\r\n").as_bytes(), 5000);
    assert!(log.ends_with("221 2.0.0 Bye / <close Quit>"));
    let log = talk(plain(), format!("{noops}NOOP\r\nRSET\r\nHELP\r\nQUIT\r\n").as_bytes(), 5000);
    assert!(log.ends_with("421 4.7.0 Too many errors / <close TooManyErrors>"), "{log}");
    // DATA for no one and MAIL that is too large are no errors, and not free for ever either.
    for (command, free) in [("DATA\r\n", "MAIL FROM:<>\r\n"), ("MAIL FROM:<> SIZE=901\r\n", "")] {
        let log = talk(plain(), format!("{HELLO}{free}{}", command.repeat(102)).as_bytes(), 50_000);
        assert!(log.ends_with("<close TooManyErrors>"), "{command}");
    }
}

/// A refusal with 4xx is no error, and the owner remembers whom it refused: that must end somewhere.
#[test]
fn refused_recipients_are_limited_too() {
    let mut session = plain();
    session.receive(b"EHLO c.example\r\nMAIL FROM:<>\r\n");
    drain(&mut session);
    let mut log = String::new();
    for _ in 0..20 {
        session.receive(b"RCPT TO:<later@b>\r\n");
        log.push_str(&drain(&mut session));
    }
    assert_eq!(log.matches("<rcpt later@b>").count(), 6, "{log}");
    assert!(log.ends_with("421 4.7.0 Too many errors / <close TooManyErrors>"), "{log}");
}

#[test]
fn recipients_and_transactions_are_limited() {
    let taken = "<rcpt a@b> 250 2.1.0 yes / ".repeat(3);
    let enough = "452 4.5.3 Too many recipients / ";
    after_hello(
        &format!("MAIL FROM:<>\r\n{}DATA\r\n", "RCPT TO:<a@b>\r\n".repeat(4)),
        &format!("<mail > 250 2.1.0 yes / {taken}{enough}<data> 354 go on"),
    );
    // Naming the rest is no error, until it is as many again.
    after_hello(
        &format!("MAIL FROM:<>\r\n{}", "RCPT TO:<a@b>\r\n".repeat(9)),
        &format!(
            "<mail > 250 2.1.0 yes / {taken}{}421 4.7.0 Too many errors / <close TooManyErrors>",
            enough.repeat(6)
        ),
    );
    after_hello(
        &"MAIL FROM:<>\r\nRSET\r\n".repeat(6),
        &format!(
            "{}421 4.3.2 Enough for one connection, please open another / <close TooManyTransactions>",
            "<mail > 250 2.1.0 yes / 250 2.0.0 OK / <reset> ".repeat(5)
        ),
    );
}

#[test]
fn the_declared_size_is_held_against_the_smaller_limit() {
    let session = |size, message_size| {
        let (offer, limits) = (Offer { size, ..offer() }, Limits { message_size, ..limits() });
        move || Session::new("mx.example", offer.clone(), limits.clone(), false, false)
    };
    let taken = "250 mx.example / <hello c> <mail > 250 2.1.0 yes";
    let refused = "250 mx.example / <hello c> 552 5.3.4 Message size exceeds limit / <refused  552>";
    let rows = [
        (900, 1000, 900, taken),
        (900, 1000, 901, refused),
        (1000, 900, 901, refused),
        (0, 900, 900, taken),
        (0, 900, 901, refused),
    ];
    for (announced, message_size, declared, expected) in rows {
        converse(session(announced, message_size), &format!("HELO c\r\nMAIL FROM:<> SIZE={declared}\r\n"), expected);
    }
    converse(session(900, 900), "HELO c\r\nMAIL FROM:<> SIZE=99999999999999999999\r\n", refused);
}

#[test]
fn bare_newlines_end_the_session() {
    // In a command: nothing behind it is run.
    let end = "500 5.5.2 Lines end with CRLF / <close Violation>";
    converse(plain, "NOOP\nQUIT\r\n", end);
    converse(plain, "NOOP\rQUIT\r\n", end);
    // In mail data: it ends nothing, the message is answered, nothing behind it is run.
    let begin = "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n";
    let heard = "<mail > 250 2.1.0 yes / <rcpt a@b> 250 2.1.0 yes / <data> 354 go on /";
    for smuggled in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r"] {
        let octets = format!("{HELLO}{begin}x{smuggled}MAIL FROM:<evil@b>\r\n.\r\nQUIT\r\n");
        for size in [octets.len(), 1, 2, 3] {
            let log = talk(plain(), octets.as_bytes(), size);
            assert!(log.starts_with(&format!("{HEARD} {heard}")), "{log}");
            assert!(log.ends_with("<end true> 550 5.6.11 bare / <close Violation>"), "{log}");
            assert!(!log.contains("<mail evil"), "{log}");
        }
    }
}

#[test]
fn what_is_not_smtp_ends_the_session() {
    converse(
        plain,
        "POST / HTTP/1.1\r\nHost: x\r\nMAIL FROM:<>\r\n",
        "554 5.5.1 This is an SMTP server / <close Violation>",
    );
    // Long lines and control octets do not; the tail of a long line is never run.
    let long = format!("NOOP {}\r\n", "x".repeat(2100));
    converse(
        plain,
        &format!("{long}NO\0OP\r\nQUIT\r\n"),
        "500 5.5.6 Line too long / 500 5.5.2 Control character in command / 221 2.0.0 Bye / <close Quit>",
    );
}

#[test]
fn tls() {
    let mut session = Session::new("mx.example", offer(), Limits { errors: 20, ..limits() }, false, false);
    session.receive(b"HELO c\r\nMAIL FROM:<>\r\nSTARTTLS\r\nRSET\r\nSTARTTLS x\r\n");
    let in_progress = "<mail > 250 2.1.0 yes / 503 5.5.1 A mail transaction is in progress / 250 2.0.0 OK / <reset> \
                       501 5.5.4 This command takes no argument";
    assert_eq!(drain(&mut session), format!("220 mx.example ESMTP / 250 mx.example / <hello c> {in_progress}"));
    session.receive(b"STARTTLS\r\n");
    assert_eq!(drain(&mut session), "220 2.0.0 Ready to start TLS / <starttls>");
    assert!(!session.is_tls() && session.hello().is_some());
    session.tls_established();
    assert!(session.is_tls() && session.hello().is_none(), "everything is forgotten");
    session.receive(b"MAIL FROM:<>\r\nEHLO c\r\nSTARTTLS\r\n");
    let log = drain(&mut session);
    assert!(log.starts_with("503 5.5.1 Say HELO or EHLO first / 250-mx.example"), "{log}");
    assert!(log.ends_with("503 5.5.1 TLS is active already"), "{log}");
    assert!(!log.contains("250-STARTTLS"), "not offered twice: {log}");
    // Under TLS from the first octet.
    let log = talk(Session::new("mx.example", offer(), limits(), true, true), b"EHLO c\r\nSTARTTLS\r\n", 100);
    assert!(!log.contains("250-STARTTLS") && log.ends_with("503 5.5.1 TLS is active already"), "{log}");
    // Not offered at all: one command as any other, what is behind it is run.
    let none = || Session::new("mx.example", Offer { starttls: false, ..offer() }, limits(), false, false);
    converse(none, "STARTTLS\r\nNOOP\r\n", "502 5.5.1 Command not implemented / 250 2.0.0 OK");
    // Malformed: it begins nothing, and what is behind it is run, whether it came in the same breath or not.
    let malformed = "501 5.5.4 This command takes no argument / 250 2.0.0 OK";
    converse(plain, "STARTTLS x\r\nNOOP\r\n", malformed);
}

#[test]
fn nothing_from_before_tls_is_read_after_it() {
    // In the same breath: refused, closed.
    let log = talk(plain(), b"STARTTLS\r\nRSET\r\n", 100);
    assert_eq!(log, "554 5.5.1 Nothing may be pipelined behind STARTTLS / <close Violation>");
    // Later, but before the handshake: 220 is said already, so closed without a word.
    let log = talk(plain(), b"STARTTLS\r\nRSET\r\n", 10);
    assert_eq!(log, "220 2.0.0 Ready to start TLS / <starttls> <close Violation>");
    // A handshake that nobody asked for changes nothing.
    let mut session = plain();
    session.tls_established();
    assert!(!session.is_tls());
}

#[test]
fn where_tls_is_required_nothing_goes_without() {
    let required = || Session::new("mx.example", offer(), Limits { errors: 20, ..limits() }, false, true);
    let all = "NOOP\r\nHELO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nRSET\r\nVRFY a\r\nHELP\r\nMAIL\r\nQUIT\r\n";
    let must = ["530 5.7.0 Must issue a STARTTLS command first"; 8].join(" / ");
    converse(required, all, &format!("250 2.0.0 OK / {must} / 221 2.0.0 Bye / <close Quit>"));
    converse(required, HELLO, HEARD);
    let mut session = required();
    session.receive(b"STARTTLS\r\n");
    drain(&mut session);
    session.tls_established();
    session.receive(b"HELO c\r\nMAIL FROM:<>\r\n");
    assert_eq!(drain(&mut session), "250 mx.example / <hello c> <mail > 250 2.1.0 yes");
}

#[test]
fn the_owner_can_close() {
    let end = |session: &mut Session, expected: &str| {
        assert_eq!(drain(session), expected);
        session.receive(b"NOOP\r\n");
        assert_eq!((session.poll_event(), session.poll_transmit(), session.unparsed()), (None, None, 0), "closed");
    };
    let closing = || own(421, 3, 2, "drain");
    // Out of turn: while nothing happens, while an answer is awaited, in mail data; once only.
    let mut session = plain();
    drain(&mut session);
    session.close_with(closing());
    session.close_with(closing());
    end(&mut session, "421 4.3.2 drain / <close Asked>");
    let mut session = plain();
    session.receive(b"HELO c\r\nMAIL FROM:<>\r\nRSET\r\n");
    drain_to_mail(&mut session);
    session.close_with(closing());
    assert!(!session.awaits_answer());
    end(&mut session, "421 4.3.2 drain / <close Asked>");
    let mut session = plain();
    session.receive(b"HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx");
    drain(&mut session);
    session.close_with(closing());
    end(&mut session, "421 4.3.2 drain / <close Asked>");
    // Between the 220 to STARTTLS and the handshake a word in clear would be taken for TLS.
    let mut session = plain();
    session.receive(b"STARTTLS\r\n");
    drain(&mut session);
    session.close_with(closing());
    end(&mut session, "<close Asked>");
    // As an answer.
    after_hello("MAIL FROM:<drain@b>\r\nQUIT\r\n", "<mail drain@b> 421 4.3.2 drain / <close Asked>");
}

fn drain_to_mail(session: &mut Session) {
    while !matches!(session.poll_event(), Some(Event::Mail(_))) {}
    while session.poll_transmit().is_some() {}
}

#[test]
fn a_wrong_answer_of_the_owner_does_not_become_a_lie() {
    let mut session = plain();
    session.answer(own(250, 0, 0, "to nothing"));
    assert_eq!(drain(&mut session), "220 mx.example ESMTP");
    session.receive(b"HELO c\r\nMAIL FROM:<>\r\n");
    drain_to_mail(&mut session);
    session.answer(Reply::new(354, None, "to MAIL"));
    assert_eq!(drain(&mut session), "451 4.3.0 Internal error");
    session.receive(b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n");
    drain(&mut session);
    session.receive(b"DATA\r\n");
    assert_eq!(session.poll_event(), Some(Event::Data));
    session.answer(own(250, 0, 0, "to DATA"));
    // The transaction is over, as after any refusal of DATA.
    session.receive(b"RCPT TO:<a@b>\r\n");
    assert_eq!(drain(&mut session), "451 4.3.0 Internal error / 503 5.5.1 Need MAIL command");
}

#[test]
fn a_polite_end_of_stream_is_told_apart() {
    let rows = [
        ("", false),
        ("QUIT\r\n", true),
        ("quit\r\n", true),
        ("QUIT\r", false),
        ("QUIT\r\nX", false),
        ("NOOP\r\n", false),
    ];
    for (octets, polite) in rows {
        let mut session = plain();
        session.receive(b"HELO c\r\nMAIL FROM:<>\r\n");
        drain_to_mail(&mut session);
        session.receive(octets.as_bytes());
        assert_eq!(session.unparsed(), octets.len());
        assert_eq!(session.only_quit_is_left(), polite, "{octets:?}");
    }
}

/// A MAIL that the session refuses by itself is told, if its sender could be read; the state of the dialogue is as if it had not come.
#[test]
fn a_refused_mail_is_told_with_its_sender() {
    after_hello(
        "MAIL FROM:<a@c.example> FOO=1\r\nRCPT TO:<b@d.example>\r\nMAIL FROM:<a@c.example> SIZE=901\r\n\
         MAIL FROM:<a>\r\n",
        "555 5.5.4 Bad parameters: parameter not recognized / <refused a@c.example 555> 503 5.5.1 Need MAIL command / \
         552 5.3.4 Message size exceeds limit / <refused a@c.example 552> \
         501 5.1.7 Bad sender address syntax: the domain is missing",
    );
}

/// "Later" is not at once, and again, on the same connection: as many are free as of other useless commands.
#[test]
fn mail_that_is_deferred_again_and_again_is_an_error() {
    let mut session = plain();
    let octets = format!("{HELLO}{}", "MAIL FROM:<later@c.example>\r\n".repeat(200));
    session.receive(octets.as_bytes());
    let log = drain(&mut session);
    // EHLO is the first of the useless ones; two errors more are borne.
    assert_eq!(log.matches("451 4.7.1 later").count(), USELESS_COMMANDS as usize - 1 + 3);
    assert!(log.ends_with("421 4.7.0 Too many errors / <close TooManyErrors>"), "{log}");
}

#[test]
fn who_speaks_before_a_delayed_greeting_is_turned_away() {
    let early = |octets: &[u8]| {
        let mut session = plain().with_delayed_greeting();
        assert_eq!(drain(&mut session), "", "nothing is said yet");
        session.receive(octets);
        let log = drain(&mut session);
        session.greet();
        assert_eq!(drain(&mut session), "", "there is no second greeting");
        log
    };
    for octets in ["E", "\r\n", "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n"] {
        assert_eq!(early(octets.as_bytes()), "554 5.5.1 Spoken before the greeting / <close EarlyTalk>", "{octets:?}");
    }
    let mut patient = plain().with_delayed_greeting();
    patient.greet();
    assert_eq!(talk(patient, b"QUIT\r\n", 3), "221 2.0.0 Bye / <close Quit>");
    let mut stopped = plain().with_delayed_greeting();
    stopped.close_with(own(421, 3, 2, "drain"));
    assert_eq!(drain(&mut stopped), "421 4.3.2 drain / <close Asked>");
}

/// XCLIENT_README: 220 and everything from the start; who is not listed hears what an unknown command hears.
#[test]
fn a_client_that_is_announced_begins_anew() {
    let listed = || Session::new("mx.example", Offer { xclient: true, ..offer() }, limits(), false, false);
    let begun = HEARD.replace("250-ENH", "250-XCLIENT NAME ADDR PORT PROTO HELO / 250-ENH");
    let announced = "<announced Some(192.0.2.9)> 220 mx.example ESMTP / ";
    let rows = [
        // HELO is forgotten; what is pipelined behind is read, in the new session.
        (
            "XCLIENT ADDR=192.0.2.9\r\nMAIL FROM:<>\r\nHELO d\r\nMAIL FROM:<>\r\n",
            format!("{announced}503 5.5.1 Say HELO or EHLO first / 250 mx.example / <hello d> <mail > 250 2.1.0 yes"),
        ),
        // TLS comes first or not at all: it would have to forget who was announced in clear.
        (
            "XCLIENT ADDR=192.0.2.9\r\nSTARTTLS\r\nHELO d\r\n",
            format!("{announced}502 5.5.1 Command not implemented / 250 mx.example / <hello d>"),
        ),
        // Again, by the same one, whose right it stays.
        (
            "XCLIENT ADDR=192.0.2.9\r\nxclient ADDR=192.0.2.9\r\n",
            announced.repeat(2).trim_end_matches(" / ").to_owned(),
        ),
        // Malformed: nothing has changed.
        (
            "XCLIENT ADDR=x\r\nXCLIENT\r\nMAIL FROM:<>\r\n",
            "501 5.5.4 Bad XCLIENT attributes: malformed parameter value / \
             501 5.5.4 Bad XCLIENT attributes: malformed parameter / <mail > 250 2.1.0 yes"
                .to_owned(),
        ),
        // Not within a transaction, which stands.
        (
            "MAIL FROM:<>\r\nXCLIENT ADDR=192.0.2.9\r\nRCPT TO:<a@b>\r\n",
            "<mail > 250 2.1.0 yes / 503 5.5.1 A mail transaction is in progress / <rcpt a@b> 250 2.1.0 yes".to_owned(),
        ),
        // No room: 421 and the end.
        (
            "XCLIENT ADDR=192.0.2.66\r\nNOOP\r\n",
            "<announced Some(192.0.2.66)> 421 4.3.2 full / <close Asked>".to_owned(),
        ),
    ];
    for (octets, expected) in rows {
        converse(listed, &format!("{HELLO}{octets}"), &format!("{begun} {expected}"));
    }
    after_hello(
        "XCLIENT ADDR=192.0.2.9\r\nXCLIENT x\r\n",
        "502 5.5.1 Command not implemented / 502 5.5.1 Command not implemented",
    );
    // It brings no message nearer, so it is not free for ever; and it is no way to win back what was used up.
    let many = "XCLIENT ADDR=192.0.2.9\r\n".repeat(105);
    assert!(talk(listed(), many.as_bytes(), 5000).ends_with("<close TooManyErrors>"));
    let mails = "XCLIENT ADDR=192.0.2.9\r\nHELO c\r\nMAIL FROM:<>\r\nRSET\r\n".repeat(6);
    assert!(talk(listed(), mails.as_bytes(), 5000).ends_with("<close TooManyTransactions>"));
}

/// Where TLS is required, a proxy too begins with it.
#[test]
fn xclient_is_no_way_round_tls() {
    let offer = Offer { xclient: true, ..offer() };
    let session = Session::new("mx.example", offer, limits(), false, true);
    assert_eq!(talk(session, b"XCLIENT ADDR=192.0.2.9\r\n", 100), "530 5.7.0 Must issue a STARTTLS command first");
}
