//! The database on a PostgreSQL server. It may be away: at a start, and at any time later.
//!
//! Nothing here waits for it longer than a caller is willing to. The gateway opens connections when they are first used, so that it
//! starts, and relays, while the server does not answer; commands that only read want it now.

use sqlx::{AnyConnection, AnyPool, Connection as _, Row as _};

use super::{
    StoreFault,
    database::{self, PATIENCE, READERS},
    settings::PostgreSql,
};

/// Connections that write. Its transactions do not stand in one another's way as SQLite's do: a message that is to be held does not
/// wait until the loader's batch of 500 entries has gone over the wire.
const WRITERS: u32 = 4;

/// A commit that was told survives a power cut of the server, whatever its default is; stronger settings (a replica) stay as they are.
/// A transaction whose node has vanished holds its locks no longer than a minute, and a statement waits for a lock no longer than 10 s.
const WRITE: &str = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'; \
                     SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s';";

/// A reader writes nothing.
const READ: &str = "SET default_transaction_read_only = on;";

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// `15.18`
    pub version: String,
    /// `UTF8`, or it will not take every subject.
    pub encoding: String,
    /// How it compares text.
    pub collation: String,
    /// What `meta` says; none: nobody has used it yet.
    pub schema: Option<String>,
}

/// Connects, looks, and tries what a gateway does: a table is made, written and emptied in a transaction that is taken back.
pub(super) async fn probe(server: &PostgreSql) -> Result<Probe, StoreFault> {
    sqlx::any::install_default_drivers();
    let options = server.options().await?;
    let probing = async {
        let mut connection = AnyConnection::connect_with(&options).await?;
        let about = sqlx::query(
            "SELECT CAST(current_setting('server_version') AS TEXT), CAST(pg_encoding_to_char(encoding) AS TEXT), \
             CAST(datcollate AS TEXT), CAST(to_regclass('meta') AS TEXT) FROM pg_database WHERE datname = current_database()",
        );
        let row = about.fetch_one(&mut connection).await?;
        let known: Option<String> = row.try_get(3)?;
        let schema = match known {
            Some(_) => {
                let asked = sqlx::query_scalar("SELECT value FROM meta WHERE name = 'schema'");
                asked.fetch_optional(&mut connection).await?
            }
            None => None,
        };
        let mut trial = connection.begin().await?;
        let tried = "CREATE TABLE portaria_probe (one BIGINT); INSERT INTO portaria_probe VALUES (1); DELETE FROM portaria_probe";
        sqlx::raw_sql(tried).execute(&mut *trial).await?;
        trial.rollback().await?;
        let version: String = row.try_get(0)?;
        let version = version.split(' ').next().unwrap_or_default().to_owned();
        let probe = Probe { version, encoding: row.try_get(1)?, collation: row.try_get(2)?, schema };
        connection.close().await?;
        Ok::<_, sqlx::Error>(probe)
    };
    match tokio::time::timeout(PATIENCE, probing).await {
        Ok(probe) => Ok(probe?),
        Err(_) => Err(StoreFault::Silent(PATIENCE)),
    }
}

/// Codes (PostgreSQL, appendix A) with which the server, or whoever ended it, breaks off and says nothing of what became of a commit:
/// lost connections, operators, and "completion unknown".
const UNSAID: [&str; 3] = ["08", "57", "40003"];

/// Whether the server itself has said that a transaction did not come about. Everything else leaves it open.
pub(super) fn says_that_it_did_not(fault: &StoreFault) -> bool {
    let StoreFault::Database(sqlx::Error::Database(fault)) = fault else { return false };
    fault.code().is_some_and(|code| !UNSAID.iter().any(|unsaid| code.starts_with(unsaid)))
}

/// For writing and for reading. Nothing is connected yet.
pub(super) async fn open(server: &PostgreSql) -> Result<(AnyPool, AnyPool), StoreFault> {
    sqlx::any::install_default_drivers();
    let options = server.options().await?;
    let writer = database::pool_options(WRITERS, WRITE).connect_lazy_with(options.clone());
    let readers = database::pool_options(READERS, READ).connect_lazy_with(options);
    Ok((writer, readers))
}

/// For reading, now.
pub(super) async fn open_read_only(server: &PostgreSql) -> Result<AnyPool, StoreFault> {
    sqlx::any::install_default_drivers();
    let options = server.options().await?;
    let readers = database::pool_options(READERS, READ).connect_with(options).await?;
    database::check_schema(&readers).await?;
    Ok(readers)
}
