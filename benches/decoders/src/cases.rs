//! What is measured: each decoder on the input that it mostly gets, in pieces as they come from a socket.

use std::{
    hint::black_box,
    net::IpAddr,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::{Bytes, BytesMut};
use mail_parser::{HeaderName, MessageParser};
use portaria::{
    inspect::{self, Inspection, ambiguity::Detector},
    message::{
        encoded_word, facts,
        header_section::{HeaderLimits, HeaderReader},
        subject::{Fold, Subject},
    },
    policy::{
        directory::MailboxKey,
        rule::{Facts, RuleSet, Scope},
    },
    relay::settings::READ,
    smtp::{
        command::{Command, Grammar},
        extension::Offer,
        line::{Line, LineDecoder},
        mail_data::{MailData, MailDataDecoder, MailDataEncoder},
        path::ReversePath,
        reply::{Enhanced, Reply, ReplyDecoder},
    },
};

use crate::{
    corpus,
    mail::{fields, message, text},
    session::House,
};

/// One thing that is measured.
pub struct Case {
    /// What, and of what size.
    pub name: String,
    /// Octets that one run reads.
    pub octets: u64,
    /// A run.
    pub run: Box<dyn FnMut()>,
}

fn case(name: impl Into<String>, octets: usize, mut run: impl FnMut() + 'static) -> Case {
    Case { name: name.into(), octets: octets as u64, run: Box::new(move || run()) }
}

/// All of them, in the order of a message's life.
pub fn all() -> Vec<Case> {
    let mut cases = vec![commands(), replies(), reply_encoder()];
    cases.extend([("base64", message(1 << 20)), ("dots", text(1 << 20, "8bit"))].into_iter().flat_map(
        |(name, content)| {
            let content = Bytes::from(content);
            [mail_data(name, content.clone()), encoder(name, content)]
        },
    ));
    cases.extend([header_section(), header_only_mode(), header_and_subject(), encoded_words(), subject_fold()]);
    cases.extend([10, 100, 1_000, 10_000].map(matcher));
    cases.extend([
        ambiguity("4 KB", message(4 << 10)),
        ambiguity("1 MB of base64", message(1 << 20)),
        ambiguity("1 MB of quoted-printable", text(1 << 20, "quoted-printable")),
        ambiguity("1 MB of text", text(1 << 20, "8bit")),
    ]);
    cases.extend([("4 KB", 4 << 10), ("1 MB", 1 << 20)].map(|(name, size)| inspection(name, message(size))));
    cases.extend([("4 KB", 4 << 10), ("64 KB", 64 << 10), ("1 MB", 1 << 20)].map(|(name, size)| session(name, size)));
    cases
}

fn commands() -> Case {
    let wire = b"EHLO saida7.empresa.example\r\nMAIL FROM:<maria.souza@empresa.example> SIZE=48213 BODY=8BITMIME\r\n\
        RCPT TO:<secretaria@tjpa.jus.br>\r\nRCPT TO:<j.silva@tjpa.jus.br> NOTIFY=NEVER\r\nDATA\r\nRSET\r\nQUIT\r\n";
    let offer = Offer { dsn: true, ..Offer::new(None, 100 << 20, false) };
    case("commands", wire.len(), move || {
        let (mut lines, mut buffer) = (LineDecoder::default(), BytesMut::from(&wire[..]));
        while let Some(Line::Whole(line)) = lines.decode(&mut buffer) {
            let _ = black_box(Command::from_line(&line, Grammar { offer: &offer, smtputf8: false }));
        }
    })
}

fn replies() -> Case {
    let wire = b"250-mbx1.example\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES\r\n\
        250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 End data with <CR><LF>.<CR><LF>\r\n250 2.0.0 Ok: queued as 4bXk2R5Yw41z\r\n";
    case("replies of a next hop", wire.len(), move || {
        let mut decoder = ReplyDecoder::default();
        decoder.receive(&wire[..]);
        while let Some(reply) = decoder.poll() {
            let _ = black_box(reply);
        }
    })
}

fn reply_encoder() -> Case {
    let text = "delivered as 0001.eml (0192f0c1a2b37c4d8e5f60718293a4b5)";
    case("a reply of ours", text.len(), move || {
        black_box(Reply::new(250, Some(Enhanced(2, 0, 0)), black_box(text)).encode());
    })
}

/// With the copy into the buffer of the session.
fn mail_data(name: &str, content: Bytes) -> Case {
    let mut encoder = MailDataEncoder::default();
    let wire = [encoder.encode(content), encoder.end()].concat();
    case(format!("mail data, 1 MB, {name}"), wire.len(), move || {
        let (mut decoder, mut buffer) = (MailDataDecoder::new(), BytesMut::new());
        for piece in wire.chunks(READ) {
            buffer.extend_from_slice(piece);
            while let Some(MailData::Content(content)) = decoder.decode(&mut buffer) {
                black_box(content);
            }
        }
    })
}

fn encoder(name: &str, content: Bytes) -> Case {
    case(format!("mail data for the next hop, 1 MB, {name}"), content.len(), move || {
        let (mut encoder, mut rest) = (MailDataEncoder::default(), content.clone());
        while !rest.is_empty() {
            black_box(encoder.encode(rest.split_to(rest.len().min(READ))));
        }
        black_box(encoder.end());
    })
}

fn section() -> Vec<u8> {
    [fields("text/plain; charset=utf-8").as_bytes(), b"\r\n"].concat()
}

const ROOMY: HeaderLimits = HeaderLimits { size: 256 << 10, fields: 1000 };

fn header_section() -> Case {
    let section = section();
    case("header section", section.len(), move || {
        let mut reader = HeaderReader::new(ROOMY);
        let _ = black_box(reader.receive(black_box(&section)));
        black_box(reader.fields().count());
    })
}

/// The same and all that is asked of it for every message, and the subject folded.
fn header_and_subject() -> Case {
    let (section, fold) = (section(), Fold::default());
    case("header section, subject decoded", section.len(), move || {
        let mut reader = HeaderReader::new(ROOMY);
        let _ = black_box(reader.receive(black_box(&section)));
        black_box(facts::subjects(reader.fields()));
        let _ = &fold;
    })
}

/// mail-parser on the same octets: the structure of the section, and of the fields only the subject decoded.
fn header_only_mode() -> Case {
    let section = section();
    let parser = MessageParser::new().header_text(HeaderName::Subject);
    case("header section, by mail-parser", section.len(), move || {
        black_box(parser.parse_headers(black_box(section.as_slice())));
    })
}

fn encoded_words() -> Case {
    let body = "=?UTF-8?Q?Re=3A_Peti=C3=A7=C3=A3o_n=C2=BA_0001234-56=2E2026=2E8=2E14=2E0301_?= \
        =?UTF-8?Q?-_comprova=C3=A7=C3=A3o_de_recolhimento_das_custas?= =?utf-8?B?Y29icmFuw6dhIGUgaW50aW1hw6fDo28=?=";
    case("encoded words", body.len(), move || {
        black_box(encoded_word::decode(black_box(body.as_bytes())));
    })
}

fn subject_fold() -> Case {
    let (fold, subject) =
        (Fold::default(), "RES: ENC: Intimação – Comprovação de recolhimento das custas, nº 0001234-56");
    case("subject fold, both readings", subject.len(), move || {
        let plain = fold.subject(black_box(subject));
        black_box(fold.lookalike_subject(subject, &plain));
    })
}

fn matcher(count: usize) -> Case {
    let files: Vec<(PathBuf, String)> = corpus::rules(count)
        .split("[[rule]]\n")
        .skip(1)
        .collect::<Vec<_>>()
        .chunks(1_000)
        .enumerate()
        .map(|(at, rules)| {
            (format!("{at:02}.toml").into(), rules.iter().map(|rule| format!("[[rule]]\n{rule}")).collect())
        })
        .collect();
    let (set, faults) = RuleSet::read(&files, &|_| None);
    assert!(!faults.has_errors());
    let subject = "Intimação: comprovante de pagamento do boleto vencido, pauta da sessão de 21/11";
    let subjects = [Subject::new(subject.as_bytes())];
    case(format!("matcher, {count} rules"), subject.len(), move || {
        let recipients = [(MailboxKey("b@tjpa.jus.br".to_owned()), false)];
        black_box(set.judge(&Facts {
            subjects: &subjects,
            reverse_path: &ReversePath::Null,
            recipients: &recipients,
            list_ids: &[],
            client: IpAddr::from([192, 0, 2, 1]),
            scope: Scope::Relay,
            now: SystemTime::from(UNIX_EPOCH),
        }));
    })
}

fn ambiguity(name: &str, content: Vec<u8>) -> Case {
    case(format!("MIME ambiguity, {name}"), content.len(), move || {
        let mut detector = Detector::new();
        for piece in content.chunks(READ) {
            detector.receive(piece);
        }
        detector.end();
        assert!(black_box(detector.ambiguity()).is_none());
    })
}

/// Everything of `inspect`: the hash, the header section, its facts, the parts.
fn inspection(name: &str, content: Vec<u8>) -> Case {
    case(format!("inspection, {name}"), content.len(), move || {
        let mut inspection = Inspection::new(inspect::Limits { header: ROOMY, hops: 50 });
        for piece in content.chunks(READ) {
            let _ = black_box(inspection.receive(piece));
        }
        let _ = black_box(inspection.end());
        black_box(inspection.sha256());
    })
}

fn session(name: &str, size: usize) -> Case {
    let house = House::new(1_000, message(size));
    let octets = usize::try_from(house.octets()).unwrap_or(usize::MAX);
    case(format!("a whole session, {name}, 1,000 rules"), octets, move || house.message())
}
