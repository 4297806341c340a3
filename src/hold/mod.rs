//! The hold: content while undecided. Memory up to 64 KiB, then a memfd, then an unlinked file (decision 5).
//!
//! In: decoded content in pieces of any size, our trace fields first. Out: any part of it again while it still grows, and once
//! it is whole a descriptor. Nothing here survives the process: what no one
//! acknowledged is nobody's to keep. The hold does not know what the content means, nor how it is framed.
//!
//! | file | what |
//! |---|---|
//! | this one | where content goes as it grows, and the memory that all holds share |
//! | `place` | the three places: how each is made, written, read |
//! | `memfd` | the second of them, and those that lie ready for the next message |
//! | `recent` | what was written last, for who reads it next |
//! | `disk` | the floor of free space |

pub mod disk;
mod memfd;
mod place;
mod recent;

use std::{
    fs::File,
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use futures_util::{Stream, stream};

use crate::relay::event::HoldFault;
use disk::Floor;
use memfd::Ready;
use place::Place;
use recent::Recent;

/// Content up to this stays in the process's own memory: most messages, and no system call for any of them. Octets.
const SMALL: u64 = 64 * 1024;

/// What one read of [`Hold::octets`] takes, octets.
const PIECE: usize = 256 * 1024;

/// Bounds of all holds.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where unlinked files are made: `data_dir/hold`.
    pub folder: PathBuf,
    /// A memfd up to this, octets.
    pub memory_per_message: u64,
    /// All memory holds and memfds together, octets.
    pub memory_total: u64,
    /// Free space that a file must leave, in percent of the file system (default 5); the lower of the two floors counts.
    pub disk_floor_percent: u8,
    /// Free space that a file must leave, octets (default 1 GiB).
    pub disk_floor_bytes: u64,
}

/// Makes holds, and counts the memory that they take together.
#[derive(Debug)]
pub struct Holds {
    settings: Settings,
    memory: AtomicU64,
    memory_refused: AtomicU64,
    ready: Ready,
}

impl Holds {
    /// Makes the folder (0700) if it is not there. There is nothing to clean up from an earlier run: its files had no names.
    pub fn new(settings: Settings) -> io::Result<Arc<Self>> {
        place::make_folder(&settings.folder)?;
        let (memory, memory_refused) = (AtomicU64::new(0), AtomicU64::new(0));
        Ok(Arc::new(Self { settings, memory, memory_refused, ready: Ready::default() }))
    }

    /// An empty hold.
    pub fn begin(self: &Arc<Self>) -> Hold {
        let (holds, place, recent) = (Arc::clone(self), Place::Memory(Vec::new()), Recent::default());
        Hold { holds, place, length: 0, counted: 0, torn: false, recent }
    }

    /// Octets that all holds keep in memory and memfds now; for the metric.
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }

    /// How often the memory of all holds together had no room, so that content went to the disk.
    pub fn memory_refused(&self) -> u64 {
        self.memory_refused.load(Ordering::Relaxed)
    }

    /// Whether the disk is under its floor: MAIL is answered `452 4.3.1`. One `statvfs`, which on a hung network file system
    /// blocks: ask once a second and remember. A disk that cannot be asked counts as low.
    pub fn disk_is_low(&self) -> bool {
        disk::is_low(&self.settings.folder, self.floor()).unwrap_or(true)
    }

    fn floor(&self) -> Floor {
        Floor { percent: self.settings.disk_floor_percent, octets: self.settings.disk_floor_bytes }
    }

    fn reserve(&self, octets: u64) -> bool {
        let reserved = self.reserve_within(self.settings.memory_total, octets);
        if !reserved {
            self.memory_refused.fetch_add(1, Ordering::Relaxed);
        }
        reserved
    }

    fn reserve_within(&self, bound: u64, octets: u64) -> bool {
        let take = |now: u64| now.checked_add(octets).filter(|&sum| sum <= bound);
        self.memory.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_back(&self, octets: u64) {
        self.memory.fetch_sub(octets, Ordering::Relaxed);
    }
}

/// Content that is complete.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The hold's own file, mode 0600 and without a name. It can be written: who passes it to another process opens it anew, read-only.
    pub file: Arc<File>,
    /// What of it is content, octets.
    pub length: u64,
    /// It is a memfd.
    pub in_memory: bool,
    /// Other processes that may be reading it. Who hands it to one counts it in before, and out once that has said that it is done; until then,
    /// which may be never, the file is not written over for another message.
    pub readers: Arc<AtomicUsize>,
}

/// The content of one message. Dropping it frees everything (a scanner that still has the descriptor keeps its own share).
#[derive(Debug)]
pub struct Hold {
    holds: Arc<Holds>,
    place: Place,
    length: u64,
    /// What of `length` is reserved in [`Holds::memory`].
    counted: u64,
    /// An append was dropped half-way: its write may still be running, and the next one would race with it.
    torn: bool,
    recent: Recent,
}

impl Hold {
    /// Octets so far.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Appends. After [`HoldFault::Full`] the hold is as it was before; a hold whose append was cancelled takes nothing more.
    pub async fn append(&mut self, octets: Bytes) -> Result<(), HoldFault> {
        if self.torn {
            return Err(HoldFault::Failed("an earlier append was given up half-way".to_owned()));
        }
        if octets.is_empty() {
            return Ok(());
        }
        self.torn = true;
        let (added, piece) = (octets.len() as u64, octets.clone());
        let appended = match self.length.checked_add(added) {
            Some(grown) => self.append_in_place(octets, added, grown).await,
            None => Err(HoldFault::Full("2^64 octets".to_owned())),
        };
        self.torn = false;
        appended?;
        if !matches!(self.place, Place::Memory(_)) {
            self.recent.written(self.length, piece);
        }
        self.length += added;
        Ok(())
    }

