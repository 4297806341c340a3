//! Where the tests of this program put a store: into SQLite, or, when `PORTARIA_TEST_POSTGRES` names a server (one to throw away), into
//! a schema there that belongs to the folder.

use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _};

use super::settings::{Content, Database, PostgreSql, Settings};

/// The server's URL.
pub(crate) fn server() -> Option<String> {
    std::env::var("PORTARIA_TEST_POSTGRES").ok()
}

/// The store of `folder`.
pub(crate) async fn of(folder: &Path) -> Settings {
    match server() {
        None => Settings::from(folder),
        Some(url) => shared(&url, folder, folder).await,
    }
}

/// The store of the node `folder`, on the database of `first`.
pub(crate) async fn shared(url: &str, folder: &Path, first: &Path) -> Settings {
    sqlx::any::install_default_drivers();
    let digest = digest(&SHA256, first.as_os_str().as_encoded_bytes());
    let schema: String = digest.as_ref().iter().take(8).map(|octet| format!("{octet:02x}")).collect();
    let mut connection = AnyConnection::connect(url).await.unwrap();
    let make = format!("CREATE SCHEMA IF NOT EXISTS t{schema}");
    // Of two that make it at the same moment PostgreSQL tells one that it is there, in these words and not by doing nothing.
    match sqlx::query(AssertSqlSafe(make)).execute(&mut connection).await {
        Err(sqlx::Error::Database(fault)) if fault.code().as_deref() == Some("23505") => {}
        made => drop(made.unwrap()),
    }
    connection.close().await.unwrap();
    let join = if url.contains('?') { '&' } else { '?' };
    let server = PostgreSql::new(&format!("{url}{join}options[search_path]=t{schema}"), None).unwrap();
    Settings {
        folder: folder.to_owned(),
        database: Database::PostgreSql { server, hostname: "mx.test".to_owned() },
        content: Content::default(),
    }
}
