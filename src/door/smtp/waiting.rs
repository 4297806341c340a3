//! What the world does next: the one place of the mail path that waits.
//!
//! In: what the session may be told now ([`Wait`]). Out: one [`Input`], in a fixed order where several are there: what ends everything
//! first, then what was asked for, then octets, then time.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use super::{
    Driver,
    octets::{poll_read, poll_write_queue},
};
use crate::{
    door::gateway::now,
    relay::{
        event::{Input, Wait},
        settings::READ,
    },
};

impl Driver {
    /// Waits until the world does something.
    pub(super) async fn next_input(&mut self, wait: Wait) -> Input {
        self.timer.as_mut().reset(wait.until.into());
        std::future::poll_fn(|cx| self.poll_input(cx, wait)).await
    }

    fn poll_input(&mut self, cx: &mut Context<'_>, wait: Wait) -> Poll<Input> {
        if self.poll_draining(cx).is_ready() {
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
        if let Some(verifying) = &mut self.verifying
            && let Poll::Ready(verified) = verifying.as_mut().poll(cx)
        {
            self.verifying = None;
            return Poll::Ready(Input::Verified(verified));
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

    /// Ready once, when the gateway begins to drain. All sessions wait for one thing here, behind one lock: who is woken is noted once
    /// in a session, and whether it has begun is looked at without that lock.
    fn poll_draining(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(draining) = &mut self.draining else { return Poll::Pending };
        let noted = draining.wakes.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if !self.gateway.is_draining() {
            if noted {
                return Poll::Pending;
            }
            draining.wakes = Some(cx.waker().clone());
            std::task::ready!(draining.begins.as_mut().poll(cx));
        }
        self.draining = None;
        Poll::Ready(())
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
        // Before anything is written: to one that closed behind its 354 our dot would be lost, and nobody would know. What it answers to
        // cannot be here before it is written, and told to be.
        if read {
            match poll_read(Pin::new(&mut *lease), cx, READ) {
                Poll::Ready(Ok(octets)) if octets.is_empty() => {
                    return Poll::Ready(Input::NextHopGone("it closed the connection".into()));
                }
                Poll::Ready(Ok(octets)) => return Poll::Ready(Input::NextHopOctets(octets)),
                Poll::Ready(Err(fault)) => return lost(fault),
                Poll::Pending => {}
            }
        }
        if self.to_next_hop.is_empty() {
            return Poll::Pending;
        }
        match poll_write_queue(Pin::new(lease), cx, &mut self.to_next_hop) {
            Poll::Ready(Ok(())) => Poll::Ready(Input::NextHopDrained),
            Poll::Ready(Err(fault)) => {
                self.to_next_hop.clear();
                lost(fault)
            }
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
