//! What is written comes back, and what is not what was written is told by the entry's name.
#![expect(clippy::disallowed_methods, reason = "the tests damage the file themselves")]

use std::{fs, io::Read as _, path::Path};

use super::*;

const ENTRIES_WRITTEN: [(&str, &[u8]); 3] =
    [("journal/0000000001.journal", b"{}\n"), ("rules/subjects/a.toml", &[b'x'; 700]), ("audit/audit.log", b"")];

fn write(to: &Path) -> Unproven {
    let mut writer = Writer::begin(to).unwrap();
    for (name, octets) in ENTRIES_WRITTEN.into_iter().chain([(MANIFEST, &b"{}"[..])]) {
        writer.entry(name).unwrap();
        writer.write(octets, octets).unwrap();
        writer.end().unwrap();
    }
    assert_eq!(writer.lines()[1].size, 700);
    writer.finish().unwrap()
}

#[test]
fn a_backup_has_its_name_once_it_is_kept_and_leaves_nothing_if_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.backup");
    drop(write(&to));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let unproven = write(&to);
    assert!(!to.exists() && unproven.part().exists());
    assert!(matches!(Writer::begin(&to), Err(BackupFault::Busy(_))), "one at a time");
    unproven.keep().unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(matches!(Writer::begin(&to), Err(BackupFault::Exists(_))));

    let index = Index::read(&to).unwrap();
    for (place, (name, octets)) in index.places().iter().zip(ENTRIES_WRITTEN) {
        let mut read = Vec::new();
        index.octets(place).unwrap().read_to_end(&mut read).unwrap();
        assert_eq!((place.name.as_str(), read.as_slice()), (name, octets));
    }
}

/// One that was killed while it wrote is written over, and was never taken for a backup.
#[test]
fn what_a_killed_one_left_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.backup");
    fs::write(folder.path().join("a.backup.part"), "half of something longer than nothing").unwrap();
    write(&to).keep().unwrap();
    assert_eq!(Index::read(&to).unwrap().places().len(), 4);
}

/// Headers, filling and end: every octet that is no entry's own is looked at here, and every length is missed.
#[test]
fn every_octet_between_entries_counts_and_so_does_the_length() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("a.backup");
    write(&to).keep().unwrap();
    let whole = fs::read(&to).unwrap();
    let index = Index::read(&to).unwrap();
    let own: Vec<_> = index.places().iter().map(|place| place.at..place.at + place.packed).collect();
    for at in (0..whole.len()).filter(|at| !own.iter().any(|own| own.contains(&(*at as u64)))) {
        let mut bad = whole.clone();
        bad[at] ^= 1;
        fs::write(&to, &bad).unwrap();
        assert!(Index::read(&to).is_err(), "octet {at}");
    }
    for length in (0..whole.len()).step_by(13).chain([whole.len() - 1]) {
        fs::write(&to, &whole[..length]).unwrap();
        assert!(Index::read(&to).is_err(), "{length} octets");
    }
    fs::write(&to, [&whole[..], b"\0"].concat()).unwrap();
    assert!(Index::read(&to).is_err(), "and nothing behind the end");
}

#[test]
fn a_manifest_that_leads_elsewhere_or_is_of_later_is_refused() {
    let manifest = |format: u32, names: &[&str]| {
        let entries: Vec<_> =
            names.iter().map(|name| serde_json::json!({ "name": name, "size": 1, "sha256": "" })).collect();
        serde_json::to_vec(&serde_json::json!({
            "format": format, "portaria": "1", "schema": 6, "made_at": 1, "hostname": "h", "data_dir": "/d",
            "rules_dir": "/r", "audit_head": null, "gone": [], "missing": [], "entries": entries,
        }))
        .unwrap()
    };
    assert!(Manifest::read(&manifest(FORMAT, &["rules/a", "rules/b"])).is_ok());
    assert!(matches!(Manifest::read(&manifest(2, &[])), Err(BackupFault::Format { found: 2 })));
    assert!(matches!(Manifest::read(&manifest(FORMAT, &["rules/../../etc/x"])), Err(BackupFault::Name(_))));
    let twice = Manifest::read(&manifest(FORMAT, &["rules/a", "rules/a"])).unwrap_err();
    assert_eq!(twice.to_string(), "rules/a: stands there twice");
    assert!(Manifest::read(b"{\"format\":1}").unwrap_err().to_string().starts_with("manifest.json: "));
}

/// Each list by itself, before the others are looked at: memory is not the writer's to spend.
#[test]
fn a_list_of_more_than_there_can_be_is_refused_while_it_is_read() {
    let whole = serde_json::json!({
        "format": FORMAT, "portaria": "1", "schema": 6, "made_at": 1, "hostname": "h", "data_dir": "/d", "rules_dir": "/r",
        "audit_head": null, "gone": [], "missing": [], "damaged": [], "entries": [],
    });
    for list in ["gone", "missing", "damaged"] {
        let mut many = whole.clone();
        many[list] = serde_json::json!(vec![""; ENTRIES + 1]);
        let octets = serde_json::to_vec(&many).unwrap();
        assert!(Manifest::read(&octets).unwrap_err().to_string().contains("more than 2000000 entries"), "{list}");
    }
    let mut earlier = whole;
    earlier.as_object_mut().unwrap().remove("damaged");
    assert!(Manifest::read(&serde_json::to_vec(&earlier).unwrap()).unwrap().damaged.is_empty());
}
