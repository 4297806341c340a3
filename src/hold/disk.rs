//! The floor of free space, below which no file of ours grows and no mail is taken.
//!
//! A full disk must cost a `452`, never a message: the journal and the database live on the same disk and need the last of it.

use std::{io, path::Path};

/// Free space to leave. The lower of the two counts: 5 % of a large disk is more than anyone needs to keep back, and 1 GiB is more
/// than a small one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// In percent of the file system.
    pub percent: u8,
    /// In octets.
    pub octets: u64,
}

impl Floor {
    fn of(self, size: u64) -> u64 {
        (size / 100).saturating_mul(u64::from(self.percent)).min(self.octets)
    }
}

/// Whether the file system of `folder` is under its floor, or has no inodes left.
pub fn is_low(folder: &Path, floor: Floor) -> io::Result<bool> {
    Ok(room(folder, floor)?.is_none_or(|room| room == 0))
}

/// An error of kind `StorageFull` unless `octets` more leave the floor untouched.
pub(super) fn leave_room(folder: &Path, floor: Floor, octets: u64) -> io::Result<()> {
    match room(folder, floor)? {
        Some(room) if octets <= room => Ok(()),
        _ => Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is at its floor of free space")),
    }
}

/// Octets that may still be written; none without a free inode. Some file systems (btrfs) count no inodes and say 0 of 0.
fn room(folder: &Path, floor: Floor) -> io::Result<Option<u64>> {
    let disk = rustix::fs::statvfs(folder)?;
    if disk.f_files > 0 && disk.f_favail == 0 {
        return Ok(None);
    }
    let size = disk.f_blocks.saturating_mul(disk.f_frsize);
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    Ok(Some(free.saturating_sub(floor.of(size))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_floor_counts() {
        const GIB: u64 = 1 << 30;
        let floor = Floor { percent: 5, octets: GIB };
        for (size, expected) in [(0, 0), (10 * GIB, GIB / 2), (20 * GIB, GIB), (2_000 * GIB, GIB)] {
            let difference = floor.of(size).abs_diff(expected);
            assert!(difference < 100, "{size}: {} instead of {expected}", floor.of(size));
        }
    }

    #[test]
    fn a_floor_above_the_disk_is_low_and_none_is_not() {
        let folder = std::env::temp_dir();
        assert!(is_low(&folder, Floor { percent: 100, octets: u64::MAX }).unwrap());
        assert!(!is_low(&folder, Floor { percent: 0, octets: 0 }).unwrap());
        let full = leave_room(&folder, Floor { percent: 0, octets: 0 }, u64::MAX).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    }
}
