//! The terminal that a person sits at, wherever input and output of the command go: for what is to be neither shown, nor kept.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufReader, Read as _, Write as _},
    os::fd::AsFd,
};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// What is read of a line, octets; terminals keep no more of one.
const LINE: u64 = 4096;

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
        let typed = hidden(&self.0, || {
            self.say(&format!("{asked} "))?;
            line(BufReader::new((&self.0).take(LINE)))
        });
        self.say("\n")?;
        typed
    }
}

/// What `read` reads while the terminal does not show what is typed; afterwards it is as it was, whatever happened.
pub(super) fn hidden<T>(terminal: &impl AsFd, read: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let before = tcgetattr(terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(terminal, OptionalActions::Flush, &silent)?;
    let typed = read();
    tcsetattr(terminal, OptionalActions::Flush, &before)?;
    typed
}

/// One line, without its end.
pub(super) fn line(mut from: impl io::BufRead) -> io::Result<String> {
    let mut typed = String::new();
    from.read_line(&mut typed)?;
    Ok(typed.trim_end_matches(['\r', '\n']).to_owned())
}
