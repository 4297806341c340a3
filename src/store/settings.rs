//! Where a store is: the folder, which database beside it, and how content is written.
//!
//! In: what `portaria.toml` says. Out: values that can be opened. A password is read from its file when the database is opened; it
//! stands in no setting and in no text that is shown.

use std::{
    fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

use sqlx::any::AnyConnectOptions;

use super::StoreFault;
pub use super::bucket::place::{BucketPlace, EndpointFault, is_bucket, is_prefix};

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[gateway] data_dir`: `portaria.db`, `quarantine/`, the lock, the name of this node.
    pub folder: PathBuf,
    /// `[database]`
    pub database: Database,
    /// `[quarantine]`: how content is kept.
    pub content: Content,
}

/// How content is kept. What is there already is read however it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// `compression`: new content is packed.
    pub compress: bool,
    /// `encryption_keys`: the file of keys; new content is encrypted with its last one. None: it is not encrypted.
    pub keys: Option<PathBuf>,
    /// `content = "s3"`: where several nodes find it; none: each node's own disk alone.
    pub bucket: Option<BucketPlace>,
}

impl Default for Content {
    fn default() -> Self {
        Self { compress: true, keys: None, bucket: None }
    }
}

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// `portaria.db` in the folder, for this gateway alone.
    Sqlite,
    /// A server, which several gateways may share.
    PostgreSql {
        /// Where.
        server: PostgreSql,
        /// `[gateway] hostname`: a part of the name that this node is given once.
        hostname: String,
    },
}

/// Everything in one folder, as it is unless `portaria.toml` says otherwise.
impl From<&Path> for Settings {
    fn from(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), database: Database::Sqlite, content: Content::default() }
    }
}

impl From<&PathBuf> for Settings {
    fn from(folder: &PathBuf) -> Self {
        Self::from(folder.as_path())
    }
}

impl From<&Settings> for Settings {
    fn from(settings: &Settings) -> Self {
        settings.clone()
    }
}

/// How a PostgreSQL server is reached (libpq's connection URI, without a password).
#[derive(Clone, PartialEq, Eq)]
pub struct PostgreSql {
    url: String,
    password_file: Option<PathBuf>,
}

/// Why a URL is none that we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// Not `postgresql://`, or no URL.
    NotPostgreSql,
    /// A password stands in it: the file is read by more people than the password is for, and URLs get into logs.
    Password,
    /// It names no database.
    NoDatabase,
    /// A parameter that the driver does not read, or not as it is written.
    Parameter,
}

/// How far nobody on the way can read or change what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// It does not leave this machine.
    NotNeeded,
    /// The server must show a certificate that fits.
    Verified,
    /// Encrypted, for whoever says that it is the server; or not at all.
    Unverified,
}

impl PostgreSql {
    /// From `[database] url` and `password_file`.
    pub fn new(url: &str, password_file: Option<PathBuf>) -> Result<Self, UrlFault> {
        if !["postgresql://", "postgres://"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(UrlFault::NotPostgreSql);
        }
        let parsed: AnyConnectOptions = url.parse().map_err(|_| UrlFault::NotPostgreSql)?;
        let parsed = parsed.database_url;
        let has = |wanted: &str| parsed.query_pairs().any(|(key, _)| key == wanted);
        if parsed.password().is_some() || has("password") {
            return Err(UrlFault::Password);
        }
        if parsed.path().trim_start_matches('/').is_empty() && !has("dbname") {
            return Err(UrlFault::NoDatabase);
        }
        if !parsed.query_pairs().all(|(key, value)| is_read(&key, &value)) {
            return Err(UrlFault::Parameter);
        }
        Ok(Self { url: url.to_owned(), password_file })
    }

    /// How safe the way to it is.
    pub fn encryption(&self) -> Encryption {
        let Ok(AnyConnectOptions { database_url: url, .. }) = self.url.parse() else { return Encryption::Unverified };
        let parameter = |wanted: &str| {
            url.query_pairs().filter(|(key, _)| key == wanted).last().map(|(_, value)| value.into_owned())
        };
        let host = parameter("hostaddr").or(parameter("host")).or(url.host_str().map(str::to_owned));
        let here = |host: &str| {
            let literal = host.trim_start_matches('[').trim_end_matches(']');
            // `%2F…` is a socket's folder.
            host.starts_with('/')
                || host.starts_with('%')
                || host == "localhost"
                || literal.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        };
        match (host, parameter("sslmode").as_deref()) {
            // None is a socket of this machine.
            (host, _) if host.as_deref().is_none_or(here) => Encryption::NotNeeded,
            (_, Some("verify-full")) => Encryption::Verified,
            _ => Encryption::Unverified,
        }
    }

