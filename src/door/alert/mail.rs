//! One message to one mailbox, through the next hop of its domain, over a connection of the pool that clients' messages use.
//!
//! The reverse-path is null (RFC 3834 §3.3): a bounce would come back through this gateway, to nobody.

use std::{io, time::Duration};

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::send::SendFault;
use crate::{
    door::gateway::{Gateway, now},
    next_hop::Lease,
    policy::route::{self, NextHopName},
    relay::event::{Leftover, OpenNextHop},
    smtp::{
        client::Transaction,
        envelope::{MailFrom, RcptTo},
        path::{ForwardPath, Mailbox, ReversePath},
        reply::Reply,
    },
};

/// For a connection to the next hop.
const CONNECTION: Duration = Duration::from_secs(15);

/// Hands the message over: the next hop's words. Dropped half-way, the connection is closed and the final dot never goes out.
pub(super) async fn send(gateway: &Gateway, to: &Mailbox, message: String) -> Result<String, SendFault> {
    let name = next_hop_of(gateway, to)
        .ok_or_else(|| SendFault { text: "its domain is not served here".into(), is_final: true })?;
    // A connection that was used before may be closed by now; for the few alerts that there are it is not worth finding out.
    let request = OpenNextHop { name, fresh: true, avoid: Vec::new(), until: now().monotonic + CONNECTION };
    let lease = gateway.next_hops.lease(&request).await.map_err(|fault| SendFault::passing(fault.to_string()))?;
    let dialogue = Transaction::new(lease.ready().capabilities);
    let mut conversation = Conversation { lease, dialogue };
    let told = conversation.deliver(to, message).await;
    // Dropped in the middle of anything it is closed, which is what that deserves.
    if conversation.dialogue.is_at_rest() {
        // Whether its transaction was ended does not matter for the few alerts that there are.
        conversation.lease.release(1, Leftover::Envelope);
    }
    told
}

fn next_hop_of(gateway: &Gateway, to: &Mailbox) -> Option<NextHopName> {
    let policy = gateway.policy();
    route::next_hop_of(&policy.directory, &policy.directory.key_of(to)?).cloned()
}

struct Conversation {
    lease: Lease,
    dialogue: Transaction,
}

impl Conversation {
    async fn deliver(&mut self, to: &Mailbox, message: String) -> Result<String, SendFault> {
        self.dialogue.mail(&MailFrom { path: ReversePath::Null, parameters: Default::default() }, None);
        // What it has against MAIL is about us, and somebody may mend it.
        let reply = self.reply().await?;
        if !reply.is_positive() {
            return Err(SendFault::passing(words(&reply)));
        }
        let path = ForwardPath::Mailbox { mailbox: to.clone(), source_route: Vec::new() };
        self.dialogue.rcpt(&RcptTo { path, parameters: Default::default() });
        let reply = self.reply().await?;
        if !reply.is_positive() {
            return Err(refused(&reply));
        }
        self.dialogue.data();
        let reply = self.reply().await?;
        if !reply.is_intermediate() {
            return Err(refused(&reply));
        }
        self.dialogue.content(Bytes::from(message));
        self.dialogue.end_of_mail_data();
        let reply = self.reply().await?;
        if reply.is_positive() { Ok(words(&reply)) } else { Err(refused(&reply)) }
    }

    /// Writes what is to be written, and reads the one reply that it gets.
    async fn reply(&mut self) -> Result<Reply, SendFault> {
        let broke = |fault: io::Error| SendFault::passing(format!("the connection broke: {fault}"));
        let mut buffer = [0; 2048];
        loop {
            while let Some(octets) = self.dialogue.poll_transmit() {
                self.lease.write_all(&octets).await.map_err(broke)?;
            }
            self.lease.flush().await.map_err(broke)?;
            match self.dialogue.poll_answer() {
                Some(Ok((_, reply))) => return Ok(reply),
                Some(Err(fault)) => return Err(SendFault::passing(fault.to_string())),
                None => {}
            }
            match self.lease.read(&mut buffer).await.map_err(broke)? {
                0 => return Err(SendFault::passing("the next hop closed the connection")),
                count => self.dialogue.receive(buffer.get(..count).unwrap_or_default()),
            }
        }
    }
}

/// 5xx is for good.
fn refused(reply: &Reply) -> SendFault {
    SendFault { text: words(reply), is_final: reply.is_permanent() }
}

/// Printable and on one line: they go into the log.
fn words(reply: &Reply) -> String {
    reply.passed_on().summary()
}
