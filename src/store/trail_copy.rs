//! The copy of the audit trails: rows that are only ever added (decision 48).

use sqlx::Row as _;

use super::{Store, StoreFault, View};
use crate::record::audit::Copied;

impl Store {
    /// Adds entries of this node's trail. What is there already stays as it is.
    pub async fn copy_trail(&self, entries: &[Copied]) -> Result<(), StoreFault> {
        self.must_be_whole()?;
        self.noted(self.put_copies(entries).await)
    }

    async fn put_copies(&self, entries: &[Copied]) -> Result<(), StoreFault> {
        let mut transaction = self.begin().await?;
        for entry in entries {
            sqlx::query(
                "INSERT INTO audit_copy (node, seq, hash, written_at, line) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (node, seq, hash) DO NOTHING",
            )
            .bind(self.node())
            .bind(i64::try_from(entry.seq).unwrap_or(i64::MAX))
            .bind(entry.hash.as_str())
            .bind(entry.at)
            .bind(entry.line.as_str())
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }
}

impl View {
    /// The nodes of whose trail there is a copy, by name.
    pub async fn copied_nodes(&self) -> Result<Vec<String>, StoreFault> {
        let sql = "SELECT DISTINCT node FROM audit_copy ORDER BY node";
        Ok(sqlx::query_scalar(sql).fetch_all(self.readers()).await?)
    }

    /// Entries of a node's trail behind this number and hash, by number, at most `count`.
    pub async fn copied(&self, node: &str, behind: (u64, &str), count: u32) -> Result<Vec<Copied>, StoreFault> {
        let found = sqlx::query(
            "SELECT seq, hash, written_at, line FROM audit_copy \
             WHERE node = $1 AND seq >= $2 AND (seq > $2 OR hash > $3) ORDER BY seq, hash LIMIT $4",
        )
        .bind(node)
        .bind(i64::try_from(behind.0).unwrap_or(i64::MAX))
        .bind(behind.1)
        .bind(i64::from(count))
        .fetch_all(self.readers())
        .await?;
        let read = |row: &sqlx::any::AnyRow| {
            let seq = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default();
            Ok(Copied { seq, hash: row.try_get(1)?, at: row.try_get(2)?, line: row.try_get(3)? })
        };
        found.iter().map(read).collect()
    }

    /// The last entry of this node's trail that is copied.
    pub async fn last_copied(&self) -> Result<Option<(u64, String)>, StoreFault> {
        let found =
            sqlx::query("SELECT seq, hash FROM audit_copy WHERE node = $1 ORDER BY seq DESC, hash DESC LIMIT 1")
                .bind(self.node())
                .fetch_optional(self.readers())
                .await?;
        found.map(|row| Ok((u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or_default(), row.try_get(1)?))).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::place, *};

    fn entry(seq: u64, hash: &str) -> Copied {
        Copied { seq, hash: hash.to_owned(), at: 1, line: format!("{{{seq}}}") }
    }

    #[tokio::test]
    async fn entries_are_added_once_and_never_changed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(place::of(folder.path()).await).await.unwrap();
        assert_eq!((store.last_copied().await.unwrap(), store.copied_nodes().await.unwrap()), (None, vec![]));
        store.copy_trail(&[entry(1, "a"), entry(2, "b"), entry(3, "c")]).await.unwrap();
        let other = Copied { line: "another".to_owned(), ..entry(2, "b") };
        store.copy_trail(&[other, entry(2, "x"), entry(4, "d")]).await.unwrap();
        assert_eq!(store.last_copied().await.unwrap(), Some((4, "d".to_owned())));
        let node = store.node().to_owned();
        assert_eq!(store.copied_nodes().await.unwrap(), std::slice::from_ref(&node));
        let all = store.copied(&node, (0, ""), 100).await.unwrap();
        assert_eq!(all, [entry(1, "a"), entry(2, "b"), entry(2, "x"), entry(3, "c"), entry(4, "d")]);
        // Page by page nothing is left out, where a number is there twice neither.
        let (mut paged, mut at) = (Vec::new(), (0, String::new()));
        loop {
            let page = store.copied(&node, (at.0, &at.1), 2).await.unwrap();
            let Some(last) = page.last() else { break };
            at = (last.seq, last.hash.clone());
            paged.extend(page);
        }
        assert_eq!(paged, all);
        assert_eq!(store.copied("another", (0, ""), 100).await.unwrap(), []);
    }
}
