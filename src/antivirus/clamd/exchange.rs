//! One exchange with clamd as a task of its own, so that giving up on it does not hide that clamd is still at work.
//!
//! In: content, a way to hand it over, a slot. Out: what clamd said, or why nothing. A caller that leaves (deadline, or
//! its client is gone) leaves the task behind: while clamd has not got everything it is dropped, and clamd sees a stream
//! that ends in the middle; after that it stays with its slot until clamd closes the connection, ten minutes at most.
//! Otherwise every retry of one slow message takes another of clamd's threads (Cisco-Talos/clamav#1129: one scan went on
//! for 4,682 s, until no thread was free). The content stays open that long as well.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, timeout, timeout_at},
};
use tokio_util::task::TaskTracker;

use super::{
    connection::{ClamdFault, Connection, Heard},
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
    #[expect(dead_code, reason = "held, not read: dropped with the task, it frees the slot")]
    pub slot: Arc<Slot>,
}

impl Exchange {
    /// Runs it among `exchanges` and returns what clamd said, by `deadline`, and whether it had all of the content.
    pub async fn run(self, exchanges: &TaskTracker, deadline: Instant) -> (Result<Heard, ClamdFault>, bool) {
        let progress = Arc::new(Progress::default());
        let heard = self.heard(progress.clone(), exchanges, deadline).await;
        (heard, progress.all_said())
    }

    async fn heard(
        self,
        progress: Arc<Progress>,
        exchanges: &TaskTracker,
        deadline: Instant,
    ) -> Result<Heard, ClamdFault> {
        // Dropped when this future ends or is dropped: that is how the task learns that nobody waits any longer.
        let (_waiting, left) = oneshot::channel();
        let task = exchanges.spawn(self.until_left(progress, left));
        match timeout_at(deadline, task).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ClamdFault::Lost),
            Err(_) => Err(ClamdFault::Deadline),
        }
    }

    async fn until_left(self, progress: Arc<Progress>, left: oneshot::Receiver<()>) -> Result<Heard, ClamdFault> {
        let mut talk = pin!(self.talk(progress.clone()));
        tokio::select! {
            biased;
            answer = &mut talk => return answer,
            _ = left => {}
        }
        if progress.all_said() {
            // Its answer interests nobody.
            let _ = timeout(ABANDONED, talk).await;
        }
        Err(ClamdFault::Deadline)
    }

    async fn talk(&self, progress: Arc<Progress>) -> Result<Heard, ClamdFault> {
        match (self.how, &self.address) {
            (How::Fildes, ClamdAddress::Unix(_)) => {
                match Connection::open(&self.address, self.connect_timeout).await? {
                    Connection::Unix(stream) => fildes::scan(stream, &self.content, &progress).await,
                    Connection::Tcp(_) => Err(ClamdFault::Lost),
                }
            }
            _ => {
                let transport = Transport::new(self.address.clone(), self.connect_timeout, progress);
                instream::scan(&transport, &self.content).await
            }
        }
    }
}
