//! `store::blob`: what was written comes back, whole and nothing else; and any octets in its place are read within bounds, however they
//! are cut, or refused.

use std::sync::{Arc, LazyLock};

use portaria::store::blob::{BlobFault, Codec, Keys, MAGIC, Reader, Writer};

use crate::{choices::Choices, splits::splits};

const ID: &str = "019ab1c2d3e4f5061728394a5b6c7d8e";

static NONE: LazyLock<Arc<Keys>> = LazyLock::new(Arc::default);
static KEYS: LazyLock<Arc<Keys>> = LazyLock::new(|| {
    let text = format!("old {}\nnew {}\n", "17".repeat(32), "2a".repeat(32));
    Arc::new(Keys::parse(&text).expect("keys"))
});

/// The octets are a blob; they are the body of one; and they are content.
pub fn blob(data: &[u8]) {
    let mut choices = Choices::of(data);
    let limit = 1 + choices.below(100_000) as u64;
    read_within_bounds(data, limit, &mut choices);
    for codec in [0, 1] {
        read_within_bounds(&[&MAGIC[..], &[1, codec, 0, 0], data].concat(), limit, &mut choices);
    }
    there_and_back(data, &mut choices);
}

/// Every cut gives the same content, or none does; and never more than was allowed. zstd takes a frame that is there as a whole another way
/// than one that comes in parts, and refuses more: what it gives is the same, or nothing. Whoever reads compares with the row.
fn read_within_bounds(octets: &[u8], limit: u64, choices: &mut Choices) {
    let is_packed = octets.starts_with(&MAGIC) && octets.get(MAGIC.len() + 1) == Some(&1);
    let mut first: Option<Option<Vec<u8>>> = None;
    for cut in splits(octets, choices) {
        let read = read(&KEYS, &cut, limit).ok();
        if let Some(content) = &read {
            let bare = !octets.starts_with(&MAGIC);
            assert!(!bare || content == octets, "without a header it is the content");
        }
        if read.is_some() || !is_packed {
            assert_eq!(first.get_or_insert_with(|| read.clone()), &read, "another cut");
        }
    }
}

fn there_and_back(content: &[u8], choices: &mut Choices) {
    let codec = *choices.one_of(&[Codec::Plain, Codec::Zstd]);
    let keys = if choices.once_in(2) { &KEYS } else { &NONE };
    let mut octets = Vec::new();
    let mut writer = Writer::begin(codec, keys, ID, &mut octets).expect("a header");
    for part in choices.cut(content, 5_000) {
        writer.write(part, &mut octets).expect("written");
    }
    writer.finish(&mut octets).expect("written");
    for cut in splits(&octets, choices) {
        let back = read(keys, &cut, content.len() as u64);
        assert_eq!(back.as_deref(), Ok(content));
    }
    if !content.is_empty() {
        let short = read(keys, &[&octets], content.len() as u64 - 1);
        assert_eq!(short, Err(BlobFault::TooLong(content.len() as u64 - 1)));
    }
    if Arc::ptr_eq(keys, &KEYS) {
        // Nobody without the key changes anything: not an octet, not an end.
        let at = MAGIC.len() + choices.below(octets.len() - MAGIC.len());
        let mut changed = octets.clone();
        changed[at] ^= 1 << choices.below(8);
        assert!(read(keys, &[&changed], u64::MAX).is_err(), "octet {at}");
        assert!(read(keys, &[&octets[..at]], u64::MAX).is_err(), "cut at {at}");
    }
}

fn read(keys: &Arc<Keys>, cut: &[&[u8]], limit: u64) -> Result<Vec<u8>, BlobFault> {
    let mut reader = Reader::new(keys.clone(), ID, limit);
    let mut content = Vec::new();
    for part in cut.iter().map(Some).chain([None]) {
        match part {
            Some(octets) => reader.feed(octets),
            None => reader.end(),
        }
        while let Some(piece) = reader.next_piece()? {
            assert!(!piece.is_empty() && piece.len() <= 64 * 1024);
            content.extend_from_slice(&piece);
            assert!(content.len() as u64 <= limit);
        }
    }
    Ok(content)
}
