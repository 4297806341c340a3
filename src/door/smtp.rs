//! One client's connection: drives a [`relay::Session`]. This is the one loop of the mail path, and the only place of it that
//! waits.
//!
//! In: sockets, and the adapters of the [`Gateway`]. Out: nothing; all decisions are the session's.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::Future,
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::Sleep,
};

use super::{
    connections::Counted,
    gateway::{Gateway, Listener, now},
    log,
    stream::ClientStream,
};
use crate::{
    antivirus::Content,
    hold::Hold,
    next_hop::Lease,
    policy::{Policy, verdict::ScannerReport},
    record::{Item, attempts::Attempt, unix_millis},
    relay::{
        Session,
        event::{HoldFault, Input, NextHopFailure, OpenNextHop, Output, Wait},
        settings::READ,
    },
    store::Store,
};

/// A client that takes no octets of a reply for so long is gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// A handshake takes no longer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);
/// After our last reply we read on for a moment: closing with octets unread resets the connection, and the reset can overtake
/// the reply (RFC 9293 §3.10.7.1 and every refused sender's log).
const LINGER: Duration = Duration::from_secs(1);
/// … but only so much: who sends on and on is not listening.
const LINGER_OCTETS: u64 = 1 << 20;

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
        hold: None,
        timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
        draining: Some(Box::pin(gateway.draining())),
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
    hold: Option<Hold>,
    timer: Pin<Box<Sleep>>,
    draining: Option<Answer<()>>,
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
            Output::StartTls => Box::pin(self.start_tls()).await,
            Output::CloseClient => self.close_client().await,
            Output::OpenNextHop(request) => self.open_next_hop(request),
            Output::CancelNextHop => self.opening = None,
            Output::ToNextHop(octets) => self.to_next_hop.push_back(octets),
            Output::ReleaseNextHop { mails } => {
                self.to_next_hop.clear();
                if let Some(lease) = self.next_hop.take() {
                    lease.release(mails);
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
                let octets = match &self.hold {
                    Some(hold) => hold.read_at(offset, max).await,
                    None => Err(HoldFault::Failed("there is no hold".into())),
                };
                self.answers.push_back(Input::HoldOctets(octets));
            }
            Output::Forget => self.hold = None,
            Output::Scan { sha256 } => self.scan(sha256).await,
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
                let written = self.gateway.journal.append_intent(&intent).await.map_err(|fault| fault.to_string());
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
                let written = self.gateway.journal.append_outcome(&record, acknowledge && record.quarantined).await;
                if let Err(fault) = &written {
                    tracing::error!(id = %record.id, %fault, "a record could not be written to the journal");
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
        let write = async {
            client.write_all(octets).await?;
            client.flush().await
        };
        if !matches!(tokio::time::timeout(WRITE_TIMEOUT, write).await, Ok(Ok(()))) {
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
        let at = now();
        match self.counted.take().map(|counted| counted.of(client, at.monotonic)) {
            Some(Ok(counted)) => self.counted = Some(counted),
            Some(Err(full)) => {
                let listener = &self.listener.settings.listener;
                self.gateway.attempts.count(client, listener, full.attempt().name(), at.wall);
                metrics::counter!("portaria_connections_refused_total", "reason" => full.reason()).increment(1);
            }
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

    async fn close_client(&mut self) {
        let Some(mut client) = self.client.take() else { return };
        let _ = tokio::time::timeout(LINGER, async {
            client.shutdown().await?;
            tokio::io::copy(&mut client.take(LINGER_OCTETS), &mut tokio::io::sink()).await
        })
        .await;
    }

    fn open_next_hop(&mut self, request: OpenNextHop) {
        let next_hops = self.gateway.next_hops.clone();
        self.opening = Some(Box::pin(async move { next_hops.lease(&request).await }));
    }

    async fn scan(&mut self, sha256: String) {
        let content = match &mut self.hold {
            Some(hold) => hold.content().await,
            None => Err(HoldFault::Failed("there is no hold".into())),
        };
        match content {
            Ok((file, length)) => {
                let scanners = self.gateway.scanners.clone();
                self.scanning = Some(Box::pin(async move { scanners.scan(Content { file, length, sha256 }).await }));
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

    /// Waits until the world does something.
    async fn next_input(&mut self, wait: Wait) -> Input {
        self.timer.as_mut().reset(wait.until.into());
        std::future::poll_fn(|cx| self.poll_input(cx, wait)).await
    }

    fn poll_input(&mut self, cx: &mut Context<'_>, wait: Wait) -> Poll<Input> {
        if let Some(draining) = &mut self.draining
            && draining.as_mut().poll(cx).is_ready()
        {
            self.draining = None;
            return Poll::Ready(Input::Drain);
        }
        if let Some(policy) = self.gateway.newer_policy(&self.policy) {
            self.policy = policy.clone();
            return Poll::Ready(Input::Policy(policy));
        }
        let disk_is_low = self.gateway.disk_is_low();
        if std::mem::replace(&mut self.disk_was_low, disk_is_low) != disk_is_low {
            return Poll::Ready(Input::DiskLow(disk_is_low));
        }
        if let Some(opening) = &mut self.opening
            && let Poll::Ready(opened) = opening.as_mut().poll(cx)
        {
            self.opening = None;
            return Poll::Ready(match opened {
                Ok(lease) => {
                    let ready = lease.ready();
                    self.next_hop = Some(lease);
                    Input::NextHopReady(ready)
                }
                Err(failure) => Input::NextHopFailed(failure),
            });
        }
        if let Some(scanning) = &mut self.scanning
            && let Poll::Ready(reports) = scanning.as_mut().poll(cx)
        {
            self.scanning = None;
            return Poll::Ready(Input::Scanned(reports));
        }
        if let Some(keeping) = &mut self.keeping
            && let Poll::Ready((hold, kept)) = keeping.as_mut().poll(cx)
        {
            self.keeping = None;
            self.hold = Some(hold);
            return Poll::Ready(Input::Quarantined(kept));
        }
        if let Poll::Ready(input) = self.poll_next_hop(cx, wait.read_next_hop) {
            return Poll::Ready(input);
        }
        if let Poll::Ready(input) = self.poll_client(cx, wait.read_client) {
            return Poll::Ready(input);
        }
        if self.poll_wanted(cx, wait).is_ready() {
            return Poll::Ready(Input::NextHopWanted);
        }
        self.timer.as_mut().poll(cx).map(|()| Input::TimePassed)
    }

    /// Ready when the session's connection is idle and somebody else waits for one (decision 30). Asked last: what the client has
    /// said meanwhile goes first.
    fn poll_wanted(&mut self, cx: &mut Context<'_>, wait: Wait) -> Poll<()> {
        let (Some(from), Some(lease)) = (wait.lends_from, &mut self.next_hop) else { return Poll::Pending };
        loop {
            std::task::ready!(lease.poll_wanted(cx));
            if now().monotonic < from {
                // A moment early: being told the time changes nothing, and then it is looked at again.
                self.timer.as_mut().reset(from.min(wait.until).into());
                return Poll::Pending;
            }
            if lease.take_call() {
                return Poll::Ready(());
            }
        }
    }

    fn poll_next_hop(&mut self, cx: &mut Context<'_>, read: bool) -> Poll<Input> {
        let Some(lease) = &mut self.next_hop else { return Poll::Pending };
        let lost = |fault: io::Error| Poll::Ready(Input::NextHopGone(fault.to_string()));
        if !self.to_next_hop.is_empty() {
            match poll_write_queue(Pin::new(&mut *lease), cx, &mut self.to_next_hop) {
                Poll::Ready(Ok(())) => return Poll::Ready(Input::NextHopDrained),
                Poll::Ready(Err(fault)) => {
                    self.to_next_hop.clear();
                    return lost(fault);
                }
                Poll::Pending => {}
            }
        }
        if !read {
            return Poll::Pending;
        }
        match poll_read(Pin::new(lease), cx, READ) {
            Poll::Ready(Ok(octets)) if octets.is_empty() => {
                Poll::Ready(Input::NextHopGone("it closed the connection".into()))
            }
            Poll::Ready(Ok(octets)) => Poll::Ready(Input::NextHopOctets(octets)),
            Poll::Ready(Err(fault)) => lost(fault),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_client(&mut self, cx: &mut Context<'_>, room: usize) -> Poll<Input> {
        let Some(client) = &mut self.client else { return Poll::Pending };
        if room == 0 {
            return Poll::Pending;
        }
        match poll_read(Pin::new(client), cx, room) {
            Poll::Ready(Ok(octets)) if !octets.is_empty() => Poll::Ready(Input::ClientOctets(octets)),
            // It may still listen, so it is ours to close.
            Poll::Ready(Ok(_)) => Poll::Ready(Input::ClientGone),
            Poll::Ready(Err(_)) => {
                self.client = None;
                Poll::Ready(Input::ClientBroke)
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

/// The floor of free space is looked at just before: it is looked at for MAIL once a second, and much can be kept in a second.
async fn keep(store: &Store, item: &Item, hold: &mut Hold) -> Result<(), String> {
    hold.leaves_room().await.map_err(|fault| fault.to_string())?;
    let octets = hold.octets().await.map_err(|fault| fault.to_string())?;
    store.keep(item, octets).await.map_err(|fault| fault.to_string())
}

/// Writes as much as is taken; ready once everything is written and flushed. Until then the queue is not empty: octets may
/// wait in the buffer of TLS, and whoever finds the queue empty would never flush them.
fn poll_write_queue<W: AsyncWrite>(
    mut to: Pin<&mut W>,
    cx: &mut Context<'_>,
    queue: &mut VecDeque<Bytes>,
) -> Poll<io::Result<()>> {
    while let Some(front) = queue.front_mut() {
        if front.is_empty() {
            if queue.len() == 1 {
                break;
            }
            queue.pop_front();
            continue;
        }
        match to.as_mut().poll_write(cx, front) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => front.advance(written),
            Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
            Poll::Pending => return Poll::Pending,
        }
    }
    let flushed = std::task::ready!(to.poll_flush(cx));
    queue.clear();
    Poll::Ready(flushed)
}

thread_local! {
    /// What the sessions of a thread read into, one after the other. A session that waits has no buffer of its own: with 64 KiB for
    /// each of ten thousand clients that say nothing, they would take 640 MiB.
    static SPARE: Cell<BytesMut> = Cell::default();
}

/// Reads at most `room` octets; none means the end of the stream. Nothing is copied: what is returned is a part of the spare
/// buffer, which is used again once nobody has such a part any more, and replaced while somebody has.
fn poll_read<R: AsyncRead>(from: Pin<&mut R>, cx: &mut Context<'_>, room: usize) -> Poll<io::Result<Bytes>> {
    let mut buffer = SPARE.take();
    buffer.reserve(room.min(READ));
    let read = tokio_util::io::poll_read_buf(from, cx, &mut (&mut buffer).limit(room.min(READ)))
        .map_ok(|_| buffer.split().freeze());
    SPARE.set(buffer);
    read
}

#[cfg(test)]
mod tests {
    use tokio::io::{BufWriter, duplex};

    use super::*;

    /// As under TLS: the octets are taken, and lie in a buffer of ours because the other side does not read.
    #[tokio::test]
    async fn a_queue_that_is_not_flushed_is_not_empty() {
        let (ours, mut theirs) = duplex(64);
        let mut to = BufWriter::with_capacity(1 << 16, ours);
        let mut queue = VecDeque::from([Bytes::from(vec![b'x'; 500]), Bytes::from(vec![b'y'; 500])]);
        let mut read = 0;
        loop {
            let written =
                std::future::poll_fn(|cx| Poll::Ready(poll_write_queue(Pin::new(&mut to), cx, &mut queue).is_ready()));
            if written.await {
                break;
            }
            assert!(!queue.is_empty(), "nobody would flush it any more");
            read += theirs.read(&mut [0; 64]).await.unwrap();
        }
        assert!(queue.is_empty() && read >= 1000 - 64);
    }

    /// Two clients of one thread: the second one's octets come to where the first one's were, unless somebody still has those.
    #[tokio::test]
    async fn sessions_of_a_thread_read_into_one_buffer_and_never_into_anothers_octets() {
        let mut ends = Vec::new();
        let mut read = async |octets: &'static [u8]| {
            let (mut ours, mut theirs) = duplex(64);
            theirs.write_all(octets).await.unwrap();
            let read = std::future::poll_fn(|cx| poll_read(Pin::new(&mut ours), cx, READ)).await.unwrap();
            ends.push((ours, theirs));
            read
        };
        let first = read(b"EHLO one\r\n").await;
        let second = read(b"EHLO two\r\n").await;
        assert_eq!((first.as_ref(), second.as_ref()), (b"EHLO one\r\n".as_slice(), b"EHLO two\r\n".as_slice()));
        drop((first, second));
        let third = read(b"NOOP\r\n").await;
        let place = third.as_ptr();
        drop(third);
        assert_eq!(read(b"QUIT\r\n").await.as_ptr(), place, "a buffer that nobody has a part of is used again");
    }

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
