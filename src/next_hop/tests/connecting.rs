//! Addresses, their health, and what is known of them.

use tokio::net::TcpSocket;

use super::*;

/// An address at which nobody listens.
async fn deserted() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

#[tokio::test]
async fn an_address_that_refuses_us_is_passed_over_and_stands_back() {
    let ehlo = |ehlo| Script { ehlo, ..GOOD };
    for (script, error) in [
        (Script { greeting: "554 5.3.2 no", ..GOOD }, "the next hop answered greeting with 554 5.3.2 no"),
        (Script { greeting: "421 4.3.2 busy", ..GOOD }, "the next hop answered greeting with 421 4.3.2 busy"),
        (Script { greeting: "SSH-2.0-x", ..GOOD }, "not a reply line: SSH-2.0-x"),
        (Script { greeting: "", ..GOOD }, "no reply in time"),
        (ehlo("421 4.3.2 busy"), "the next hop answered EHLO with 421 4.3.2 busy"),
    ] {
        let first = Server::start(script).await;
        let second = Server::start(GOOD).await;
        let next_hops = next_hops(one(&[&first.address, &second.address]));
        let lease = next_hops.lease(&request()).await.unwrap();
        assert_eq!(lease.ready().address, second.address);
        let addresses = status(&next_hops).addresses;
        assert_eq!(addresses.iter().map(|address| address.healthy).collect::<Vec<_>>(), [false, true]);
        assert_eq!(addresses[0].last_error.as_deref(), Some(error));
        // The next session does not ask it again.
        next_hops.lease(&request()).await.unwrap();
        assert_eq!((first.connections(), second.connections()), (1, 2), "{error}");
    }
}

#[tokio::test]
async fn when_all_addresses_fail_each_was_tried_once_and_is_named() {
    let deserted = deserted().await;
    let refusing = Server::start(Script { greeting: "554 no", ..GOOD }).await;
    let next_hops = next_hops(one(&[&deserted, &refusing.address]));
    for attempt in 1..=2 {
        let NextHopFailure::Unreachable(text) = next_hops.lease(&request()).await.unwrap_err() else { panic!() };
        assert!(text.contains(&format!("{deserted}: cannot connect")), "{text}");
        assert!(text.contains(&format!("{}: the next hop answered greeting with 554 no", refusing.address)), "{text}");
        assert_eq!(refusing.connections(), attempt);
        settles(&next_hops, 0, 0).await;
    }
}

/// A listener whose queue is full: the kernel drops what else comes, as a firewall does. With the connections that fill it.
async fn black_hole() -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(connection) = timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
        queue.push(connection.unwrap());
        assert!(queue.len() < 64, "the queue never fills");
    }
    (listener, queue)
}

#[tokio::test]
async fn an_address_that_swallows_packets_leaves_time_for_the_next() {
    let (listener, _queue) = black_hole().await;
    let good = Server::start(GOOD).await;
    let next_hops = next_hops(one(&[&listener.local_addr().unwrap().to_string(), &good.address]));
    // Less than the connect timeout.
    let lease = next_hops.lease(&request_within(1000)).await.unwrap();
    assert_eq!(lease.ready().address, good.address);
    let first = &status(&next_hops).addresses[0];
    assert_eq!((first.healthy, first.last_error.as_deref()), (false, Some("no connection in time")));
}

/// The deadline is the session's; a server that takes connections and says nothing is learnt from it all the same.
#[tokio::test]
async fn a_silent_server_is_unreachable_at_the_deadline() {
    let silent = Server::start(Script { greeting: "", ..GOOD }).await;
    let next_hops = next_hops_with(one(&[&silent.address]), Duration::from_millis(600), Duration::from_secs(5));
    let failure = NextHopFailure::Unreachable(format!("{}: the deadline of the session passed", silent.address));
    assert_eq!(next_hops.lease(&request_within(50)).await.unwrap_err(), failure);
    assert!(status(&next_hops).addresses[0].healthy, "50 ms are no proof");
    assert_eq!(next_hops.lease(&request_within(400)).await.unwrap_err(), failure);
    assert!(!status(&next_hops).addresses[0].healthy);
}

#[tokio::test]
async fn a_name_is_resolved_and_every_ip_address_behind_it_tried() {
    let server = Server::start(GOOD).await;
    let port = server.address.rsplit_once(':').unwrap().1;
    // ::1, where nobody listens, often comes first.
    let next_hops = next_hops(one(&[&format!("localhost:{port}")]));
    let lease = next_hops.lease(&request()).await.unwrap();
    assert_eq!(lease.ready().address, format!("localhost:{port} [127.0.0.1]"));
}

