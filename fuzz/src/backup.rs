//! `backup` and `door::backup::Opened`: any octets in place of a backup are refused, or are read as a naive reader of tar does and within
//! bounds; and what was written comes back, or is refused.

#![expect(clippy::disallowed_methods, reason = "a backup is a file")]

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use portaria::{
    audit::Hash,
    backup::{FORMAT, Index, MANIFEST, Manifest, Writer, is_name},
    door::backup::{Opened, Part, Progress},
    store::blob::{self, Codec, Keys},
};

use crate::choices::Choices;

/// What is read of one file; further the entries of a bomb are not followed.
const ENOUGH: usize = 4 << 20;

static NONE: LazyLock<Arc<Keys>> = LazyLock::new(Arc::default);
static KEYS: LazyLock<Arc<Keys>> = LazyLock::new(|| {
    let text = format!("old {}\nnew {}\n", "17".repeat(32), "2a".repeat(32));
    Arc::new(Keys::parse(&text).expect("keys"))
});

/// A folder of this process, in memory where there is one: a backup is synced.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = folder.join(format!("portaria-fuzz-backup-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
});

/// Name and content.
type Entries = Vec<(String, Vec<u8>)>;

/// The octets are a file; and they are what a file is made of.
pub fn backup(data: &[u8]) {
    for keys in [&NONE, &KEYS] {
        let _ = read(data, keys);
    }
    there_and_back(data, &mut Choices::of(data));
}

/// What is in a file, if it is a backup.
fn read(octets: &[u8], keys: &Arc<Keys>) -> Option<(Manifest, Entries)> {
    let path = FOLDER.join("any.backup");
    fs::write(&path, octets).expect("a file");
    let index = Index::read(&path).ok();
    let naive = naive(octets);
    if let Some(index) = &index {
        let naive = naive.expect("what is an index to us is a tar to others");
        let ours: Vec<_> = index.places().iter().map(|place| (place.name.clone(), place.packed)).collect();
        assert_eq!(ours, naive);
        assert!(
            index.manifest_octets() <= 64 * 1024 + 36 * octets.len() as u64,
            "memory is a matter of the file's length"
        );
    }
    let opened = Opened::open(&path, keys.clone()).ok()?;
    let manifest = opened.manifest().clone();
    let names: HashSet<&String> = manifest.entries.iter().map(|line| &line.name).collect();
    assert_eq!(names.len(), manifest.entries.len(), "a name stands there once");
    assert!(names.iter().all(|name| is_name(name)) && names.len() * 512 < octets.len());
    let progress = Progress::default();
    let (mut entries, mut content, mut sum) = (Vec::new(), Vec::new(), 0);
    let all = opened.each(
        &progress,
        |_| true,
        |line, part| {
            match part {
                Part::Piece(piece) => {
                    assert!(!piece.is_empty() && piece.len() <= 64 * 1024);
                    content.extend_from_slice(piece);
                    sum += piece.len();
                    assert!(content.len() as u64 <= line.size, "no further than the manifest says");
                    if sum > ENOUGH {
                        progress.stop();
                    }
                }
                Part::Whole => {
                    let content = std::mem::take(&mut content);
                    assert_eq!((content.len() as u64, Hash::of(&content).as_str()), (line.size, line.sha256.as_str()));
                    entries.push((line.name.clone(), content));
                }
            }
            Ok(())
        },
    );
    assert!(sum <= ENOUGH + 128 * 1024, "one that is stopped stops: {sum}");
    all.ok().map(|()| (manifest, entries))
}

/// Names and lengths, as whoever knows tar and nothing of us reads them (POSIX.1-1988); none: it is none, or has something behind it.
fn naive(octets: &[u8]) -> Option<Vec<(String, u64)>> {
    let text = |field: &[u8]| {
        let end = field.iter().position(|octet| *octet == 0).unwrap_or(field.len());
        String::from_utf8(field[..end].to_vec()).ok()
    };
    let (mut found, mut at) = (Vec::new(), 0);
    loop {
        let header = octets.get(at..at + 512)?;
        if header.iter().all(|octet| *octet == 0) {
            let end = octets.get(at..)?;
            return (end.len() == 1024 && end.iter().all(|octet| *octet == 0)).then_some(found);
        }
        let prefix = text(&header[345..500])?;
        let name = text(&header[..100])?;
        let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let size = u64::from_str_radix(text(&header[124..136])?.trim_matches(' '), 8).ok()?;
        found.push((name, size));
        at = at.checked_add(512)?.checked_add(usize::try_from(size).ok()?.checked_next_multiple_of(512)?)?;
    }
}

fn there_and_back(data: &[u8], choices: &mut Choices) {
    let keys = if choices.once_in(2) { &KEYS } else { &NONE };
    let names = [
        "journal/0000000001.journal",
        "database/portaria.db",
        "quarantine/4f/a",
        "rules/\u{e9}.toml",
        "audit/audit.log",
    ];
    let pieces = choices.cut(data, 20_000);
    let wanted: Entries =
        names.iter().zip(pieces).map(|(name, content)| ((*name).to_owned(), content.to_vec())).collect();
    let (octets, manifest) = written(&wanted, keys, choices);
    let back = read(&octets, keys).expect("it is a backup");
    assert_eq!(back, (manifest, wanted));
    // Any octet. What is not sealed may hold one that nobody reads (RFC 8878 3.1.1.1.1.4): then it is what was written.
    let at = choices.below(octets.len());
    let mut changed = octets.clone();
    changed[at] ^= 1 << choices.below(8);
    match read(&changed, keys) {
        None => {}
        Some(read) => assert!(Arc::ptr_eq(keys, &NONE) && read == back, "octet {at}"),
    }
    assert!(read(&octets[..at], keys).is_none(), "cut at {at}");
    if Arc::ptr_eq(keys, &KEYS) {
        assert!(read(&octets, &NONE).is_none(), "nobody reads it without the key");
    } else {
        assert!(read(&octets, &KEYS).is_none(), "who has a key takes none that needs no key");
    }
}

/// A file with these, as `door::backup` writes them.
fn written(entries: &Entries, keys: &Keys, choices: &mut Choices) -> (Vec<u8>, Manifest) {
    let to = FOLDER.join("written.backup");
    let mut writer = Writer::begin(&to).expect("a writer");
    for (name, content) in entries {
        let codec = *choices.one_of(&[Codec::Plain, Codec::Zstd]);
        put(&mut writer, name, codec, content, keys);
    }
    let manifest = Manifest {
        format: FORMAT,
        portaria: "0".to_owned(),
        schema: 1,
        made_at: 1,
        hostname: "mx.example".to_owned(),
        data_dir: PathBuf::from("/data"),
        rules_dir: PathBuf::from("/rules"),
        audit_head: None,
        gone: Vec::new(),
        missing: Vec::new(),
        damaged: Vec::new(),
        entries: writer.lines().to_vec(),
    };
    put(&mut writer, MANIFEST, Codec::Zstd, &serde_json::to_vec(&manifest).expect("JSON"), keys);
    let unproven = writer.finish().expect("written");
    let octets = fs::read(unproven.part()).expect("it is there");
    (octets, manifest)
}

fn put(writer: &mut Writer, name: &str, codec: Codec, content: &[u8], keys: &Keys) {
    let mut out = Vec::new();
    let mut packed = blob::Writer::begin(codec, keys, name, &mut out).expect("a header");
    packed.write(content, &mut out).expect("packed");
    packed.finish(&mut out).expect("packed");
    writer.entry(name).expect("an entry");
    writer.write(content, &out).expect("written");
    writer.end().expect("written");
}
