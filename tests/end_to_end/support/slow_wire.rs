//! A wire between two programs that stops in the middle.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::port::Port;

/// Passes octets both ways between its own port and another, until it is told to stop after so many from the client: there it holds the
/// connection until [`SlowWire::let_go`] and then breaks it off. Connections after that pass whole.
#[derive(Debug)]
pub struct SlowWire {
    port: Port,
    shared: Arc<(Mutex<Stop>, Condvar)>,
}

#[derive(Debug)]
struct Stop {
    after: Option<usize>,
    reached: bool,
    let_go: bool,
}

impl SlowWire {
    /// A wire to this port.
    pub fn to(other: u16) -> Self {
        let port = Port::lease();
        let listener = TcpListener::bind(("127.0.0.1", port.number())).unwrap();
        let stop = Stop { after: None, reached: false, let_go: false };
        let shared = Arc::new((Mutex::new(stop), Condvar::new()));
        let of_listener = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = Arc::clone(&of_listener);
                thread::spawn(move || pass(&client, other, &shared));
            }
        });
        Self { port, shared }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The next connection that sends this many octets is held there.
    pub fn stop_after(&self, octets: usize) {
        *self.shared.0.lock().unwrap() = Stop { after: Some(octets), reached: false, let_go: false };
    }

    /// Waits until a connection is held.
    #[track_caller]
    pub fn wait_until_stopped(&self, limit: Duration) {
        let begun = Instant::now();
        let mut stop = self.shared.0.lock().unwrap();
        while !stop.reached {
            assert!(begun.elapsed() < limit, "the client never sent {:?} octets", stop.after);
            stop = self.shared.1.wait_timeout(stop, Duration::from_millis(100)).unwrap().0;
        }
    }

    /// Breaks the held connection off.
    pub fn let_go(&self) {
        self.shared.0.lock().unwrap().let_go = true;
        self.shared.1.notify_all();
    }
}

fn pass(client: &TcpStream, other: u16, shared: &(Mutex<Stop>, Condvar)) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", other)) else { return };
    let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        drop(std::io::copy(&mut from_server, &mut to_client));
        drop(to_client.shutdown(Shutdown::Both));
    });
    let mut passed = 0;
    let mut buffer = vec![0; 16 * 1024];
    let (mut from_client, mut to_server) = (client, &server);
    loop {
        let left = shared.0.lock().unwrap().after.map_or(buffer.len(), |after| after.saturating_sub(passed));
        if left == 0 {
            hold(shared);
            break;
        }
        let wanted = left.min(buffer.len());
        match from_client.read(&mut buffer[..wanted]) {
            Ok(count @ 1..) if to_server.write_all(&buffer[..count]).is_ok() => passed += count,
            _ => break,
        }
    }
    drop(server.shutdown(Shutdown::Both));
    drop(client.shutdown(Shutdown::Both));
}

fn hold(shared: &(Mutex<Stop>, Condvar)) {
    let mut stop = shared.0.lock().unwrap();
    stop.after = None;
    stop.reached = true;
    shared.1.notify_all();
    while !stop.let_go {
        stop = shared.1.wait(stop).unwrap();
    }
}

#[test]
fn a_message_that_the_wire_cut_off_is_sent_again_by_postfix() {
    use super::{client::Client, generator::message, sender::Sender, sink::Sink, trace::behind_our_received};
    let sink = Sink::start();
    let wire = SlowWire::to(sink.port());
    let sender = Sender::start(&[("tjpa.jus.br", wire.port())]);
    wire.stop_after(100_000);
    let content = message(3);
    Client::connect(sender.port()).send("a@origin.example", &["maria@tjpa.jus.br"], &content).expect("250", "queued");
    wire.wait_until_stopped(Duration::from_secs(20));
    sink.heard_no_message();
    wire.let_go();
    sink.wait_until("the second attempt", Duration::from_secs(20), |state| !state.messages.is_empty());
    sender.wait_until_empty(Duration::from_secs(20));
    assert!(behind_our_received(&sink.only_message().content) == content, "whole, and once");
}
