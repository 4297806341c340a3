//! The journal's entries into the database: each exactly once, because they and the position behind them are one transaction.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::{
    Store, StoreFault,
    rows::{self, Written},
    terms,
};
use crate::record::{Intent, Record, TransactionId, attempts::Counts};

/// How far the journal is loaded. The store does not look into it: it only gives it back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalPosition {
    /// The segment.
    pub segment: u64,
    /// Octets into it.
    pub offset: u64,
}

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It was about to happen.
    Intent {
        /// The segment that it stood in.
        segment: u64,
        /// What.
        intent: Box<Intent>,
    },
    /// It happened.
    Outcome(Box<Record>),
    /// The same, and how it is written: nobody has to do that once more.
    Written {
        /// What happened.
        record: Box<Record>,
        /// Its JSON.
        text: String,
    },
    /// It was counted.
    Counts(Counts),
}

/// What is known of the records of a batch.
#[derive(Clone, Copy)]
enum Records {
    /// None of them is there.
    New,
    /// Some may be, and are written over.
    Over,
}

/// Intents without an outcome, with their segments.
type Open<'a> = HashMap<&'a TransactionId, (u64, &'a Intent)>;

/// A batch by what becomes of it.
#[derive(Default)]
struct Sorted<'a> {
    /// In their order.
    records: Vec<Written<'a>>,
    /// Of these, those whose intent is not in this batch: the database may have it.
    settled: Vec<&'a TransactionId>,
    counts: Vec<&'a Counts>,
    /// Intents without an outcome, with their segments. Most are followed by it at once: those never reach the database.
    open: Vec<(u64, &'a Intent)>,
}

impl<'a> Sorted<'a> {
    fn of(changes: &'a [Change]) -> Self {
        let mut sorted = Self::default();
        let mut open = Open::new();
        for change in changes {
            match change {
                Change::Written { record, text } => sorted.outcome(&mut open, Written { record, text: Some(text) }),
                Change::Intent { segment, intent } => {
                    open.insert(&intent.record.id, (*segment, &**intent));
                }
                Change::Outcome(record) => sorted.outcome(&mut open, Written::from(&**record)),
                Change::Counts(counts) => sorted.counts.push(counts),
            }
        }
        sorted.open = open.into_values().collect();
        sorted
    }

    fn outcome(&mut self, open: &mut Open<'a>, written: Written<'a>) {
        if open.remove(&written.record.id).is_none() {
            self.settled.push(&written.record.id);
        }
        self.records.push(written);
    }
}

impl Store {
    /// Loads entries, in their order, and moves the position to `upto`, or does neither. The same entries again change nothing.
    /// Nothing is loaded into a database that is damaged: what is loaded leaves the journal.
    pub async fn load(&self, changes: &[Change], upto: JournalPosition) -> Result<(), StoreFault> {
        self.must_be_whole()?;
        self.noted(self.load_whole(changes, upto).await)
    }

    /// Nearly always nothing of it is there yet, and then everything is added in a few statements. Where something is, all is taken back
    /// and done again one by one.
    async fn load_whole(&self, changes: &[Change], upto: JournalPosition) -> Result<(), StoreFault> {
        let sorted = Sorted::of(changes);
        if !self.load_as(&sorted, upto, Records::New).await? {
            self.load_as(&sorted, upto, Records::Over).await?;
        }
        Ok(())
    }

    /// False: some of the records are there, and nothing was done.
    async fn load_as(&self, sorted: &Sorted<'_>, upto: JournalPosition, records: Records) -> Result<bool, StoreFault> {
        let mut transaction = self.begin().await?;
        let mut found_by = Vec::new();
        match records {
            Records::New => {
                if !rows::insert_records(&mut transaction, self.kind, &sorted.records).await? {
                    transaction.rollback().await?;
                    return Ok(false);
                }
                found_by = terms::of_all(sorted.records.iter().map(|written| written.record));
            }
            Records::Over => {
                for written in &sorted.records {
                    found_by.extend(rows::put_record(&mut transaction, self.kind, *written).await?);
                }
            }
        }
        rows::remove_intents(&mut transaction, self.kind, &sorted.settled).await?;
        for counts in &sorted.counts {
            rows::put_counts(&mut transaction, counts).await?;
        }
        terms::add(&mut transaction, self.kind, found_by).await?;
        rows::put_intents(&mut transaction, self.kind, self.node(), &sorted.open).await?;
        self.move_position(&mut transaction, upto).await?;
        transaction.commit().await?;
        Ok(true)
    }

    async fn move_position(&self, connection: &mut AnyConnection, upto: JournalPosition) -> Result<(), StoreFault> {
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        sqlx::query(
            "INSERT INTO journal_positions (node, segment, octet) VALUES ($1, $2, $3) \
             ON CONFLICT (node) DO UPDATE SET segment = excluded.segment, octet = excluded.octet",
        )
        .bind(self.node())
        .bind(signed(upto.segment))
        .bind(signed(upto.offset))
        .execute(connection)
        .await?;
        Ok(())
    }

    /// How far this node's journal is loaded.
    pub async fn journal_position(&self) -> Result<JournalPosition, StoreFault> {
        self.ready().await?;
        self.view.journal_position().await
    }

    /// Makes a record of every intent of this node from a segment below `segment`, whose process is gone: its outcome will never
    /// come. Says which. To be called when everything below `segment` is loaded.
    pub async fn close_intents(&self, segment: u64) -> Result<Vec<TransactionId>, StoreFault> {
        self.must_be_whole()?;
        self.noted(self.close_whole(segment).await)
    }

    async fn close_whole(&self, segment: u64) -> Result<Vec<TransactionId>, StoreFault> {
        let mut transaction = self.begin().await?;
        let below = i64::try_from(segment).unwrap_or(i64::MAX);
        let found: Vec<String> =
            sqlx::query_scalar("SELECT intent FROM intents WHERE node = $1 AND segment < $2 ORDER BY id")
                .bind(self.node())
                .bind(below)
                .fetch_all(&mut *transaction)
                .await?;
        let mut closed = Vec::new();
        for text in found {
            let intent: Intent = serde_json::from_str(&text)?;
            let record = intent.without_outcome();
            if !has_record(&mut transaction, &record.id).await? {
                let found_by = rows::put_record(&mut transaction, self.kind, (&record).into()).await?;
                terms::add(&mut transaction, self.kind, found_by).await?;
            }
            rows::remove_intents(&mut transaction, self.kind, &[&record.id]).await?;
            closed.push(record.id);
        }
        transaction.commit().await?;
        Ok(closed)
    }
}

async fn has_record(connection: &mut AnyConnection, id: &TransactionId) -> Result<bool, StoreFault> {
    let found: Option<String> = sqlx::query_scalar("SELECT id FROM transactions WHERE id = $1")
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}
