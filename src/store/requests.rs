//! Tracking requests and holds: registered, closed, and what they keep.

use sqlx::AnyConnection;

use super::{Store, StoreFault, View, purge, rows};
use crate::record::{
    request::{Closed, Request},
    window::Span,
};

impl Store {
    /// Registers a request. False: there is one with this number.
    pub async fn open_request(&self, request: &Request) -> Result<bool, StoreFault> {
        self.must_be_whole()?;
        self.noted(self.put_request(request).await)
    }

    async fn put_request(&self, request: &Request) -> Result<bool, StoreFault> {
        let mut transaction = self.begin().await?;
        // A step of a removal that is under way, on whatever node, is waited for; none begins until this is registered.
        purge::take_turn(&mut transaction).await?;
        let inserted = sqlx::query(
            "INSERT INTO requests (number, kind, opened_at, starts, ends, request) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (number) DO NOTHING",
        )
        .bind(request.number.as_str())
        .bind(rows::word(&request.kind))
        .bind(request.opened_at)
        .bind(request.span.from)
        .bind(request.span.until)
        .bind(serde_json::to_string(request)?)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(inserted.rows_affected() > 0)
    }

    /// Closes one: what it was, if it was open.
    pub async fn close_request(&self, number: &str, closed: &Closed) -> Result<Option<Request>, StoreFault> {
        self.must_be_whole()?;
        self.noted(self.end_request(number, closed).await)
    }

    async fn end_request(&self, number: &str, closed: &Closed) -> Result<Option<Request>, StoreFault> {
        let mut transaction = self.begin().await?;
        let Some(mut request) = open_one(&mut transaction, number).await? else { return Ok(None) };
        request.closed = Some(closed.clone());
        sqlx::query("UPDATE requests SET closed_at = $1, request = $2 WHERE number = $3")
            .bind(closed.at)
            .bind(serde_json::to_string(&request)?)
            .bind(number)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(request))
    }
}

async fn open_one(connection: &mut AnyConnection, number: &str) -> Result<Option<Request>, StoreFault> {
    let found: Option<String> =
        sqlx::query_scalar("SELECT request FROM requests WHERE number = $1 AND closed_at IS NULL")
            .bind(number)
            .fetch_optional(connection)
            .await?;
    Ok(found.map(|text| serde_json::from_str(&text)).transpose()?)
}

impl View {
    /// One, open or closed.
    pub async fn request(&self, number: &str) -> Result<Option<Request>, StoreFault> {
        let found: Option<String> = sqlx::query_scalar("SELECT request FROM requests WHERE number = $1")
            .bind(number)
            .fetch_optional(self.readers())
            .await?;
        Ok(found.map(|text| serde_json::from_str(&text)).transpose()?)
    }

    /// All of them, the newest first.
    pub async fn requests(&self) -> Result<Vec<Request>, StoreFault> {
        let found: Vec<String> =
            sqlx::query_scalar("SELECT request FROM requests ORDER BY opened_at DESC, number DESC")
                .fetch_all(self.readers())
                .await?;
        Ok(found.iter().map(|text| serde_json::from_str(text)).collect::<Result<_, _>>()?)
    }

    /// What open requests and holds keep.
    pub async fn frozen(&self) -> Result<Vec<Span>, StoreFault> {
        let found: Vec<String> = sqlx::query_scalar("SELECT request FROM requests WHERE closed_at IS NULL")
            .fetch_all(self.readers())
            .await?;
        let spans = found.iter().map(|text| Ok(serde_json::from_str::<Request>(text)?.span));
        spans.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::request::tests::request;

    #[tokio::test]
    async fn a_request_is_registered_once_and_keeps_its_window_until_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(crate::store::place::of(folder.path()).await).await.unwrap();
        let first = request("REQ 2026/1", "fulano.tal@tjpa.jus.br");
        assert!(store.open_request(&first).await.unwrap());
        let again = request("REQ 2026/1", "outra@tjpa.jus.br");
        assert!(!store.open_request(&again).await.unwrap(), "a number is never given a second meaning");
        assert_eq!(store.request("REQ 2026/1").await.unwrap().as_ref(), Some(&first));
        assert_eq!(store.request("REQ 2026/2").await.unwrap(), None);
        assert_eq!(store.frozen().await.unwrap(), [first.span]);

        let closed = Closed { at: first.opened_at + 5, by: "root".to_owned() };
        let after = store.close_request("REQ 2026/1", &closed).await.unwrap().unwrap();
        assert_eq!(after, Request { closed: Some(closed.clone()), ..first });
        assert_eq!(store.close_request("REQ 2026/1", &closed).await.unwrap(), None);
        assert_eq!(store.frozen().await.unwrap(), []);
        assert_eq!(store.requests().await.unwrap(), [after]);
    }
}
