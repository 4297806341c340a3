//! `smtp::command`, `path`, `domain`, `parameter`: what parses is printed, by us and by the client side, and parses to the
//! same; what is printed can open or end nothing.

use portaria::smtp::{
    announcement::{Announcement, UNKNOWN_ADDRESS},
    client::{ForwardAttributes, ForwardedClient, Transaction},
    command::{Command, Grammar, Hello},
    envelope::{MailFrom, RcptTo},
    extension::{Capabilities, Offer},
    path::{ForwardPath, Mailbox, ReversePath},
    stated_limits::StatedLimits,
    violation::Violation,
    xtext,
};

/// Everything is offered.
pub const ALL: Offer = Offer {
    eight_bit_mime: true,
    smtputf8: true,
    dsn: true,
    starttls: true,
    size: 1000,
    recipients: None,
    xclient: true,
    auth: true,
};
const NONE: Offer = Offer {
    eight_bit_mime: false,
    smtputf8: false,
    dsn: false,
    starttls: false,
    size: 1000,
    recipients: None,
    xclient: false,
    auth: false,
};

/// The octets are a command line, and a mailbox.
pub fn command(data: &[u8]) {
    for offer in [&ALL, &NONE] {
        for smtputf8 in [false, true] {
            let grammar = Grammar { offer, smtputf8 };
            let read = Command::from_line(data, grammar);
            assert_eq!(read, Command::from_line(&[data, b"  "].concat(), grammar), "trailing spaces say nothing");
            assert_eq!(read, Command::from_line(&with_verb_in_capitals(data), grammar), "nor does a verb's case");
            match read {
                Ok(command) => understood(&command, grammar),
                Err(violation) => refused(violation),
            }
        }
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(mailbox) = Mailbox::parse(text)
    {
        assert_eq!(mailbox.to_string(), text.strip_suffix('.').unwrap_or(text), "as written, but for a trailing dot");
        harmless(&mailbox.to_string());
    }
}

fn with_verb_in_capitals(line: &[u8]) -> Vec<u8> {
    let end = line.iter().position(|&octet| octet == b' ').unwrap_or(line.len());
    [&line[..end].to_ascii_uppercase(), &line[end..]].concat()
}

fn refused(violation: Violation) {
    let reply = violation.reply();
    assert!(reply.is_permanent() && reply.encode().ends_with(b"\r\n"), "{violation:?}");
}

fn understood(command: &Command, grammar: Grammar<'_>) {
    match command {
        Command::Hello(hello) => {
            let Hello { name, extended } = hello;
            assert!(!name.chars().any(char::is_control) && name.len() <= 255 && !name.is_empty());
            let line = format!("{} {name}", if *extended { "EHLO" } else { "HELO" });
            assert_eq!(Command::from_line(line.as_bytes(), grammar).as_ref(), Ok(command));
        }
        Command::Mail(mail) => {
            harmless(&mail.path.to_string());
            let ascii = mail.path.is_ascii();
            assert!(ascii || mail.parameters.smtputf8, "non-ASCII without SMTPUTF8: {mail:?}");
            assert_eq!(ascii, mail.path.to_string().is_ascii());
            assert!(grammar.offer.dsn || mail.parameters.ret.is_none() && mail.parameters.envid.is_none());
            comes_back(mail_line(mail), command, mail.parameters.smtputf8);
        }
        Command::Rcpt(rcpt) => {
            harmless(&rcpt.path.to_string());
            assert!(rcpt.path.is_ascii() || grammar.smtputf8, "non-ASCII without SMTPUTF8: {rcpt:?}");
            // What goes to the next hop has no source route.
            let mut plain = rcpt.clone();
            if let ForwardPath::Mailbox { source_route, .. } = &mut plain.path {
                source_route.clear();
            }
            comes_back(rcpt_line(&plain), &Command::Rcpt(plain), grammar.smtputf8);
        }
        Command::XClient(announced) => forwarded(announced),
        _ => {}
    }
}

/// What was announced of a client is told to a next hop in lines of at most 512 octets, each a value that an independent reader finds:
/// printable, no space, nothing that ends it, and the address the same.
fn forwarded(announced: &Announcement) {
    let hello = announced.hello.clone().flatten().unwrap_or_default();
    let name = announced.name.clone().flatten();
    assert!(hello.len() <= 255 && !hello.chars().any(char::is_control));
    assert!(name.iter().all(|name| name.len() <= 255 && name.bytes().all(|octet| octet.is_ascii_graphic())));
    assert_eq!(xtext::decode(&xtext::encode(&hello)), Some(hello.clone()));
    let address = announced.address.unwrap_or(UNKNOWN_ADDRESS);
    let client = ForwardedClient {
        name,
        address,
        port: announced.port.unwrap_or(0),
        hello,
        protocol: "ESMTP",
        ident: "0190a5c1e7b07a7a8a8a8a8a8a8a8a8f".to_owned(),
    };
    let mut names = Vec::new();
    for line in client.lines(everything().forward) {
        let text = line.as_str();
        assert!(text.len() <= 512 && text.is_ascii(), "{text:?}");
        let words = text.strip_prefix("XFORWARD ").and_then(|text| text.strip_suffix("\r\n")).expect("a command line");
        for word in words.split(' ') {
            let (name, value) = word.split_once('=').unwrap_or_else(|| panic!("{text:?}"));
            assert!(
                !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'='),
                "{text:?}"
            );
            if name == "ADDR" {
                assert_eq!(value.trim_start_matches("IPV6:").parse(), Ok(address), "{text:?}");
            }
            names.push(name.to_owned());
        }
    }
    assert_eq!(names, ["IDENT", "SOURCE", "PROTO", "HELO", "NAME", "PORT", "ADDR"]);
}

