//! Content by BDAT: what differs from DATA. Each chunk is announced and answered; between two the client may think.
//!
//! What becomes of the content is decided in `content` and behind it, and is the same for both.

use std::time::{Duration, Instant};

use super::{
    Around, Effect, Phase, Transaction,
    content::{Incoming, limit_conclusion},
};
use crate::{
    record::Ending,
    relay::{
        reply,
        settings::{FLOOR_WINDOW, SWALLOW_FACTOR, Settings},
    },
};

/// What content has that comes by chunks.
#[derive(Debug)]
pub(super) struct Chunks {
    /// Octets of all chunks that were announced.
    announced: u64,
    /// A chunk was answered, and the next one not begun.
    awaits_next: bool,
    /// So it was at some time of the present window of the data floor.
    paused: bool,
    /// How long the client may still be below the floor because it paused. A pause is as long as one between two commands may be; but
    /// with one before every octet a message would take years.
    slack: Duration,
}

impl Incoming {
    /// How long the client may be silent, and what it is then said to have been.
    pub(super) fn patience(&self, settings: &Settings) -> (Duration, &'static str) {
        match &self.chunks {
            Some(Chunks { awaits_next: true, .. }) => (settings.timeouts.command, "silent between chunks"),
            _ => (settings.timeouts.data_idle, "silent in mail data"),
        }
    }

    /// Another window of the data floor begins.
    pub(super) fn begin_window(&mut self, now: Instant) {
        self.window = (now, 0);
        if let Some(chunks) = &mut self.chunks {
            chunks.paused = chunks.awaits_next;
        }
    }

    /// A window of the data floor is over, and too little came in it: whether that is forgiven.
    pub(super) fn forgives_pause(&mut self) -> bool {
        let Some(chunks) = &mut self.chunks else { return false };
        let left = chunks.slack.checked_sub(FLOOR_WINDOW).filter(|_| chunks.paused);
        chunks.slack = left.unwrap_or(chunks.slack);
        left.is_some()
    }
}

impl Transaction {
    /// BDAT: so many octets follow. They are counted before they are read: what will be too large is held no longer.
    pub(in crate::relay) fn chunk(&mut self, size: u64, around: &mut Around<'_>) {
        if matches!(self.phase, Phase::Envelope { .. }) {
            self.begin_content(around);
        }
        let limit = around.settings.limits.message_size;
        let Phase::Content(incoming) = &mut self.phase else { return };
        let slack = around.settings.timeouts.command;
        let chunks = incoming.chunks.get_or_insert(Chunks { announced: 0, awaits_next: false, paused: false, slack });
        chunks.announced = chunks.announced.saturating_add(size);
        chunks.awaits_next = false;
        let announced = chunks.announced;
        let conclusion = limit_conclusion(reply::too_large(), format!("message size {limit} octets"));
        if announced > limit.saturating_mul(SWALLOW_FACTOR) {
            // It would end in a 421 after all of that, and the client would come again.
            let told = conclusion.reply.with_suffix(&self.suffix(Ending::Refused));
            self.end_and_close(told, Ending::Refused, conclusion.cause, around);
        } else if announced > limit && incoming.swallowing.is_none() {
            self.swallow(conclusion, around);
        }
    }

    /// All of a chunk that is not the last one came. A refusal is not kept for the end: it saves the client the rest, and RFC 3030 §2
    /// lets it stop there.
    pub(in crate::relay) fn end_of_chunk(&mut self, around: &mut Around<'_>) {
        let Phase::Content(incoming) = &mut self.phase else { return };
        if let Some(conclusion) = incoming.swallowing.take() {
            return self.conclude(conclusion, around);
        }
        if let Some(chunks) = &mut incoming.chunks {
            (chunks.awaits_next, chunks.paused) = (true, true);
        }
        self.effects.push_back(Effect::Answer(reply::chunk_taken()));
    }
}
