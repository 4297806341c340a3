//! One file into one entry: packed, and encrypted if there is a key, as content in the quarantine is (`store::blob`). The entry's name is
//! authenticated with it: no entry can stand for another, of this backup or of one before.

use std::{
    io::{self, Read},
    path::Path,
    sync::Arc,
    time::Duration,
};

use super::{Fault, Progress};
use crate::{
    backup::{BackupFault, Writer},
    store::blob::{self, BlobFault, Codec, Keys},
};

/// Octets that are read at a time.
const PIECE: usize = 64 * 1024;

/// Octets between two pauses.
const STRETCH: usize = 1 << 20;

/// How entries are packed.
#[derive(Clone, Debug)]
pub(super) struct Packing {
    pub(super) keys: Arc<Keys>,
    pub(super) pace: Duration,
    pub(super) progress: Arc<Progress>,
}

impl Packing {
    /// Everything that `from` has, which is at `path`, becomes an entry.
    pub(super) fn put(
        &self,
        writer: &mut Writer,
        name: &str,
        codec: Codec,
        from: &mut impl Read,
        path: &Path,
    ) -> Result<(), Fault> {
        let sealed = |fault: BlobFault| Fault::from(BackupFault::damaged(name, fault));
        let mut out = Vec::new();
        let mut blob = blob::Writer::begin(codec, &self.keys, name, &mut out).map_err(sealed)?;
        writer.entry(name)?;
        let mut piece = vec![0; PIECE];
        let mut since_pause = 0_usize;
        loop {
            let read = match from.read(&mut piece) {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(|fault| Fault::source(path, fault))?,
            };
            let plain = piece.get(..read).unwrap_or_default();
            if plain.is_empty() {
                break;
            }
            blob.write(plain, &mut out).map_err(sealed)?;
            writer.write(plain, &out)?;
            out.clear();
            self.progress.step(read)?;
            since_pause = since_pause.saturating_add(read);
            if since_pause >= STRETCH {
                since_pause = 0;
                self.rest();
            }
        }
        blob.finish(&mut out).map_err(sealed)?;
        writer.write(&[], &out)?;
        Ok(writer.end()?)
    }

    #[expect(clippy::disallowed_methods, reason = "a thread of its own, in which nobody's session is")]
    fn rest(&self) {
        if !self.pace.is_zero() {
            std::thread::sleep(self.pace);
        }
    }
}
