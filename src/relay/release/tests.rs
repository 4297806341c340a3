//! An attempt, and a next hop that answers, refuses, hangs and goes away at every step.

use std::time::SystemTime;

use super::*;
use crate::{
    relay::event::{HoldFault, NextHopFailure, NextHopReady},
    smtp::{
        extension::Capabilities,
        parameter::{MailParameters, RcptParameters, Ret},
        path::{ForwardPath, Mailbox, ReversePath},
    },
};

const PREFIX: &[u8] = b"Received: from x\r\nX-Portaria-Released: mx\r\n";
const CONTENT: &[u8] = b"Subject: boleto\r\n\r\nfirst\r\n.dot\r\n..two\r\nlast\r\n";

/// What a next hop does with a command: answers, closes, or says nothing.
enum Deed {
    Says(&'static str),
    Closes,
    Hangs,
}
use Deed::{Closes, Hangs, Says};

/// The world around one attempt.
struct World {
    attempt: Attempt,
    start: Instant,
    elapsed: Duration,
    hold: Vec<u8>,
    inputs: VecDeque<Input>,
    /// Everything that was written on each connection.
    wires: Vec<String>,
    /// The part of the last wire that is not a whole command yet.
    unread: String,
    in_data: bool,
    /// What stood on the wire when our dot was asked for.
    asked: Vec<(Vec<usize>, String)>,
    may_dot: Result<(), String>,
    /// The connection breaks while the outbox is asked.
    breaks_while_asked: bool,
    limits: Capabilities,
    reachable: bool,
    dropped: usize,
    released: usize,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "there is no other way to an Instant")]
    fn new(recipients: usize) -> Self {
        let start = Instant::now();
        let now = Moment { monotonic: start, wall: SystemTime::UNIX_EPOCH };
        let rcpt = |n: usize| {
            let mailbox = Mailbox::parse(&format!("r{n}@tjpa.jus.br")).unwrap();
            let parameters = RcptParameters { notify: Some("FAILURE".to_owned()), orcpt: None };
            (10 + n, RcptTo { path: ForwardPath::Mailbox { mailbox, source_route: Vec::new() }, parameters })
        };
        let parameters = MailParameters { size: Some(44), ret: Some(Ret::Headers), ..MailParameters::default() };
        let path = ReversePath::Mailbox(Mailbox::parse("a@origin.example").unwrap());
        let hold = [PREFIX, CONTENT].concat();
        let letter = Letter {
            next_hop: "mailbox".into(),
            mail: MailFrom { path, parameters },
            recipients: (0..recipients).map(rcpt).collect(),
            client: ForwardedClient {
                name: None,
                address: "192.0.2.1".parse().unwrap(),
                port: 0,
                hello: "x".to_owned(),
                protocol: "ESMTP",
                ident: "i".to_owned(),
            },
            prefix: Bytes::from_static(PREFIX),
            length: hold.len() as u64,
        };
        let timeouts = crate::relay::tests::world::settings().timeouts;
        Self {
            attempt: Attempt::new(letter, timeouts, now),
            start,
            elapsed: Duration::ZERO,
            hold,
            inputs: VecDeque::new(),
            wires: Vec::new(),
            unread: String::new(),
            in_data: false,
            asked: Vec::new(),
            may_dot: Ok(()),
            breaks_while_asked: false,
            limits: Capabilities { dsn: true, size: Some(0), ..Capabilities::default() },
            reachable: true,
            dropped: 0,
            released: 0,
        }
    }

    /// Lets it run to its end. `deed`: the connection's number and the command, or `.`.
    fn run(&mut self, mut deed: impl FnMut(usize, &str) -> Deed) -> Vec<(usize, RecipientState, String)> {
        for _ in 0..10_000 {
            match self.attempt.poll() {
                Step::Over(heard) => {
                    return heard.into_iter().map(|it| (it.recipient, it.state, it.said)).collect();
                }
                Step::Do(output) => self.perform(output, &mut deed),
                Step::MayDot(recipients) => {
                    self.asked.push((recipients, self.wires.last().unwrap().clone()));
                    if std::mem::take(&mut self.breaks_while_asked) {
                        self.inputs.push_back(Input::NextHopGone("reset".to_owned()));
                    }
                    self.inputs.push_back(Input::Journaled(self.may_dot.clone()));
                }
                Step::Wait { until, .. } => {
                    let input = self.inputs.pop_front().unwrap_or_else(|| {
                        self.elapsed = self.elapsed.max(until.duration_since(self.start));
                        Input::TimePassed
                    });
                    let now = Moment { monotonic: self.start + self.elapsed, wall: SystemTime::UNIX_EPOCH };
                    self.attempt.handle(now, input);
                }
            }
        }
        panic!("it does not come to an end");
    }

    fn perform(&mut self, output: Output, deed: &mut impl FnMut(usize, &str) -> Deed) {
        match output {
            Output::OpenNextHop(_) if !self.reachable => {
                self.inputs.push_back(Input::NextHopFailed(NextHopFailure::Unreachable("refused".to_owned())));
            }
            Output::OpenNextHop(_) => {
                self.wires.push(String::new());
                self.unread.clear();
                self.in_data = false;
                self.inputs.push_back(Input::NextHopReady(NextHopReady {
                    capabilities: self.limits.clone(),
                    address: format!("mbx{}:25", self.wires.len()),
                    tls: None,
                    reused: false,
                    mails: 0,
                    owes_reset: false,
                }));
            }
            Output::ReadHold { offset, max } => {
                let from = usize::try_from(offset).unwrap();
                let octets = self.hold[from..].iter().copied().take(max.min(7)).collect::<Vec<_>>();
                self.inputs.push_back(Input::HoldOctets(Ok::<_, HoldFault>(octets.into())));
            }
            Output::ToNextHop(octets) => {
                let text = String::from_utf8(octets.to_vec()).unwrap();
                self.wires.last_mut().unwrap().push_str(&text);
                self.unread.push_str(&text);
                self.inputs.push_back(Input::NextHopDrained);
                self.read(deed);
            }
            Output::DropNextHop => self.dropped += 1,
            Output::CancelNextHop => {}
            Output::ReleaseNextHop { .. } => self.released += 1,
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, deed: &mut impl FnMut(usize, &str) -> Deed) {
        let connection = self.wires.len();
        loop {
            let end = if self.in_data { "\r\n.\r\n" } else { "\r\n" };
            let Some(at) = self.unread.find(end) else { return };
            let command = if self.in_data { ".".to_owned() } else { self.unread[..at].to_owned() };
            self.unread.drain(..at + end.len());
            match deed(connection, &command) {
                Says(reply) => {
                    self.in_data = reply.starts_with("354");
                    self.inputs.push_back(Input::NextHopOctets(Bytes::from(format!("{reply}\r\n"))));
                }
                Closes => self.inputs.push_back(Input::NextHopGone("closed".to_owned())),
                Hangs => {}
            }
        }
    }

    /// How often our dot went out, over all connections.
    fn dots(&self) -> usize {
        self.wires.iter().filter(|wire| wire.ends_with("\r\n.\r\n")).count()
    }
}

