//! The journal's entries into the database: each exactly once, because they and the position behind them are one transaction.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::{Store, StoreFault, rows, terms};
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
    /// It was counted.
    Counts(Counts),
}

impl Store {
    /// Loads entries, in their order, and moves the position to `upto`, or does neither. The same entries again change nothing.
    /// Nothing is loaded into a database that is damaged: what is loaded leaves the journal.
    pub async fn load(&self, changes: &[Change], upto: JournalPosition) -> Result<(), StoreFault> {
        self.must_be_whole()?;
        self.noted(self.load_whole(changes, upto).await)
    }

    async fn load_whole(&self, changes: &[Change], upto: JournalPosition) -> Result<(), StoreFault> {
        let mut transaction = self.begin().await?;
        // Most intents are followed by their outcome at once: those never reach the database.
        let mut open: HashMap<&TransactionId, (u64, &Intent)> = HashMap::new();
        let mut found_by = Vec::new();
        for change in changes {
            match change {
                Change::Intent { segment, intent } => {
                    open.insert(&intent.record.id, (*segment, intent));
                }
                Change::Outcome(record) => {
                    open.remove(&record.id);
                    found_by.extend(rows::put_record(&mut transaction, record).await?);
                    rows::remove_intent(&mut transaction, &record.id).await?;
                }
                Change::Counts(counts) => rows::put_counts(&mut transaction, counts).await?,
            }
        }
        terms::add(&mut transaction, found_by).await?;
        for (segment, intent) in open.into_values() {
            rows::put_intent(&mut transaction, self.node(), segment, intent).await?;
        }
        let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        sqlx::query(
            "INSERT INTO journal_positions (node, segment, octet) VALUES ($1, $2, $3) \
             ON CONFLICT (node) DO UPDATE SET segment = excluded.segment, octet = excluded.octet",
        )
        .bind(self.node())
        .bind(signed(upto.segment))
        .bind(signed(upto.offset))
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
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
                let found_by = rows::put_record(&mut transaction, &record).await?;
                terms::add(&mut transaction, found_by.collect()).await?;
            }
            rows::remove_intent(&mut transaction, &record.id).await?;
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
