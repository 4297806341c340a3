//! What the self-test sends: whole mails, as the two kinds of descriptor that a hold hands over. One has the EICAR test file
//! in a ZIP in base64: only a scanner that takes apart mail, transfer encoding and archive finds it. One has nothing.
//!
//! In: a folder on the file system of the hold. Out: [`Content`] that every scanner must call infected, or clean. A scanner
//! that answers, but does not find the first, is worse than none: it says "clean" to everything. One that finds the second
//! refuses all mail.

use std::{fs::File, io, path::Path, sync::Arc};

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

/// A mail of one line of text: no attachment, no archive, nothing that anybody might have a rule against.
pub fn plain_mail() -> Vec<u8> {
    format!(
        "{RECEIVED}From: self-test@self-test.invalid\r\nTo: self-test@self-test.invalid\r\nSubject: self-test\r\n\
         Content-Type: text/plain; charset=us-ascii\r\n\r\nNothing is to be found in this mail.\r\n"
    )
    .into_bytes()
}

/// The EICAR test file in so many archives one in another: only a scanner without a limit of depth finds it.
pub fn nested_mail(depth: usize) -> Vec<u8> {
    // Compressed: else a signature without an anchor finds it from outside, since the archives around it are only stored.
    let packed = deflated(&eicar());
    let mut archive = archive("eicar.com", eicar().as_bytes(), 8, &packed);
    for _ in 1..depth {
        archive = zip("a.zip", &archive);
    }
    mail("nested.zip", &archive)
}

/// An archive whose entry says that it is encrypted (APPNOTE.TXT 4.4.4, bit 0), behind the 12 octets of its encryption header.
pub fn encrypted_mail() -> Vec<u8> {
    let mut archive = zip("secret.txt", b"0123456789abNobody can look into this.");
    let directory = memchr::memmem::find(&archive, b"PK\x01\x02").unwrap_or_default();
    for flags in [6, directory.saturating_add(8)] {
        if let Some(flags) = archive.get_mut(flags) {
            *flags |= 1;
        }
    }
    mail("secret.zip", &archive)
}

/// What stands before and behind the text of [`infected_mail`]: text of any length fits between them.
pub fn around_text() -> (Vec<u8>, Vec<u8>) {
    let whole = infected_mail();
    let text = memchr::memmem::find(&whole, TEXT.as_bytes()).unwrap_or_default();
    let (head, tail) = whole.split_at_checked(text).unwrap_or_default();
    (head.to_vec(), tail.to_vec())
}

/// Our trace field, as in front of every scanned message.
const RECEIVED: &str = "Received: from self-test.invalid (self-test.invalid [127.0.0.1]) by self-test.invalid with ESMTP;\r\n\
                        \tSat, 1 Jan 2000 00:00:00 +0000\r\n";

/// The text part of every mail here.
const TEXT: &str = "The attachment tests the antivirus.";

/// A mail with this attachment.
pub fn mail(name: &str, attachment: &[u8]) -> Vec<u8> {
    let body = base64::engine::general_purpose::STANDARD.encode(attachment);
    let lines: String = body
        .as_bytes()
        .chunks(76)
        .flat_map(|line| line.iter().copied().map(char::from).chain("\r\n".chars()))
        .collect();
    format!(
        "{RECEIVED}From: <>\r\nSubject: antivirus self-test\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"self-test\"\r\n\r\n\
         --self-test\r\nContent-Type: text/plain\r\n\r\n{TEXT}\r\n\
         --self-test\r\nContent-Type: application/octet-stream; name=\"{name}\"\r\n\
         Content-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{name}\"\r\n\r\n{lines}\
         --self-test--\r\n"
    )
    .into_bytes()
}

/// One block of literals in the fixed code (RFC 1951 §3.2.6), which gives ASCII eight bits each, the first bit first.
fn deflated(ascii: &str) -> Vec<u8> {
    // The last block, of type 01; then the letters; then seven zeros, the end.
    let begin = [true, true, false].into_iter();
    let letters = ascii.bytes().flat_map(|letter| {
        let code = letter.wrapping_add(0x30);
        (0..8).rev().map(move |bit| code >> bit & 1 == 1)
    });
    let bits: Vec<bool> = begin.chain(letters).chain([false; 7]).collect();
    let octet = |bits: &[bool]| bits.iter().rev().fold(0, |octet, bit| octet << 1 | u8::from(*bit));
    bits.chunks(8).map(octet).collect()
}

/// A ZIP with one stored entry.
fn zip(name: &str, content: &[u8]) -> Vec<u8> {
    archive(name, content, 0, content)
}

/// A ZIP with one entry (APPNOTE.TXT 4.3.7, 4.3.12, 4.3.16), packed by `method`.
fn archive(name: &str, content: &[u8], method: u8, packed: &[u8]) -> Vec<u8> {
    let length = |of: usize| u32::try_from(of).unwrap_or(u32::MAX).to_le_bytes();
    let name_length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes();
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(content).to_le_bytes();
    // Version 1.0, no flags, the method, midnight of 1 January 1980 …
    let common =
        [&[10, 0, 0, 0, method, 0, 0, 0, 0x21, 0][..], &crc, &length(packed.len()), &length(content.len())].concat();
    let local = [b"PK\x03\x04", &common[..], &name_length, &[0; 2], name.as_bytes(), packed].concat();
    // … and in the directory: no extra field, no comment, first disk, no attributes, at offset 0.
    let directory = [b"PK\x01\x02\x0a\0", &common[..], &name_length, &[0; 16], name.as_bytes()].concat();
    let end = [b"PK\x05\x06\0\0\0\0\x01\0\x01\0", &length(directory.len())[..], &length(local.len()), &[0; 2]].concat();
    [local, directory, end].concat()
}

/// An empty memfd, mode 0600: it is born 0777, and clamd parses what attackers wrote.
pub fn memfd(name: &str) -> io::Result<File> {
    let memfd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?;
    rustix::fs::fchmod(&memfd, Mode::RUSR | Mode::WUSR)?;
    Ok(File::from(memfd))
}

/// `mail` in a memfd.
pub fn in_memfd(mail: &[u8]) -> io::Result<Content> {
    filled(memfd("portaria-self-test")?, true, mail)
}

/// `mail` in an unlinked file in `folder`, made as the hold makes its own.
pub fn in_file(folder: &Path, mail: &[u8]) -> io::Result<Content> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR)?;
    filled(File::from(file), false, mail)
}

fn filled(file: File, in_memory: bool, mail: &[u8]) -> io::Result<Content> {
    std::os::unix::fs::FileExt::write_all_at(&file, mail, 0)?;
    let length = u64::try_from(mail.len()).unwrap_or(u64::MAX);
    Ok(Content { file: Arc::new(file), length, in_memory, sha256: "self-test".to_owned(), readers: Arc::default() })
}

#[cfg(test)]
mod tests {
    use std::os::{fd::AsRawFd, unix::fs::FileExt};

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
            let link = std::fs::read_link(format!("/proc/self/fd/{}", content.file.as_raw_fd())).unwrap();
            assert_eq!((content.in_memory, link.to_string_lossy().starts_with("/memfd:")), (memfd, memfd));
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

    /// By another program: `python3 -c "import zlib; print(zlib.decompress(bytes.fromhex('f3cc4d4c4fe50200'), -15))"` is `Image\n`.
    #[test]
    fn text_is_deflated() {
        assert_eq!(deflated("Image\n"), [0xf3, 0xcc, 0x4d, 0x4c, 0x4f, 0xe5, 0x02, 0x00]);
        assert!(memchr::memmem::find(&nested_mail(3), b"EICAR").is_none());
    }
}