/// A next hop that takes everything.
fn takes(_: usize, command: &str) -> Deed {
    match command {
        "DATA" => Says("354 go"),
        "." => Says("250 2.0.0 queued"),
        _ => Says("250 ok"),
    }
}

fn states(heard: &[(usize, RecipientState, String)]) -> Vec<(usize, RecipientState)> {
    heard.iter().map(|(recipient, state, _)| (*recipient, *state)).collect()
}

use RecipientState::{Delivered, Open, Refused, Unknown};

#[test]
fn a_letter_is_delivered_with_its_envelope_and_octets() {
    let mut world = World::new(2);
    let heard = world.run(takes);
    assert_eq!(states(&heard), [(10, Delivered), (11, Delivered)]);
    assert_eq!(heard[0].2, "250 2.0.0 queued");
    let stuffed = "Subject: boleto\r\n\r\nfirst\r\n..dot\r\n...two\r\nlast\r\n.\r\n";
    let expected = format!(
        "MAIL FROM:<a@origin.example> SIZE={} RET=HDRS\r\nRCPT TO:<r0@tjpa.jus.br> NOTIFY=FAILURE\r\n\
         RCPT TO:<r1@tjpa.jus.br> NOTIFY=FAILURE\r\nDATA\r\n{}{stuffed}",
        44 + crate::smtp::extension::TRACE_FIELDS,
        std::str::from_utf8(PREFIX).unwrap()
    );
    assert_eq!(world.wires.concat(), expected);
    assert_eq!((world.released, world.dropped), (1, 0), "the connection is given back");
    // The last piece, seven octets behind our fields, waits for the dot.
    let without_dot = expected.strip_suffix("t\r\n.\r\n").unwrap().to_owned();
    assert_eq!(world.asked, [(vec![10, 11], without_dot)], "our dot is asked for before it goes out, and once");
}

/// Who is refused does not stop the others, and is not tried again; who is put off is.
#[test]
fn each_recipient_has_its_own_answer() {
    let mut world = World::new(3);
    let heard = world.run(|connection, command| match command {
        command if command.contains("r0@") => Says("550 5.1.1 no such user"),
        command if command.contains("r1@") => Says("451 4.2.0 try later"),
        command => takes(connection, command),
    });
    assert_eq!(states(&heard), [(10, Refused), (11, Open), (12, Delivered)]);
    assert_eq!(heard[0].2, "550 5.1.1 no such user");
    assert_eq!(world.asked[0].0, [12]);
}

