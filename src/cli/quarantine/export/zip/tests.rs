//! The archive octet by octet; that other programs open it, `tests/end_to_end/analyst.rs` shows.

use aws_lc_rs::digest::{SHA256, digest};

use super::*;

fn entry(name: &str, size: u64) -> Entry {
    let changed = "2026-11-21T08:00:01-03[America/Belem]".parse().unwrap();
    Entry { name: name.to_owned(), size, changed, salt: [name.len() as u8; SALT] }
}

fn secret() -> Secret {
    b"correct horse battery"[..].into()
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let password = secret();
    let mut zip = Writer::new(Vec::new(), &password);
    for (name, content) in files {
        let mut file = zip.file(&entry(name, content.len() as u64)).unwrap();
        content.chunks(1000).for_each(|piece| file.write_all(piece).unwrap());
        file.end().unwrap();
    }
    zip.end().unwrap()
}

fn number(octets: &[u8], at: usize, length: usize) -> usize {
    octets[at..at + length].iter().rev().fold(0, |number, octet| number << 8 | usize::from(*octet))
}

/// From the end to the directory, from there to each file: as readers go.
#[test]
fn every_way_through_the_archive_leads_where_it_says() {
    let long = vec![b'x'; 70_000];
    let files: [(&str, &[u8]); 3] = [("a.eml", &long), ("a.json", b"{}\n"), ("empty.eml", b"")];
    let zip = archive(&files);
    let entries: Vec<Entry> = files.iter().map(|(name, content)| entry(name, content.len() as u64)).collect();
    assert_eq!(length(entries.iter()), Some(zip.len() as u64), "it is known before");
    let end = zip.len() - 22;
    assert_eq!((&zip[end..end + 4], number(&zip, end + 8, 2), number(&zip, end + 10, 2)), (END, 3, 3));
    let mut at = number(&zip, end + 16, 4);
    assert_eq!(at + number(&zip, end + 12, 4), end);
    for (name, content) in files {
        assert_eq!(&zip[at..at + 4], CENTRAL);
        assert_eq!(number(&zip, at + 38, 4), 0o100_600 << 16);
        let local = number(&zip, at + 42, 4);
        assert_eq!(&zip[local..local + 4], LOCAL);
        assert_eq!(zip[local + 4..local + 30], zip[at + 6..at + 32], "both headers say the same");
        assert_eq!(number(&zip, local + 14, 4), 0, "no checksum of what is encrypted");
        assert_eq!(number(&zip, local + 18, 4), content.len() + SALT + VERIFIER + CODE);
        assert_eq!(number(&zip, local + 22, 4), content.len());
        assert_eq!(&zip[local + 30..local + 30 + name.len()], name.as_bytes());
        assert_eq!(zip[local + 30 + name.len()..][..11], EXTRA);
        at += 46 + name.len() + EXTRA.len();
    }
    assert_eq!(at, end);
    assert!(!zip.windows(8).any(|window| window == b"xxxxxxxx"), "nothing of it is in clear");
}

/// As it was when 7-Zip 26.02, libarchive 3.6.2 and pyzipper 0.4.0 opened it (22 November 2026): whatever changes an octet is tried with them again.
#[test]
fn the_archive_is_the_one_that_others_opened() {
    let content: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
    let zip = archive(&[
        ("0190a5c1e7b07a7a8a8a8a8a8a8a8a8a.eml", &content),
        ("0190a5c1e7b07a7a8a8a8a8a8a8a8a8a.json", b"{}\n"),
    ]);
    let hash: String = digest(&SHA256, &zip).as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(hash, "17786d8edf21a5a9ea4a56c3b2a8b0b8c5f4547006c944ee5ba912bf381b4575");
}

#[test]
fn a_file_that_is_not_as_long_as_it_was_said_to_be_is_a_fault() {
    let password = secret();
    let mut zip = Writer::new(Vec::new(), &password);
    let mut file = zip.file(&entry("a", 3)).unwrap();
    file.write_all(b"ab").unwrap();
    assert!(file.write_all(b"cd").is_err());
    assert!(zip.file(&entry("b", 1)).unwrap().end().is_err());
}

/// Beyond 4 GiB a ZIP needs extensions.
#[test]
fn what_has_no_room_is_known_before() {
    let most = u64::from(u32::MAX);
    for (sizes, fits) in [
        (vec![most - 1_000], true),
        (vec![most - 10], false),
        (vec![most / 2, most / 2], false),
        (vec![u64::MAX, u64::MAX], false),
        (vec![0; 20_000], true),
        (vec![0; 65_535], false),
    ] {
        let entries: Vec<Entry> = sizes.iter().map(|size| entry("a", *size)).collect();
        assert_eq!(length(entries.iter()).is_some(), fits, "{} of {}", sizes.len(), sizes[0]);
    }
}

#[test]
fn times_are_those_of_the_clock_on_the_wall() {
    for (at, time, date) in [
        ("2026-11-21T08:30:59-03[America/Belem]", 8 << 11 | 30 << 5 | 29, 46 << 9 | 11 << 5 | 21),
        ("1979-12-31T23:59:59+00[UTC]", 0, 1 << 5 | 1),
        ("2108-01-01T00:00:00+00[UTC]", 0, 1 << 5 | 1),
    ] {
        let changed = at.parse().unwrap();
        assert_eq!(Entry { changed, ..entry("a", 0) }.dos(), [time, date], "{at}");
    }
}
