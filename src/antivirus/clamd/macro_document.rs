//! The smallest document with a VBA project that clamd recognises: an OLE2 file of five sectors.
//!
//! In: nothing. Out: its octets. [MS-CFB] gives the file (a header, one sector each of allocation table, directory, mini allocation
//! table and mini stream), [MS-OVBA] §2.3.4.2.1 and §2.4.1 the stream `dir` in it. clamd 1.4.6 looks for a stream `_VBA_PROJECT` and a
//! `dir` beside it that unpacks to at least one record; a `dir` without one is no macro to it (tried). There is no code in it that
//! a program could run.

/// Octets of a sector, and of one of the mini stream.
const SECTOR: usize = 512;
const MINI: usize = 64;

/// What stands for "nothing", "the last of its chain" and "the allocation table itself" where a sector could.
const FREE: u32 = 0xffff_ffff;
const LAST: u32 = 0xffff_fffe;
const TABLE: u32 = 0xffff_fffd;

/// The kinds of directory entry.
const STORAGE: u8 = 1;
const STREAM: u8 = 2;
const ROOT: u8 = 5;

/// The sectors, in their order behind the header.
const ALLOCATION: u32 = 0;
const DIRECTORY: u32 = 1;
const MINI_ALLOCATION: u32 = 2;
const MINI_STREAM: u32 = 3;

/// The document.
pub fn macro_document() -> Vec<u8> {
    let dir = packed(&system_kind());
    // Its own version, and nothing behind it ([MS-OVBA] §2.3.4.1).
    let project = [0xcc, 0x61, 0xff, 0xff, 0, 0, 0];
    let directory = [
        entry("Root Entry", ROOT, FREE, 1, MINI_STREAM, 2 * MINI),
        entry("VBA", STORAGE, FREE, 2, 0, 0),
        entry("dir", STREAM, 3, FREE, 0, dir.len()),
        entry("_VBA_PROJECT", STREAM, FREE, FREE, 1, project.len()),
    ];
    [
        header(),
        sector(&numbers(&[TABLE, LAST, LAST, LAST]), 0xff),
        sector(&directory.concat(), 0),
        sector(&numbers(&[LAST, LAST]), 0xff),
        sector(&[padded(&dir, MINI, 0), padded(&project, MINI, 0)].concat(), 0),
    ]
    .concat()
}

/// [MS-CFB] §2.2: version 3, little endian, sectors of 512 octets, mini sectors of 64 for streams below 4096.
fn header() -> Vec<u8> {
    let signature = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1];
    let shape = [0x3e, 0, 3, 0, 0xfe, 0xff, 9, 0, 6, 0];
    // How many sectors the directory (nought in this version) and the allocation table have; where the directory begins; no
    // transactions; the limit of mini streams; where their table begins and how long it is; none beyond this header for the other.
    let places = numbers(&[0, 1, DIRECTORY, 0, 4096, MINI_ALLOCATION, 1, LAST, 0, ALLOCATION]);
    sector(&[&signature[..], &[0; 16], &shape, &[0; 6], &places].concat(), 0xff)
}

/// [MS-CFB] §2.6.1. Entries of one storage form a tree: here each has at most a right sibling.
fn entry(name: &str, kind: u8, right: u32, child: u32, begins: u32, length: usize) -> Vec<u8> {
    let letters: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let name_length = u16::try_from(letters.len()).unwrap_or_default().to_le_bytes();
    let black = 1;
    let places = numbers(&[FREE, right, child]);
    let length = u64::try_from(length).unwrap_or_default().to_le_bytes();
    // Class, state and both times: none.
    let class_to_times = [0; 36];
    [
        &padded(&letters, 64, 0),
        &name_length[..],
        &[kind, black],
        &places,
        &class_to_times,
        &begins.to_le_bytes(),
        &length,
    ]
    .concat()
}

/// The first record of a `dir` ([MS-OVBA] §2.3.4.2.1.1): made on 32-bit Windows.
fn system_kind() -> Vec<u8> {
    [&1_u16.to_le_bytes()[..], &4_u32.to_le_bytes(), &1_u32.to_le_bytes()].concat()
}

/// [MS-OVBA] §2.4.1: a signature octet, one chunk, all of its tokens literal.
fn packed(octets: &[u8]) -> Vec<u8> {
    let tokens: Vec<u8> = octets.chunks(8).flat_map(|eight| [&[0], eight].concat()).collect();
    // The chunk's length with its header, less three; its signature 0b011; it is compressed.
    let length = u16::try_from(tokens.len()).unwrap_or_default().wrapping_sub(1);
    [&[1], &(length | 0xb000).to_le_bytes()[..], &tokens].concat()
}

fn numbers(of: &[u32]) -> Vec<u8> {
    of.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn sector(octets: &[u8], with: u8) -> Vec<u8> {
    padded(octets, SECTOR, with)
}

fn padded(octets: &[u8], length: usize, with: u8) -> Vec<u8> {
    let mut octets = octets.to_vec();
    octets.resize(length, with);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read by another program (Python's olefile 0.47, no defects): streams VBA/dir and VBA/_VBA_PROJECT with these octets. That clamd
    /// takes it for a macro is shown by `end_to_end::scanner_limits`.
    #[test]
    fn the_document_is_what_another_program_read() {
        let document = macro_document();
        assert_eq!(document.len(), 5 * SECTOR);
        let mini_stream = &document[4 * SECTOR..];
        assert_eq!(mini_stream[..14], [1, 0x0b, 0xb0, 0, 1, 0, 4, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(mini_stream[MINI..MINI + 7], [0xcc, 0x61, 0xff, 0xff, 0, 0, 0]);
        assert_eq!(crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&document), CHECKED);
    }

    const CHECKED: u32 = 0x91ef_f0ed;
}
