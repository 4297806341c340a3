//! Conversations as scripts, a line each:
//!
//! - `ask mail`, `ask rcpt`, `ask data`, `ask dot`, `ask rset`, `content TEXT`: what the owner does (`\n` in TEXT is CRLF);
//! - `R: a | b`: exactly these lines are written to the next hop now; `R:` alone: nothing is;
//! - `N: a | b`: the next hop says these lines; `N~ text`: it says this without a line end;
//! - `= Mail 250 ok`: this is the next answer; `= unsolicited 250 ok`, `= not a reply`, `=` (none).

use super::*;
use crate::smtp::{
    envelope::{MailFrom, RcptTo},
    parameter::{MailParameters, RcptParameters},
    path::{ForwardPath, ReversePath},
};

struct Run {
    transaction: Transaction,
    piece: usize,
}

fn run(pipelining: bool, script: &str) -> Transaction {
    let once = |piece| {
        let capabilities = Capabilities { pipelining, ..Capabilities::default() };
        let mut run = Run { transaction: Transaction::new(capabilities), piece };
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            run.line(line);
        }
        assert_eq!(run.shown_answer(), "", "answers left over");
        run.transaction
    };
    // Octet by octet first: what the test sees at the end is the same.
    once(1);
    once(usize::MAX)
}

impl Run {
    fn line(&mut self, line: &str) {
        let transaction = &mut self.transaction;
        match line.split_once(' ').unwrap_or((line, "")) {
            ("ask", "mail") => {
                transaction.mail(&MailFrom { path: ReversePath::Null, parameters: MailParameters::default() }, None);
            }
            ("ask", "rcpt") => {
                transaction.rcpt(&RcptTo { path: ForwardPath::Postmaster, parameters: RcptParameters::default() });
            }
            ("ask", "data") => transaction.data(),
            ("ask", "dot") => transaction.end_of_mail_data(),
            ("ask", "rset") => transaction.reset(),
            ("content", text) => transaction.content(text.replace("\\n", "\r\n").into()),
            ("R:", lines) => assert_eq!(self.written(), lines, "{line}"),
            ("N:", lines) => self.said(&format!("{}\r\n", lines.replace(" | ", "\r\n"))),
            ("N~", text) => self.said(text),
            ("=", answer) => assert_eq!(self.shown_answer(), answer, "{line}"),
            _ => panic!("what is {line:?}?"),
        }
    }

    fn said(&mut self, text: &str) {
        text.as_bytes().chunks(self.piece).for_each(|piece| self.transaction.receive(piece));
    }

    fn written(&mut self) -> String {
        let all: Vec<Bytes> = std::iter::from_fn(|| self.transaction.poll_transmit()).collect();
        let all = String::from_utf8(all.concat()).unwrap();
        all.trim_end_matches("\r\n").replace("\r\n", " | ")
    }

    fn shown_answer(&mut self) -> String {
        match self.transaction.poll_answer() {
            None => String::new(),
            Some(Ok((question, reply))) => format!("{question:?} {}", reply.summary()),
            Some(Err(DialogueFault::Unsolicited(reply))) => format!("unsolicited {}", reply.summary()),
            Some(Err(DialogueFault::NotAReply(_))) => "not a reply".to_owned(),
        }
    }
}

/// MAIL, RCPT and DATA answered, 354 polled.
const INTO_MAIL_DATA: &str = "
    ask mail
    R: MAIL FROM:<>
    N: 250 ok
    = Mail 250 ok
    ask rcpt
    R: RCPT TO:<postmaster>
    N: 250 ok
    = Rcpt(0) 250 ok
    ask data
    R: DATA
    N: 354 go
    = Data 354 go
";

#[test]
fn without_pipelining_one_command_is_outstanding() {
    run(
        false,
        "
        ask mail
        ask rcpt
        ask rcpt
        R: MAIL FROM:<>
        R:
        N: 250 ok
        R: RCPT TO:<postmaster>
        N: 550 no
        = Mail 250 ok
        = Rcpt(0) 550 no
        R: RCPT TO:<postmaster>
        N: 250-still
        =
        N: 250 ok
        = Rcpt(1) 250 still ok
        ask data
        ask rset
        R: DATA
        N: 451 later
        = Data 451 later
        R: RSET
        N: 250 ok
        = Reset 250 ok
        ",
    );
}

#[test]
fn with_pipelining_a_group_goes_out_at_once_and_nothing_follows_data() {
    run(
        true,
        "
        ask mail
        ask rcpt
        ask rcpt
        ask data
        ask rset
        R: MAIL FROM:<> | RCPT TO:<postmaster> | RCPT TO:<postmaster> | DATA
        N: 250 ok | 250 ok | 452 full
        = Mail 250 ok
        = Rcpt(0) 250 ok
        = Rcpt(1) 452 full
        =
        R:
        N: 554 no
        = Data 554 no
        R: RSET
        N: 250 ok
        = Reset 250 ok
        ",
    );
    // RSET needs no reply before the next MAIL (RFC 2920 §3.1); recipients are counted anew.
    run(
        true,
        "
        ask mail
        ask rcpt
        ask rset
        ask mail
        ask rcpt
        R: MAIL FROM:<> | RCPT TO:<postmaster> | RSET | MAIL FROM:<> | RCPT TO:<postmaster>
        N: 250 a | 250 b | 250 c | 250 d | 250 e
        = Mail 250 a
        = Rcpt(0) 250 b
        = Reset 250 c
        = Mail 250 d
        = Rcpt(0) 250 e
        ",
    );
}

