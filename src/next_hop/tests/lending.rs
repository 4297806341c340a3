//! Leases and the pool behind them.

use super::*;

#[tokio::test]
async fn a_connection_given_back_is_reset_before_it_is_lent_again() {
    let mut server = Server::start(GOOD).await;
    let next_hops = next_hops(one(&[&server.address]));
    let mut lease = next_hops.lease(&request()).await.unwrap();
    let NextHopReady { capabilities, address, tls, reused, mails, owes_reset } = lease.ready();
    assert_eq!((address, tls, reused, mails, owes_reset), (server.address.clone(), None, false, 0, false));
    assert!(capabilities.dsn);
    assert_eq!(say(&mut lease, "MAIL FROM:<>").await, "250 ok");
    lease.release(1, Leftover::Envelope);
    server.hears("1 RSET").await;
    settles(&next_hops, 1, 0).await;

    let mut again = next_hops.lease(&request()).await.unwrap();
    assert!(again.ready().reused && again.ready().mails == 1 && !again.ready().owes_reset);
    assert_eq!(say(&mut again, "MAIL FROM:<>").await, "250 ok");
    assert_eq!(server.connections(), 1);
}

/// Decision 54: behind a reply to the dot nothing is said in the background; whoever gets the connection says RSET with its MAIL.
#[tokio::test]
async fn one_whose_transaction_ended_is_idle_at_once_and_owes_its_reset() {
    let mut server = Server::start(Script { ehlo: PIPELINES, ..GOOD }).await;
    let next_hops = next_hops(one(&[&server.address]));
    for mails in 1..=3 {
        let lease = next_hops.lease(&request()).await.unwrap();
        assert_eq!((lease.ready().reused, lease.ready().owes_reset), (mails > 1, mails > 1));
        lease.release(mails, Leftover::Nothing);
        let status = status(&next_hops);
        assert_eq!((status.idle, status.in_use), (1, 0), "without waiting for anything");
    }
    // What is owed is paid by the background, too.
    next_hops.lease(&request()).await.unwrap().release(4, Leftover::Envelope);
    settles(&next_hops, 1, 0).await;
    assert!(!next_hops.lease(&request()).await.unwrap().ready().owes_reset);
    assert_eq!(server.heard.recv().await.unwrap(), "1 EHLO portaria.example");
    assert_eq!(server.heard.recv().await.unwrap(), "1 RSET", "said once, and not before");
}

/// Without PIPELINING a RSET in front of MAIL would be a round trip for which a client waits.
#[tokio::test]
async fn without_pipelining_every_connection_is_reset_in_the_background() {
    let mut server = Server::start(GOOD).await;
    let next_hops = next_hops(one(&[&server.address]));
    next_hops.lease(&request()).await.unwrap().release(1, Leftover::Nothing);
    server.hears("1 RSET").await;
    settles(&next_hops, 1, 0).await;
    assert!(!next_hops.lease(&request()).await.unwrap().ready().owes_reset);
}

