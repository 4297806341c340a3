//! Items looked for: what a row says in SQL, what only a reader of addresses and subjects can say by whoever asks.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, Row as _, any::AnyRow};

use super::{Marks, StoreFault, View, rows};
use crate::record::{Item, ItemClass, ItemState, Record, TransactionId, UnixMillis};

/// Which items; everything that is none does not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ItemSearch {
    /// In this state.
    pub state: Option<ItemState>,
    /// Of this class.
    pub class: Option<ItemClass>,
    /// Received from then on.
    pub since: Option<UnixMillis>,
    /// Received before.
    pub until: Option<UnixMillis>,
    /// This stands in the reason: the id of a rule, the name of a signature; in any case of ASCII letters.
    pub reason: Option<String>,
    /// A scanner found something whose name has this in it, in any case of ASCII letters: it is why the item is held, or stands beside that in
    /// the record of its transaction, as far as there is one.
    pub signature: Option<String>,
    /// Seen by somebody, or by nobody.
    pub seen: Option<bool>,
    /// Looked after by somebody, or by nobody.
    pub handled: Option<bool>,
    /// So many that fit are passed over.
    pub skip: usize,
    /// At most so many; none: all, some kilobytes of memory each.
    pub limit: Option<usize>,
}

/// An item as it stands in the quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// It.
    pub item: Item,
    /// Who saw it, and who looks after it.
    pub marks: Marks,
    /// When it came to its state; none: it never left its first one.
    pub settled_at: Option<UnixMillis>,
    /// Who brought it there; empty: the gateway itself.
    pub settled_by: Option<String>,
    /// Why.
    pub settled_why: Option<String>,
}

/// The columns of [`Kept`], in the order that [`kept`] reads: those of the item first.
const KEPT: &str = "seen_by, seen_at, handled_by, handled_at, settled_at, settled_by, settled_why";

impl View {
    /// One item.
    pub async fn kept(&self, id: &TransactionId) -> Result<Option<Kept>, StoreFault> {
        let sql = format!("SELECT {}, {KEPT} FROM items WHERE id = $1", rows::ITEM);
        let found = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(self.readers()).await?;
        found.as_ref().map(kept).transpose()
    }

    /// Items that fit, newest first, read one at a time. `fits`: what the row cannot say, above all whose addresses they are.
    pub async fn search_items(
        &self,
        search: &ItemSearch,
        fits: impl Fn(&Item) -> bool,
    ) -> Result<Vec<Kept>, StoreFault> {
        let sql = format!(
            "SELECT {}, {KEPT}, CASE WHEN $8 = '' THEN NULL ELSE (SELECT record FROM transactions t WHERE t.id = items.id) END \
             FROM items WHERE ($1 = '' OR state = $1) AND ($2 = '' OR class = $2) AND received_at >= $3 AND received_at < $4 \
             AND ($5 = '' OR LOWER(reason) LIKE $5 ESCAPE '!') \
             AND ($6 = 0 OR ($6 = 1 AND seen_at IS NOT NULL) OR ($6 = 2 AND seen_at IS NULL)) \
             AND ($7 = 0 OR ($7 = 1 AND handled_at IS NOT NULL) OR ($7 = 2 AND handled_at IS NULL)) \
             AND ($8 = '' OR LOWER(reason) LIKE $8 ESCAPE '!' \
             OR EXISTS (SELECT 1 FROM transactions t WHERE t.id = items.id AND LOWER(t.record) LIKE $8 ESCAPE '!')) \
             ORDER BY received_at DESC, id DESC",
            rows::ITEM
        );
        let either = |wanted: Option<bool>| wanted.map_or(0_i64, |is| if is { 1 } else { 2 });
        let mut found = sqlx::query(AssertSqlSafe(sql))
            .bind(search.state.as_ref().map(rows::word).unwrap_or_default())
            .bind(search.class.as_ref().map(rows::word).unwrap_or_default())
            .bind(search.since.unwrap_or(i64::MIN))
            .bind(search.until.unwrap_or(i64::MAX))
            .bind(search.reason.as_deref().map(contains).unwrap_or_default())
            .bind(either(search.seen))
            .bind(either(search.handled))
            .bind(search.signature.as_deref().map(contains).unwrap_or_default())
            .fetch(self.readers());
        let (mut fitting, mut skipped) = (Vec::new(), 0);
        while search.limit.is_none_or(|limit| fitting.len() < limit)
            && let Some(row) = found.try_next().await?
        {
            let kept = kept(&row)?;
            if !has_signature(search, &kept.item, row.try_get(20)?)? || !fits(&kept.item) {
                continue;
            }
            if skipped < search.skip {
                skipped += 1;
                continue;
            }
            fitting.push(kept);
        }
        Ok(fitting)
    }
}

fn kept(row: &AnyRow) -> Result<Kept, StoreFault> {
    let marks = Marks {
        seen_by: row.try_get(13)?,
        seen_at: row.try_get(14)?,
        handled_by: row.try_get(15)?,
        handled_at: row.try_get(16)?,
    };
    let (settled_at, settled_by, settled_why) = (row.try_get(17)?, row.try_get(18)?, row.try_get(19)?);
    Ok(Kept { item: rows::item(row)?, marks, settled_at, settled_by, settled_why })
}

