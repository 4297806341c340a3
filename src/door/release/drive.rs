//! The loop of one attempt that waits: sockets and the hold for [`Attempt`], and the outbox before our dot.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    door::{
        gateway::{Gateway, now},
        smtp::octets::{poll_read, poll_write_queue},
    },
    hold::Hold,
    next_hop::Lease,
    record::{
        UnixMillis,
        release::{Heard, Release},
        unix_millis,
    },
    relay::{
        event::{Input, NextHopFailure, Output},
        release::{Attempt, Step},
        settings::READ,
    },
};

type Opening<'a> = Pin<Box<dyn Future<Output = Result<Lease, NextHopFailure>> + Send + 'a>>;

/// How it ended.
pub(super) enum Ended {
    /// What each recipient has.
    Over(Vec<Heard>),
    /// The gateway stops, and our dot is not out: nobody has anything.
    Stopped,
}

/// The world of one attempt.
pub(super) struct Drive<'a> {
    gateway: &'a Gateway,
    hold: &'a mut Hold,
    release: &'a Release,
    /// How long the release stays ours from our dot on, milliseconds.
    lease: UnixMillis,
    next_hop: Option<Lease>,
    to_next_hop: VecDeque<Bytes>,
    opening: Option<Opening<'a>>,
    answers: VecDeque<Input>,
    dotted: bool,
}

impl<'a> Drive<'a> {
    pub(super) fn new(gateway: &'a Gateway, hold: &'a mut Hold, release: &'a Release, lease: UnixMillis) -> Self {
        Self {
            gateway,
            hold,
            release,
            lease,
            next_hop: None,
            to_next_hop: VecDeque::new(),
            opening: None,
            answers: VecDeque::new(),
            dotted: false,
        }
    }

    pub(super) async fn run(mut self, mut attempt: Attempt) -> Ended {
        loop {
            match attempt.poll() {
                Step::Do(output) => self.perform(output).await,
                Step::MayDot(recipients) => self.may_dot(&recipients).await,
                Step::Over(heard) => return Ended::Over(heard),
                Step::Wait { read_next_hop, until } => {
                    let input = match self.answers.pop_front() {
                        Some(answer) => answer,
                        None => match self.next_input(read_next_hop, until.into()).await {
                            Some(input) => input,
                            None => return Ended::Stopped,
                        },
                    };
                    attempt.handle(now(), input);
                }
            }
        }
    }

    async fn perform(&mut self, output: Output) {
        match output {
            Output::OpenNextHop(request) => {
                let next_hops = &self.gateway.next_hops;
                self.opening = Some(Box::pin(async move { next_hops.lease(&request).await }));
            }
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
            Output::ReadHold { offset, max } => {
                self.answers.push_back(Input::HoldOctets(self.hold.read_at(offset, max).await));
            }
            // An attempt asks for nothing else.
            _ => {}
        }
    }

    /// Once the row says so, our dot counts as out: a stop between the two is told as "nobody knows", not as "nobody has it".
    async fn may_dot(&mut self, recipients: &[usize]) {
        let until = unix_millis(now().wall).saturating_add(self.lease);
        let written = match self.gateway.store.may_dot(self.release, recipients, until).await {
            Ok(true) => Ok(()),
            Ok(false) => Err("another gateway has taken the release over".to_owned()),
            Err(fault) => Err(super::store_said(&fault)),
        };
        self.dotted |= written.is_ok();
        self.answers.push_back(Input::Journaled(written));
    }

    /// None: the gateway stops.
    async fn next_input(&mut self, read_next_hop: bool, until: Instant) -> Option<Input> {
        let (gateway, dotted) = (self.gateway, self.dotted);
        let stops = async {
            match dotted {
                true => std::future::pending().await,
                false => gateway.draining().await,
            }
        };
        tokio::select! {
            biased;
            () = stops => None,
            input = std::future::poll_fn(|cx| self.poll_input(cx, read_next_hop)) => Some(input),
            () = tokio::time::sleep_until(until) => Some(Input::TimePassed),
        }
    }

    fn poll_input(&mut self, cx: &mut Context<'_>, read_next_hop: bool) -> Poll<Input> {
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
        let Some(lease) = &mut self.next_hop else { return Poll::Pending };
        if !self.to_next_hop.is_empty() {
            match poll_write_queue(Pin::new(&mut *lease), cx, &mut self.to_next_hop) {
                Poll::Ready(Ok(())) => return Poll::Ready(Input::NextHopDrained),
                Poll::Ready(Err(fault)) => {
                    self.to_next_hop.clear();
                    return Poll::Ready(Input::NextHopGone(fault.to_string()));
                }
                Poll::Pending => {}
            }
        }
        if !read_next_hop {
            return Poll::Pending;
        }
        poll_read(Pin::new(lease), cx, READ).map(|read| match read {
            Ok(octets) if octets.is_empty() => Input::NextHopGone("it closed the connection".to_owned()),
            Ok(octets) => Input::NextHopOctets(octets),
            Err(fault) => Input::NextHopGone(fault.to_string()),
        })
    }
}
