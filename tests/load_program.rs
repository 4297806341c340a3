//! The parts of the load program (`benches/load`) on which its figures rest: the same mail on every machine, a sink that counts each message once
//! however it arrives, clients that lose nothing and hide nothing, quantiles, shapes, and a command line that says what is wrong with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, clippy::print_stdout, reason = "the program is more than what is looked at here")]
#![expect(clippy::disallowed_methods, reason = "a sink and its clients are the outside world")]

#[path = "../benches/load/archive.rs"]
mod archive;
#[path = "../benches/load/chance.rs"]
mod chance;
#[path = "../benches/load/client.rs"]
mod client;
#[path = "../benches/load/flame.rs"]
mod flame;
#[path = "../benches/load/histogram.rs"]
mod histogram;
#[path = "../benches/load/mail.rs"]
mod mail;
#[path = "../benches/load/options.rs"]
mod options;
#[path = "../benches/load/plot.rs"]
mod plot;
#[path = "../benches/load/scan.rs"]
mod scan;
#[path = "../benches/load/shape.rs"]
mod shape;
#[path = "../benches/load/sink.rs"]
mod sink;
#[path = "../benches/load/talk.rs"]
mod talk;

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    rc::Rc,
    thread,
    time::Duration,
};

use client::{Load, Way};
use histogram::Histogram;
use mail_parser::{MessageParser, MimeHeaders as _, PartType};
use options::{Options, Stage};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn the_mail_is_the_same_every_time_and_no_two_messages_are() {
    for (octets, count) in [(4 << 10, 12), (64 << 10, 6), (1 << 20, 3)] {
        let mails = mail::corpus(7, octets, count, 0);
        assert!(mails == mail::corpus(7, octets, count, 0), "the same from the same seed");
        assert!(mails != mail::corpus(8, octets, count, 0), "others from another");
        assert_eq!(mails.iter().map(|mail| &mail.content).collect::<BTreeSet<_>>().len(), count);
        for mail in &mails {
            let share = mail.content.len() as f64 / octets as f64;
            assert!((0.85..=1.1).contains(&share), "{} octets of {octets}", mail.content.len());
        }
    }
}

#[test]
fn the_mail_is_what_another_parser_reads_as_meant() {
    for octets in [4 << 10, 64 << 10] {
        for (nth, mail) in mail::corpus(7, octets, 6, 20).iter().enumerate() {
            let lines = mail.content.split(|octet| *octet == b'\n');
            let lines: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).collect();
            assert!(lines.iter().all(|line| line.ends_with(b"\r") && line.len() <= 999), "lines end in CRLF");
            let parsed = MessageParser::default().parse(&mail.content).unwrap();
            let subject = parsed.subject().unwrap();
            let is_known = |word: &str| mail::WORDS.contains(&word.to_lowercase().as_str());
            assert!(subject.split(' ').all(is_known), "{subject}");
            assert!(!subject.contains("=?"), "{subject}");
            assert_eq!(mail.is_utf8, nth % 3 == 2);
            assert!(parsed.body_text(0).unwrap().contains(' ') && parsed.body_html(0).unwrap().contains("<p>"));
            assert_eq!(parsed.headers_raw().filter(|(name, _)| name.starts_with("X-Field-")).count(), 20);
            assert_eq!(parsed.attachment_count(), usize::from(octets > 8 << 10));
            if let Some(part) = parsed.attachment(0) {
                let PartType::Binary(data) = &part.body else { panic!("an attachment is binary: {part:?}") };
                let beginning: &[u8] = [b"PK\x03\x04".as_slice(), b"%PDF", b"\xff\xd8\xff"][nth % 3];
                assert!(data.starts_with(beginning) && part.attachment_name().unwrap().starts_with("prestação"));
            }
        }
    }
}

/// Over the wire a line that begins with a dot has one more, and only the last is the end.
#[test]
fn the_wire_form_has_transparency_and_one_end() {
    let mails = mail::corpus(3, 4 << 10, 12, 0);
    for mail in &mails {
        let text = String::from_utf8(mail.wire.clone()).unwrap();
        let unstuffed: String = text
            .strip_suffix(".\r\n")
            .unwrap()
            .split_inclusive("\r\n")
            .map(|line| line.strip_prefix('.').unwrap_or(line))
            .collect();
        assert_eq!(unstuffed.as_bytes(), mail.content);
        assert_eq!(text.matches("\r\n.\r\n").count(), 1);
    }
}

/// A sink on a thread of its own, until the test process ends.
fn sink() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = runtime();
        tokio::task::LocalSet::new().block_on(&runtime, async move {
            sink::accept(tokio::net::TcpListener::from_std(listener).unwrap()).await;
        });
    });
    port
}