/// What the client side says for it to a next hop that offers everything is the same command, on one line.
fn comes_back(line: Vec<u8>, command: &Command, smtputf8: bool) {
    let shown = line.escape_ascii().to_string();
    let line = line.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("no CRLF: {shown}"));
    let read = Command::from_line(line, Grammar { offer: &ALL, smtputf8 });
    assert_eq!(read.as_ref(), Ok(command), "{shown}");
}

fn mail_line(mail: &MailFrom) -> Vec<u8> {
    let mut transaction = Transaction::new(everything());
    transaction.mail(mail, mail.parameters.size);
    transaction.poll_transmit().expect("MAIL").to_vec()
}

fn rcpt_line(rcpt: &RcptTo) -> Vec<u8> {
    let mut transaction = Transaction::new(everything());
    transaction.rcpt(rcpt);
    transaction.poll_transmit().expect("RCPT").to_vec()
}

/// A next hop that offers everything.
pub fn everything() -> Capabilities {
    Capabilities {
        pipelining: true,
        eight_bit_mime: true,
        smtputf8: true,
        dsn: true,
        starttls: false,
        enhanced_status_codes: true,
        size: Some(0),
        limits: StatedLimits::default(),
        forward: ForwardAttributes {
            name: true,
            address: true,
            port: true,
            protocol: true,
            hello: true,
            source: true,
            ident: true,
        },
    }
}

/// A printed path can end nothing: no control character; no bracket and no space outside quotes; and between brackets it is read
/// back whole, whatever follows.
fn harmless(path: &str) {
    assert!(!path.chars().any(char::is_control), "{path:?}");
    let (mut quoted, mut escaped) = (false, false);
    for char in path.chars() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => assert!(quoted || !matches!(char, '<' | '>' | ' '), "{path:?}"),
        }
    }
    assert!(!quoted && !escaped, "{path:?}");
    let wire = format!("<{path}>> SIZE=1");
    let (read, rest) = ReversePath::parse_prefix(&wire).unwrap_or((ReversePath::Null, "> SIZE=1"));
    // `postmaster` is a forward-path only.
    assert!(rest == "> SIZE=1" && (read.to_string() == path || path == "postmaster"), "{path:?}");
}
