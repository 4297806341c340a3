//! Saved mail, for `portaria rules test`: a message, a mailbox file (mbox), or a folder of either (a Maildir too).
//!
//! In: a path. Out: the header section of one message after the other, with its name. Content is passed over; one header section is in memory
//! at a time, and no more of it than [`HEADER`] octets.
#![expect(clippy::disallowed_methods, reason = "a command reads the files that it is given")]

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use crate::message::header_section::{HeaderLimits, HeaderReader};

/// A header section is read up to here.
pub const HEADER: u64 = 1 << 20;

/// Folders within folders.
const DEPTH: usize = 8;

/// Hands every message below `path` to `each`: name and header section, or what is wrong with it. Names in order; a mailbox file's messages are
/// `file:1`, `file:2` …
pub fn each_message(path: &Path, each: &mut dyn FnMut(&str, io::Result<HeaderReader>)) -> io::Result<()> {
    if !path.is_dir() {
        return each_in_file(path, each);
    }
    for file in files(path, DEPTH)? {
        if let Err(fault) = each_in_file(&file, each) {
            each(&file.display().to_string(), Err(fault));
        }
    }
    Ok(())
}

/// The files below a folder, in name order. Links to folders are not followed: they may lead back.
fn files(folder: &Path, depth: usize) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            found.extend(files(&entry.path(), depth - 1)?);
        } else if entry.path().is_file() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn each_in_file(file: &Path, each: &mut dyn FnMut(&str, io::Result<HeaderReader>)) -> io::Result<()> {
    let name = file.display().to_string();
    let mut reader = BufReader::new(File::open(file)?);
    let is_mailbox = reader.fill_buf()?.starts_with(b"From ");
    if !is_mailbox {
        each(&name, header(&mut reader));
        return Ok(());
    }
    let mut line = Vec::new();
    let (mut number, mut after_blank) = (0_u64, true);
    while read_line(&mut reader, &mut line)? {
        if after_blank && line.starts_with(b"From ") {
            number = number.saturating_add(1);
            each(&format!("{name}:{number}"), header(&mut reader));
            after_blank = true;
        } else {
            after_blank = is_blank(&line);
        }
    }
    Ok(())
}

/// The header section that comes next, with LF or CRLF line ends: files on a disk have either. Its blank line is taken along.
pub fn header(reader: &mut dyn BufRead) -> io::Result<HeaderReader> {
    let mut wire = Vec::new();
    let mut line = Vec::new();
    while read_line(reader, &mut line)? {
        let text = line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let room = usize::try_from(HEADER).unwrap_or(usize::MAX).saturating_sub(wire.len());
        let kept = text.unwrap_or(&line);
        wire.extend_from_slice(kept.get(..room.min(kept.len())).unwrap_or_default());
        wire.extend_from_slice(if text.is_some() { b"\r\n" } else { b"" });
        if is_blank(&line) || room == 0 {
            break;
        }
    }
    let mut reader = HeaderReader::new(HeaderLimits { size: HEADER.saturating_mul(2), fields: 100_000 });
    reader.receive(&wire).and_then(|()| reader.end()).map_err(io::Error::other)?;
    Ok(reader)
}

/// The next line with its end, no longer than a header section; false at the end.
fn read_line(reader: &mut dyn BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    Ok(reader.take(HEADER).read_until(b'\n', line)? > 0)
}

fn is_blank(line: &[u8]) -> bool {
    matches!(line, b"\n" | b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::facts;

    fn seen(path: &Path) -> Vec<String> {
        let mut seen = Vec::new();
        let folder = path.display().to_string();
        let mut each = |name: &str, header: io::Result<HeaderReader>| {
            let subjects = facts::subjects(header.unwrap().fields());
            let subjects: Vec<_> = subjects.iter().map(|subject| subject.decoded.as_str()).collect();
            seen.push(format!("{}={}", name.trim_start_matches(&folder), subjects.join("|")));
        };
        each_message(path, &mut each).unwrap();
        seen
    }

    #[test]
    fn every_message_of_a_folder_comes_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("b.eml", "Subject: dois\r\n\r\nSubject: nope\r\n");
        write("a.eml", "From: a@b\nSubject: =?utf-8?q?um_=C3=A9?=\n continua");
        write("cur/1:2,S", "Subject: tres\nSubject: quatro\n\nx\n");
        write(
            "old.mbox",
            "From a@b Sat Nov 21\nSubject: m1\n\nText.\nFrom the body, no blank line before\nSubject: no\n\nFrom c@d Sun\nSubject: m2\n\n>From x\n\nFrom e@f\n\nno header\n",
        );
        write("empty", "");
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        let expected = [
            "/a.eml=um é continua",
            "/b.eml=dois",
            "/cur/1:2,S=tres|quatro",
            "/empty=",
            "/old.mbox:1=m1",
            "/old.mbox:2=m2",
            "/old.mbox:3=",
        ];
        assert_eq!(seen(folder.path()), expected);
        assert_eq!(seen(&folder.path().join("b.eml")), ["=dois"]);
    }

    #[test]
    fn a_header_without_an_end_is_bounded() {
        let long = [b"Subject: x\r\n".to_vec(), b"A: b\r\n".repeat(400_000)].concat();
        let mut reader = BufReader::new(long.as_slice());
        // Too many fields, or too long: refused, and not read to its end.
        let _ = header(&mut reader);
        assert!(reader.buffer().len() + reader.get_ref().len() > 0, "the rest is not read");
    }
}
