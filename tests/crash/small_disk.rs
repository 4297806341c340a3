//! A disk so small that it can be filled.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{
    command::run,
    gateway::{Gateway, Setup},
};

/// A gateway whose `data_dir` is a file system of its own, in memory.
///
/// The fields are dropped in this order: the folder is taken away from a gateway that may still run, and can then be removed.
#[derive(Debug)]
pub struct OnSmallDisk {
    disk: SmallDisk,
    /// The gateway.
    pub gateway: Gateway,
}

impl OnSmallDisk {
    /// Starts the gateway on a disk of so many MiB, of which `ballast` are taken by a file that is none of its own.
    pub fn start(setup: Setup, mebibytes: usize, ballast: usize) -> Self {
        let disk = SmallDisk::mount(&setup.data(), mebibytes, "rw");
        fs::write(disk.ballast(), vec![0; ballast << 20]).unwrap();
        Self { gateway: setup.start(), disk }
    }

    /// Fills the disk to the last octet.
    pub fn fill(&self) {
        let mut file = File::options().append(true).open(self.disk.ballast()).unwrap();
        for piece in [1 << 20, 4096, 1] {
            let zeros = vec![0; piece];
            while file.write_all(&zeros).is_ok() {}
        }
    }

    /// Adds ballast until no more than so many octets are free.
    pub fn leave_free(&self, octets: u64) {
        let mut file = File::options().append(true).open(self.disk.ballast()).unwrap();
        let free = || {
            let disk = rustix::fs::statvfs(&self.disk.0).unwrap();
            disk.f_bavail * disk.f_frsize
        };
        while free() > octets {
            file.write_all(&[0; 64 << 10]).unwrap();
        }
    }

    /// Takes the ballast away.
    pub fn make_room(&self) {
        File::create(self.disk.ballast()).unwrap();
    }
}

/// A tmpfs; unmounted on drop.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one. Fails the test where that is not allowed: only root may.
    pub fn mount(folder: &Path, mebibytes: usize, mode: &str) -> Self {
        fs::create_dir_all(folder).unwrap();
        let options = format!("size={mebibytes}m,mode=700,{mode}");
        let output =
            run(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "portaria-small-disk"]).arg(folder));
        assert_eq!(output.code, Some(0), "this case mounts a small tmpfs, which takes root: {}", output.told());
        Self(folder.to_owned())
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file open there keeps that file, and the folder is free at once.
        let output = run(Command::new("umount").arg("--lazy").arg(&self.0));
        if output.code != Some(0) {
            eprintln!("{} stays mounted: {}", self.0.display(), output.told());
        }
    }
}
