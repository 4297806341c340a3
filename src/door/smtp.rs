//! One client's connection: drives a [`relay::Session`]. This is the one loop of the mail path, and the only place of it that
//! waits.
//!
//! In: sockets, and the adapters of the [`Gateway`]. Out: nothing; all decisions are the session's.

pub(super) mod octets;
mod waiting;

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    io,
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::{io::AsyncWriteExt, time::Sleep};

use super::{
    connections::Counted,
    gateway::{Gateway, Listener, now},
    listener::refused,
    log,
    stream::ClientStream,
};
use crate::{
    antivirus::Content,
    hold::{Hold, Whole},
    next_hop::Lease,
    policy::{Policy, verdict::ScannerReport},
    record::{Item, attempts::Attempt, unix_millis},
    relay::{
        Session,
        event::{HoldFault, Input, NextHopFailure, OpenNextHop, Output, Verified},
        settings::READ,
    },
    store::Store,
};

/// A client that takes no octets of a reply for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// A handshake takes no longer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
/// After our last reply to a client that may say more we read on for a moment: closing with octets unread resets the connection, and
/// the reset can overtake the reply (RFC 9293 §3.10.7.1 and every refused sender's log).
const LINGER: Duration = Duration::from_secs(1);
/// … but only so much: who sends on and on is not listening.
const LINGER_OCTETS: usize = 1 << 20;

/// Serves one client until its connection ends. `policy` is the one that the session was made with. Gives back how the connection is to be
/// counted, if it brought no MAIL.
///
/// Every session has this future for as long as it lasts, idle or not, so a test bounds its size. It is no `async fn`: that would
/// keep its arguments a second time.
pub fn serve(
    stream: ClientStream,
    mut session: Session,
    policy: Arc<Policy>,
    listener: Arc<Listener>,
    gateway: Arc<Gateway>,
    counted: Counted,
) -> impl Future<Output = Option<(Attempt, IpAddr)>> + Send {
    let mut driver = Driver {
        client: Some(stream),
        next_hop: None,
        to_next_hop: VecDeque::new(),
        opening: None,
        scanning: None,
        keeping: None,
        verifying: None,
        hold: None,
        timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        draining: Some(Draining { begins: Box::pin(gateway.draining()), wakes: None }),
        answers: VecDeque::new(),
        policy,
        disk_was_low: false,
        listener,
        gateway,
        counted: Some(counted),
    };
    async move { driver.run(&mut session).await }
}

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The beginning of the drain, as a session waits for it.
struct Draining {
    begins: Answer<()>,
    /// The task that it wakes.
    wakes: Option<Waker>,
}

/// The outside world of one session.
struct Driver {
    client: Option<ClientStream>,
    next_hop: Option<Lease>,
    /// What the next hop has not taken yet.
    to_next_hop: VecDeque<Bytes>,
    opening: Option<Answer<Result<Lease, NextHopFailure>>>,
    scanning: Option<Answer<Vec<ScannerReport>>>,
    /// An item is made durable, and has the hold meanwhile. Never given up: what began may be done, and must be known.
    keeping: Option<Answer<(Hold, Result<(), String>)>>,
    verifying: Option<Answer<Verified>>,
    hold: Option<Hold>,
    timer: Pin<Box<Sleep>>,
    /// Who is woken when the gateway begins to drain; none once the session knows of it.
    draining: Option<Draining>,
    /// Answers that came at once.
    answers: VecDeque<Input>,
    /// The policy that the session has, and what it knows of the disk.
    policy: Arc<Policy>,
    disk_was_low: bool,
    listener: Arc<Listener>,
    gateway: Arc<Gateway>,
    /// The connection counts for the client's network as long as this lives.
    counted: Option<Counted>,
}

impl Driver {
    async fn run(&mut self, session: &mut Session) -> Option<(Attempt, IpAddr)> {
        session.handle(now(), Input::Accepted);
        loop {
            let wait = loop {
                match session.poll() {
                    Output::Wait(wait) => break wait,
                    output => self.perform(output).await,
                }
            };
            let input = match self.answers.pop_front() {
                Some(answer) => answer,
                None if wait.finished => return session.attempt(),
                None => self.next_input(wait).await,
            };
            session.handle(now(), input);
        }
    }

