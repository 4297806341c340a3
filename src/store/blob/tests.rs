//! The table of `blob`, row by row: what went in comes out, and nothing else does.

use std::sync::Arc;

use super::*;

const ID: &str = "019ab1c2d3e4f5061728394a5b6c7d8e";

fn keys(ids: &[(&str, u8)]) -> Arc<Keys> {
    let text: String = ids.iter().map(|(id, octet)| format!("{id} {}\n", format!("{octet:02x}").repeat(32))).collect();
    Arc::new(if ids.is_empty() { Keys::default() } else { Keys::parse(&text).unwrap() })
}

/// Mail, more or less: half of it repeats, half does not.
fn content(length: usize) -> Vec<u8> {
    let mut chance = 1_u32;
    let mut octet = |at: usize| {
        chance = chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if at % 4096 < 2048 { (chance >> 24) as u8 } else { b"Received: "[at % 10] }
    };
    (0..length).map(&mut octet).collect()
}

fn write(codec: Codec, keys: &Keys, content: &[u8], by: usize) -> Vec<u8> {
    let mut blob = Vec::new();
    let mut writer = Writer::begin(codec, keys, ID, &mut blob).unwrap();
    for part in content.chunks(by.max(1)) {
        writer.write(part, &mut blob).unwrap();
    }
    writer.finish(&mut blob).unwrap();
    blob
}

fn read_as(id: &str, keys: &Arc<Keys>, blob: &[u8], by: usize, limit: u64) -> Result<Vec<u8>, BlobFault> {
    let mut reader = Reader::new(keys.clone(), id, limit);
    let mut content = Vec::new();
    let mut drain = |reader: &mut Reader| {
        while let Some(piece) = reader.next_piece()? {
            assert!(!piece.is_empty() && piece.len() <= 64 * 1024);
            content.extend_from_slice(&piece);
        }
        Ok(())
    };
    for part in blob.chunks(by.max(1)) {
        reader.feed(part);
        drain(&mut reader)?;
    }
    reader.end();
    drain(&mut reader)?;
    Ok(content)
}

fn read(keys: &Arc<Keys>, blob: &[u8]) -> Result<Vec<u8>, BlobFault> {
    read_as(ID, keys, blob, 10_000, 10_000_000)
}

/// Every length around a chunk, every way to pack, and any split of either side.
#[test]
fn what_went_in_comes_out() {
    for keys in [keys(&[]), keys(&[("a", 1), ("b-2026.11", 2)])] {
        for codec in [Codec::Plain, Codec::Zstd] {
            for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 300_000] {
                let content = content(length);
                let blob = write(codec, &keys, &content, 7_001);
                assert!(write(codec, &keys, &content, 1_000_000).len() > 11);
                for by in [1_000, CHUNK, 1_000_000] {
                    let back = read_as(ID, &keys, &blob, by, length as u64).unwrap();
                    assert!(back == content, "{codec:?} {length} by {by}");
                }
            }
            let blob = write(codec, &keys, &content(500), 1);
            assert_eq!(read_as(ID, &keys, &blob, 1, 500).unwrap(), content(500), "octet by octet");
        }
    }
}

/// Content from before has no header, and may be shorter than one.
#[test]
fn a_blob_without_a_header_is_the_content() {
    for old in [&b""[..], b"R", b"Received: from mx.example\r\n\r\nx", b"\x89Pblog\r\n", &content(200_000)] {
        assert!(read(&keys(&[("a", 1)]), old).unwrap() == old, "{old:?}");
    }
    for cut in 1..12 {
        assert_eq!(read(&keys(&[]), &write(Codec::Zstd, &keys(&[]), b"x", 1)[..cut]), Err(BlobFault::Cut), "{cut}");
    }
}

/// Base64 and headers shrink; the frame's own checksum is there.
#[test]
fn mail_is_packed() {
    let content = b"Received: from mx.example by mx.tjpa.jus.br\r\n".repeat(10_000);
    assert!(write(Codec::Zstd, &keys(&[]), &content, 5_000).len() < content.len() / 50);
    assert!(write(Codec::Plain, &keys(&[]), &content, 5_000).len() > content.len());
}