/// Whether something was found under the name that is sought, if one is. In a reason or a record it may also stand elsewhere: in the name of a
/// rule, in a subject.
fn has_signature(search: &ItemSearch, item: &Item, record: Option<String>) -> Result<bool, StoreFault> {
    let Some(sought) = search.signature.as_deref().map(str::to_ascii_lowercase) else { return Ok(true) };
    let is_it = |name: &str| name.to_ascii_lowercase().contains(&sought);
    if item.signature().is_some_and(is_it) {
        return Ok(true);
    }
    let record: Option<Record> = record.as_deref().map(serde_json::from_str).transpose()?;
    Ok(record.is_some_and(|record| record.signatures().any(is_it)))
}

/// The pattern of LIKE for *stands in it*.
fn contains(text: &str) -> String {
    let mut pattern = "%".to_owned();
    for char in text.to_ascii_lowercase().chars() {
        if matches!(char, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(char);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;

    use super::*;
    use crate::{
        record::sample,
        store::{Change, JournalPosition, Store},
    };

    /// Held for one thing, and another one was found, too: it is found by both, and by nothing that only looks like a name.
    #[tokio::test]
    async fn a_signature_that_did_not_decide_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let reasons =
            ["rule EICAR", "infected Win.Test.EICAR_HDB-1", "macro Heuristics.Eicar", "not_fully_scanned (eicar)"];
        let mut changes = Vec::new();
        for (number, reason) in (0..).zip(reasons) {
            let item = Item { reason: reason.to_owned(), ..sample::item(number, b"", b"x") };
            store.keep(&item, stream::iter([Ok(Bytes::from_static(b"x"))])).await.unwrap();
            let mut record = sample::record(number);
            record.subjects = vec!["Win.Worm is no name here".to_owned()];
            record.scanners = serde_json::from_value(serde_json::json!([
                { "group": "yara", "scanner": "yara", "verdict": "clean", "took_ms": 1,
                  "findings": [{ "rule": format!("YARA.Second_{number}"), "class": "malware" }] },
                { "group": "clamd", "scanner": "clamd", "verdict": "infected", "signature": format!("Win.Trojan-{number}"),
                  "took_ms": 1 },
            ]))
            .unwrap();
            changes.push(Change::Outcome(Box::new(record)));
        }
        store.load(&changes[1..], JournalPosition::default()).await.unwrap();
        let found = async |name: &str| -> Vec<usize> {
            let search = ItemSearch { signature: Some(name.to_owned()), ..ItemSearch::default() };
            let found = store.search_items(&search, |_| true).await.unwrap();
            let mut found: Vec<_> =
                found.iter().map(|kept| reasons.iter().position(|it| *it == kept.item.reason).unwrap()).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(found("eicar").await, [1, 2]);
        assert_eq!(found("win.TROJAN-").await, [1, 2, 3], "the record of the first is not there");
        assert_eq!(found("trojan-3").await, [3]);
        assert_eq!(found("yara.second_2").await, [2]);
        for none in ["win.worm", "trojan_3", "rule", "not_fully_scanned"] {
            assert_eq!(found(none).await, [0; 0], "{none}");
        }
    }

    #[tokio::test]
    async fn each_restriction_restricts_and_pages_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        for number in 0..6_u64 {
            let mut item = sample::item(number, b"", b"x");
            item.received_at = i64::try_from(number).unwrap() * 1000;
            item.class = if number.is_multiple_of(2) { ItemClass::Rule } else { ItemClass::Virus };
            item.reason = format!("rule S3B_{number}%");
            store.keep(&item, stream::iter([Ok(Bytes::from_static(b"x"))])).await.unwrap();
        }
        let every = ItemSearch::default;
        let numbers = async |search: ItemSearch, odd: bool| -> Vec<i64> {
            let fits = |item: &Item| !odd || item.received_at % 2000 == 1000;
            let found = store.search_items(&search, fits).await.unwrap();
            found.iter().map(|kept| kept.item.received_at / 1000).collect()
        };
        assert_eq!(numbers(every(), false).await, [5, 4, 3, 2, 1, 0]);
        assert_eq!(numbers(every(), true).await, [5, 3, 1]);
        assert_eq!(numbers(ItemSearch { class: Some(ItemClass::Virus), ..every() }, false).await, [5, 3, 1]);
        assert_eq!(numbers(ItemSearch { since: Some(2000), until: Some(4000), ..every() }, false).await, [3, 2]);
        assert_eq!(numbers(ItemSearch { skip: 1, limit: Some(2), ..every() }, false).await, [4, 3]);
        assert_eq!(numbers(ItemSearch { skip: 1, limit: Some(1), ..every() }, true).await, [3]);
        assert_eq!(numbers(ItemSearch { reason: Some("s3b_3%".to_owned()), ..every() }, false).await, [3]);
        assert_eq!(
            numbers(ItemSearch { reason: Some("S3BX3".to_owned()), ..every() }, false).await,
            [0_i64; 0],
            "_ is _"
        );
        assert_eq!(numbers(ItemSearch { signature: Some("S3B".to_owned()), ..every() }, false).await, [0_i64; 0]);
        assert_eq!(numbers(ItemSearch { seen: Some(true), ..every() }, false).await, [0_i64; 0]);
        assert_eq!(
            numbers(ItemSearch { handled: Some(false), state: Some(ItemState::Held), ..every() }, false).await.len(),
            6
        );
    }
}
