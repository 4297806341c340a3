//! AUTH within the dialogue.

use super::*;

/// `\0svc\0right`, `\0svc\0wrong`
const RIGHT: &str = "AHN2YwByaWdodA==";
const WRONG: &str = "AHN2YwB3cm9uZw==";
const AUTH_HEARD: &str = "250-mx.example / 250-PIPELINING / 250-SIZE 900 / 250-LIMITS MAILMAX=5 RCPTMAX=3 / 250-8BITMIME / \
                          250-AUTH PLAIN LOGIN / 250-ENHANCEDSTATUSCODES / 250-CHUNKING / 250 SMTPUTF8 / <hello c.example>";

fn session(tls: bool) -> Session {
    Session::new("mx.example", Offer { auth: true, ..offer() }, Limits { errors: 20, ..limits() }, tls, false)
}

fn secured() -> Session {
    session(true)
}

/// The space behind 334 is lost between two pieces; `reply` has a test for it.
fn under_tls(octets: &str, expected: &str) {
    let octets = format!("{HELLO}{octets}");
    for size in [octets.len(), 1, 2, 3, 7, 50] {
        let log = talk(secured(), octets.as_bytes(), size).replace("334  /", "334 /");
        assert!(log == format!("{AUTH_HEARD} {expected}"), "{octets:.200?} in pieces of {size}: {log}");
    }
}

#[test]
fn with_an_initial_response_or_a_challenge_in_both_mechanisms() {
    under_tls(&format!("AUTH PLAIN {RIGHT}\r\nMAIL FROM:<>\r\n"), "<auth svc> 235 2.7.0 in / <mail > 250 2.1.0 yes");
    under_tls(&format!("auth plain\r\n{RIGHT}\r\nNOOP\r\n"), "334 / <auth svc> 235 2.7.0 in / 250 2.0.0 OK");
    let login = "334 VXNlcm5hbWU6 / 334 UGFzc3dvcmQ6 / <auth svc> 235 2.7.0 in";
    under_tls("AUTH LOGIN\r\nc3Zj\r\ncmlnaHQ=\r\n", login);
    under_tls("AUTH LOGIN c3Zj\r\ncmlnaHQ=\r\n", "334 UGFzc3dvcmQ6 / <auth svc> 235 2.7.0 in");
}

/// RFC 4954 §4: under TLS, after EHLO, between transactions, once; and a refusal leaves everything as it was.
#[test]
fn only_when_it_may_come() {
    let clear = format!("{HELLO}AUTH PLAIN {RIGHT}\r\nNOOP\r\n");
    converse(
        || session(false),
        &clear,
        &format!("{HEARD} 538 5.7.11 Encryption required for authentication / 250 2.0.0 OK"),
    );
    converse(secured, "AUTH PLAIN\r\n", "503 5.5.1 Say HELO or EHLO first");
    after_hello(&format!("AUTH PLAIN {RIGHT}\r\n"), "502 5.5.1 Command not implemented");
    under_tls(
        "MAIL FROM:<>\r\nAUTH PLAIN\r\nRCPT TO:<a@b>\r\n",
        "<mail > 250 2.1.0 yes / 503 5.5.1 A mail transaction is in progress / <rcpt a@b> 250 2.1.0 yes",
    );
    under_tls(
        &format!("AUTH PLAIN {RIGHT}\r\nEHLO d\r\nRSET\r\nAUTH PLAIN {RIGHT}\r\n"),
        &format!(
            "<auth svc> 235 2.7.0 in / {} 250 2.0.0 OK / <reset> 503 5.5.1 Authenticated already",
            AUTH_HEARD.replace("<hello c.example>", "<hello d>")
        ),
    );
    under_tls(
        "AUTH GSSAPI\r\nAUTH\r\n",
        "504 5.5.4 Mechanism not supported / 501 5.5.4 This command needs an argument",
    );
}

/// What is said in an exchange is never a command, and what comes behind it is.
#[test]
fn who_fails_or_gives_up_is_where_it_was() {
    under_tls(&format!("AUTH PLAIN {WRONG}\r\nNOOP\r\n"), "<auth svc> 535 5.7.8 out / 250 2.0.0 OK");
    under_tls("AUTH PLAIN\r\n*\r\nNOOP\r\n", "334 / 501 5.7.0 Authentication cancelled / 250 2.0.0 OK");
    under_tls(
        "AUTH LOGIN\r\nQUIT\r\nNOOP\r\n",
        "334 VXNlcm5hbWU6 / 501 5.5.2 Malformed authentication data / 250 2.0.0 OK",
    );
    under_tls("AUTH PLAIN\r\nMAIL FROM:<>\r\nNOOP\r\n", "334 / 501 5.5.2 Malformed authentication data / 250 2.0.0 OK");
    under_tls("AUTH PLAIN\r\nYQ=\nNOOP\r\n", "334 / 500 5.5.2 Lines end with CRLF / <close Violation>");
}

#[test]
fn a_response_may_be_longer_than_a_command_and_not_without_end() {
    let fits = "A".repeat(limits::AUTH_LINE - 2);
    let (malformed, too_long) = ("501 5.5.2 Malformed authentication data", "500 5.5.6 Authentication data too long");
    for (line, said) in [(fits.clone(), malformed), (fits + "A", too_long)] {
        under_tls(&format!("AUTH PLAIN\r\n{line}\r\nNOOP\r\n"), &format!("334 / {said} / 250 2.0.0 OK"));
    }
    under_tls(&format!("AUTH PLAIN {}\r\nNOOP\r\n", "A".repeat(2048)), "500 5.5.6 Line too long / 250 2.0.0 OK");
}

/// Failures are errors, and a connection has only so many.
#[test]
fn guessing_ends_the_connection() {
    let octets = format!("{HELLO}{}", format!("AUTH PLAIN {WRONG}\r\n").repeat(30));
    let log = talk(secured(), octets.as_bytes(), 5000);
    assert_eq!((log.matches("535 5.7.8").count(), log.ends_with("<close TooManyErrors>")), (21, true), "{log}");
}

/// The one who is announced has not logged in, whoever announces it has.
#[test]
fn xclient_takes_the_login_away() {
    let offer = Offer { auth: true, xclient: true, ..offer() };
    let session = Session::new("mx.example", offer, limits(), true, false);
    let octets = format!("{HELLO}AUTH PLAIN {RIGHT}\r\nXCLIENT ADDR=192.0.2.9\r\n{HELLO}AUTH PLAIN {RIGHT}\r\n");
    let log = talk(session, octets.as_bytes(), 5000);
    assert_eq!(log.matches("235 2.7.0").count(), 2, "{log}");
}
