//! How content is kept, seen from outside: packed, encrypted, as it was before, and damaged.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::store::{
    blob::{BlobFault, KeyFault, MAGIC},
    settings::Content,
};

#[expect(clippy::disallowed_methods, reason = "the test writes the file")]
fn keys(folder: &Path, text: &str) -> Option<PathBuf> {
    let path = folder.join("keys");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    Some(path)
}

fn line(id: &str, octet: u8) -> String {
    format!("{id} {}\n", format!("{octet:02x}").repeat(32))
}

async fn opened(folder: &Path, content: Content) -> Result<Store, StoreFault> {
    Store::open(Settings { content, ..place::of(folder).await }).await
}

fn blob(folder: &Path, id: &TransactionId) -> PathBuf {
    folder.join("quarantine").join(&id.as_str()[20..22]).join(id.as_str())
}

async fn read(view: &View, id: &TransactionId) -> Result<Vec<u8>, StoreFault> {
    view.content(id).await?.map_ok(|part| part.to_vec()).try_concat().await
}

/// What an earlier version wrote is content and nothing else, and is read; what is written now is packed.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test writes what an earlier version wrote")]
async fn what_an_earlier_version_kept_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = opened(folder.path(), Content::default()).await.unwrap();
    let content = b"Linha de uma carta qualquer.\r\n".repeat(50_000);
    let item = sample::item(1, TRACE, &content);
    keep(&store, &item, &content).await.unwrap();
    let path = blob(folder.path(), &item.id);
    let packed = std::fs::read(&path).unwrap();
    assert!(packed.starts_with(&MAGIC) && packed.len() < content.len() / 50, "{} octets", packed.len());
    std::fs::write(&path, [TRACE, &content].concat()).unwrap();
    assert!(read(&store, &item.id).await.unwrap() == [TRACE, &content].concat());
    assert_eq!(&store.beginning(&item.id, 40).await.unwrap()[..], &[TRACE, &content].concat()[..40]);
    assert_eq!(store.keys_needed().await.unwrap(), []);
}

/// Octets that are not what the item says are told, whether or not something in them says so.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test damages the file itself")]
async fn content_that_is_not_what_was_kept_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Content { compress: false, ..Content::default() };
    let store = opened(folder.path(), plain).await.unwrap();
    let item = sample::item(1, TRACE, b"Pague ate o dia 10");
    keep(&store, &item, b"Pague ate o dia 10").await.unwrap();
    let path = blob(folder.path(), &item.id);
    let whole = std::fs::read(&path).unwrap();
    let damaged = |from: &[u8], to: &[u8]| {
        let mut octets = whole.clone();
        let at = octets.windows(from.len()).position(|window| window == from).unwrap();
        octets.splice(at..at + from.len(), to.iter().copied());
        octets
    };
    for (octets, what) in [
        (damaged(b"dia 10", b"dia 11"), "SHA-256"),
        (damaged(b"dia 10", b"dia"), "length"),
        ([TRACE, b"Pague ate o dia 11"].concat(), "SHA-256"),
    ] {
        std::fs::write(&path, octets).unwrap();
        let fault = read(&store, &item.id).await.unwrap_err();
        assert!(matches!(fault, StoreFault::NotWhatWasKept { what: told } if told == what), "{what}: {fault}");
    }
    std::fs::write(&path, damaged(b"dia 10", b"dia 10, ou antes")).unwrap();
    assert!(matches!(read(&store, &item.id).await, Err(StoreFault::Blob(BlobFault::TooLong(_)))));
}

/// New content takes the newest key, and the disk has nothing of it in clear; a key that was taken away is named, and so is one that is
/// another; which are needed is known without opening anything.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test looks at the file, and exchanges two")]
async fn content_is_encrypted_and_keys_are_exchanged() {
    let folder = tempfile::tempdir().unwrap();
    let content = content(200_000);
    let with = |text: &str| Content { keys: keys(folder.path(), text), ..Content::default() };
    let (old, new) = (line("2025", 1), line("2026", 2));
    let items: Vec<Item> = (1..=3).map(|number| sample::item(number, TRACE, &content)).collect();
    for (item, text) in items.iter().zip(["", &old, &format!("{old}{new}")]) {
        let how = if text.is_empty() { Content::default() } else { with(text) };
        let store = opened(folder.path(), how).await.unwrap();
        keep(&store, item, &content).await.unwrap();
        store.close().await;
    }
    let store = opened(folder.path(), with(&format!("{old}{new}"))).await.unwrap();
    assert_eq!(store.keys_needed().await.unwrap(), [("2025".to_owned(), 1), ("2026".to_owned(), 1)]);
    for item in &items {
        assert!(read(&store, &item.id).await.unwrap() == [TRACE, &content].concat());
    }
    let octets = std::fs::read(blob(folder.path(), &items[2].id)).unwrap();
    assert!(!octets.windows(TRACE.len()).any(|window| window == TRACE));
    store.close().await;
    drop(store);

    let store = opened(folder.path(), with(&new)).await.unwrap();
    assert!(store.has_key("2026") && !store.has_key("2025"));
    let fault = read(&store, &items[1].id).await.unwrap_err();
    assert!(matches!(&fault, StoreFault::Blob(BlobFault::NoKey(id)) if id == "2025"), "{fault}");
    let (one, two) = (blob(folder.path(), &items[1].id), blob(folder.path(), &items[2].id));
    std::fs::copy(&two, &one).unwrap();
    let fault = read(&store, &items[1].id).await.unwrap_err();
    assert!(matches!(&fault, StoreFault::Blob(BlobFault::Sealed { .. })), "another message's: {fault}");
    store.close().await;
    drop(store);

    let store = opened(folder.path(), with(&line("2026", 9))).await.unwrap();
    let fault = read(&store, &items[2].id).await.unwrap_err();
    assert!(fault.to_string().contains("`2026`") && fault.to_string().contains("another one"), "{fault}");
    store.settle(&items[2].id, ItemState::Deleted, 1).await.unwrap();
    assert_eq!(store.keys_needed().await.unwrap(), [("2025".to_owned(), 1)]);
}

/// A start without its keys would write in clear what was to be encrypted.
#[tokio::test]
async fn a_file_of_keys_that_cannot_be_used_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let with = |text: &str| Content { keys: keys(folder.path(), text), ..Content::default() };
    let fault = opened(folder.path(), with("2026 0102")).await.unwrap_err();
    assert!(matches!(fault, StoreFault::Keys { source: KeyFault::Shape(1), .. }), "{fault}");
    let open = with(&line("2026", 1));
    std::fs::set_permissions(folder.path().join("keys"), PermissionsExt::from_mode(0o640)).unwrap();
    assert!(matches!(opened(folder.path(), open.clone()).await, Err(StoreFault::KeysAreOpen(_))));
    std::fs::remove_file(folder.path().join("keys")).unwrap();
    assert!(matches!(opened(folder.path(), open).await, Err(StoreFault::Folder { .. })));
}
