//! The terminal that a person sits at, wherever input and output of the command go: for what is to be neither shown, nor kept.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::fd::AsFd,
};

use rustix::{
    process::{Signal, getpid, kill_process},
    termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr},
};

/// What is read of a line, octets; terminals keep no more of one.
const LINE: usize = 4096;

/// The character of a key that is none (`_POSIX_VDISABLE`).
const NO_KEY: u8 = 0;

/// It, opened anew.
pub(super) struct Terminal(File);

impl Terminal {
    /// Without one: under cron, in a pipe of `ssh`.
    pub(super) fn open() -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open("/dev/tty").map(Self)
    }

    /// Shows a text.
    pub(super) fn say(&self, text: &str) -> io::Result<()> {
        (&self.0).write_all(text.as_bytes())
    }

    /// Asks for a line that is not shown while it is typed. The question comes when nothing is shown any more: what is typed behind it is
    /// neither seen nor forgotten.
    pub(super) fn hidden(&self, asked: &str) -> io::Result<String> {
        let typed = hidden(&self.0, || self.say(&format!("{asked} ")));
        self.say("\n")?;
        or_interrupted(typed?)
    }
}

/// What was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// A line, without its end.
    Line(String),
    /// The key that ends a command, Ctrl-C.
    Interrupt,
}

/// Asks with `ask` at a terminal, and reads a line that is not shown. Afterwards the terminal is as it was, whatever was typed: a signal would end
/// us in the middle, and leave a shell behind in which nobody sees what he types. So while nothing is shown, the key that interrupts
/// ends the line, and is told.
pub(super) fn hidden(terminal: &impl AsFd, ask: impl FnOnce() -> io::Result<()>) -> io::Result<Typed> {
    let before = tcgetattr(terminal)?;
    let interrupt = before.special_codes[SpecialCodeIndex::VINTR];
    tcsetattr(terminal, OptionalActions::Flush, &silent(&before, interrupt))?;
    let typed = ask().and_then(|()| read_line(terminal, interrupt));
    tcsetattr(terminal, OptionalActions::Flush, &before)?;
    typed
}

/// The line, or the end of us, by the signal that was meant.
pub(super) fn or_interrupted(typed: Typed) -> io::Result<String> {
    match typed {
        Typed::Line(line) => Ok(line),
        Typed::Interrupt => {
            kill_process(getpid(), Signal::INT)?;
            // Only where somebody has told us to ignore it.
            Err(io::Error::other("interrupted"))
        }
    }
}

/// As it was, but for echo and keys that send signals, one of which ends a line.
fn silent(before: &Termios, interrupt: u8) -> Termios {
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    silent.special_codes[SpecialCodeIndex::VEOL] = interrupt;
    silent
}

/// Past our own buffers: what is behind the line is somebody else's.
fn read_line(terminal: &impl AsFd, interrupt: u8) -> io::Result<Typed> {
    let mut typed = Vec::new();
    let mut octets = [0; LINE];
    loop {
        let count = match rustix::io::read(terminal, &mut octets) {
            Err(rustix::io::Errno::INTR) => continue,
            read => read?,
        };
        typed.extend_from_slice(octets.get(..count).unwrap_or_default());
        if interrupt != NO_KEY && typed.contains(&interrupt) {
            return Ok(Typed::Interrupt);
        }
        if count == 0 || typed.ends_with(b"\n") || typed.len() > LINE {
            break;
        }
    }
    let line = String::from_utf8(typed).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let line = line.trim_end_matches(['\r', '\n']);
    // Of keys that send signals otherwise, too: nobody would type it a second time elsewhere.
    if line.chars().any(char::is_control) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a control character"));
    }
    Ok(Typed::Line(line.to_owned()))
}

/// One line, without its end, of what is no terminal.
pub(super) fn line(mut from: impl io::BufRead) -> io::Result<String> {
    let mut typed = String::new();
    from.read_line(&mut typed)?;
    Ok(typed.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use rustix::{
        fs::{Mode, OFlags},
        pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    };

    use super::*;

    /// The side of the keyboard, and the terminal.
    fn terminal() -> (OwnedFd, OwnedFd) {
        let keys = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keys).unwrap();
        unlockpt(&keys).unwrap();
        let name = ptsname(&keys, Vec::new()).unwrap();
        let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        (keys, terminal)
    }

    /// Whatever is typed, Ctrl-C above all, the terminal shows again what is typed afterwards.
    #[test]
    fn the_terminal_is_as_it_was() {
        for (keys, becomes) in [
            (&b"correct horse\n"[..], Some(Typed::Line("correct horse".to_owned()))),
            (b"\n", Some(Typed::Line(String::new()))),
            (b"wrong\x7f\x7f\x7f\x7f\x7fma\xc3\xa7\xc3\xa3\n", Some(Typed::Line("ma\u{e7}\u{e3}".to_owned()))),
            (b"corr\x03", Some(Typed::Interrupt)),
            (b"\x03", Some(Typed::Interrupt)),
            (b"corr\x1a\n", None),
            (b"\xff\n", None),
        ] {
            let (keyboard, terminal) = terminal();
            let before = tcgetattr(&terminal).unwrap();
            assert!(before.local_modes.contains(LocalModes::ECHO | LocalModes::ISIG));
            // What is typed before the question is forgotten.
            let early = b"typed too early\n";
            rustix::io::write(&keyboard, early).unwrap();
            while rustix::io::ioctl_fionread(&terminal).unwrap() < early.len() as u64 {
                std::thread::yield_now();
            }
            let typed = hidden(&terminal, || {
                let silent = tcgetattr(&terminal)?;
                assert!(!silent.local_modes.intersects(LocalModes::ECHO | LocalModes::ISIG));
                rustix::io::write(&keyboard, keys)?;
                Ok(())
            });
            assert_eq!(typed.ok(), becomes, "{keys:?}");
            let after = tcgetattr(&terminal).unwrap();
            assert_eq!(after.local_modes, before.local_modes, "{keys:?}");
            assert_eq!(after.special_codes[SpecialCodeIndex::VEOL], before.special_codes[SpecialCodeIndex::VEOL]);
        }
    }

    #[test]
    fn a_question_that_cannot_be_asked_leaves_nothing_behind() {
        let (_keyboard, terminal) = terminal();
        let before = tcgetattr(&terminal).unwrap().local_modes;
        assert!(hidden(&terminal, || Err(io::Error::other("gone"))).is_err());
        assert_eq!(tcgetattr(&terminal).unwrap().local_modes, before);
    }
}
