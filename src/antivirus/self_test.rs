//! What the self-test sends: whole mails, as the two kinds of descriptor that a hold hands over. One has the EICAR test file
//! in a ZIP in base64: only a scanner that takes apart mail, transfer encoding and archive finds it. One has nothing.
//!
//! In: a folder on the file system of the hold. Out: [`Content`] that every scanner must call infected, or clean. A scanner
//! that answers, but does not find the first, is worse than none: it says "clean" to everything. One that finds the second
//! refuses all mail.

use std::{fs::File, io, os::fd::AsRawFd, path::Path, sync::Arc};

use base64::Engine as _;
use rustix::fs::{MemfdFlags, Mode, OFlags};

use super::Content;

/// The EICAR test file (eicar.org), 68 octets. Kept in two halves, or the scanner of whoever builds this takes the
/// source and the program for infected.
pub fn eicar() -> String {
    ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

/// A mail with the EICAR test file in a ZIP as its attachment, in base64, our `Received:` first (decision 7), as every
/// scanned message is.
pub fn infected_mail() -> Vec<u8> {
    mail("eicar.zip", &zip("eicar.com", eicar().as_bytes()))
}

/// The same without the archive, for a scanner that opens none (YARA in process, decision 22).
pub fn plainly_infected_mail() -> Vec<u8> {
    mail("eicar.com", eicar().as_bytes())
}

/// The same mail and archive with something harmless in it.
pub fn clean_mail() -> Vec<u8> {
    mail("clean.zip", &zip("clean.txt", b"Nothing is to be found in this file of the antivirus self-test.\r\n"))
}

fn mail(name: &str, attachment: &[u8]) -> Vec<u8> {
    let body = base64::engine::general_purpose::STANDARD.encode(attachment);
    let lines: String = body
        .as_bytes()
        .chunks(76)
        .flat_map(|line| line.iter().copied().map(char::from).chain("\r\n".chars()))
        .collect();
    format!(
        "Received: from self-test.invalid (self-test.invalid [127.0.0.1]) by self-test.invalid with ESMTP;\r\n\
         \tSat, 1 Jan 2000 00:00:00 +0000\r\n\
         From: <>\r\nSubject: antivirus self-test\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"self-test\"\r\n\r\n\
         --self-test\r\nContent-Type: text/plain\r\n\r\nThe attachment tests the antivirus.\r\n\
         --self-test\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{lines}\
         --self-test--\r\n"
    )
    .into_bytes()
}

/// A ZIP with one stored entry (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16).
fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    let length = |of: usize| u32::try_from(of).unwrap_or(u32::MAX).to_le_bytes();
    let name_length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(content).to_le_bytes();
    // Version 1.0, no flags, stored, midnight of 1 January 1980 …
    let common =
        [&[10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc, &length(content.len()), &length(content.len())].concat();
    let local = [b"PK\x03\x04", &common[..], &name_length, &[0; 2], name.as_bytes(), content].concat();
    // … and in the directory: no extra field, no comment, first disk, no attributes, at offset 0.
    let directory = [b"PK\x01\x02\x0a\0", &common[..], &name_length, &[0; 16], name.as_bytes()].concat();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &length(directory.len())[..], &length(local.len()), &[0; 2]].concat();
    [local, directory, end].concat()
}

/// `mail` in a memfd.
pub fn in_memfd(mail: &[u8]) -> io::Result<Content> {
    let memfd = rustix::fs::memfd_create("portaria-self-test", MemfdFlags::CLOEXEC)?;
    filled(File::from(memfd), mail)
}

/// `mail` in an unlinked file in `folder`, made as the hold makes its own.
pub fn in_file(folder: &Path, mail: &[u8]) -> io::Result<Content> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)?;
    filled(File::from(file), mail)
}

/// Whether the content stands in memory: the other kind of descriptor may be closed to a clamd under AppArmor, whose
/// rules go by path.
pub fn is_memfd(content: &Content) -> bool {
    let path = format!("/proc/self/fd/{}", content.file.as_raw_fd());
    rustix::fs::readlink(path, Vec::new()).is_ok_and(|link| link.as_bytes().starts_with(b"/memfd:"))
}

fn filled(file: File, mail: &[u8]) -> io::Result<Content> {
    std::os::unix::fs::FileExt::write_all_at(&file, mail, 0)?;
    let length = u64::try_from(mail.len()).unwrap_or(u64::MAX);
    Ok(Content { file: Arc::new(file), length, sha256: "self-test".to_owned() })
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
        let mail = infected_mail();
        for (content, memfd) in [(in_memfd(&mail).unwrap(), true), (in_file(&folder, &mail).unwrap(), false)] {
            let mut octets = vec![0; usize::try_from(content.length).unwrap()];
            content.file.read_exact_at(&mut octets, 0).unwrap();
            assert_eq!(octets, mail);
            assert_eq!(is_memfd(&content), memfd);
        }
    }

    /// Octets of the archive worked out by another program (Python's zipfile reads it; the CRC of the EICAR test file is
    /// 0x6851CF3C), and no line of the mail has the test file in clear.
    #[test]
    fn the_archive_is_a_zip_and_hides_the_test_file() {
        let archive = zip("eicar.com", eicar().as_bytes());
        assert_eq!(archive.len(), (30 + 9 + 68) + (46 + 9) + 22);
        assert_eq!(archive[14..18], 0x6851_CF3C_u32.to_le_bytes());
        assert_eq!(archive[archive.len() - 22..][..4], *b"PK\x05\x06");
        assert_eq!(archive[archive.len() - 6..][..4], 107_u32.to_le_bytes(), "where the directory begins");
        let infected = infected_mail();
        assert!(memchr::memmem::find(&infected, eicar().as_bytes()).is_none());
        assert!(infected.starts_with(b"Received: ") && clean_mail().starts_with(b"Received: "));
    }
}
