//! Debian's clamd with signatures made from a seed: a scan costs what a loaded engine costs, and finds nothing in this mail.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    chance::Chance,
    program::{Program, lease_port, listens_at, write},
};

const PROGRAM: &str = "/usr/sbin/clamd";
const HASHES: usize = 200_000;
const BODIES: usize = 10_000;

/// A private clamd.
#[derive(Debug)]
pub struct Clamd {
    program: Program,
    socket: PathBuf,
    /// Goes with it: behind a clamd that was ended there may be files.
    _temporary: tempfile::TempDir,
}

impl Clamd {
    /// Whether it is installed.
    pub fn is_installed() -> bool {
        Path::new(PROGRAM).exists()
    }

    /// Starts it, as Debian does but for its cache of clean files: or every message after the first round would cost nothing.
    /// Its temporary files are made in a folder of their own in `temporary`.
    pub fn start(folder: &Path, seed: u64, temporary: &Path) -> Result<Self, String> {
        let (shown, socket, port) = (folder.display(), folder.join("clamd.sock"), lease_port()?);
        let mut chance = Chance(seed);
        write(&folder.join("database/hashes.hdb"), &hashes(&mut chance, 32))?;
        write(&folder.join("database/hashes.hsb"), &hashes(&mut chance, 64))?;
        write(&folder.join("database/bodies.ndb"), &bodies(&mut chance))?;
        write(&folder.join("database/test.ndb"), &test_file())?;
        let temporary = tempfile::tempdir_in(temporary).map_err(|fault| format!("{}: {fault}", temporary.display()))?;
        let unpacked = temporary.path().display();
        let configuration = format!(
            "Foreground yes\nDatabaseDirectory {shown}/database\nTemporaryDirectory {unpacked}\nLocalSocket {shown}/clamd.sock\n\
             LocalSocketMode 666\nTCPSocket {port}\nTCPAddr 127.0.0.1\nDisableCache yes\nStreamMaxLength 100M\nMaxScanSize 400M\nMaxFileSize 100M\n\
             AlertExceedsMax yes\nAlertEncrypted yes\nSelfCheck 0\nMaxThreads 12\n"
        );
        let file = folder.join("clamd.conf");
        write(&file, &configuration)?;
        let argument = file.display().to_string();
        let mut program = Program::start("clamd", folder, Path::new(PROGRAM), &["--config-file", &argument])?;
        program.wait_until(|| listens_at(&socket))?;
        Ok(Self { program, socket, _temporary: temporary })
    }

    /// Its local socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.program.id()
    }
}

/// EICAR, which the gateway looks for to know that a scanner sees. In halves, or this file is a finding of whoever stores it.
fn test_file() -> String {
    let eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let hex: String = eicar.bytes().map(|octet| format!("{octet:02x}")).collect();
    format!("Eicar-Test-Signature:0:*:{hex}\n")
}

/// Most name a size, and are looked up for nothing else; one in ten is looked up always.
fn hashes(chance: &mut Chance, digits: usize) -> String {
    let mut out = String::new();
    for nth in 0..HASHES / 2 {
        for _ in 0..digits / 16 {
            // A write to a String cannot fail.
            let _ = write!(out, "{:016x}", chance.bits());
        }
        let _ = if nth % 10 == 0 {
            writeln!(out, ":*:Made.{digits}-{nth}:73")
        } else {
            writeln!(out, ":{}:Made.{digits}-{nth}", 200 + chance.below(4_000_000))
        };
    }
    out
}

/// Patterns of 16 to 60 octets, as text or as code, some with a gap, for the kinds of files that real ones are for.
fn bodies(chance: &mut Chance) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789<>=\"'()/. ";
    // Any file, programs, OLE2, HTML, mail, text: as often as among real signatures.
    const KINDS: &[&str] = &["0", "0", "0", "0", "1", "1", "1", "2", "3", "4", "7"];
    let mut out = String::new();
    for nth in 0..BODIES {
        let (octets, is_text) = (16 + chance.below(45), chance.below(10) < 4);
        let kind = chance.of(KINDS);
        let _ = write!(out, "Made.Body-{nth}:{kind}:*:");
        let gap = [(octets / 2, "{4-20}"), (octets / 2, "*"), (octets, ""), (octets, "")][chance.below(4)];
        for at in 0..octets {
            let octet = if is_text { LETTERS[chance.below(LETTERS.len())] } else { chance.bits() as u8 };
            if at == gap.0 && nth % 5 == 0 {
                out.push_str(gap.1);
            }
            let _ = write!(out, "{octet:02x}");
        }
        out.push('\n');
    }
    out
}
