//! BDAT: chunks that may come, and chunks that may not (RFC 3030 §2).
//!
//! Either way the octets behind the command are content. Of a chunk that may not come they are dropped, and only then is it
//! refused.

use bytes::Buf;

use super::{Event, Farewell, Session, State};
use crate::smtp::{
    command::{Chunk, Verb},
    limits,
    mail_data::chunk::{ChunkData, ChunkDecoder},
    violation::Violation,
};

impl Session {
    /// BDAT, well formed.
    pub(super) fn chunk(&mut self, chunk: Chunk) -> Option<Event> {
        if let Err(violation) = self.permit(Verb::Bdat) {
            return self.refuse_chunk(chunk.size, violation);
        }
        if chunk.size == 0 && !chunk.last {
            // It brings nothing, and could be said for ever.
            self.count_useless_command();
        }
        let mut decoder = match &self.state {
            State::Transaction(_) => ChunkDecoder::with(self.bare_newlines),
            State::BetweenChunks(decoder) => decoder.clone(),
            // It was one useless command too many.
            _ => return None,
        };
        decoder.begin(chunk.size, chunk.last);
        self.state = State::Chunk(decoder);
        Some(Event::Chunk(chunk.size))
    }

    /// The next event of a chunk that may come.
    pub(super) fn poll_chunk(&mut self) -> Option<Event> {
        let State::Chunk(decoder) = &mut self.state else { return None };
        match decoder.decode(&mut self.unparsed)? {
            ChunkData::Content(content) => Some(Event::Content(content)),
            ChunkData::End if decoder.is_last() => {
                let bare_newline = decoder.saw_bare_newline();
                self.state = State::Ended { bare_newline };
                Some(Event::EndOfMailData { bare_newline })
            }
            ChunkData::End => {
                self.state = State::ChunkAsked(decoder.clone());
                Some(Event::EndOfChunk)
            }
        }
    }

    /// A chunk may not come now. More than is ever swallowed is refused at once, and nothing behind it is read.
    fn refuse_chunk(&mut self, size: u64, violation: Violation) -> Option<Event> {
        self.swallowed = self.swallowed.saturating_add(size);
        if self.swallowed > self.limits.message_size.saturating_mul(limits::SWALLOW_FACTOR) {
            self.say(&violation.reply());
            self.farewell(Farewell::Violation);
            return None;
        }
        let before = Box::new(std::mem::replace(&mut self.state, State::Closed));
        self.state = State::Swallowing { left: size, violation, before };
        None
    }

    /// Drops what came of a refused chunk. `None` wants more octets.
    pub(super) fn swallow(&mut self) -> Option<Option<Event>> {
        let State::Swallowing { left, .. } = &mut self.state else { return None };
        let here = usize::try_from(*left).unwrap_or(usize::MAX).min(self.unparsed.len());
        self.unparsed.advance(here);
        *left -= here as u64;
        if *left > 0 {
            return None;
        }
        let State::Swallowing { violation, before, .. } = std::mem::replace(&mut self.state, State::Closed) else {
            return None;
        };
        self.state = *before;
        Some(self.violate(violation))
    }
}
