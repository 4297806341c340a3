//! BDAT: conversations with chunks, at any split.

use super::*;

const BEGIN: &str = "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\n";
const BEGUN: &str = "<mail > 250 2.1.0 yes / <rcpt a@b> 250 2.1.0 yes";

/// A conversation that begins with an envelope.
fn after_envelope(octets: &str, expected: &str) {
    after_hello(&format!("{BEGIN}{octets}"), &format!("{BEGUN} / {expected}"));
}

#[test]
fn chunks_are_content_and_each_is_answered() {
    // One; several; with what ends mail data elsewhere and what is a command elsewhere.
    after_envelope(
        "BDAT 3 LAST\r\na\r\nQUIT\r\n",
        "[chunk 3] <content a\\r\\n> <end false> 250 2.0.0 taken / 221 2.0.0 Bye / <close Quit>",
    );
    after_envelope(
        "BDAT 6\r\na\r\n.\r\nBDAT 0\r\nbdat 6 last\r\nQUIT\r\nNOOP\r\n",
        "[chunk 6] <content a\\r\\n.\\r\\n> <end of chunk> 250 2.0.0 more / [chunk 0] <end of chunk> 250 2.0.0 more / \
         [chunk 6] <content QUIT\\r\\n> <end false> 250 2.0.0 taken / 250 2.0.0 OK",
    );
    // An empty message; DATA in the transaction behind it.
    after_envelope(
        &format!("BDAT 0 LAST\r\n{BEGIN}DATA\r\nx\r\n.\r\n"),
        &format!(
            "[chunk 0] <end false> 250 2.0.0 taken / {BEGUN} / <data> 354 go on / <content x\\r\\n> <end false> 250 2.0.0 taken"
        ),
    );
}

#[test]
fn between_chunks_only_what_ends_or_says_nothing_may_come() {
    let chunk = "[chunk 1] <content a> <end of chunk> 250 2.0.0 more";
    after_envelope(
        "BDAT 1\r\naNOOP\r\nMAIL FROM:<>\r\nRCPT TO:<c@b>\r\nBDAT 1 LAST\r\nb",
        &format!(
            "{chunk} / 250 2.0.0 OK / 503 5.5.1 A mail transaction is in progress / 503 5.5.1 Content is under way / \
             [chunk 1] <content b\\r\\n> <end false> 250 2.0.0 taken"
        ),
    );
    for (line, heard) in [("RSET", "250 2.0.0 OK / <reset>"), ("HELO c", "250 mx.example / <hello c>")] {
        after_envelope(
            &format!("BDAT 1\r\na{line}\r\nBDAT 1 LAST\r\nb"),
            &format!("{chunk} / {heard} 503 5.5.1 Need MAIL command"),
        );
    }
    // DATA behind BDAT: the transaction is over.
    after_envelope(
        "BDAT 1\r\naDATA\r\nBDAT 1 LAST\r\nbNOOP\r\n",
        &format!("{chunk} / 503 5.5.1 DATA cannot follow BDAT / <mixed> 503 5.5.1 Need MAIL command / 250 2.0.0 OK"),
    );
    after_envelope("BDAT 1\r\naQUIT\r\n", &format!("{chunk} / 221 2.0.0 Bye / <close Quit>"));
}

#[test]
fn a_chunk_that_may_not_come_is_swallowed_and_never_run() {
    // Before HELO, without MAIL, without a recipient (the transaction stays), behind the last one.
    let smuggled = "BDAT 19 LAST\r\nMAIL FROM:<evil@b>\n";
    converse(plain, &format!("{smuggled}NOOP\r\n"), "503 5.5.1 Say HELO or EHLO first / 250 2.0.0 OK");
    after_hello(&format!("{smuggled}NOOP\r\n"), "503 5.5.1 Need MAIL command / 250 2.0.0 OK");
    after_hello(
        &format!("MAIL FROM:<>\r\n{smuggled}RCPT TO:<a@b>\r\n"),
        "<mail > 250 2.1.0 yes / 554 5.5.1 No valid recipients / <rcpt a@b> 250 2.1.0 yes",
    );
    after_envelope(
        &format!("BDAT 0 LAST\r\n{smuggled}NOOP\r\n"),
        "[chunk 0] <end false> 250 2.0.0 taken / 503 5.5.1 Need MAIL command / 250 2.0.0 OK",
    );
    let required = || Session::new("mx.example", offer(), limits(), false, true);
    converse(required, &format!("{smuggled}NOOP\r\n"), "530 5.7.0 Must issue a STARTTLS command first / 250 2.0.0 OK");
    // Pipelined behind a refused MAIL it is no error.
    let unneeded = ["503 5.5.1 Need MAIL command"; 4].join(" / ");
    after_hello(
        &format!("MAIL FROM:<later@b>\r\nRCPT TO:<a@b>\r\n{}", smuggled.repeat(3)),
        &format!("<mail later@b> 451 4.7.1 later / {unneeded}"),
    );
}