/// Says this in pieces of so many octets; all that was answered when the sink has closed.
fn said(port: u16, octets: &[u8], piece: usize) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_nodelay(true).unwrap();
    // A sink that misses an end waits for ever.
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    for piece in octets.chunks(piece) {
        stream.write_all(piece).unwrap();
        // The sink is to see pieces: what is sent at once is often read at once.
        thread::yield_now();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_sink_counts_each_message_once_however_it_is_cut() {
    let talk = b"EHLO a\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\nSubject: a\r\n\r\n..\r\n.x\r\n\r\n.\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n\
        .\r\nXCOUNT\r\nQUIT\r\n";
    let mut whole = String::new();
    for (nth, piece) in [talk.len(), 1, 2, 3, 4, 5, 7, 11].into_iter().enumerate() {
        let port = sink();
        let answer = said(port, talk, piece);
        assert_eq!(answer.matches("250 2.0.0 taken\r\n").count(), 2, "pieces of {piece}: {answer}");
        assert!(answer.ends_with("250 2\r\n221 2.0.0 bye\r\n"), "pieces of {piece}: {answer}");
        if nth == 0 {
            whole = answer;
        } else {
            assert_eq!(answer, whole, "pieces of {piece}");
        }
    }
}

fn load(port: u16, connections: usize, per_connection: usize, messages: usize) -> client::Outcome {
    client::send(Load {
        way: Way::Smtp(port),
        connections,
        per_connection,
        messages,
        gap: Duration::ZERO,
        patience: Duration::from_secs(20),
        recipients: 2,
        mails: Rc::from(mail::corpus(1, 4 << 10, 4, 0)),
    })
}

#[test]
fn the_clients_send_as_many_as_they_are_told_and_the_sink_has_them_all() {
    for (connections, per, messages) in [(1, 1, 5), (20, 1, 100), (10, 7, 100), (3, 50, 4)] {
        let port = sink();
        let outcome = load(port, connections, per, messages);
        assert_eq!((outcome.taken, outcome.refused, outcome.lost), (messages as u64, 0, 0), "{:?}", outcome.fault);
        assert!(said(port, b"XCOUNT\r\nQUIT\r\n", 100).contains(&format!("250 {messages}\r\n")));
        assert!(outcome.latency.quantile(0.5) > 0.0 && outcome.latency.quantile(0.5) <= outcome.latency.longest());
    }
}

/// A server that says no, and one that hangs up in the middle of every third connection.
#[test]
fn what_is_refused_or_lost_is_told_and_not_counted_as_taken() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (nth, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut octets = [0; 512];
            stream.write_all(b"220 a\r\n").unwrap();
            let _ = stream.read(&mut octets);
            stream.write_all(b"250 a\r\n").unwrap();
            let _ = stream.read(&mut octets);
            if nth % 3 == 0 {
                continue;
            }
            stream.write_all(b"451 4.3.0 not now\r\n").unwrap();
            let _ = stream.read(&mut octets);
            let _ = stream.write_all(b"221 bye\r\n");
        }
    });
    let outcome = load(port, 1, 1, 9);
    assert_eq!((outcome.taken, outcome.refused, outcome.lost), (0, 6, 3));
    let fault = outcome.fault.unwrap();
    assert!(fault.contains("end of file") || fault.contains("eof"), "the first of them: {fault}");
}

#[test]
fn quantiles_are_within_a_sixty_fourth_and_the_longest_is_exact() {
    let mut histogram = Histogram::default();
    assert_eq!(histogram.quantile(0.5), 0.0);
    let micros: Vec<u64> = (1..=1000).map(|nth| nth * nth * 7).collect();
    micros.iter().for_each(|micros| histogram.add(Duration::from_micros(*micros)));
    for (share, at) in [(0.001, 0), (0.5, 499), (0.99, 989), (1.0, 999)] {
        let (told, true_one) = (histogram.quantile(share), micros[at] as f64 / 1000.0);
        assert!(told >= true_one && told <= true_one * (1.0 + 1.0 / 64.0), "{share}: {told} for {true_one}");
    }
    assert_eq!(histogram.longest(), 7000.0);
    histogram.add(Duration::from_secs(u64::MAX / 2));
    assert!(histogram.quantile(1.0) > 6e7, "what is longer than all buckets is in the last");
}

#[test]
fn a_shape_is_named_by_the_line_that_explains_it() {
    let of = |cost: fn(f64) -> f64| -> Vec<(f64, f64)> {
        [1.0, 10.0, 100.0, 1_000.0, 10_000.0].map(|value| (value, cost(value))).to_vec()
    };
    assert!(shape::shape(&of(|_| 0.3), 0.0).starts_with("flat (0.300 to 0.300"));
    assert!(shape::shape(&of(|value| if value == 100.0 { 0.33 } else { 0.3 }), 0.0).starts_with("flat"), "noise");
    assert_eq!(shape::shape(&of(|value| 0.3 + value / 100.0), 0.0), "linear, 0.0100 ms for each one more");
    assert_eq!(
        shape::shape(&of(|value| 0.3 + value.log10() * 0.2), 0.0),
        "logarithmic, 0.200 ms for each ten times more"
    );
    assert!(
        shape::shape(&[(0.0, 0.3), (10.0, 0.5), (100.0, 0.7)], 0.0).starts_with("logarithmic"),
        "0 has a place too"
    );
    assert!(shape::shape(&of(|value| 0.3 + value.log10() * 0.05), 0.25).starts_with("flat"), "within what runs differ");
    let [up, down] = [(10.0, 0.6), (100.0, 0.6)];
    assert!(shape::shape(&[(1.0, 0.35), up, down, (1_000.0, 0.4)], 0.1).starts_with("no trend (0.350 to 0.600"));
    assert_eq!(shape::shape(&of(|value| 1.0 / value.log10().max(1.0)), 0.0), "it falls (1.000 to 0.250 ms)");
}