#[tokio::test]
async fn a_probe_looks_at_every_address_and_what_was_seen_outlives_it() {
    let mut first = Server::start(Script { ehlo: "250-mx\r\n250-DSN\r\n250 SMTPUTF8", ..GOOD }).await;
    let mut second = Server::start(GOOD).await;
    let (one_address, other_address) = (first.address.clone(), second.address.clone());
    let next_hops = next_hops(one(&[&one_address, &other_address]));
    assert_eq!(next_hops.seen(&name()), None);
    let common = Capabilities { dsn: true, ..Capabilities::default() };
    assert_eq!(next_hops.probe(&name()).await, Ok(common.clone()));
    first.hears("1 QUIT").await;
    second.hears("1 QUIT").await;
    assert_eq!(next_hops.seen(&name()), Some(common.clone()));

    drop(first);
    let with_utf8 = Capabilities { smtputf8: true, ..common.clone() };
    assert_eq!(next_hops.probe(&name()).await, Ok(common.clone()), "one address is enough");
    drop(second);
    assert!(matches!(next_hops.probe(&name()).await, Err(NextHopFailure::Unreachable(_))));
    assert_eq!(next_hops.seen(&name()), Some(common.clone()));
    let addresses = status(&next_hops).addresses;
    assert_eq!(
        addresses.iter().map(|address| address.seen.clone()).collect::<Vec<_>>(),
        [Some(with_utf8), Some(common)]
    );
    assert!(addresses.iter().all(|address| !address.healthy));
}

/// Exchange without our address on its receive connector: a good greeting, and 530 to MAIL.
#[tokio::test]
async fn a_probe_finds_out_who_takes_no_mail_from_here() {
    for (mail, well) in [
        ("250 ok", true),
        ("530 5.7.1 Client was not authenticated", false),
        ("421 4.3.2 too busy", false),
        ("503 5.5.1 no", false),
        // About the empty reverse-path, or about the moment.
        ("550 5.7.1 no bounces here", true),
        ("451 4.7.1 later", true),
    ] {
        let server = Server::start(Script { mail, ..GOOD }).await;
        let next_hops = next_hops(one(&[&server.address]));
        assert_eq!(next_hops.probe(&name()).await.is_ok(), well, "{mail}");
        let address = status(&next_hops).addresses.remove(0);
        assert_eq!(address.healthy, well, "{mail}");
        let said = |error: String| error.contains(mail.get(..9).unwrap());
        assert_eq!(address.last_error.is_some_and(said), !well, "{mail}");
    }
}

#[tokio::test]
async fn a_next_hop_that_is_not_configured_is_unreachable() {
    let next_hops = next_hops(one(&["192.0.2.1:25"]));
    let request = OpenNextHop { name: NextHopName("other".into()), ..request() };
    let failure = NextHopFailure::Unreachable("no next hop is named other".into());
    assert_eq!(next_hops.lease(&request).await.unwrap_err(), failure);
    assert_eq!(next_hops.seen(&request.name), None);
}

#[tokio::test]
async fn an_address_that_lost_this_transaction_a_connection_is_tried_last() {
    let (first, second) = (Server::start(GOOD).await, Server::start(GOOD).await);
    let next_hops = next_hops(one(&[&first.address, &second.address]));
    let again = |avoid: &[&String]| OpenNextHop {
        fresh: true,
        avoid: avoid.iter().map(|address| (*address).clone()).collect(),
        ..request()
    };
    for (avoid, expected) in [
        (vec![], &first.address),
        (vec![&first.address], &second.address),
        (vec![&first.address, &second.address], &first.address),
    ] {
        let lease = next_hops.lease(&again(&avoid)).await.unwrap();
        assert_eq!(lease.ready().address, *expected, "avoiding {avoid:?}");
    }
}

#[tokio::test]
async fn what_an_earlier_run_saw_counts_until_this_one_has_looked() {
    let server = Server::start(GOOD).await;
    let next_hops = next_hops(one(&[&server.address]));
    let remembered = Capabilities { smtputf8: true, ..Capabilities::default() };
    next_hops.remember(&name(), "192.0.2.1:25", &remembered);
    assert_eq!(next_hops.seen(&name()), None, "an address that is not configured any more says nothing");
    next_hops.remember(&name(), &server.address, &remembered);
    assert_eq!(next_hops.seen(&name()), Some(remembered.clone()));
    let seen = next_hops.probe(&name()).await.unwrap();
    next_hops.remember(&name(), &server.address, &remembered);
    assert_eq!(next_hops.seen(&name()), Some(seen), "what was seen now counts more");
}