#[test]
fn a_group_is_bounded_or_both_sides_wait_for_each_other() {
    let mut transaction = Transaction::new(Capabilities { pipelining: true, ..Capabilities::default() });
    let rcpt = RcptTo { path: ForwardPath::Postmaster, parameters: RcptParameters::default() };
    (0..250).for_each(|_| transaction.rcpt(&rcpt));
    for (in_flight, outstanding) in [(100, 250), (100, 150), (50, 50), (0, 0)] {
        let written = transaction.poll_transmit().unwrap_or_default();
        assert_eq!(written.iter().filter(|octet| **octet == b'\n').count(), in_flight);
        assert_eq!(transaction.outstanding(), outstanding);
        transaction.receive("250 ok\r\n".repeat(in_flight).as_bytes());
        assert_eq!(std::iter::from_fn(|| transaction.poll_answer()).count(), in_flight);
    }
    assert!(transaction.is_at_rest());
}

#[test]
fn content_flows_after_354_and_ends_with_a_dot() {
    for pipelining in [false, true] {
        let script = format!(
            "{INTO_MAIL_DATA}
            content a\\n.b\\n
            content c\\n
            R: a | ..b | c
            content d\\n
            ask dot
            R: d | .
            R:
            N: 250 2.0.0 taken
            = EndOfMailData 250 2.0.0 taken
            ask mail
            R: MAIL FROM:<>
            N: 250 ok
            = Mail 250 ok
            "
        );
        assert!(run(pipelining, &script).is_at_rest());
    }
}

#[test]
fn nothing_goes_out_between_the_dot_and_its_reply() {
    let script = format!(
        "{INTO_MAIL_DATA}
        content a\\n
        ask dot
        ask rset
        R: a | .
        R:
        N: 452 full
        = EndOfMailData 452 full
        R: RSET
        N: 250 ok
        = Reset 250 ok
        "
    );
    run(true, &script);
    // Nor between 354 and the dot: a RSET asked before the 354 came would be content.
    let script = INTO_MAIL_DATA.replace("R: DATA\n", "R: DATA\n ask rset\n");
    let script = format!(
        "{script}
        R:
        content a\\n
        ask dot
        R: a | .
        N: 250 ok
        = EndOfMailData 250 ok
        R: RSET
        N: 250 ok
        = Reset 250 ok
        "
    );
    run(true, &script);
}

#[test]
fn replies_that_answer_nothing() {
    for script in [
        // Nothing was asked.
        "N: 250 hello
         = unsolicited 250 hello",
        "N: 421 closing
         = unsolicited 421 closing",
        // Asked, but not sent yet.
        "ask mail
         N: 250 ok
         = unsolicited 250 ok",
        // One reply too many; the first one counts.
        "ask mail
         R: MAIL FROM:<>
         N: 250 ok | 250 ok
         = Mail 250 ok
         = unsolicited 250 ok",
        // Begun before the question: it is not the answer, whenever it ends.
        "N~ 25
         ask mail
         R:
         N: 0 ok
         = unsolicited 250 ok",
        "N: 250-a
         ask mail
         R:
         N: 250 ok
         = unsolicited 250 a ok",
        // Of a class that the question cannot have.
        "ask mail
         R: MAIL FROM:<>
         N: 354 go
         = unsolicited 354 go",
        "ask data
         R: DATA
         N: 250 done
         = unsolicited 250 done",
        "ask data
         R: DATA
         N: 350 more
         = unsolicited 350 more",
    ] {
        // After it nothing goes out.
        run(false, &format!("{script}\n ask rcpt\n R:\n N: 250 ok\n ="));
    }
}

#[test]
fn a_fault_in_mail_data_never_lets_the_dot_out() {
    for fault in [
        "N: 552 too much\n = unsolicited 552 too much",
        "N: 421 closing\n = unsolicited 421 closing",
        "N: 250 taken\n = unsolicited 250 taken",
        "N: bye\n = not a reply",
    ] {
        let script = format!("{INTO_MAIL_DATA} content a\\n\n {fault}\n content b\\n\n ask dot\n R:\n");
        run(true, &script);
    }
    // Cut in two, with the dot asked in between.
    run(true, &format!("{INTO_MAIL_DATA} content a\\n\n N~ 42\n ask dot\n R:\n N: 1 bye\n = unsolicited 421 bye\n R:"));
    // Behind the 354, in the same octets.
    let script = INTO_MAIL_DATA.replace("N: 354 go\n", "N: 354 go | 250 taken\n");
    run(true, &format!("{script} = unsolicited 250 taken\n ask dot\n R:"));
}

#[test]
fn what_is_not_a_reply_ends_the_dialogue() {
    let script = "
        ask mail
        ask rcpt
        R: MAIL FROM:<> | RCPT TO:<postmaster>
        N: 250 ok | 250-a | 251 b
        = Mail 250 ok
        = not a reply
        N: 250 ok
        =
        ask rset
        R:
    ";
    assert!(!run(true, script).is_at_rest());
}

#[test]
fn a_421_is_an_answer_where_one_is_due() {
    run(false, "ask mail\n R: MAIL FROM:<>\n N: 421 closing\n = Mail 421 closing");
}

#[test]
fn at_rest_means_nothing_asked_written_or_read() {
    for (script, at_rest) in [
        ("", true),
        ("ask mail", false),
        ("ask mail\n R: MAIL FROM:<>", false),
        ("ask mail\n R: MAIL FROM:<>\n N: 250 ok\n = Mail 250 ok", true),
        ("ask mail\n R: MAIL FROM:<>\n N: 250 ok\n N~ 2\n = Mail 250 ok", false),
        (INTO_MAIL_DATA, false),
    ] {
        assert_eq!(run(false, script).is_at_rest(), at_rest, "{script}");
    }
    let transaction = run(false, INTO_MAIL_DATA);
    assert!(transaction.in_mail_data());
    assert_eq!(transaction.outstanding(), 0);
}