/// As much as refused content of DATA, and no more: 4000 octets here. A MAIL that is taken begins the count anew.
#[test]
fn refused_chunks_are_swallowed_only_so_far() {
    let chunk = |size: usize| format!("BDAT {size}\r\n{}", "x".repeat(size));
    let need = "503 5.5.1 Need MAIL command";
    let session = || Session::new("mx.example", offer(), Limits { errors: 50, ..limits() }, false, false);
    let hello = |octets: &str| format!("HELO c\r\n{octets}");
    let heard = "250 mx.example / <hello c>";
    converse(
        session,
        &hello(&format!("{}{}NOOP\r\n", chunk(3000), chunk(1000))),
        &format!("{heard} {need} / {need} / 250 2.0.0 OK"),
    );
    let more = format!("{}{}", chunk(3000), chunk(1001));
    converse(session, &hello(&more), &format!("{heard} {need} / {need} / <close Violation>"));
    let again = format!("{}MAIL FROM:<>\r\nRSET\r\n{}", chunk(4000), chunk(4000));
    converse(
        session,
        &hello(&again),
        &format!("{heard} {need} / <mail > 250 2.1.0 yes / 250 2.0.0 OK / <reset> {need}"),
    );
    converse(session, &hello("BDAT 999999999999999999\r\nQUIT\r\n"), &format!("{heard} {need} / <close Violation>"));
}

#[test]
fn a_size_that_cannot_be_read_ends_the_session() {
    let end = "501 5.5.4 Syntax: BDAT size [LAST] / <close Violation>";
    // One that others read may be written in a line that is too long.
    let long = format!(" 5 LAST{}", " ".repeat(2100));
    for argument in ["", " x", " -1", " 5 FIRST", "  5", " 5\tLAST", " 1000000000000000000", &long] {
        let octets = format!("BDAT{argument}\r\nQUIT\r\n");
        converse(plain, &octets, end);
        after_envelope(&octets, end);
        after_envelope(
            &format!("BDAT 1\r\na{octets}"),
            &format!("[chunk 1] <content a> <end of chunk> 250 2.0.0 more / {end}"),
        );
    }
}

#[test]
fn a_refused_chunk_ends_the_transaction_and_those_behind_it_are_no_errors() {
    let mut session = plain();
    session.receive(format!("HELO c\r\n{BEGIN}BDAT 2\r\na").as_bytes());
    drain(&mut session);
    // All in one breath: the second and the others are in the pipeline already.
    session.receive(format!("b{}{BEGIN}", "BDAT 2\r\nRS".repeat(4)).as_bytes());
    assert_eq!(session.poll_event(), Some(Event::Content("b".into())));
    assert_eq!(session.poll_event(), Some(Event::EndOfChunk));
    assert!(session.awaits_answer() && session.poll_event().is_none());
    session.answer(own(550, 7, 1, "refused"));
    let refused = format!("550 5.7.1 refused / {}", "503 5.5.1 Need MAIL command / ".repeat(4));
    assert_eq!(drain(&mut session), format!("{refused}{BEGUN}"));
    // 421 closes.
    session.receive(b"BDAT 1\r\na");
    while session.poll_event() != Some(Event::EndOfChunk) {}
    session.answer(own(421, 3, 2, "drain"));
    assert_eq!(drain(&mut session), "421 4.3.2 drain / <close Asked>");
}

/// CR and LF are one newline in two chunks; what stands between, and what is behind, does not matter to where it ends.
#[test]
fn bare_newlines_in_chunks_are_refused_or_mended_as_in_mail_data() {
    let mended = || plain().with_bare_newlines(BareNewlines::Normalise);
    let rows = [
        ("BDAT 2\r\na\rBDAT 2 LAST\r\n\nb", "a\\r\\nb\\r\\n", false),
        ("BDAT 2\r\na\rBDAT 2 LAST\r\n\rb", "a\\r\\n\\r\\nb\\r\\n", true),
        ("BDAT 2\r\na\nBDAT 0 LAST\r\n", "a\\r\\n", true),
        ("BDAT 4 LAST\r\n\n.\n.", "\\r\\n.\\r\\n.\\r\\n", true),
    ];
    for (octets, content, bare) in rows {
        let octets = format!("{HELLO}{BEGIN}{octets}{BEGIN}");
        for size in [octets.len(), 1, 2, 3, 7] {
            let log = talk(mended(), octets.as_bytes(), size);
            let pieces: String = log.split("<content ").skip(1).filter_map(|piece| piece.split('>').next()).collect();
            assert_eq!(pieces, content, "{log}");
            assert!(log.ends_with(&format!("<end false> 250 2.0.0 taken / {BEGUN}")), "{log}");
            let log = talk(plain(), octets.as_bytes(), size);
            let end = if bare { "<end true> 550 5.6.11 bare / <close Violation>" } else { BEGUN };
            assert!(log.ends_with(end), "{log}");
        }
    }
}

#[test]
fn empty_chunks_are_free_only_so_often() {
    let octets = format!("{HELLO}{BEGIN}{}QUIT\r\n", "BDAT 0\r\n".repeat(110));
    let log = talk(plain(), octets.as_bytes(), 5000);
    assert!(log.ends_with("421 4.7.0 Too many errors / <close TooManyErrors>"), "{log}");
    assert_eq!(log.matches("[chunk 0]").count(), 102, "a hundred, and as many errors as are allowed");
}

#[test]
fn a_session_that_ends_within_a_chunk_runs_nothing_of_it() {
    for begin in [format!("{HELLO}{BEGIN}BDAT 50\r\nRSET\r\n"), format!("{HELLO}BDAT 50\r\nRSET\r\n")] {
        let mut session = plain();
        session.receive(begin.as_bytes());
        drain(&mut session);
        assert_eq!(session.is_in_mail_data(), begin.contains("RCPT"));
        assert_eq!(session.is_swallowing(), !begin.contains("RCPT"));
        assert!(!session.only_quit_is_left());
        session.close_with(own(421, 3, 2, "drain"));
        session.receive(b"QUIT\r\n");
        assert_eq!(drain(&mut session), "421 4.3.2 drain / <close Asked>");
        assert_eq!((session.poll_event(), session.unparsed()), (None, 0));
    }
}