    /// What is rare and long stands in a box: its room would be in every session's future.
    async fn perform(&mut self, output: Output) {
        match output {
            Output::ToClient(octets) => self.write_client(&octets).await,
            Output::Recount(client) => self.recount(client),
            Output::Verify(verification) => {
                self.verifying = Some(Box::pin(self.gateway.verifiers.verify(verification)));
            }
            Output::StartTls => Box::pin(self.start_tls()).await,
            Output::CloseClient { has_said_all } => self.close_client(has_said_all).await,
            Output::OpenNextHop(request) => self.open_next_hop(request),
            Output::CancelNextHop => self.opening = None,
            Output::ToNextHop(octets) => self.to_next_hop.push_back(octets),
            Output::ReleaseNextHop { mails, left } => {
                self.to_next_hop.clear();
                if let Some(lease) = self.next_hop.take() {
                    lease.release(mails, left);
                }
            }
            Output::DropNextHop => {
                self.to_next_hop.clear();
                self.next_hop = None;
            }
            Output::Hold(octets) => {
                let held = self.hold.get_or_insert_with(|| self.gateway.holds.begin()).append(octets).await;
                self.answers.push_back(Input::Held(held));
            }
            Output::ReadHold { offset, max } => {
                let octets = match &mut self.hold {
                    Some(hold) => hold.read_at(offset, max).await,
                    None => Err(HoldFault::Failed("there is no hold".into())),
                };
                self.answers.push_back(Input::HoldOctets(octets));
            }
            Output::Forget => self.hold = None,
            Output::Scan { spared, sha256 } => self.scan(spared, sha256).await,
            Output::CancelScan => self.scanning = None,
            Output::Quarantine(item) => self.quarantine(item),
            Output::SettleItem(id, state) => {
                let settled = Box::pin(self.gateway.store.settle(&id, state, unix_millis(now().wall)))
                    .await
                    .map_err(|fault| fault.to_string());
                if let Err(fault) = &settled {
                    tracing::error!(id = %id, ?state, %fault, "a quarantine item's state could not be changed");
                }
                self.answers.push_back(Input::Quarantined(settled));
            }
            Output::Intent(intent) => {
                let written = self.gateway.journal.append_intent(intent).await.map_err(|fault| fault.to_string());
                self.answers.push_back(Input::Journaled(written));
            }
            Output::Record { record, acknowledge } => {
                // Whoever waits for an answer has sent content, and that is never folded.
                let folded = !acknowledge && self.gateway.attempts.folds(&record, now().wall);
                log::transaction(&record, folded);
                if folded {
                    return;
                }
                // Held mail rests on nobody else's copy: its record is on the disk before the client hears 250.
                let (id, urgent) = (record.id.clone(), acknowledge && record.quarantined);
                let written = self.gateway.journal.append_outcome(record, urgent).await;
                if let Err(fault) = &written {
                    tracing::error!(%id, %fault, "a record could not be written to the journal");
                }
                if acknowledge {
                    self.answers.push_back(Input::Journaled(written.map_err(|fault| fault.to_string())));
                }
            }
            Output::Wait(_) => {}
        }
    }

    async fn write_client(&mut self, octets: &[u8]) {
        let Some(client) = &mut self.client else { return };
        let mut write = pin!(async {
            client.write_all(octets).await?;
            client.flush().await
        });
        // Nearly always it is written at once, and no timer is made for it.
        let at_once = poll_fn(|cx| Poll::Ready(write.as_mut().poll(cx))).await;
        let written = match at_once {
            Poll::Ready(written) => written.is_ok(),
            Poll::Pending => matches!(tokio::time::timeout(WRITE_TIMEOUT, write).await, Ok(Ok(()))),
        };
        if !written {
            self.client_is_gone();
        }
    }

    fn client_is_gone(&mut self) {
        if self.client.take().is_some() {
            self.answers.push_back(Input::ClientBroke);
        }
    }

    /// The connection is taken out of the count of one network before it is put into another's: both at once would let clients
    /// behind one balancer fill its own.
    fn recount(&mut self, client: IpAddr) {
        match self.counted.take().map(|counted| counted.of(client, now().monotonic)) {
            Some(Ok(counted)) => self.counted = Some(counted),
            Some(Err(full)) => refused(full, client, &self.listener, &self.gateway),
            None => {}
        }
        self.answers.push_back(Input::Recounted(self.counted.is_some()));
    }

