//! All records of a span of time, as the texts that they are: for whoever looks back over many.

use futures_util::TryStreamExt;

use super::{StoreFault, View};
use crate::record::UnixMillis;

impl View {
    /// How many transactions began from `since` on and before `until`.
    pub async fn count_between(&self, since: UnixMillis, until: UnixMillis) -> Result<u64, StoreFault> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM transactions WHERE began >= $1 AND began < $2")
            .bind(since)
            .bind(until)
            .fetch_one(self.readers())
            .await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// When the first and the last of them began; none: there are none.
    pub async fn bounds_between(
        &self,
        since: UnixMillis,
        until: UnixMillis,
    ) -> Result<Option<(UnixMillis, UnixMillis)>, StoreFault> {
        // Two look-ups: with MIN and MAX in one statement SQLite walks the whole index.
        let first = "SELECT MIN(began) FROM transactions WHERE began >= $1 AND began < $2";
        let last = "SELECT MAX(began) FROM transactions WHERE began >= $1 AND began < $2";
        let mut found = [None, None];
        for (bound, sql) in found.iter_mut().zip([first, last]) {
            *bound =
                sqlx::query_scalar::<_, Option<i64>>(sql).bind(since).bind(until).fetch_one(self.readers()).await?;
        }
        let [first, last] = found;
        Ok(first.zip(last))
    }

    /// The JSON text of each of them, in no order, one at a time in memory, until `each` says false.
    pub async fn each_text_between(
        &self,
        since: UnixMillis,
        until: UnixMillis,
        mut each: impl FnMut(&str) -> bool,
    ) -> Result<(), StoreFault> {
        let mut found =
            sqlx::query_scalar::<_, String>("SELECT record FROM transactions WHERE began >= $1 AND began < $2")
                .bind(since)
                .bind(until)
                .fetch(self.readers());
        while let Some(text) = found.try_next().await? {
            if !each(&text) {
                break;
            }
        }
        Ok(())
    }
}
