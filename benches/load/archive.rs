//! A ZIP archive with stored members: enough for a scanner to open it and look at each.

use crc::{CRC_32_ISO_HDLC, Crc};

/// An archive of these names and contents (PKWARE APPNOTE 6.3.10, §4.3).
pub fn stored(members: &[(&str, &[u8])]) -> Vec<u8> {
    let crc = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let offset = small(archive.len());
        // Version 2.0, no flags, stored, the first of January 1980.
        let mut common = [[20, 0], [0, 0], [0, 0], [0, 0], [0x21, 0]].concat();
        common.extend(crc.checksum(content).to_le_bytes());
        common.extend(small(content.len()));
        common.extend(small(content.len()));
        common.extend([small(name.len())[0], small(name.len())[1], 0, 0]);
        archive.extend([b"PK\x03\x04", common.as_slice(), name.as_bytes(), content].concat());
        directory.extend([b"PK\x01\x02\x14\x00", common.as_slice(), &[0; 10], &offset, name.as_bytes()].concat());
    }
    let (count, offset, length) = (small(members.len()), small(archive.len()), small(directory.len()));
    archive.extend(directory);
    archive.extend([b"PK\x05\x06\0\0\0\0", &count[..2], &count[..2], &length, &offset, &[0, 0]].concat());
    archive
}

fn small(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}