    async fn start_tls(&mut self) {
        let Some(client) = self.client.take() else { return };
        let secured = match self.listener.acceptor() {
            Some(acceptor) => tokio::select! {
                // Between STARTTLS and TLS nothing can be said, and whoever says nothing must not keep us from stopping.
                () = self.gateway.draining() => Err(io::Error::other("the gateway stops")),
                secured = tokio::time::timeout(HANDSHAKE_TIMEOUT, client.accept_tls(&acceptor)) => secured
                    .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no handshake in time"))),
            },
            None => Err(io::Error::other("no certificate")),
        };
        match secured {
            Ok(stream) => {
                self.answers.push_back(Input::TlsEstablished(stream.tls_facts().unwrap_or_default()));
                self.client = Some(stream);
            }
            Err(fault) => {
                tracing::info!(fault = ?fault.to_string(), "a TLS handshake failed");
                self.answers.push_back(Input::ClientBroke);
            }
        }
    }

    /// Who has said all hears our last reply without our waiting for its end, which would be one more turn of the loop for every
    /// message.
    async fn close_client(&mut self, has_said_all: bool) {
        let Some(mut client) = self.client.take() else { return };
        if has_said_all && client.has_nothing_unread() {
            return;
        }
        let _ = tokio::time::timeout(LINGER, async {
            client.shutdown().await?;
            let mut left = LINGER_OCTETS;
            while left > 0 {
                let read = poll_fn(|cx| octets::poll_read(Pin::new(&mut client), cx, READ)).await?;
                left = if read.is_empty() { 0 } else { left.saturating_sub(read.len()) };
            }
            io::Result::Ok(())
        })
        .await;
    }

    fn open_next_hop(&mut self, request: OpenNextHop) {
        let next_hops = self.gateway.next_hops.clone();
        self.opening = Some(Box::pin(async move { next_hops.lease(&request).await }));
    }

    async fn scan(&mut self, spared: Vec<String>, sha256: String) {
        let content = match &mut self.hold {
            Some(hold) => hold.content().await,
            None => Err(HoldFault::Failed("there is no hold".into())),
        };
        match content {
            Ok(Whole { file, length, in_memory, readers }) => {
                let scanners = self.gateway.scanners.clone();
                let content = Content { file, length, in_memory, sha256, readers };
                self.scanning = Some(Box::pin(async move { scanners.scan(content, &spared).await }));
            }
            Err(fault) => self.answers.push_back(Input::Scanned(vec![log::no_content(&fault)])),
        }
    }

    /// Content synced, folder synced, row committed. Meanwhile the client is heard: one that goes will send again.
    fn quarantine(&mut self, item: Box<Item>) {
        let Some(mut hold) = self.hold.take() else {
            return self.answers.push_back(Input::Quarantined(Err("there is no hold".into())));
        };
        let store = self.gateway.store.clone();
        self.keeping = Some(Box::pin(async move {
            let kept = keep(&store, &item, &mut hold).await;
            if let Err(fault) = &kept {
                tracing::error!(id = %item.id, %fault, "a message could not be put into the quarantine");
            }
            (hold, kept)
        }));
    }
}

/// The floor of free space is looked at just before: it is looked at for MAIL once a second, and much can be kept in a second.
async fn keep(store: &Store, item: &Item, hold: &mut Hold) -> Result<(), String> {
    hold.leaves_room().await.map_err(|fault| fault.to_string())?;
    let octets = hold.octets().await.map_err(|fault| fault.to_string())?;
    store.keep(item, octets).await.map_err(|fault| fault.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten thousand clients that say nothing have this each, and a few boxes.
    #[test]
    fn what_every_session_has_for_as_long_as_it_lasts_is_small() {
        fn size<A, B, C, D, E, F, G: Future>(_: impl FnOnce(A, B, C, D, E, F) -> G) -> usize {
            size_of::<G>()
        }
        let (size, bound) = (size(serve), 2048);
        assert!(size <= bound, "{size} octets: put what is long and rare into a box, see Driver::perform");
    }
}
