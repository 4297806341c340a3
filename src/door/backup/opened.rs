//! Entries out of a file. Nothing that is read here is believed: lengths are the manifest's, unpacking ends where they do, and an entry is
//! given up as damaged, by its name, when it is not what the manifest says.

use std::{io::Read as _, path::Path, sync::Arc};

use aws_lc_rs::digest::{Context, SHA256};

use super::{Fault, Progress};
use crate::{
    backup::{BackupFault, Index, Line, MANIFEST, Manifest, Place},
    store::blob::{BlobFault, Keys, MAGIC, Reader},
};

/// Octets that are read at a time.
const PIECE: usize = 64 * 1024;

/// Where a blob says whether it is encrypted (`store::blob`).
const CIPHER: usize = 10;

/// What comes of an entry: pieces, and at last that it was whole.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// More of it.
    Piece(&'a [u8]),
    /// It was what the manifest says.
    Whole,
}

/// A backup whose manifest was read.
#[derive(Debug)]
pub struct Opened {
    index: Index,
    keys: Arc<Keys>,
    manifest: Manifest,
}

impl Opened {
    /// Opens a file. With keys every entry has to be encrypted with one of them. Blocks.
    pub fn open(file: &Path, keys: Arc<Keys>) -> Result<Self, Fault> {
        let index = Index::read(file)?;
        let place = index.places().last().cloned().ok_or_else(|| BackupFault::NoBackup(file.to_owned()))?;
        let mut octets = Vec::new();
        unpack(&index, &keys, &place, index.manifest_octets(), &mut |piece| {
            octets.extend_from_slice(piece);
            Ok(())
        })?;
        let manifest = Manifest::read(&octets)?;
        let there = index.places().iter().filter(|place| place.name != MANIFEST).map(|place| &place.name);
        let mut told = manifest.entries.iter().map(|line| &line.name);
        for name in there {
            if told.next() != Some(name) {
                return Err(BackupFault::damaged(name, "the manifest does not have it there").into());
            }
        }
        match told.next() {
            Some(name) => Err(BackupFault::damaged(name, "it is missing").into()),
            None => Ok(Self { index, keys, manifest }),
        }
    }

    /// What is in it.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads every entry whose name `wanted` takes, in their order. Blocks.
    pub fn each(
        &self,
        progress: &Progress,
        wanted: impl Fn(&str) -> bool,
        mut act: impl FnMut(&Line, Part<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // They stand in one order: that was looked at when it was opened.
        let both = self.manifest.entries.iter().zip(self.index.places());
        for (line, place) in both.filter(|(line, _)| wanted(&line.name)) {
            let mut digest = Context::new(&SHA256);
            let mut size = 0_u64;
            unpack(&self.index, &self.keys, place, line.size, &mut |piece| {
                digest.update(piece);
                size = size.saturating_add(piece.len() as u64);
                progress.step(piece.len())?;
                act(line, Part::Piece(piece))
            })?;
            let digest: String = digest.finish().as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
            if size != line.size || digest != line.sha256 {
                return Err(BackupFault::damaged(&line.name, "it is not what was written").into());
            }
            act(line, Part::Whole)?;
        }
        Ok(())
    }
}

fn unpack(
    index: &Index,
    keys: &Arc<Keys>,
    place: &Place,
    limit: u64,
    give: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let unread = |fault| Fault::from(BackupFault::io(index.path(), fault));
    let mut from = index.octets(place).map_err(unread)?;
    let mut reader = Reader::new(keys.clone(), &place.name, limit);
    let mut piece = vec![0; PIECE];
    let mut begun = false;
    loop {
        let read = from.read(&mut piece).map_err(unread)?;
        let octets = piece.get(..read).unwrap_or_default();
        let is_sealed = octets.starts_with(&MAGIC) && octets.get(CIPHER) == Some(&1);
        if !begun && keys.newest_id().is_some() && !is_sealed {
            return Err(Fault::NotEncrypted(place.name.clone()));
        }
        begun = true;
        if read == 0 {
            reader.end()
        } else {
            reader.feed(octets)
        }
        while let Some(plain) = reader.next_piece().map_err(|fault| closed(fault, keys, &place.name))? {
            give(&plain)?;
        }
        if read == 0 {
            return Ok(());
        }
    }
}

/// Who gave no key at all has forgotten it; who gave others is told which it is.
fn closed(fault: BlobFault, keys: &Keys, name: &str) -> Fault {
    match fault {
        BlobFault::NoKey(key) if keys.newest_id().is_none() => Fault::Encrypted(key),
        fault => BackupFault::damaged(name, fault).into(),
    }
}