    /// For connecting, the password in it.
    pub(super) async fn options(&self) -> Result<AnyConnectOptions, StoreFault> {
        let mut options: AnyConnectOptions = self.url.parse()?;
        if let Some(path) = &self.password_file {
            let fault = |source| StoreFault::Folder { path: path.clone(), source };
            let password = tokio::fs::read_to_string(path).await.map_err(fault)?;
            // An URL without a host takes no password; the driver reads the file's in its query as well.
            let password = password.trim_end_matches(['\r', '\n']);
            options.database_url.query_pairs_mut().append_pair("password", password);
        }
        Ok(options)
    }
}

/// Whether the driver (sqlx 0.9) takes note of a parameter: others it passes over with a line in the log, and a misspelt `sslmode`
/// would be one of them.
fn is_read(key: &str, value: &str) -> bool {
    match key {
        "sslmode" => ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"].contains(&value),
        "port" => value.parse::<u16>().is_ok(),
        "hostaddr" => value.parse::<IpAddr>().is_ok(),
        "sslrootcert" | "sslcert" | "sslkey" | "host" | "dbname" | "user" | "application_name" => true,
        _ => key.starts_with("options["),
    }
}

/// As written: there is no password in it.
impl fmt::Display for PostgreSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

impl fmt::Debug for PostgreSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgreSql({})", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_belongs_in_no_url_and_a_misspelt_parameter_is_told() {
        let fault = |url| PostgreSql::new(url, None).err();
        assert_eq!(fault("postgresql://portaria@db.example/portaria?sslmode=verify-full"), None);
        assert_eq!(fault("postgresql:///portaria?host=/run/postgresql&options[search_path]=x"), None);
        assert_eq!(fault("postgresql://portaria:secret@db.example/portaria"), Some(UrlFault::Password));
        assert_eq!(fault("postgresql://db.example/portaria?password=secret"), Some(UrlFault::Password));
        assert_eq!(fault("postgresql://portaria@db.example"), Some(UrlFault::NoDatabase));
        assert_eq!(fault("postgresql://db.example/portaria?ssl_mode=verify-full"), Some(UrlFault::Parameter));
        assert_eq!(fault("postgresql://db.example/portaria?sslmode=verify_full"), Some(UrlFault::Parameter));
        assert_eq!(fault("postgresql://db.example/portaria?port=fivethousand"), Some(UrlFault::Parameter));
        for other in ["mysql://db.example/portaria", "db.example", "", "postgresql://[::1/portaria"] {
            assert_eq!(fault(other), Some(UrlFault::NotPostgreSql), "{other}");
        }
    }

    #[test]
    fn what_leaves_the_machine_is_to_be_verified() {
        let encryption = |url: &str| PostgreSql::new(url, None).unwrap().encryption();
        for here in [
            "postgresql:///portaria",
            "postgresql:///portaria?host=/run/postgresql",
            "postgresql://%2Frun%2Fpostgresql/portaria",
            "postgresql://127.0.0.1:5432/portaria",
            "postgresql://[::1]/portaria",
            "postgresql://localhost/portaria?sslmode=disable",
        ] {
            assert_eq!(encryption(here), Encryption::NotNeeded, "{here}");
        }
        assert_eq!(encryption("postgresql://db.example/p?sslmode=verify-full"), Encryption::Verified);
        for open in ["", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca", "?sslmode=disable"] {
            assert_eq!(encryption(&format!("postgresql://db.example/p{open}")), Encryption::Unverified, "{open}");
        }
        let elsewhere = "postgresql://localhost/p?host=db.example";
        assert_eq!(encryption(elsewhere), Encryption::Unverified, "the parameter is the one that counts");
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test writes the file")]
    async fn a_password_is_read_from_its_file_and_shown_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s3cr&t= +%\n").unwrap();
        let server = PostgreSql::new("postgresql://portaria@db.example/portaria", Some(file.clone())).unwrap();
        let options = server.options().await.unwrap();
        let pairs: Vec<_> = options.database_url.query_pairs().collect();
        assert_eq!(pairs, [("password".into(), "s3cr&t= +%".into())]);
        assert!(!format!("{server} {server:?}").contains("s3cr"));
        std::fs::remove_file(file).unwrap();
        assert!(matches!(server.options().await, Err(StoreFault::Folder { .. })));
    }
}
