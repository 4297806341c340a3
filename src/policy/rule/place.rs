//! Where in a subject a block held, for the record: in the folded text of one reading and in the decoded subject.

use std::cell::OnceCell;

use super::{
    block::{Hit, covering},
    view::{MAX_FOLDED, View},
};
use crate::message::subject::{Fold, Reading, Subject, Trace};

/// The traces of one subject under one fold. Most subjects match nothing, and then none is made; it is made once for all rules.
pub(super) struct Traces<'s> {
    subject: &'s Subject,
    fold: &'s Fold,
    plain: OnceCell<Trace>,
    lookalikes: OnceCell<Trace>,
}

/// A hit in one text.
pub(super) struct Placed {
    /// The patterns that held.
    pub pattern: String,
    /// In which reading the places are given.
    pub reading: Reading,
    /// The text of this reading.
    pub folded: String,
    /// The octets of `folded`.
    pub span: (usize, usize),
    /// The octets of the decoded subject.
    pub decoded_span: (usize, usize),
}

impl<'s> Traces<'s> {
    /// None made yet.
    pub(super) fn of(subject: &'s Subject, fold: &'s Fold) -> Self {
        Self { subject, fold, plain: OnceCell::new(), lookalikes: OnceCell::new() }
    }

    fn trace(&self, reading: Reading) -> &Trace {
        let cell = match reading {
            Reading::Plain => &self.plain,
            Reading::Lookalikes => &self.lookalikes,
        };
        cell.get_or_init(|| self.fold.trace(&self.subject.decoded, reading, MAX_FOLDED))
    }

    /// Gives a hit its place. One that needed both readings is told in that of the look-alikes: what was found plainly is
    /// carried over by way of the decoded subject.
    pub(super) fn place(&self, hit: Hit, view: &View) -> Placed {
        let decoded = |reading, span: Option<_>| span.map(|span| self.trace(reading).decoded(span));
        let plain = decoded(Reading::Plain, hit.plain);
        let lookalikes = decoded(Reading::Lookalikes, hit.lookalikes);
        let reading = if hit.lookalikes.is_some() { Reading::Lookalikes } else { Reading::Plain };
        let span = match (hit.plain, hit.lookalikes) {
            (Some(span), None) => Some(span),
            _ => covering(hit.lookalikes, plain.map(|span| self.trace(Reading::Lookalikes).folded(span))),
        };
        Placed {
            pattern: hit.pattern,
            reading,
            folded: view.reading(reading).text.clone(),
            span: span.unwrap_or_default(),
            decoded_span: covering(plain, lookalikes).unwrap_or_default(),
        }
    }
}
