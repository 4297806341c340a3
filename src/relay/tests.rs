//! What conversations cannot show: answers of the world that come late, out of turn, or after their question was taken back.

pub(crate) mod world;

use std::time::Duration;

use bytes::Bytes;
use world::World;

use super::{
    Session,
    event::{HoldFault, Input, NextHopFailure, Output},
    settings::{CHUNK, GRACE, GRACE_FLOWING, REPEATED_RECIPIENTS},
};
use crate::{
    policy::{
        verdict::{ScanVerdict, ScannerReport},
        verdict_action::VerdictAction,
    },
    record::{Ending, Fate, attempts::Attempt},
};

/// A command's time begins with our last reply: what the next hop and the scanners took is not the client's.
#[test]
fn a_slow_answer_does_not_cost_the_client_its_time() {
    let mut world = World::new();
    world.client("EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@tjpa.jus.br>\r\n");
    world.next_hop_ready();
    world.take();
    // A next hop that makes strangers wait, as many do; the client waits, and the connection is not idle.
    world.pass(Duration::from_secs(30));
    world.next_hop("250 ok\r\n250 ok\r\n");
    world.pass(Duration::from_secs(1));
    let asked = world.take();
    assert!(
        !asked.iter().any(|output| matches!(output, Output::ReleaseNextHop { .. })),
        "the envelope stands: {asked:?}"
    );

    world.content("Subject: x\r\n\r\nx\r\n");
    world.clean();
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    world.feed(Input::Journaled(Ok(())));
    world.take();
    world.pass(Duration::from_secs(290));
    world.next_hop("250 taken\r\n");
    world.feed(Input::Journaled(Ok(())));
    world.pass(Duration::from_secs(30));
    let said = world.said();
    assert!(said.starts_with("250 2.0.0 taken") && !said.contains("421"), "{said}");
}

/// An octet now and then is a client that holds a connection and says nothing (slowloris).
#[test]
fn a_command_has_its_time_as_a_whole() {
    let mut world = World::new();
    world.client("EHLO client.example\r\n");
    for octet in ["N", "O", "O", "P", " "] {
        world.pass(Duration::from_secs(59));
        world.client(octet);
    }
    assert!(!world.said().contains("421"));
    world.pass(Duration::from_secs(10));
    assert!(world.said().contains("421 4.4.2"), "five minutes for one command are over");
}

/// What was read for a connection that is lost belongs nowhere on the next one.
#[test]
fn a_read_for_a_lost_connection_is_not_content_of_the_next() {
    let mut world = World::new();
    world.envelope();
    let content = format!(
        "Subject: x\r\n\r\n{}",
        "0123456789abcdef0123456789abcdef0123456789abcdef012345678901\r\n".repeat(4000)
    );
    world.content(&content);
    world.clean();
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    world.take();
    // The second piece is being read: the connection breaks, and the next one is ready before the piece is there.
    world.feed(Input::NextHopGone("reset".into()));
    world.next_hop_ready();
    world.next_hop("250 ok\r\n250 ok\r\n");
    world.next_hop("354 go\r\n");
    while world.asked.iter().all(|output| !matches!(output, Output::Intent(_))) {
        if world.reads.is_empty() {
            world.feed(Input::NextHopDrained);
        } else {
            world.read_hold();
        }
    }
    world.feed(Input::Journaled(Ok(())));
    let wire = world.written();
    let (_, data) = wire.split_once("DATA\r\n").unwrap();
    let data = data.strip_suffix(".\r\n").unwrap();
    assert!(data.starts_with("Received: ") && data.ends_with(&content), "{} octets", data.len());
    assert_eq!(data.len(), world.hold.len());
}

/// Between the intent and our dot the connection may break: the dot belongs to content that is whole.
#[test]
fn the_dot_never_goes_out_on_a_connection_that_has_not_all_of_it() {
    for replies in [&[][..], &["250 ok\r\n250 ok\r\n"][..], &["250 ok\r\n250 ok\r\n", "354 go\r\n"][..]] {
        let mut world = World::new();
        world.envelope();
        world.content("Subject: x\r\n\r\nx\r\n");
        world.clean();
        world.next_hop("354 go\r\n");
        world.feed(Input::NextHopDrained);
        world.read_hold();
        world.feed(Input::NextHopDrained);
        assert!(world.take().iter().any(|output| matches!(output, Output::Intent(_))));
        world.feed(Input::NextHopGone("reset".into()));
        world.next_hop_ready();
        for reply in replies {
            world.next_hop(reply);
        }
        world.feed(Input::Journaled(Ok(())));
        world.feed(Input::Journaled(Ok(())));
        let asked = world.take();
        let said = |output: &Output| match output {
            Output::ToNextHop(octets) => octets.ends_with(b"\r\n.\r\n"),
            _ => false,
        };
        assert!(!asked.iter().any(said), "{asked:?}");
        let told = |output: &Output| matches!(output, Output::ToClient(octets) if octets.starts_with(b"451 4.4.1"));
        assert!(asked.iter().any(told), "{asked:?}");
    }
}