    /// At most `max` octets from `offset` on, also while the hold still grows; empty at or behind its present end, and nowhere else.
    pub async fn read_at(&mut self, offset: u64, max: usize) -> Result<Bytes, HoldFault> {
        if let Some(octets) = self.recent.take(offset, max) {
            return Ok(octets);
        }
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let length = left.min(max);
        self.recent.was_read(length == left);
        self.place.read(offset, length).await
    }

    /// The content as a file. For content that is complete: what is appended later is in the file, too, but not in the length.
    pub async fn content(&mut self) -> Result<Whole, HoldFault> {
        if self.length > SMALL {
            // A scan may take long, and by then the next hop has what flowed to it.
            self.recent = Recent::default();
        }
        if let Place::Memory(octets) = &mut self.place {
            match place::shared(&self.holds.ready, octets, true) {
                Ok(memfd) => {
                    let octets = std::mem::take(octets);
                    self.place = Place::Shared(memfd);
                    self.keep(octets);
                }
                Err(_) => self.spill().await?,
            }
        }
        let length = self.length;
        let (file, in_memory, readers) = match &mut self.place {
            Place::Shared(memfd) => {
                memfd.cut(length).map_err(place::fault)?;
                (&memfd.file, true, Arc::clone(&memfd.readers))
            }
            Place::Disk(file) => (&*file, false, Arc::default()),
            Place::Memory(_) => return Err(HoldFault::Failed("content in memory has no descriptor".to_owned())),
        };
        Ok(Whole { file: Arc::clone(file), length, in_memory, readers })
    }

    /// The content from start to end in pieces of 256 KiB, for the quarantine. It does not borrow the hold.
    pub async fn octets(
        &mut self,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static + use<>, HoldFault> {
        let Whole { file, length, .. } = self.content().await?;
        Ok(stream::try_unfold(0_u64, move |offset| {
            let file = Arc::clone(&file);
            async move {
                let left = usize::try_from(length.saturating_sub(offset)).unwrap_or(usize::MAX);
                if left == 0 {
                    return Ok(None);
                }
                let piece = place::read_blocking(file, offset, left.min(PIECE)).await.map_err(io::Error::other)?;
                let next = offset + piece.len() as u64;
                Ok(Some((piece, next)))
            }
        }))
    }

    /// [`HoldFault::Full`] unless a copy of the content leaves the floor of free space untouched.
    pub async fn leaves_room(&self) -> Result<(), HoldFault> {
        let (holds, length) = (Arc::clone(&self.holds), self.length);
        place::blocking(move || disk::leave_room(&holds.settings.folder, holds.floor(), length)).await
    }

    /// What goes to a scanner goes to the next hop after it, nearly always: it need not be read out of the memfd for that. It is
    /// there twice until then, and counted twice; but no other message shall go to the disk for it, so it takes no more than half of what
    /// there is.
    fn keep(&mut self, octets: Vec<u8>) {
        let again = octets.len() as u64;
        if self.holds.reserve_within(self.holds.settings.memory_total / 2, again) {
            self.counted += again;
            self.recent = Recent::of(octets.into());
        }
    }

    async fn append_in_place(&mut self, octets: Bytes, added: u64, grown: u64) -> Result<(), HoldFault> {
        let per_message = self.holds.settings.memory_per_message;
        if !matches!(self.place, Place::Disk(_)) && grown <= per_message && self.holds.reserve(added) {
            if self.append_in_memory(&octets, grown) {
                self.counted += added;
                return Ok(());
            }
            self.holds.give_back(added);
        }
        if !matches!(self.place, Place::Disk(_)) {
            self.spill().await?;
        }
        let Place::Disk(file) = &self.place else { return Err(HoldFault::Failed("not on disk".to_owned())) };
        let (holds, file, offset) = (Arc::clone(&self.holds), Arc::clone(file), self.length);
        place::blocking(move || {
            disk::leave_room(&holds.settings.folder, holds.floor(), added)?;
            place::write(&file, &octets, offset)
        })
        .await
    }

    /// False if a memfd could not be had or written (descriptors, memory of the container): the disk takes it then.
    fn append_in_memory(&mut self, octets: &[u8], grown: u64) -> bool {
        if let Place::Memory(memory) = &mut self.place {
            if grown <= SMALL {
                place::grow(memory, octets, SMALL);
                return true;
            }
            match place::shared(&self.holds.ready, memory, false) {
                Ok(memfd) => self.place = Place::Shared(memfd),
                Err(_) => return false,
            }
        }
        match &mut self.place {
            Place::Shared(memfd) => memfd.write(octets, self.length).is_ok(),
            Place::Memory(_) | Place::Disk(_) => false,
        }
    }

    /// Moves the present content to an unlinked file, and gives its memory back. Nothing is changed until that has worked.
    async fn spill(&mut self) -> Result<(), HoldFault> {
        let (holds, from, length) = (Arc::clone(&self.holds), self.place.snapshot(), self.length);
        let file = place::blocking(move || {
            disk::leave_room(&holds.settings.folder, holds.floor(), length)?;
            let file = place::unlinked(&holds.settings.folder)?;
            from.copy_to(&file, length)?;
            Ok(file)
        })
        .await?;
        self.place = Place::Disk(Arc::new(file));
        self.holds.give_back(std::mem::take(&mut self.counted));
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Place::Shared(memfd) = std::mem::replace(&mut self.place, Place::Memory(Vec::new())) {
            self.holds.ready.put(memfd);
        }
        self.holds.give_back(self.counted);
    }
}

#[cfg(test)]
mod tests;
