//! What is in a backup, as its last entry says it. Last, because lengths and hashes are known only once everything was read; found
//! first, because nothing is unpacked further than it says.

use std::{collections::HashSet, fmt, marker::PhantomData, path::PathBuf};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{BackupFault, ENTRIES, is_name};

/// The format that is written and read.
pub const FORMAT: u32 = 1;

/// The manifest's own name.
pub const MANIFEST: &str = "manifest.json";

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Octets of it, unpacked.
    pub size: u64,
    /// Of those octets, lower-case hex.
    pub sha256: String,
}

/// Whose backup it is, of when, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The program that wrote it.
    pub portaria: String,
    /// The schema of its database.
    pub schema: u32,
    /// What was acknowledged before is in it. Milliseconds since 1970.
    pub made_at: i64,
    /// `[gateway] hostname`
    pub hostname: String,
    /// Where its live data were, and its rules.
    pub data_dir: PathBuf,
    /// See there.
    pub rules_dir: PathBuf,
    /// The last entry of the audit trail that is in it, `NUMBER:HASH`; none: there was no trail.
    pub audit_head: Option<String>,
    /// Items whose content went by somebody's order, or for its age, while the backup was made.
    #[serde(deserialize_with = "bounded")]
    pub gone: Vec<String>,
    /// Items whose content the disk had lost before.
    #[serde(deserialize_with = "bounded")]
    pub missing: Vec<String>,
    /// Items whose content the disk had spoiled before: it is in the backup as it was found. None in one of an earlier version, which was not
    /// made then.
    #[serde(default, deserialize_with = "bounded")]
    pub damaged: Vec<String>,
    /// The entries, in their order.
    #[serde(deserialize_with = "bounded")]
    pub entries: Vec<Line>,
}

/// A list that ends the reading when it is longer than any of ours: `"",` is three octets of a file and two dozen of memory.
fn bounded<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    struct List<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(to, "a list of at most {ENTRIES}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(next) = from.next_element()? {
                if list.len() >= ENTRIES {
                    return Err(A::Error::custom(BackupFault::TooMany));
                }
                list.push(next);
            }
            Ok(list)
        }
    }
    from.deserialize_seq(List(PhantomData))
}

impl Manifest {
    /// Reads what stands there, and refuses what leads out of a folder or stands there twice.
    pub fn read(octets: &[u8]) -> Result<Self, BackupFault> {
        #[derive(Deserialize)]
        struct Only {
            format: u32,
        }
        let damaged = |fault: serde_json::Error| BackupFault::damaged(MANIFEST, fault);
        // A later format may have other members: it is to be refused as what it is.
        let Only { format } = serde_json::from_slice(octets).map_err(damaged)?;
        if format != FORMAT {
            return Err(BackupFault::Format { found: format });
        }
        let manifest: Self = serde_json::from_slice(octets).map_err(damaged)?;
        let mut seen = HashSet::new();
        for line in &manifest.entries {
            if !is_name(&line.name) {
                return Err(BackupFault::Name(line.name.escape_debug().to_string()));
            }
            if !seen.insert(&line.name) {
                return Err(BackupFault::damaged(&line.name, "stands there twice"));
            }
        }
        Ok(manifest)
    }

    /// The entry of this name.
    pub fn line(&self, name: &str) -> Option<&Line> {
        self.entries.iter().find(|line| line.name == name)
    }

    /// Octets of all entries, unpacked.
    pub fn octets(&self) -> u64 {
        self.entries.iter().fold(0, |sum, line| sum.saturating_add(line.size))
    }
}