#[test]
fn where_nobody_is_accepted_nothing_is_sent() {
    for (reply, state) in [("550 no", Refused), ("450 later", Open)] {
        for (refused, mails) in [("MAIL", 1), ("RCPT", 1)] {
            let mut world = World::new(3);
            let heard = world.run(|connection, command| match command {
                command if command.starts_with(refused) => Says(reply),
                command => takes(connection, command),
            });
            assert_eq!(states(&heard), [(10, state), (11, state), (12, state)], "{refused} {reply}");
            let wire = world.wires.concat();
            assert_eq!(wire.matches("MAIL").count(), mails, "{wire}");
            assert!(!wire.contains("DATA") && world.asked.is_empty());
        }
    }
}

/// After our dot: a refusal is an answer, silence is not, and nothing is ever said a second time.
#[test]
fn what_follows_our_dot() {
    for (deed, state) in [
        (Says("250 ok"), Delivered),
        (Says("451 later"), Open),
        (Says("421 closing"), Open),
        (Says("554 no"), Refused),
        (Closes, Unknown),
        (Hangs, Unknown),
    ] {
        let mut world = World::new(1);
        let mut deed = Some(deed);
        let heard = world.run(|connection, command| match command {
            "." => deed.take().expect("one dot"),
            command => takes(connection, command),
        });
        assert_eq!(states(&heard), [(10, state)]);
        assert_eq!((world.dots(), world.wires.len()), (1, 1));
    }
}

/// Before our dot a connection that is lost or hangs is replaced by another one, and the message arrives once.
#[test]
fn before_our_dot_it_is_repeated_on_another_connection() {
    for broken in ["MAIL", "RCPT", "DATA"] {
        for hangs in [false, true] {
            let mut world = World::new(2);
            let heard = world.run(|connection, command| match command {
                command if connection == 1 && command.starts_with(broken) => {
                    if hangs {
                        Hangs
                    } else {
                        Closes
                    }
                }
                command => takes(connection, command),
            });
            assert_eq!(states(&heard), [(10, Delivered), (11, Delivered)], "{broken}");
            assert_eq!((world.dots(), world.wires.len()), (1, 2));
        }
    }
}

#[test]
fn a_next_hop_that_always_goes_away_puts_it_off() {
    for broken in ["MAIL", "RCPT", "DATA"] {
        let mut world = World::new(1);
        let heard = world.run(|connection, command| match command {
            command if command.starts_with(broken) => Closes,
            command => takes(connection, command),
        });
        assert_eq!(states(&heard), [(10, Open)], "{broken}");
        assert_eq!(world.dots(), 0);
    }
    let mut world = World { reachable: false, ..World::new(2) };
    let heard = world.run(takes);
    assert_eq!(states(&heard), [(10, Open)], "the other one was not asked about");
    assert_eq!(
        heard[0].2, "the next hop cannot be reached: refused",
        "what happened, and not what a client would hear"
    );
    assert!(world.asked.is_empty());
}

/// The row belongs to somebody else by now, or cannot be written: the content is abandoned, which only closing does.
#[test]
fn without_its_row_our_dot_does_not_go_out() {
    let mut world = World { may_dot: Err("another gateway sends it".to_owned()), ..World::new(1) };
    let heard = world.run(takes);
    assert_eq!(states(&heard), [(10, Open)]);
    assert_eq!((world.dots(), world.dropped, world.released), (0, 1, 0));
    assert!(heard[0].2.contains("another gateway"));
}

/// The outbox said yes, and meanwhile the connection broke: a dot on the next one would end the message in the middle.
#[test]
fn the_dot_never_goes_out_on_a_connection_that_has_not_all_of_it() {
    let mut world = World { breaks_while_asked: true, ..World::new(1) };
    let heard = world.run(takes);
    for wire in &world.wires {
        if let Some((_, data)) = wire.split_once("DATA\r\n") {
            assert!(!data.ends_with("\r\n.\r\n") || data.ends_with("last\r\n.\r\n"), "{wire:?}");
        }
    }
    assert!(world.dots() <= 1);
    assert_eq!(states(&heard), [(10, if world.dots() == 1 { Delivered } else { Open })]);
}

/// RFC 9422: the others come in an attempt of their own.
#[test]
fn a_next_hop_that_takes_one_at_a_time_gets_one() {
    let mut world = World::new(2);
    world.limits.limits.recipients = Some(1);
    let heard = world.run(takes);
    let mut states = states(&heard);
    states.sort_by_key(|(recipient, _)| *recipient);
    assert_eq!(states, [(10, Delivered), (11, Open)]);
}