#[test]
fn a_plot_stays_within_its_frame_and_escapes_what_it_says() {
    for is_logarithmic in [false, true] {
        let plot = plot::Plot {
            title: "a < b & c".to_owned(),
            across: "rules".to_owned(),
            up: "ms".to_owned(),
            is_logarithmic,
            lines: vec![("one".to_owned(), vec![(0.0, 0.21), (10.0, 0.3), (10_000.0, 0.29)])],
        };
        let svg = plot.svg();
        assert!(svg.contains("<title>a &lt; b &amp; c</title>") && svg.contains("prefers-color-scheme:dark"));
        let numbers = |name: &str| -> Vec<f64> {
            svg.split(&format!(" {name}=\""))
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
                .collect()
        };
        assert_eq!(numbers("cx").len(), 3);
        assert!(numbers("cx").is_sorted() && numbers("cx").iter().all(|x| (72.0..=616.0).contains(x)));
        let heights = numbers("cy");
        assert!(heights.iter().all(|y| (56.0..=304.0).contains(y)), "{heights:?}");
        assert!(heights[1] < heights[2] && heights[2] < heights[0], "more is higher: {heights:?}");
        for mark in ["0.00", "0.10", "0.20"] {
            assert!(svg.contains(&format!(">{mark}</text>")), "{mark}");
        }
    }
}

/// Two stacks of the gateway that share their beginning, one of another thread; a hash, parameters and plumbing are left out.
#[test]
fn stacks_are_folded_by_what_they_share() {
    let script = "worker \n\tffffffff8 tcp_sendmsg ([kernel.kallsyms])\n\t55aa portaria::smtp::write::h0123456789abcdef (/p)\n\
        \t55ab portaria::relay::Session<T>::run (/p)\n\t55ac tokio::runtime::task::poll (/p)\n\n\
        worker \n\t55ad memchr::find (/p)\n\t55ab portaria::relay::Session<T>::run (/p)\n\n\
        sqlite \n\t55ae sqlite3_step (/p)\n\n";
    let frames = flame::Frame::read(script);
    assert_eq!(frames.samples(), 3);
    let svg = frames.svg("t");
    let widths: Vec<(&str, &str)> = svg
        .split("<title>")
        .skip(1)
        .map(|rest| {
            let width = rest.split(" width=\"").nth(1).unwrap();
            (rest.split("</title>").next().unwrap(), width.split('"').next().unwrap())
        })
        .collect();
    assert_eq!(
        widths,
        [
            ("sqlite 33.3 %", "399.5"),
            ("sqlite3_step 33.3 %", "399.5"),
            ("worker 66.7 %", "799.5"),
            ("portaria::relay::Session::run 66.7 %", "799.5"),
            ("memchr::find 33.3 %", "399.5"),
            ("portaria::smtp::write 33.3 %", "399.5"),
            ("tcp_sendmsg_[k] 33.3 %", "399.5"),
        ]
    );
}

#[test]
fn the_command_line_is_read_or_says_what_to_write() {
    let read = |line: &str| Options::read(line.split_whitespace().map(str::to_owned));
    let options =
        read("--bench stages=floor,burst sizes=4k,10m conns=1,1000 per=10 reps=2 seconds=0.5 out=none seed=1").unwrap();
    assert_eq!(options.stages, [Stage::Floor, Stage::Burst]);
    assert_eq!(options.sizes, [("4k".to_owned(), 4096), ("10m".to_owned(), 10 << 20)]);
    assert_eq!((options.connections, options.per, options.out), (vec![1, 1000], 10, None));
    let own = std::env::current_exe().unwrap();
    let options = read(&format!("gateway=old:{0} gateway={0} running=it:25:1", own.display())).unwrap();
    assert_eq!(options.gateways.iter().map(|build| build.name.as_str()).collect::<Vec<_>>(), ["old", "gateway-2"]);
    assert_eq!((options.running[0].port, options.running[0].process), (25, 1));
    for (line, says) in [
        ("fast", "--help"),
        ("speed=1", "--help"),
        ("sizes=4", "sizes=4k,64k,1m"),
        ("sizes=1k", "from 2k to 20m"),
        ("conns=0", "a number from 1"),
        ("seconds=x", "seconds=2"),
        ("stages=raw", "floor, clamd"),
        ("growth=mails", "rules, blocked"),
        ("gateway=/nowhere", "cargo build --release"),
        ("running=1", "running=NAME:PORT:PID"),
    ] {
        let fault = read(line).unwrap_err();
        assert!(fault.contains(says), "{line}: {fault}");
    }
}