/// No bit of an encrypted blob can be changed; a packed one has a checksum.
#[test]
fn a_changed_bit_is_found() {
    let keys = keys(&[("a", 1)]);
    let content = content(CHUNK + 100);
    for blob in [write(Codec::Plain, &keys, &content, 5_000), write(Codec::Zstd, &keys, &content, 5_000)] {
        // All of the header and of the small chunk, and some of the large one.
        for at in (0..100).chain((100..blob.len()).step_by(977)).chain(blob.len() - 40..blob.len()) {
            let mut changed = blob.clone();
            changed[at] ^= 0x10;
            // A blob whose magic is gone is taken for one from before: its digest, in its row, then says that it is not.
            assert!(read(&keys, &changed).map_or(true, |read| at < MAGIC.len() && read == changed), "octet {at}");
        }
    }
    let bare = self::keys(&[]);
    let mut packed = write(Codec::Zstd, &bare, &content, 5_000);
    *packed.last_mut().unwrap() ^= 1;
    assert!(matches!(read(&bare, &packed), Err(BlobFault::Unpack(_))), "the frame's checksum");
}

/// Chunks can be neither left out nor doubled, exchanged, moved to another blob, or cut off, at no length.
#[test]
fn chunks_stay_where_they_are() {
    let keys = keys(&[("a", 1)]);
    let content = content(3 * CHUNK + 10);
    let (one, two) = (write(Codec::Plain, &keys, &content, 9_999), write(Codec::Plain, &keys, &content, 9_999));
    let header = MAGIC.len() + 4 + 1 + SALT;
    let sealed = CHUNK + 16;
    let chunk = |blob: &[u8], number: usize| {
        let from = header + number * sealed;
        blob[from..blob.len().min(from + sealed)].to_vec()
    };
    let joined = |numbers: &[usize]| {
        let mut blob = one[..header].to_vec();
        numbers.iter().for_each(|&number| blob.extend(chunk(&one, number)));
        blob
    };
    assert_eq!(joined(&[0, 1, 2, 3]), one);
    for wrong in
        [&[0, 1, 3][..], &[0, 1, 2], &[0, 0, 1, 2, 3], &[0, 2, 1, 3], &[1, 0, 2, 3], &[0, 1, 2, 3, 3], &[3], &[0]]
    {
        let fault = read(&keys, &joined(wrong));
        assert!(matches!(fault, Err(BlobFault::Altered { .. } | BlobFault::Sealed { .. })), "{wrong:?}: {fault:?}");
    }
    assert_eq!(read(&keys, &joined(&[])), Err(BlobFault::Cut));
    let mut swapped = one.clone();
    swapped[header..header + sealed].copy_from_slice(&chunk(&two, 0));
    assert!(
        matches!(read(&keys, &swapped), Err(BlobFault::Altered { chunk: 0, .. })),
        "another blob's, same key, same place"
    );
    for cut in (header..one.len()).step_by(6_113).chain([one.len() - 1, one.len() - 10, header + 3 * sealed]) {
        assert!(read(&keys, &one[..cut]).is_err(), "cut at {cut}");
    }
    assert!(read(&keys, &[&one[..], b"x"].concat()).is_err(), "one octet more");
    let other = read_as("019ab1c2d3e4f5061728394a5b6c7d8f", &keys, &one, 9_999, 10_000_000);
    assert!(matches!(other, Err(BlobFault::Sealed { .. })), "under another message's id");
}

/// Which of the two it is decides what is to be done: another disk, or another file of keys.
#[test]
fn damage_is_told_from_another_key_where_a_second_chunk_can_tell() {
    let (right, wrong) = (keys(&[("a", 1)]), keys(&[("a", 9)]));
    let header = MAGIC.len() + 4 + 1 + SALT;
    let altered = |blob: &[u8], at: usize| [&blob[..at], &[blob[at] ^ 1], &blob[at + 1..]].concat();
    let (is_altered, is_sealed) =
        (|chunk| BlobFault::Altered { chunk, key: "a".to_owned() }, BlobFault::Sealed { key: "a".to_owned() });
    let long = write(Codec::Plain, &right, &content(2 * CHUNK + 10), 9_999);
    for (chunk, at) in [(0, header), (0, header + CHUNK), (1, header + CHUNK + 16), (2, long.len() - 1)] {
        for by in [1_000, 100_000, long.len()] {
            let read = read_as(ID, &right, &altered(&long, at), by, 10_000_000);
            assert_eq!(read, Err(is_altered(chunk)), "octet {at} by {by}");
        }
    }
    let mut at_once = Reader::new(right.clone(), ID, 10_000_000);
    at_once.feed(&altered(&long, header));
    at_once.end();
    assert_eq!(at_once.next_piece(), Err(is_altered(0)), "a first chunk of which nothing comes out is not the end");
    let two = write(Codec::Zstd, &right, &content(2 * CHUNK), 9_999);
    assert!((header + CHUNK + 16..header + 2 * (CHUNK + 16)).contains(&two.len()), "{} octets", two.len());
    assert_eq!(read(&right, &altered(&two, header)), Err(is_altered(0)), "the last one tells as well");
    let short = write(Codec::Plain, &right, b"x", 1);
    assert_eq!(read(&right, &altered(&short, short.len() - 1)), Err(is_sealed.clone()), "one chunk cannot tell");
    for blob in [long, two, short] {
        assert_eq!(read(&wrong, &blob), Err(is_sealed.clone()));
    }
}

