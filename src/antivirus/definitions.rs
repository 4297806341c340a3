//! How old a clamd's definitions are: from what it says of itself, and from the headers of its database files.
//!
//! In: the answer to VERSION, a folder. Out: databases with version and build time, and an age. clamd names one database only
//! (`daily`), and none when it has only others; the folder's files name themselves, if we may read them. What is not known is said to be
//! unknown: no age is ever guessed from a file's time.
#![expect(clippy::disallowed_methods, reason = "database headers are read from files, 512 octets each")]

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

/// The header of a database file (ClamAV's documentation of CVD): 512 octets, fields parted by colons, padded by spaces.
const HEADER: usize = 512;
/// Files of a folder that are looked at.
const FILES: usize = 1_000;
/// Databases that are kept.
const DATABASES: usize = 64;

/// One database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Database {
    /// `daily`, `main`, `bytecode`, or the file's name without its end; `[A-Za-z0-9._-]` only.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// When it was built, seconds since 1970 UTC.
    pub built: i64,
}

/// What is known of a clamd's databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// In the order of their names.
    pub databases: Vec<Database>,
}

impl Definitions {
    /// From the answer to VERSION, and from `folder` where it can be read: what stands there counts, since it names them all.
    pub fn known(version: Option<&str>, folder: Option<&Path>) -> Self {
        let mut databases = folder.and_then(|folder| in_folder(folder).ok()).unwrap_or_default();
        if databases.is_empty() {
            databases.extend(version.and_then(of_version));
        }
        Self { databases }
    }

    /// Seconds since the youngest was built: `main` is rebuilt every few years, and that is no fault. None: nothing is known. A build
    /// time ahead of our clock is an age of zero.
    pub fn age(&self, wall: SystemTime) -> Option<i64> {
        let youngest = self.databases.iter().map(|database| database.built).max()?;
        let now = wall.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        Some(now.saturating_sub(youngest).max(0))
    }
}

/// `ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026`: engine, version of `daily`, its build time by the clock of clamd's machine,
/// which is taken for UTC: half a day more or less.
fn of_version(text: &str) -> Option<Database> {
    let mut fields = text.splitn(3, '/');
    let (_, version, built) = (fields.next()?, fields.next()?, fields.next()?);
    let built = jiff::fmt::strtime::parse("%a %b %d %H:%M:%S %Y", built.trim()).ok()?.to_datetime().ok()?;
    let built = built.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    Some(Database { name: "daily".to_owned(), version: version.trim().parse().ok()?, built })
}

fn in_folder(folder: &Path) -> io::Result<Vec<Database>> {
    let mut databases = Vec::new();
    for entry in fs::read_dir(folder)?.take(FILES) {
        let path = entry?.path();
        let is_database = path.extension().is_some_and(|end| ["cvd", "cld", "cud"].iter().any(|known| end == *known));
        if !is_database || databases.len() >= DATABASES {
            continue;
        }
        let mut header = Vec::with_capacity(HEADER);
        // One that freshclam is replacing just now is seen the next time.
        let Ok(file) = File::open(&path) else { continue };
        if file.take(HEADER as u64).read_to_end(&mut header).is_err() {
            continue;
        }
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        databases.extend(of_header(&name, &header));
    }
    databases.sort_by(|a, b| (&a.name, b.built).cmp(&(&b.name, a.built)));
    // `daily.cvd` beside `daily.cld`: clamd loads the newer.
    databases.dedup_by(|older, newer| older.name == newer.name);
    Ok(databases)
}

/// `ClamAV-VDB:time:version:signatures:functionality:md5:signature:builder:seconds`
fn of_header(name: &str, header: &[u8]) -> Option<Database> {
    let text = std::str::from_utf8(header).ok()?;
    let fields: Vec<&str> = text.strip_prefix("ClamAV-VDB:")?.splitn(8, ':').collect();
    let seconds = fields.get(7)?.trim();
    let digits = seconds.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(seconds.len());
    let built: i64 = seconds.get(..digits)?.parse().ok()?;
    let name =
        name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "._-".contains(*letter)).take(64).collect();
    Some(Database { name, version: fields.get(1)?.trim().parse().ok()?, built })
}

/// The ages that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Older: a warning.
    pub warn: Duration,
    /// Older: what these find nothing in is `outdated`, and no longer clean.
    pub critical: Duration,
}

