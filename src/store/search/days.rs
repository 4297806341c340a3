//! The days of a search, the newest first, until there are enough slots.
//!
//! Of what is frequent the first day has a page. Where it has not, terms that are frequent seldom meet, and the other days are asked with that in
//! mind (`ways::are_alike`).

use sqlx::Row as _;

use super::ways::{self, Day};
use crate::{
    record::{
        UnixMillis,
        term::Sought,
        window::{self, Span},
    },
    store::{StoreFault, View, database::Kind},
};

/// Where to look.
pub(super) struct Moments {
    /// The beginnings of slots (`window::slot_of`), the newest first, each once.
    pub(super) slots: Vec<UnixMillis>,
    /// There are no more in the span.
    pub(super) are_all: bool,
}

/// About `wanted` slots, at most, in which a record began that may be meant. What stands in the index may be a millisecond of one.
pub(super) async fn moments(view: &View, span: Span, all: &[Sought], wanted: usize) -> Result<Moments, StoreFault> {
    let (readers, mut slots) = (view.readers(), Vec::new());
    let span = Span { from: window::slot_of(span.from), ..span };
    // PostgreSQL decides by itself which rows it reads side by side, and does so for the other statement, too.
    let mut alike = (view.kind() == Kind::PostgreSql).then_some(false);
    for (day, span) in days_of(span, all) {
        let Some(Day { way, are_frequent }) = ways::best(readers, day, all, alike == Some(true)).await? else {
            continue;
        };
        let left = wanted.saturating_sub(slots.len()).max(1);
        let rows = way.statement(day, span, left).fetch(readers).await?;
        for row in &rows {
            slots.push(window::slot_of(row.try_get(0)?));
        }
        if rows.len() >= left {
            slots.dedup();
            return Ok(Moments { slots, are_all: false });
        }
        if are_frequent && alike.is_none() {
            alike = Some(ways::are_alike(readers, day, all).await?);
        }
    }
    slots.dedup();
    Ok(Moments { slots, are_all: true })
}

/// What is asked for one after the other. Everything is one piece: the index that it is found by knows no days.
fn days_of(span: Span, all: &[Sought]) -> Vec<(i64, Span)> {
    if all.is_empty() {
        return vec![(0, span)];
    }
    let days = window::day_of(span.from)..=window::day_of(span.until.saturating_sub(1));
    days.rev().map(|day| (day, span.common(window::span_of(day)))).collect()
}
