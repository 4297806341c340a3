//! Each kind of finding beside its honest neighbour, wherever the content is cut; and the bounds.
//! Whole honest messages, and messages that hide something, stand in `tests/hiding`.

#[path = "../../policy/rule/tests/chance.rs"]
#[allow(clippy::duplicate_mod, reason = "layers do not use one another, not even in tests")]
mod chance;

use self::chance::Chance;
use super::*;

/// Reads `message` (a newline stands for CRLF) whole and in pieces of several sizes, which must say the same.
fn found(message: &[u8]) -> Vec<Finding> {
    let read = |step: usize| {
        let mut detector = Detector::new();
        for piece in message.chunks(step) {
            detector.receive(piece);
        }
        detector.end();
        detector.findings().to_vec()
    };
    let whole = read(usize::MAX >> 1);
    for step in [1, 2, 7, 1000, 1024, 1025] {
        assert_eq!(read(step), whole, "in steps of {step}: {}", message.escape_ascii());
    }
    whole
}

fn tricks(message: &str) -> Vec<Trick> {
    found(message.replace('\n', "\r\n").as_bytes()).iter().map(|finding| finding.trick).collect()
}

/// Every row, and all that are wrong at once.
fn check<'e>(rows: impl Iterator<Item = (String, &'e [Trick])>) {
    let wrong = rows.filter_map(|(message, expected)| {
        let found = tricks(&message);
        (found != expected).then(|| format!("{message:?}: expected {expected:?}, found {found:?}"))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What is found, and after how many octets it is known, line by line: nothing is passed over.
fn by_lines(message: &[u8]) -> (Vec<Finding>, Option<u64>) {
    let mut detector = Detector::new();
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        detector.read(line);
    }
    detector.end();
    (detector.findings().to_vec(), detector.known_at)
}

/// The reading by lines is the oracle of the one that passes over stretches: any body, cut anywhere.
#[test]
fn what_is_passed_over_holds_nothing() {
    const HEADS: [&str; 8] = [
        "Content-Type: text/plain\r\n",
        "Content-Type: text/plain; name=a\r\nContent-Transfer-Encoding: base64\r\n",
        "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n",
        "Content-Type: application/pdf\r\nContent-Transfer-Encoding: quoted-printable\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "Content-Type: application/x-other\r\n",
        "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n",
        "",
    ];
    const PARTS: [&str; 28] = [
        "QUJD",
        "QUJDREVGR0hJSktM",
        "\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "=",
        "==",
        "=3D",
        "=3",
        "= ",
        "=\r\n",
        "!",
        " ",
        "-",
        "--",
        "\r\n--b\r\n",
        "\r\n--b--\r\n",
        "\r\n--bc\r\n",
        "\r\nbegin 644 a\r\n",
        "#0V%T\r\n",
        "=ybegin line=1 name=a",
        "Content-Type: a/b\r\n",
        "\u{e7}",
        "\0",
        "\r\n\r\n",
        "LONG",
    ];
    let mut chance = Chance(41);
    let (long, mut found) = ("QUJD".repeat(300), std::collections::BTreeSet::new());
    for _ in 0..6_000 {
        let mut message = String::from("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n");
        message += chance.of(&HEADS);
        message += "\r\n";
        for _ in 0..chance.below(60) {
            let few = [4, 8, PARTS.len()][chance.below(3)];
            let part = chance.of(&PARTS[..few]);
            message += if part == "LONG" { &long } else { part };
        }
        let expected = by_lines(message.as_bytes());
        for longest in [1, 7, 300, usize::MAX >> 1] {
            let (mut detector, mut rest) = (Detector::new(), message.as_bytes());
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(rest.len().min(1 + chance.below(longest)));
                detector.receive(piece);
                rest = behind;
            }
            detector.end();
            assert_eq!((detector.findings().to_vec(), detector.known_at), expected, "{message:?}");
        }
        found.extend(expected.0.iter().map(|finding| finding.trick));
    }
    assert!(found.len() > 12, "{found:?}");
}

#[test]
fn only_the_very_first_line_can_continue_our_trace_field() {
    assert_eq!(tricks(" by forged.example\nSubject: x\n\ntext\n"), [Trick::BeginsFolded]);
    assert_eq!(tricks("\t\n\ntext\n"), [Trick::BeginsFolded]);
    assert_eq!(tricks("\n text\n"), []);
    assert_eq!(tricks("Subject: x\n y\n\n text\n"), []);
    let attached = "Content-Type: message/rfc822\n\n Subject: x\n\ntext\n";
    assert_eq!(tricks(attached), [], "nothing of ours stands above an attached message");
}

/// A message with these lines in its header section, and two parts between `--b`.
fn with_head(head: &str) -> String {
    format!("Subject: x\n{head}\n\n--b\n\ntext\n--b\n\nmore\n--b--\n")
}

#[test]
fn what_the_header_section_says_twice_or_unclearly_is_found() {
    use Trick::*;
    let long = |octets: usize| format!("Content-Type: multipart/mixed; boundary={}", "b".repeat(octets));
    let rows: Vec<(String, &[Trick])> = vec![
        ("Content-Type: multipart/mixed; boundary=b".into(), &[]),
        ("content-type:multipart/mixed;\n\tboundary=\"b\"; charset=x;".into(), &[]),
        ("Content-Type: multipart/mixed; boundary = \"b\"".into(), &[]),
        ("From a@b Sat Nov 21\nContent-Type: multipart/mixed; boundary=b".into(), &[]),
        (
            "Content-Type: multipart/mixed; boundary=b\nContent-Type: multipart/mixed;\n boundary=\"b\"".into(),
            &[RepeatedField],
        ),
        ("Content-Type: multipart/mixed; boundary=b\nContent-Type: text/plain".into(), &[TwoTypes]),
        ("Content-Type: multipart/mixed; boundary=b; boundary=c".into(), &[TwoBoundaries]),
        ("Content-Type: multipart/mixed; boundary=b; boundary=b".into(), &[RepeatedBoundary]),
        ("Content-Type: multipart/mixed; boundary*=us-ascii''b".into(), &[ContinuedBoundary, NoDelimiter]),
        ("Content-Type: multipart/mixed; boundary*0=b".into(), &[ContinuedBoundary]),
        ("Content-Type: multipart/mixed; boundary=\"=?us-ascii?q?b?=\"".into(), &[EncodedBoundary, NoDelimiter]),
        ("Content-Type: multipart/mixed; boundary=\"\\b\"".into(), &[OddBoundary]),
        ("Content-Type: multipart/mixed; boundary=\"b\" c".into(), &[OddBoundary]),
        ("Content-Type: multipart/mixed; boundary=\"b".into(), &[OddBoundary]),
        ("Content-Type: multipart/mixed; boundary=\"b \"".into(), &[ForbiddenBoundary, NoDelimiter]),
        ("Content-Type: multipart/mixed; boundary=\"b\0\"".into(), &[ControlInField, ForbiddenBoundary, NoDelimiter]),
        ("Content-Type: multipart/mixed; boundary=\"\u{e7}\"".into(), &[ForbiddenBoundary, NoDelimiter]),
        (long(70), &[NoDelimiter]),
        (long(71), &[LongBoundary, NoDelimiter]),
        (long(201), &[VeryLongBoundary, NoDelimiter]),
        ("Content-Type: multipart/mixed (x); boundary=b".into(), &[CommentInMultipart]),
        ("Content-Type: multipart/mixed; x:y=1; boundary=b".into(), &[BadParameter]),
        ("Content-Type: multipart/mixed boundary=b".into(), &[BadMultipart, NoBoundary]),
        ("Content-Type: multipart/mixed".into(), &[NoBoundary]),
        ("Content-Type : multipart/mixed; boundary=b".into(), &[SpacedName]),
        ("Content-Type: multipart/mixed;\n \n boundary=b".into(), &[BlankFold]),
        ("hello\nContent-Type: multipart/mixed; boundary=b".into(), &[BehindStray]),
        ("Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64".into(), &[EncodedMultipart]),
        ("Content-Type: =?utf-8?q?multipart/mixed?=; boundary=b".into(), &[EncodedField, BadMultipart]),
    ];
    check(rows.into_iter().map(|(head, expected)| (with_head(&head), expected)));
}

#[test]
fn what_stands_around_the_parts_is_found() {
    use Trick::*;
    let head = "Content-Type: multipart/mixed; boundary=b\n\n";
    let inner = |boundary: &str| format!("--b\nContent-Type: multipart/mixed; boundary={boundary}\n\n");
    let rows: Vec<(String, &[Trick])> = vec![
        ("preamble\n--b\n\nx\n--b--\nepilogue\n_______\nlist@example.org\n".into(), &[]),
        ("--b\n\nx\n--b--\n--b\n\ny\n--b--\n".into(), &[ReopenedMultipart]),
        ("--b\n\nx\n--b--\nContent-Type: a/b\n\nx\n".into(), &[PartInEpilogue]),
        ("--b\n\nx\n--b--\n--c\nContent-Type: a/b\n\nx\n".into(), &[UndeclaredDelimiter]),
        ("Content-Type: a/b\n\n--b\n\nx\n--b--\n".into(), &[PartInPreamble]),
        ("--b\n\nx\n--bc\n--b--\n".into(), &[NearDelimiter]),
        ("--b\n\nx\n--B--\n--b--\n".into(), &[NearDelimiter]),
        ("--b\n\nx\n--b\n\ny\n".into(), &[NotClosed]),
        ("--b\n\nx\n--b-- \n".into(), &[PaddedDelimiter]),
        ("nothing\n".into(), &[NoDelimiter]),
        (format!("{}--c\n\nx\n--c--\n--b--\n", inner("c")), &[]),
        (format!("{}--b\n\nx\n--b--\n--b--\n", inner("b")), &[SameBoundary, NotClosed]),
        (format!("{}--b2\n\nx\n--b2--\n--b--\n", inner("b2")), &[PrefixBoundary]),
        (format!("{}--c\n\nx\n--b--\n", inner("c")), &[NotClosed]),
        ("--b\nContent-Type: message/partial; id=1\n\nx\n--b--\n".into(), &[Partial]),
        ("--b\nContent-Type: message/external-body; x=y\n\nx\n--b--\n".into(), &[External]),
        (
            "--b\nContent-Type: message/rfc822\n\nContent-Type: a/b; c=d\nContent-Type: c/d\n\nx\n--b--\n".into(),
            &[TwoTypes],
        ),
        (
            "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\naGk=\n--b--\n".into(),
            &[EncodedMultipart],
        ),
        ("--b\nContent-Type: message/global\nContent-Transfer-Encoding: base64\n\naGk=\n--b--\n".into(), &[]),
        ("--b\nContent-Transfer-Encoding: 8-bit\n\nx\n--b--\n".into(), &[UnknownEncoding]),
        ("--b\nContent-Transfer-Encoding: x-base64\n\nx\n--b--\n".into(), &[NearEncoding]),
        (
            "--b\nContent-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\naGk=\n--b--\n".into(),
            &[TwoEncodings],
        ),
        ("--b\nContent-Type: a/b\nContent-Transfer-Encoding: base64\n--b--\n".into(), &[]),
        ("--b\nContent-Transfer-Encoding: base64\naGk=\n--b--\n".into(), &[NoBlankLine]),
        ("--b\nContent-Type: text/plain\nisto\n\nx\n--b--\n".into(), &[]),
        ("--b\n\nbegin 644 a\n#0V%T\n`\nend\n--b--\n".into(), &[Uuencoded]),
    ];
    check(rows.into_iter().map(|(body, expected)| (format!("{head}{body}"), expected)));
    let digest = "Content-Type: multipart/digest; boundary=b\n\n--b\n\nContent-Type: multipart/mixed\n\nx\n--b--\n";
    assert_eq!(tricks(digest), [NoBoundary], "a part of a digest is a message");
}

#[test]
fn a_signed_multipart_has_one_part_and_its_signature() {
    let signed = |parts: &[&str]| {
        let parts: String = parts.iter().map(|part| format!("--b\n{part}\n")).collect();
        tricks(&format!("Content-Type: multipart/signed; boundary=b\n\n{parts}--b--\n"))
    };
    let signature = "Content-Type: application/pgp-signature\n\nx";
    let named = |name: &str| format!("Content-Type: application/pkcs7-signature; name={name}\n\nx");
    let mixed = "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: a/b\n\nx\n--c\n\ny\n--c--";
    assert_eq!(signed(&["\nx", signature]), []);
    assert_eq!(signed(&[mixed, &named("smime.p7s")]), []);
    for parts in [["\nx", "Content-Type: a/b\n\nx"], ["\nx", &named("a.exe")], ["\nx", mixed]] {
        assert_eq!(signed(&parts), [Trick::MoreThanSigned], "{parts:?}");
    }
    assert_eq!(signed(&[mixed, signature, "\na footer"]), [Trick::MoreThanSigned]);
    assert_eq!(tricks("Content-Type: multipart/parallel; boundary=b\n\n--b\n\nx\n--b--\n"), [Trick::Parallel]);
}

#[test]
fn a_finding_says_what_and_where_and_why() {
    let message = "Subject: x\r\nContent-Type: multipart/mixed; boundary=b; boundary=c\r\n\r\n";
    let finding = found(message.as_bytes())[0];
    assert_eq!(finding.place, Place { line: 2, at: 12 });
    assert_eq!(
        finding.reason(),
        "two different boundary parameters, line 2 (octet 12): some readers take the first, some the last"
    );
    for trick in Trick::ALL {
        let reason = Finding { trick: *trick, ..finding }.reason();
        assert!(reason.is_ascii() && reason.len() <= 200 && !reason.contains('"'), "{reason}");
    }
}

#[test]
fn an_odd_finding_alone_makes_nothing_ambiguous() {
    let mut detector = Detector::new();
    detector.receive(b"Content-Type: multipart/mixed; boundary=b; boundary=b\r\n\r\n--b\r\n");
    detector.end();
    assert_eq!((detector.findings().len(), detector.ambiguity()), (2, None));
}

#[test]
fn depth_parts_and_lines_are_bounded() {
    let nested = |times: usize| "Content-Type: message/rfc822\n\n".repeat(times);
    assert_eq!(tricks(&nested(DEEPEST)), []);
    assert_eq!(tricks(&nested(DEEPEST + 1)), [Trick::TooDeep]);
    let parts =
        |times: usize| format!("Content-Type: multipart/mixed; boundary=b\n\n{}--b--\n", "--b\n\nx\n".repeat(times));
    assert_eq!(tricks(&parts(MOST_PARTS)), []);
    assert_eq!(tricks(&parts(MOST_PARTS + 1)), [Trick::TooManyParts]);
    let long_field = |octets: usize| format!("Content-Type: text/plain; x={}\n\nx\n", "y".repeat(octets));
    assert_eq!(tricks(&long_field(MOST_OCTETS - 64)), []);
    assert_eq!(tricks(&long_field(MOST_OCTETS + 9)), [Trick::SectionTooLarge]);

    let mut detector = Detector::new();
    detector.receive(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n");
    for _ in 0..4096 {
        detector.receive(&[b'-'; 1024]);
    }
    assert!(detector.line.capacity() <= 2 * LINE_IN_BODY, "a line of 4 MiB is not kept");
    let wide = ["Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--b", &" ".repeat(2000), "x\n--b--\n"].concat();
    assert_eq!(tricks(&wide), [Trick::NearDelimiter], "the beginning of a long line may be a delimiter for a reader");
}

#[test]
fn the_hostile_are_read_in_linear_time() {
    let time = |message: String| {
        let mut detector = Detector::new();
        let message = message.replace('\n', "\r\n");
        let mut octets = 0usize;
        for piece in message.as_bytes().chunks(4096) {
            detector.receive(piece);
            octets += piece.len();
        }
        detector.end();
        assert_eq!(octets, message.len());
        detector.findings().len()
    };
    // Quadratic, each of these would take minutes.
    let open: String =
        (0..DEEPEST).map(|n| format!("Content-Type: multipart/mixed; boundary={n}x\n\n--{n}x\n")).collect();
    assert!(time(open + &"--b\n".repeat(50_000)) > 0);
    assert!(time(format!("Content-Type: a/b{}\n\n", "; x=\"(".repeat(9_000))) <= 1);
    assert!(time(format!("Content-Type: a/b; {}\n\n", "(".repeat(60_000))) <= 1);
    assert_eq!(time(format!("Content-Transfer-Encoding: base64\nContent-Type: a/b\n\n{}", "=!".repeat(200_000))), 1);
    assert!(time("Content-X: y\n \n".repeat(50_000)) <= 1);
}
