//! One exchange with clamd, and giving up on it does not hide that clamd is still at work.
//!
//! In: content, a way to hand it over, a slot. Out: what clamd said, or why nothing. When the caller leaves (deadline, or
//! its client is gone) and clamd has not got everything, the exchange is dropped, and clamd sees a stream that ends in the
//! middle; after that it stays behind as a task with its slot until clamd closes the connection, ten minutes at most.
//! Otherwise every retry of one slow message takes another of clamd's threads (Cisco-Talos/clamav#1129: one scan went on
//! for 4,682 s, until no thread was free). The content stays open that long as well.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::TaskTracker;

use super::{
    connection::{ClamdFault, Heard},
    fildes, instream,
    transport::{Progress, Transport},
};
use crate::antivirus::{ClamdAddress, Content, in_flight::Slot};

/// How long an abandoned scan keeps its slot: clamd's own `MaxScanTime` is 120 s, its `ReadTimeout` too.
const ABANDONED: Duration = Duration::from_secs(600);

/// How content is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As a descriptor.
    Fildes,
    /// As octets.
    Instream,
}

/// All that one exchange needs.
pub struct Exchange {
    /// How content is handed over.
    pub how: How,
    /// To whom.
    pub address: ClamdAddress,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// What.
    pub content: Content,
    /// Kept as long as clamd may be at work.
    #[expect(dead_code, reason = "held, not read: dropped with the exchange, it frees the slot")]
    pub slot: Arc<Slot>,
}

impl Exchange {
    /// Runs it, and returns what clamd said by `deadline`, and whether it had all of the content. Whatever is left of it then, or when
    /// the caller leaves, becomes a task of `exchanges`.
    pub async fn run(self, exchanges: &TaskTracker, deadline: Instant) -> (Result<Heard, ClamdFault>, bool) {
        let progress = Arc::new(Progress::default());
        let talk: Talk = Box::pin(self.talk(progress.clone()));
        let talking = Talking { talk: Some(talk), progress: progress.clone(), exchanges };
        let heard = timeout_at(deadline, talking).await.unwrap_or(Err(ClamdFault::Deadline));
        (heard, progress.all_said())
    }

    async fn talk(self, progress: Arc<Progress>) -> Result<Heard, ClamdFault> {
        match (self.how, &self.address) {
            (How::Fildes, ClamdAddress::Unix(path)) => fildes::scan(path, &self.content, &progress).await,
            _ => {
                let transport = Transport::new(self.address.clone(), self.connect_timeout, progress);
                instream::scan(&transport, &self.content).await
            }
        }
    }
}

type Talk = Pin<Box<dyn Future<Output = Result<Heard, ClamdFault>> + Send>>;

/// An exchange that its caller waits for. It runs in the caller's task: one of its own for every scan cost two wake-ups, and is needed
/// only by those that are given up.
struct Talking<'a> {
    /// Until it has ended.
    talk: Option<Talk>,
    progress: Arc<Progress>,
    exchanges: &'a TaskTracker,
}

impl Future for Talking<'_> {
    type Output = Result<Heard, ClamdFault>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Asked again after its end, it has nothing more to say.
        let Some(talk) = &mut self.talk else { return Poll::Pending };
        let heard = ready!(talk.as_mut().poll(cx));
        self.talk = None;
        Poll::Ready(heard)
    }
}

impl Drop for Talking<'_> {
    fn drop(&mut self) {
        let Some(talk) = self.talk.take().filter(|_| self.progress.all_said()) else { return };
        // Without a runtime the process ends, and its connections with it.
        if let Ok(runtime) = Handle::try_current() {
            // Its answer interests nobody.
            self.exchanges.spawn_on(async move { drop(timeout(ABANDONED, talk).await) }, &runtime);
        }
    }
}