impl Default for Ages {
    /// Official definitions come daily: three days are a fault of freshclam that a long weekend does not make, seven a fault of ours.
    fn default() -> Self {
        Self { warn: Duration::from_secs(3 * 86_400), critical: Duration::from_secs(7 * 86_400) }
    }
}

/// How old definitions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Nobody knows.
    Unknown,
    /// Young enough.
    Current,
    /// Beyond the first age.
    Old,
    /// Beyond the second; whole days.
    Critical(i64),
}

impl Age {
    /// A stable name for status.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Current => "current",
            Self::Old => "old",
            Self::Critical(_) => "critical",
        }
    }
}

impl Ages {
    /// `age` in seconds.
    pub fn judge(self, age: Option<i64>) -> Age {
        let beyond = |age: i64, limit: Duration| u64::try_from(age).is_ok_and(|age| age > limit.as_secs());
        match age {
            None => Age::Unknown,
            Some(age) if beyond(age, self.critical) => Age::Critical(age / 86_400),
            Some(age) if beyond(age, self.warn) => Age::Old,
            Some(_) => Age::Current,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs())
    }

    fn header(version: u32, built: i64) -> Vec<u8> {
        let text =
            format!("ClamAV-VDB:20 Nov 2026 09-00 +0000:{version}:2076000:90:{}:c2ln:raynman:{built}", "0".repeat(32));
        let mut header = text.into_bytes();
        header.resize(HEADER, b' ');
        header.extend(b"\x1f\x8b content");
        header
    }

    #[test]
    fn version_tells_one_database_or_none() {
        let known = |version| Definitions::known(Some(version), None).databases;
        let daily = Database { name: "daily".to_owned(), version: 27_800, built: 1_795_165_200 };
        assert_eq!(known("ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026"), std::slice::from_ref(&daily));
        assert_eq!(
            known("ClamAV 1.4.6/27800/Fri Nov  6 09:00:00 2026"),
            [Database { built: daily.built - 14 * DAY, ..daily }]
        );
        for nothing in
            ["", "ClamAV 1.4.6", "ClamAV 1.4.6/27800", "ClamAV 1.4.6/x/Fri Nov 20 09:00:00 2026", "a/1/yesterday"]
        {
            assert_eq!(known(nothing), [], "{nothing}");
        }
    }

    #[test]
    fn a_readable_folder_tells_all_of_them_and_the_newer_of_two() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("main.cvd", header(62, 1_600_000_000)),
            ("daily.cvd", header(27_700, 1_790_000_000)),
            ("daily.cld", header(27_800, 1_795_000_000)),
            ("broken.cvd", b"ClamAV-VDB:".to_vec()),
            ("\u{e9}vil\n.cud", header(1, 5)),
            ("house.ndb", b"Name:0:*:00".to_vec()),
        ];
        for (name, octets) in files {
            fs::write(folder.path().join(name), octets).unwrap();
        }
        let known = Definitions::known(Some("ClamAV 1.4.6/1/Fri Nov 20 09:00:00 2026"), Some(folder.path()));
        let rows: Vec<_> = known.databases.iter().map(|it| (it.name.as_str(), it.version)).collect();
        assert_eq!(rows, [("daily", 27_800), ("main", 62), ("vil", 1)]);
        assert_eq!(known.age(at(1_795_000_000 + DAY)), Some(DAY), "of the youngest");
        assert_eq!(known.age(at(0)), Some(0), "from the future");
    }

    #[test]
    fn no_age_is_guessed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("house.ndb"), "Name:0:*:00").unwrap();
        for folder in [folder.path(), Path::new("/nonexistent")] {
            assert_eq!(Definitions::known(Some("ClamAV 1.4.6"), Some(folder)).age(at(0)), None);
        }
        assert_eq!(Ages::default().judge(None), Age::Unknown);
    }

    #[test]
    fn ages_have_two_bounds() {
        let ages = Ages::default();
        let rows = [(0, Age::Current), (3 * DAY, Age::Current), (3 * DAY + 1, Age::Old), (7 * DAY, Age::Old)];
        for (age, expected) in
            rows.into_iter().chain([(7 * DAY + 1, Age::Critical(7)), (i64::MAX, Age::Critical(i64::MAX / DAY))])
        {
            assert_eq!(ages.judge(Some(age)), expected, "{age}");
        }
    }
}