/// New blobs have the newest key; old keys open old blobs; a key that is missing or another one is named.
#[test]
fn keys_are_changed_without_writing_anything_anew() {
    let (old, both) = (keys(&[("2025", 1)]), keys(&[("2025", 1), ("2026", 2)]));
    assert_eq!((old.newest_id(), both.newest_id(), keys(&[]).newest_id()), (Some("2025"), Some("2026"), None));
    let (before, after) = (write(Codec::Zstd, &old, b"x", 1), write(Codec::Zstd, &both, b"y", 1));
    assert_eq!(read(&both, &before).unwrap(), b"x");
    assert_eq!(read(&both, &after).unwrap(), b"y");
    assert_eq!(read(&old, &after), Err(BlobFault::NoKey("2026".to_owned())));
    assert_eq!(read(&keys(&[]), &before), Err(BlobFault::NoKey("2025".to_owned())));
    let wrong = BlobFault::Sealed { key: "2025".to_owned() };
    assert_eq!(read(&keys(&[("2025", 9)]), &before), Err(wrong));
    // Switched off again: what is encrypted stays readable, and what is not was never harmed.
    assert_eq!(read(&both, &write(Codec::Plain, &keys(&[]), b"z", 1)).unwrap(), b"z");
}

#[test]
fn a_file_of_keys_is_read_or_its_line_is_told() {
    let key = "0F".repeat(32);
    let fault = |text: &str| Keys::parse(text).unwrap_err();
    let read = Keys::parse(&format!("# one\n\n  a.b_c-1\t{key}  \r\n")).unwrap();
    assert!(read.has("a.b_c-1") && !read.has("a"));
    assert_eq!(format!("{read:?}"), "[\"a.b_c-1\"]", "no key in a log");
    assert_eq!(fault("# none\n"), KeyFault::None);
    assert_eq!(fault("a"), KeyFault::Shape(1));
    assert_eq!(fault(&format!("\na {key}0")), KeyFault::Shape(2));
    assert_eq!(fault(&format!("a {}+f", "0".repeat(62))), KeyFault::Shape(1));
    assert_eq!(fault(&format!("a {key} b")), KeyFault::Shape(1));
    assert_eq!(fault(&format!("ç {key}")), KeyFault::Id(1));
    assert_eq!(fault(&format!("a {key}\na {key}")), KeyFault::Twice(2));
}

/// A frame of some octets that unpacks to a gigabyte is given up at the length that its row says, a piece at a time.
#[test]
fn a_bomb_goes_no_further_than_its_row() {
    let bare = keys(&[]);
    let bomb = write(Codec::Zstd, &bare, &vec![0; 100 << 20], 1 << 20);
    assert!(bomb.len() < 20_000, "{}", bomb.len());
    assert_eq!(read_as(ID, &bare, &bomb, 1 << 20, 1_000), Err(BlobFault::TooLong(1_000)));
    let mut reader = Reader::new(bare.clone(), ID, 200_000);
    reader.feed(&bomb);
    let mut given = 0;
    while let Ok(Some(piece)) = reader.next_piece() {
        given += piece.len();
    }
    assert!(given <= 200_000);
    // A window that would make us keep a gigabyte: descriptor 0xa8 is 2^31 (RFC 8878 §3.1.1.1.2).
    let mut wide = MAGIC.to_vec();
    wide.extend([1, 1, 0, 0, 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);
    assert!(matches!(read(&bare, &wide), Err(BlobFault::Unpack(_))));
}

#[test]
fn a_newer_header_is_told_as_one() {
    let blob = |header: [u8; 4]| read(&keys(&[]), &[&MAGIC[..], &header, b"x"].concat());
    assert_eq!(blob([1, 0, 0, 0]).unwrap(), b"x");
    assert_eq!(blob([2, 0, 0, 0]), Err(BlobFault::Unknown { what: "version", found: 2 }));
    assert_eq!(blob([1, 2, 0, 0]), Err(BlobFault::Unknown { what: "codec", found: 2 }));
    assert_eq!(blob([1, 0, 2, 0]), Err(BlobFault::Unknown { what: "cipher", found: 2 }));
    assert_eq!(blob([1, 0, 1, 0]), Err(BlobFault::Unknown { what: "key id", found: 0 }));
    assert_eq!(blob([1, 0, 0, 3]), Err(BlobFault::Unknown { what: "key id", found: 3 }));
}
