//! Postfix as the sending MTA, with a queue that can be held back.

use std::time::Duration;

use super::{postfix::Postfix, waiting::wait_until};

/// It relays each of some domains to a loopback port and tries again every few seconds.
#[derive(Debug)]
pub struct Sender {
    postfix: Postfix,
}

impl Sender {
    /// It sends on at once. Routes: the domain of the recipients, and the port that gets their mail.
    pub fn start(routes: &[(&str, u16)]) -> Self {
        Self::with(routes, "")
    }

    /// It sends on at once, and converts 8-bit content for whoever does not offer 8BITMIME, as Postfix does unless told otherwise.
    pub fn start_converting(routes: &[(&str, u16)]) -> Self {
        Self::with(routes, "disable_mime_output_conversion = no\n")
    }

    /// It takes mail and keeps all of it until [`Sender::release`].
    pub fn start_held(routes: &[(&str, u16)]) -> Self {
        Self::with(routes, "smtpd_data_restrictions = check_client_access static:HOLD\n")
    }

    fn with(routes: &[(&str, u16)], more: &str) -> Self {
        let routes: Vec<String> =
            routes.iter().map(|(domain, port)| format!("{{ {domain} = smtp:[127.0.0.1]:{port} }}")).collect();
        let settings = format!(
            "myhostname = mta.origin.example\n\
             transport_maps = inline:{{ {} }}\n\
             minimal_backoff_time = 2s\n\
             maximal_backoff_time = 3s\n\
             queue_run_delay = 1s\n\
             transport_retry_time = 1s\n\
             smtp_connect_timeout = 5s\n\
             default_destination_concurrency_failed_cohort_limit = 1000\n\
             {more}",
            routes.join(", ")
        );
        Self { postfix: Postfix::start("sender", &settings) }
    }

    /// Where it takes mail.
    pub fn port(&self) -> u16 {
        self.postfix.port()
    }

    /// Its log.
    pub fn log(&self) -> String {
        self.postfix.log()
    }

    /// Messages in its queue, wherever in it.
    pub fn queued(&self) -> usize {
        self.postfix.control("postqueue", &["-j"]).succeeded().stdout.lines().count()
    }

    /// Lets go what was held.
    ///
    /// Only for this the queue is flushed. A message whose delivery has just failed is tried again by Postfix itself after two seconds: any
    /// sooner, it may find the queue file still locked by the delivery that failed, and then lets it lie for a minute.
    pub fn release(&self) {
        self.postfix.control("postsuper", &["-H", "ALL"]).succeeded();
        self.postfix.control("postqueue", &["-f"]).succeeded();
    }

    /// Waits until its queue is empty: it has seen an answer for everything.
    #[track_caller]
    pub fn wait_until_empty(&self, limit: Duration) {
        wait_until("Postfix's queue is empty", limit, || self.queued() == 0);
    }
}

#[test]
fn a_held_queue_goes_out_once_to_two_sinks_and_says_the_same_to_both() {
    use super::{
        generator::message,
        load::{Letter, Load},
        sink::Sink,
    };
    let (one, two) = (Sink::start(), Sink::start());
    let sender = Sender::start_held(&[("one.example", one.port()), ("two.example", two.port())]);
    let load = Load { port: sender.port(), connections: 4, pipelining: true };
    let recipients = vec!["a@one.example".to_owned(), "a@two.example".to_owned()];
    let count = 24;
    let replies = load.send(count, |index| Letter {
        reverse_path: format!("m{index}@origin.example"),
        recipients: recipients.clone(),
        content: message(index * 2 + index / 12),
    });
    assert!(replies.iter().all(|reply| reply.starts_with("250 ")), "{replies:#?}");
    assert_eq!(sender.queued(), count);
    assert_eq!(one.state().connections, 0, "held");
    sender.release();
    for sink in [&one, &two] {
        sink.wait_until("all messages", Duration::from_secs(60), |state| state.messages.len() == count);
    }
    sender.wait_until_empty(Duration::from_secs(20));
    let (one, two) = (one.state(), two.state());
    for message_one in &one.messages {
        let twins: Vec<_> = two.messages.iter().filter(|m| m.reverse_path == message_one.reverse_path).collect();
        assert_eq!(twins.len(), 1, "once");
        super::trace::assert_same_octets(&message_one.reverse_path, &twins[0].content, &message_one.content);
        let number: usize = message_one.reverse_path[1..message_one.reverse_path.find('@').unwrap()].parse().unwrap();
        let sent = message(number * 2 + number / 12);
        super::trace::assert_same_octets(
            "behind Postfix's own Received:",
            super::trace::behind_our_received(&message_one.content),
            &sent,
        );
    }
}
