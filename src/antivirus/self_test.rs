//! What the self-test sends: the EICAR test file in a mail, as the two kinds of descriptor that a hold hands over.
//!
//! In: a folder on the file system of the hold. Out: [`Content`] that every scanner must call infected. A scanner that
//! answers, but does not find it, is worse than none: it says "clean" to everything.

use std::{fs::File, io, os::fd::AsRawFd, path::Path, sync::Arc};

use rustix::fs::{MemfdFlags, Mode, OFlags};

use super::Content;

/// The EICAR test file (eicar.org), 68 octets. Kept in two halves, or the scanner of whoever builds this takes the
/// source and the program for infected.
pub fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// A mail with the EICAR test file as its attachment, our `Received:` first (decision 7), as every scanned message is.
pub fn mail() -> Vec<u8> {
    let body = eicar();
    format!(
        "Received: from self-test.invalid (self-test.invalid [127.0.0.1]) by self-test.invalid with ESMTP;\r\n\
         \tSat, 1 Jan 2000 00:00:00 +0000\r\n\
         From: <>\r\nSubject: antivirus self-test\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"self-test\"\r\n\r\n\
         --self-test\r\nContent-Type: text/plain\r\n\r\nThe attachment is the EICAR test file.\r\n\
         --self-test\r\nContent-Type: application/octet-stream; name=\"eicar.com\"\r\n\
         Content-Disposition: attachment; filename=\"eicar.com\"\r\n\r\n{body}\r\n--self-test--\r\n"
    )
    .into_bytes()
}

/// That mail in a memfd.
pub fn in_memfd() -> io::Result<Content> {
    let memfd = rustix::fs::memfd_create("portaria-self-test", MemfdFlags::CLOEXEC)?;
    filled(File::from(memfd))
}

/// That mail in an unlinked file in `folder`, made as the hold makes its own.
pub fn in_file(folder: &Path) -> io::Result<Content> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)?;
    filled(File::from(file))
}

/// Whether the content stands in memory: the other kind of descriptor may be closed to a clamd under AppArmor, whose
/// rules go by path.
pub fn is_memfd(content: &Content) -> bool {
    let path = format!("/proc/self/fd/{}", content.file.as_raw_fd());
    rustix::fs::readlink(path, Vec::new()).is_ok_and(|link| link.as_bytes().starts_with(b"/memfd:"))
}

fn filled(file: File) -> io::Result<Content> {
    let mail = mail();
    std::os::unix::fs::FileExt::write_all_at(&file, &mail, 0)?;
    Ok(Content { file: Arc::new(file), length: u64::try_from(mail.len()).unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn the_test_file_is_the_one_of_eicar() {
        let text = eicar();
        assert_eq!(text.len(), 68);
        // The sum of its octets, known apart from the text, so that a slip of the pen shows.
        assert_eq!(text.bytes().map(u32::from).sum::<u32>(), 4622);
        assert!(text.starts_with("X5O!P%@AP[4\\PZX54(P^)7CC)7}$") && text.ends_with("$H+H*"));
    }

    #[test]
    fn both_kinds_of_content_hold_the_mail_and_are_told_apart() {
        let folder = std::env::temp_dir();
        for (content, memfd) in [(in_memfd().unwrap(), true), (in_file(&folder).unwrap(), false)] {
            let mut octets = vec![0; usize::try_from(content.length).unwrap()];
            content.file.read_exact_at(&mut octets, 0).unwrap();
            assert_eq!(octets, mail());
            assert_eq!(is_memfd(&content), memfd);
        }
    }
}