/// Idle at once means looked at when it is lent: what came behind the last reply, and what was said too much.
#[tokio::test]
async fn one_that_owes_its_reset_is_not_lent_when_the_server_has_said_more() {
    for text in ["", "421 4.3.2 shutting down", "250 once more"] {
        let server = Server::start(Script { ehlo: PIPELINES, ..GOOD }).await;
        let next_hops = next_hops(one(&[&server.address]));
        next_hops.lease(&request()).await.unwrap().release(1, Leftover::Nothing);
        server.say.send(text).unwrap();
        // Until the octets have crossed the loopback.
        sleep(Duration::from_millis(50)).await;
        assert!(!next_hops.lease(&request()).await.unwrap().ready().reused, "{text:?}");
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_lease_that_is_dropped_closes_the_connection_at_once() {
    let mut server = Server::start(GOOD).await;
    let next_hops = next_hops(one(&[&server.address]));
    drop(next_hops.lease(&request()).await.unwrap());
    server.hears("1 EHLO portaria.example").await;
    assert_eq!(server.heard.recv().await.unwrap(), "1 <end>");
    settles(&next_hops, 0, 0).await;
}

#[tokio::test]
async fn the_connection_used_last_is_lent_first() {
    let mut server = Server::start(GOOD).await;
    let next_hops = next_hops(one(&[&server.address]));
    let first = next_hops.lease(&request()).await.unwrap();
    let second = next_hops.lease(&request()).await.unwrap();
    second.release(1, Leftover::Envelope);
    settles(&next_hops, 1, 1).await;
    first.release(1, Leftover::Envelope);
    settles(&next_hops, 2, 0).await;
    let mut last = next_hops.lease(&request()).await.unwrap();
    say(&mut last, "NOOP").await;
    server.hears("1 NOOP").await;
}

#[tokio::test]
async fn an_odd_answer_to_rset_closes_the_connection() {
    for rset in ["550 no", "250 ok\r\n250 ok", "250-ok\r\n251 ok", "hello", ""] {
        let mut server = Server::start(Script { rset, ..GOOD }).await;
        let next_hops = next_hops(one(&[&server.address]));
        next_hops.lease(&request()).await.unwrap().release(1, Leftover::Envelope);
        server.hears("1 RSET").await;
        server.hears("1 <end>").await;
        settles(&next_hops, 0, 0).await;
        assert!(!next_hops.lease(&request()).await.unwrap().ready().reused, "{rset:?}");
    }
}

/// A server that closed, or said `421` and will close, while the connection was idle must not fail the next message.
#[tokio::test]
async fn an_idle_connection_that_the_server_gave_up_is_not_lent() {
    for text in ["", "421 4.4.2 idle too long"] {
        let mut server = Server::start(GOOD).await;
        let next_hops = next_hops(one(&[&server.address]));
        next_hops.lease(&request()).await.unwrap().release(1, Leftover::Envelope);
        settles(&next_hops, 1, 0).await;
        server.say.send(text).unwrap();
        if text.is_empty() {
            server.hears("1 <end>").await;
        }
        // Until the octets have crossed the loopback.
        sleep(Duration::from_millis(50)).await;
        let mut lease = next_hops.lease(&request()).await.unwrap();
        assert!(!lease.ready().reused, "{text:?}");
        assert_eq!(say(&mut lease, "NOOP").await, "250 ok");
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_fresh_one_is_not_one_that_was_used_and_the_bound_holds() {
    let mut server = Server::start(GOOD).await;
    let next_hops = next_hops(NextHopSettings { max_connections: 1, ..one(&[&server.address]) });
    next_hops.lease(&request()).await.unwrap().release(1, Leftover::Envelope);
    settles(&next_hops, 1, 0).await;
    let lease = next_hops.lease(&OpenNextHop { fresh: true, ..request() }).await.unwrap();
    assert!(!lease.ready().reused);
    // The idle one made room.
    server.hears("1 <end>").await;
    settles(&next_hops, 0, 1).await;
}

/// Doors spawn these; a lock held across a wait would show here.
#[test]
fn what_a_door_awaits_can_be_spawned() {
    fn sent(_: impl Send) {}
    let (next_hops, request, name) = (next_hops(one(&["192.0.2.1:25"])), request(), name());
    sent(next_hops.lease(&request));
    sent(next_hops.probe(&name));
    sent(next_hops.close());
}

#[tokio::test]
async fn when_all_are_in_use_it_waits_and_says_busy_at_the_deadline() {
    let server = Server::start(GOOD).await;
    let next_hops = next_hops(NextHopSettings { max_connections: 1, ..one(&[&server.address]) });
    let only = next_hops.lease(&request()).await.unwrap();
    assert_eq!(next_hops.lease(&request_within(100)).await.unwrap_err(), NextHopFailure::Busy);
    // One that becomes free in time is had.
    let request = request();
    let (waited, ()) = tokio::join!(next_hops.lease(&request), async {
        sleep(Duration::from_millis(50)).await;
        only.release(1, Leftover::Envelope);
    });
    assert!(waited.unwrap().ready().reused);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn giving_up_at_any_point_leaks_no_slot() {
    // Says nothing: a lease hangs while it is introduced.
    let silent = Server::start(Script { greeting: "", ..GOOD }).await;
    let next_hops = next_hops(NextHopSettings { max_connections: 1, ..one(&[&silent.address]) });
    let request = request();
    for millis in [0, 1, 20, 100] {
        let lease = next_hops.lease(&request);
        // Two at once: the second one waits for the slot.
        let both = async { tokio::join!(lease, next_hops.lease(&request)) };
        assert!(timeout(Duration::from_millis(millis), both).await.is_err());
        settles(&next_hops, 0, 0).await;
    }
}

#[tokio::test]
async fn an_old_connection_is_closed_with_quit() {
    let mut server = Server::start(GOOD).await;
    let lifetime = Duration::from_millis(300);
    let next_hops = next_hops(NextHopSettings { connection_lifetime: lifetime, ..one(&[&server.address]) });
    // While idle.
    next_hops.lease(&request()).await.unwrap().release(1, Leftover::Envelope);
    settles(&next_hops, 1, 0).await;
    server.hears("1 QUIT").await;
    settles(&next_hops, 0, 0).await;
    // And when it is given back too late.
    let lease = next_hops.lease(&request()).await.unwrap();
    sleep(lifetime).await;
    lease.release(1, Leftover::Envelope);
    server.hears("2 QUIT").await;
    settles(&next_hops, 0, 0).await;
}

/// Servers close theirs after one minute or more: whoever waits for that is lent a connection that is about to end.
#[tokio::test]
async fn a_connection_is_idle_for_thirty_seconds_at_most() {
    let mut server = Server::start(GOOD).await;
    let next_hops = next_hops(one(&[&server.address]));
    next_hops.lease(&request()).await.unwrap().release(1, Leftover::Envelope);
    settles(&next_hops, 1, 0).await;
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    while server.heard.recv().await.unwrap() != "1 QUIT" {}
    let idle = begun.elapsed();
    assert!((Duration::from_secs(29)..=Duration::from_secs(30)).contains(&idle), "{idle:?}");
}

/// Nobody needs the 221, and drain would wait for it.
#[tokio::test]
async fn a_goodbye_is_waited_for_five_seconds() {
    let mut server = Server::start(Script { quit: "", ..GOOD }).await;
    let next_hops = next_hops(NextHopSettings { connection_lifetime: Duration::ZERO, ..one(&[&server.address]) });
    let lease = next_hops.lease(&request()).await.unwrap();
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    lease.release(1, Leftover::Envelope);
    while server.heard.recv().await.unwrap() != "1 <end>" {}
    let waited = begun.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
}

#[tokio::test]
async fn closing_says_quit_and_keeps_nothing() {
    let mut server = Server::start(GOOD).await;
    let next_hops = next_hops(one(&[&server.address]));
    let late = next_hops.lease(&request()).await.unwrap();
    next_hops.lease(&request()).await.unwrap().release(1, Leftover::Envelope);
    settles(&next_hops, 1, 1).await;
    timeout(Duration::from_secs(2), next_hops.close()).await.expect("closing waits for no timer");
    server.hears("2 QUIT").await;
    server.hears("2 <end>").await;
    // Nothing is gained by a reset, and drain would wait for its reply.
    late.release(1, Leftover::Envelope);
    assert_eq!(server.heard.recv().await.unwrap(), "1 QUIT");
    settles(&next_hops, 0, 0).await;
}

/// RFC 9422: a server that takes two transactions on a connection is not asked for a third.
#[tokio::test]
async fn a_connection_that_had_all_its_transactions_is_closed() {
    let mut server = Server::start(Script { ehlo: "250-mx\r\n250 LIMITS MAILMAX=2", ..GOOD }).await;
    let next_hops = next_hops(one(&[&server.address]));
    next_hops.lease(&request()).await.unwrap().release(1, Leftover::Envelope);
    settles(&next_hops, 1, 0).await;
    let lease = next_hops.lease(&request()).await.unwrap();
    assert!(lease.ready().reused);
    lease.release(2, Leftover::Envelope);
    server.hears("1 QUIT").await;
    settles(&next_hops, 0, 0).await;
}

/// XFORWARD tells who the client is: not to a next hop for which it is switched off, whatever that offers.
#[tokio::test]
async fn xforward_is_a_matter_of_the_setting_too() {
    let server = Server::start(Script { ehlo: "250-mx\r\n250 XFORWARD ADDR", ..GOOD }).await;
    for xforward in [true, false] {
        let next_hops = next_hops(NextHopSettings { xforward, ..one(&[&server.address]) });
        assert_eq!(next_hops.lease(&request()).await.unwrap().ready().capabilities.forward.address, xforward);
    }
}