/// What goes to the next hop goes out in one piece: each write is a system call here and a segment there.
#[test]
fn a_small_message_is_written_with_its_dot_and_not_before_its_intent() {
    let mut world = World::new();
    world.envelope();
    world.content("Subject: x\r\n\r\nx\r\n");
    world.clean();
    assert_eq!(world.written(), "DATA\r\n");
    world.next_hop("354 go\r\n");
    world.read_hold();
    let asked = world.take();
    assert!(asked.iter().any(|output| matches!(output, Output::Intent(_))), "{asked:?}");
    assert!(!asked.iter().any(|output| matches!(output, Output::ToNextHop(_))), "{asked:?}");
    world.feed(Input::Journaled(Ok(())));
    let wire = world.written();
    assert!(wire.starts_with("Received: ") && wire.ends_with("\r\nSubject: x\r\n\r\nx\r\n.\r\n"), "{wire}");
}

/// Of large content only the last piece waits for the dot, and the first one takes our field with it.
#[test]
fn what_is_larger_than_a_piece_flows() {
    let mut world = World::new();
    world.envelope();
    world
        .content(&format!("Subject: x\r\n\r\n{}", "0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(4000)));
    world.clean();
    world.next_hop("354 go\r\n");
    assert!(
        !world.asked.iter().any(|output| matches!(output, Output::ToNextHop(octets) if octets.starts_with(b"Rec")))
    );
    world.read_hold();
    let first = world.written();
    assert!(first.contains("Received: ") && first.len() > CHUNK, "{}", first.len());
    assert_eq!(world.reads.len(), 0, "the next piece is read when this one is written");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    assert_eq!(world.written(), "");
    world.feed(Input::Journaled(Ok(())));
    assert!(world.written().ends_with("cdef\r\n.\r\n"));
}

/// A next hop that says 250 before it can have our dot has not taken the message, whatever it means by that.
#[test]
fn an_answer_before_our_dot_is_written_is_not_its_answer() {
    for (said, told, ending) in [
        ("250 taken\r\n", "451 4.4.1", Ending::Deferred),
        ("554 5.6.0 enough\r\n", "554 5.6.0 enough", Ending::Refused),
        ("452 4.3.1 full\r\n", "452 4.3.1 full", Ending::Deferred),
        ("421 4.3.2 bye\r\n", "451 4.4.1", Ending::Deferred),
    ] {
        let mut world = World::new();
        world.up_to_dot();
        world.feed(Input::NextHopOctets(Bytes::copy_from_slice(said.as_bytes())));
        let asked = world.take();
        assert!(asked.iter().any(|output| matches!(output, Output::DropNextHop)), "{said}: {asked:?}");
        assert!(!asked.iter().any(|output| matches!(output, Output::OpenNextHop(_))), "{said}: {asked:?}");
        let record = asked.into_iter().find_map(|output| match output {
            Output::Record { record, .. } => Some(record),
            _ => None,
        });
        assert_eq!(record.map(|record| record.ending), Some(ending), "{said}");
        world.feed(Input::Journaled(Ok(())));
        let heard = world.said();
        assert!(heard.starts_with(told), "{said}: {heard}");
    }
}

/// Only a dot that is written may have reached the next hop: then nobody knows, and before that everybody does.
#[test]
fn a_connection_lost_before_our_dot_is_written_leaves_nothing_unknown() {
    for (written, ending) in [(false, Ending::Deferred), (true, Ending::Unknown)] {
        let mut world = World::new();
        world.up_to_dot();
        if written {
            world.feed(Input::NextHopDrained);
        }
        world.feed(Input::NextHopGone("reset".into()));
        let asked = world.take();
        assert!(!asked.iter().any(|output| matches!(output, Output::OpenNextHop(_))), "never a second time: {asked:?}");
        let record = asked.into_iter().find_map(|output| match output {
            Output::Record { record, .. } => Some(record),
            _ => None,
        });
        assert_eq!(record.map(|record| record.ending), Some(ending));
        world.feed(Input::Journaled(Ok(())));
        assert!(world.said().starts_with("451 4.4.1"));
    }
}

/// The journal's answer to the intent is not its answer to the record.
#[test]
fn every_answer_of_the_journal_belongs_to_its_own_question() {
    let mut world = World::new();
    world.envelope();
    world.content("Subject: x\r\n\r\nx\r\n");
    world.clean();
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    // The connection is lost, and another cannot be had, before the intent stands.
    world.feed(Input::NextHopGone("reset".into()));
    world.feed(Input::NextHopFailed(NextHopFailure::Busy));
    world.take();
    world.feed(Input::Journaled(Ok(())));
    let asked = world.take();
    assert!(asked.iter().any(|output| matches!(output, Output::Record { .. })), "{asked:?}");
    assert!(!asked.iter().any(|output| matches!(output, Output::ToClient(_))), "{asked:?}");
    world.feed(Input::Journaled(Ok(())));
    assert!(world.said().starts_with("451 4.3.2"));
}

/// Who ends its stream behind QUIT may still listen; who ends it otherwise, or breaks off, will send again.
#[test]
fn only_a_client_that_said_quit_and_may_listen_is_answered() {
    for (behind, input, polite) in [
        ("QUIT\r\n", Input::ClientGone, true),
        ("", Input::ClientGone, false),
        ("NOOP\r\n", Input::ClientGone, false),
        ("QUIT\r\n", Input::ClientBroke, false),
        ("", Input::ClientBroke, false),
    ] {
        let why = format!("{behind:?} {input:?}");
        let mut world = World::new();
        world.envelope();
        world.content("Subject: x\r\n\r\nx\r\n");
        world.client(behind);
        world.feed(input);
        if !polite {
            let asked = world.take();
            assert!(asked.iter().any(|output| matches!(output, Output::CancelScan)), "{why}: {asked:?}");
            assert!(world.wait.finished, "{why}");
            continue;
        }
        assert!(world.wait.read_client == 0 && !world.wait.finished);
        world.clean();
        world.next_hop("354 go\r\n");
        world.feed(Input::NextHopDrained);
        world.read_hold();
        world.feed(Input::NextHopDrained);
        world.feed(Input::Journaled(Ok(())));
        world.next_hop("250 taken\r\n");
        world.feed(Input::Journaled(Ok(())));
        let said = world.said();
        assert!(said.contains("250 2.0.0 taken") && said.ends_with("221 2.0.0 Bye\r\n"), "{said}");
        assert!(world.wait.finished);
    }
}

/// That one group is not asked by order answers nothing for another that is asked and silent.
#[test]
fn an_order_does_not_answer_for_whoever_is_asked() {
    let mut world = World::new();
    let policy = world::with_order(world.now().wall);
    world.feed(Input::Policy(std::sync::Arc::new(policy)));
    world.envelope();
    world.content("Subject: x\r\n\r\nx\r\n");
    let asked = world.take();
    let spared = asked.iter().find_map(|output| match output {
        Output::Scan { spared, .. } => Some(spared.clone()),
        _ => None,
    });
    assert_eq!(spared, Some(vec!["yara".to_owned()]), "{asked:?}");
    world.feed(Input::Scanned(Vec::new()));
    world.feed(Input::Journaled(Ok(())));
    let said = world.said();
    assert!(said.contains("451 4.7.1 Content could not be checked"), "{said}");
}

/// Nothing can be done about a slow disk but wait for it: a deadline that does nothing would be told again and again.
#[test]
fn a_slow_quarantine_is_waited_for_in_peace() {
    let mut world = World::new();
    world.envelope();
    world.content("Subject: x\r\n\r\nx\r\n");
    let verdict = ScanVerdict::Infected { signature: "Eicar".into() };
    world.feed(Input::Scanned(vec![report(verdict, None)]));
    world.pass(Duration::from_secs(500));
    world.feed(Input::Quarantined(Ok(())));
    world.feed(Input::Journaled(Ok(())));
    assert!(world.said().contains("550 5.7.1 Malware found"));
}

/// The item of a mixed outcome is withdrawn when the next hop does not answer: nobody holds it, and the client will send again.
#[test]
fn what_was_withdrawn_is_not_recorded_as_held() {
    let mut world = World::new();
    world.envelope();
    world.client("RCPT TO:<c@tjpa.jus.br>\r\n");
    world.next_hop("250 ok\r\n");
    world.content("Subject: boleto\r\n\r\nx\r\n");
    world.clean();
    world.feed(Input::Quarantined(Ok(())));
    world.next_hop("250 reset\r\n");
    world.next_hop("250 ok\r\n250 ok\r\n");
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    world.feed(Input::Journaled(Ok(())));
    world.feed(Input::NextHopDrained);
    world.take();
    world.feed(Input::NextHopGone("reset".into()));
    world.feed(Input::Quarantined(Ok(())));
    let record = world.take().into_iter().find_map(|output| match output {
        Output::Record { record, .. } => Some(record),
        _ => None,
    });
    let fates: Vec<Fate> = record.unwrap().recipients.iter().map(|recipient| recipient.fate).collect();
    assert_eq!(fates, [Fate::Deferred, Fate::Unknown]);
}

/// Connections to the next hop are few: twenty clients that trickle, or say NOOP now and then, must not hold all of them.
#[test]
fn who_sends_slowly_holds_no_connection() {
    let fast = "0123456789abcdef0123456789abcdef0123456789abcdef012345678901\r\n".repeat(1000);
    for (big, slow) in [(true, "x\r\n".repeat(900)), (false, "x\r\n".repeat(900)), (false, String::new())] {
        let mut world = World::new();
        world.envelope();
        if !slow.is_empty() {
            world.client("DATA\r\n");
            world.feed(Input::Held(Ok(())));
            world.client("Subject: x\r\n\r\n");
            world.feed(Input::Held(Ok(())));
        }
        for _ in 0..if big { 6 } else { 0 } {
            world.client(&fast);
            world.feed(Input::Held(Ok(())));
        }
        if big {
            world.next_hop("354 go\r\n");
        }
        for _ in 0..5 {
            world.pass(Duration::from_secs(4));
            world.client(if slow.is_empty() { "NOOP\r\n" } else { &slow });
            world.feed(Input::Held(Ok(())));
        }
        let asked = world.take();
        let gives_back = |output: &Output| matches!(output, Output::ReleaseNextHop { .. } | Output::DropNextHop);
        assert!(asked.iter().any(gives_back), "{big} {slow:.3}");
    }
}

/// What a connection is counted as when it is over: nothing as soon as a MAIL came that has a record, nor if it was we who ended it.
#[test]
fn a_connection_without_mail_says_what_it_was() {
    let late = |session: Session| session.with_greeting_delay(Duration::from_secs(5));
    let rows: [(bool, &[&str], Option<Attempt>); 6] = [
        (false, &["EHLO c.example\r\nNOOP\r\nQUIT\r\n"], Some(Attempt::NoMail)),
        (false, &["GET / HTTP/1.1\r\n"], Some(Attempt::NoMail)),
        (false, &["EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nQUIT\r\n"], None),
        (false, &["EHLO c.example\r\nMAIL FROM:<a@example.org> FOO=1\r\nQUIT\r\n"], None),
        (false, &["EHLO c.example\r\nMAIL FROM:a@example.org\r\nQUIT\r\n"], Some(Attempt::NoMail)),
        (true, &["EHLO c.example\r\n", "STARTTLS\r\n"], Some(Attempt::TlsFailed)),
    ];
    for (starttls, said, expected) in rows {
        let mut world = World::of(starttls, |session| session);
        said.iter().for_each(|octets| world.client(octets));
        if starttls {
            world.feed(Input::ClientBroke);
        }
        assert!(world.wait.finished, "{said:?}");
        assert_eq!(world.attempt(), expected, "{said:?}");
    }
    let mut early = World::of(false, late);
    early.client("E");
    assert_eq!((early.wait.finished, early.attempt()), (true, Some(Attempt::EarlyTalk)));
    let mut stopped = World::of(false, late);
    stopped.feed(Input::Drain);
    assert_eq!((stopped.wait.finished, stopped.attempt()), (true, None));
    // Mail under TLS that came is not forgotten when a second handshake fails.
    let mut world = World::of(true, |session| session);
    world.client("EHLO c.example\r\nMAIL FROM:<a@example.org>\r\nRSET\r\n");
    world.client("STARTTLS\r\n");
    world.feed(Input::ClientBroke);
    assert_eq!(world.attempt(), None);
}

/// When others wait, a client that does nothing keeps a connection for a moment: longer than a round trip, whatever it says that is
/// no step of its transaction; and one whose mail data arrives keeps it.
#[test]
fn who_does_nothing_lends_its_connection_and_who_sends_does_not() {
    let from = |world: &World| world.wait.lends_from.map(|from| from.saturating_duration_since(world.start));
    let mut world = World::new();
    assert_eq!(from(&world), None, "there is no connection");
    world.client("EHLO client.example\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@tjpa.jus.br>\r\n");
    world.next_hop_ready();
    assert_eq!(from(&world), None, "the next hop is asked");
    world.next_hop("250 ok\r\n250 ok\r\n");
    assert_eq!(from(&world), Some(GRACE));
    world.pass(GRACE / 2);
    world.client("NOOP\r\n");
    assert_eq!(from(&world), Some(GRACE), "NOOP is no step");
    world.client("DATA\r\n");
    world.feed(Input::Held(Ok(())));
    assert_eq!(from(&world), Some(GRACE + GRACE / 2));
    let fast = "0123456789abcdef0123456789abcdef0123456789abcdef012345678901\r\n".repeat(1000);
    world.client(&format!("Subject: x\r\n\r\n{fast}"));
    world.feed(Input::Held(Ok(())));
    assert!(
        from(&world) == Some(GRACE / 2 + GRACE),
        "silence is silence, however much came before: {:?}",
        from(&world)
    );
    for _ in 0..5 {
        world.client(&fast);
        world.feed(Input::Held(Ok(())));
    }
    world.next_hop("354 go\r\n");
    assert_eq!(from(&world), None, "content is being written");
    world.feed(Input::NextHopDrained);
    while !world.reads.is_empty() {
        world.read_hold();
        world.feed(Input::NextHopDrained);
    }
    assert_eq!(from(&world), Some(GRACE / 2 + GRACE_FLOWING), "closing is dear");
    world.pass(GRACE);
    world.take();
    world.feed(Input::NextHopWanted);
    assert!(world.take().is_empty(), "asked too early, it keeps what it has");
    world.pass(GRACE_FLOWING);
    world.feed(Input::NextHopWanted);
    assert!(matches!(world.take().as_slice(), [Output::DropNextHop]));
}

/// Naming one recipient each time the connection is gone repeats the envelope each time: a thousand recipients would be half a
/// million RCPTs. Beyond a bound they are asked to come again, as with too many recipients.
#[test]
fn an_envelope_is_not_repeated_without_end() {
    let mut world = World::new();
    world.client("EHLO client.example\r\nMAIL FROM:<a@example.org>\r\n");
    let (mut rcpts, mut taken) = (0, 0);
    for number in 0..100 {
        world.client(&format!("RCPT TO:<b{number}@tjpa.jus.br>\r\n"));
        if world.asked.iter().any(|output| matches!(output, Output::OpenNextHop(_))) {
            world.next_hop_ready();
            let asked = world.written().matches("RCPT TO").count();
            rcpts += asked;
            taken += 1;
            world.next_hop(&"250 ok\r\n".repeat(1 + asked));
        } else {
            let said = world.said();
            assert!(said.starts_with("452 4.5.3 "), "{said}");
        }
        world.pass(Duration::from_secs(6));
        world.take();
    }
    assert!((60..100).contains(&taken) && rcpts <= REPEATED_RECIPIENTS + taken, "{taken} taken, {rcpts} RCPTs said");
    world.content("Subject: x\r\n\r\nx\r\n");
    world.clean();
    world.next_hop_ready();
    let asked = world.written().matches("RCPT TO").count();
    assert_eq!(asked, taken, "and those that were taken are served");
}

/// Refused content is read for up to ten minutes: what was held of it goes at once.
#[test]
fn refused_content_does_not_keep_its_hold() {
    let mut world = World::new();
    world.envelope();
    world.client("DATA\r\n");
    world.feed(Input::Held(Ok(())));
    world.client("Subject: x\r\n\r\n");
    world.feed(Input::Held(Err(HoldFault::Full("disk".into()))));
    assert!(world.take().iter().any(|output| matches!(output, Output::Forget)), "while the rest still comes");
    world.client("x\r\n");
    assert!(!world.take().iter().any(|output| matches!(output, Output::Hold(_))), "and nothing is held anew");
    world.client(".\r\n");
    world.feed(Input::Journaled(Ok(())));
    assert!(world.said().starts_with("452 4.3.1"));
}

/// Half of a reply that nobody asked for stops everything that is written; our dot must not be counted as out.
#[test]
fn a_dot_that_half_a_reply_held_back_was_not_said() {
    let mut world = World::new();
    world.envelope();
    world.content("Subject: x\r\n\r\nx\r\n");
    world.clean();
    world.next_hop("354 go\r\n");
    world.feed(Input::NextHopDrained);
    world.read_hold();
    world.feed(Input::NextHopDrained);
    assert!(world.take().iter().any(|output| matches!(output, Output::Intent(_))));
    world.feed(Input::NextHopOctets("554 5.6.0 en".into()));
    world.feed(Input::Journaled(Ok(())));
    let record = world.take().into_iter().find_map(|output| match output {
        Output::Record { record, .. } => Some(record),
        _ => None,
    });
    let record = record.expect("it is over");
    assert_eq!((record.ending, record.recipients[0].fate), (Ending::Deferred, Fate::Deferred), "and not unknown");
}

/// Ten wrong passwords in a minute, over however many connections: then a network is not heard for a while, and no hash is computed.
#[test]
fn a_network_that_guesses_is_not_heard_for_a_while() {
    let shares = super::Shares::default();
    let guess = |world: &mut World| {
        world.client("AUTH PLAIN AGEAYg==\r\n");
        let asked = world.asked.iter().any(|output| matches!(output, Output::Verify(_)));
        if asked {
            world.feed(Input::Verified(super::event::Verified::Wrong));
            world.pass(Duration::from_secs(3));
        }
        (asked, world.said())
    };
    let connect = || {
        let shares = shares.clone();
        let mut world = World::logging_in(|session| session.with_shares(shares));
        world.client("EHLO client.example\r\n");
        assert!(world.said().contains("250-AUTH PLAIN LOGIN"));
        world
    };
    let heard: Vec<(bool, String)> = (0..5)
        .flat_map(|_| {
            let mut world = connect();
            let heard: Vec<_> = (0..3).map(|_| guess(&mut world)).collect();
            assert!(world.attempt() == Some(Attempt::LoginFailed));
            heard
        })
        .collect();
    assert_eq!(heard.iter().filter(|(asked, _)| *asked).count(), 10, "{heard:?}");
    for (asked, said) in &heard {
        let expected = if *asked { ["535 5.7.8", "421 4.7.0"] } else { ["454 4.7.0", "454 4.7.0"] };
        assert!(expected.iter().any(|code| said.starts_with(code)), "{said}");
    }
}

/// Whoever hangs up before the answer has guessed too: otherwise hashes could be had for nothing.
#[test]
fn a_client_that_goes_while_its_password_is_verified_has_failed() {
    let shares = super::Shares::default();
    let asks = || {
        let shares = shares.clone();
        let mut world = World::logging_in(|session| session.with_shares(shares));
        world.client("EHLO client.example\r\nAUTH PLAIN AGEAYg==\r\n");
        let asked = world.asked.iter().any(|output| matches!(output, Output::Verify(_)));
        world.feed(Input::ClientGone);
        assert_eq!(world.attempt(), Some(Attempt::LoginFailed));
        asked
    };
    assert_eq!((0..15).filter(|_| asks()).count(), 10);
}

fn report(verdict: ScanVerdict, action: Option<VerdictAction>) -> ScannerReport {
    let (group, scanner) = ("clamd".to_owned(), "clamd".to_owned());
    ScannerReport { group, scanner, verdict, took_ms: 1, version: None, findings: Vec::new(), action }
}

/// What a scanner's own rule asks for stands in the place of what is configured for its verdict.
#[test]
fn a_rule_of_a_scanner_decides_what_becomes_of_what_it_found() {
    let infected = || ScanVerdict::Infected { signature: "YARA.Trial".into() };
    let rows = [(None, [true, false]), (Some(VerdictAction::Tag), [false, true])];
    for (action, expected) in rows {
        let mut world = World::new();
        world.envelope();
        world.content("Subject: x\r\n\r\nx\r\n");
        world.take();
        world.feed(Input::Scanned(vec![report(infected(), action)]));
        let asked = world.take();
        let kept = asked.iter().any(|output| matches!(output, Output::Quarantine(..)));
        let handed_over = asked.iter().any(|output| matches!(output, Output::Intent(..) | Output::ToNextHop(..)));
        assert_eq!([kept, handed_over], expected, "{action:?}: {asked:?}");
    }
}
