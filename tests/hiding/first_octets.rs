//! The first field looks like another kind of file: a scanner that guesses the type from the first octets never reads it as mail.

use super::{Case, attached, mixed};

pub fn cases() -> Vec<Case> {
    let firsts: [(&str, &[u8]); 22] = [
        ("a program of Windows", b"MZ: 1\r\n"),
        ("a zip archive", b"PK\x03\x04: 1\r\n"),
        ("a PDF", b"%PDF-1.4: 1\r\n"),
        ("a GIF", b"GIF89a: 1\r\n"),
        ("a PNG", b"\x89PNG: 1\r\n"),
        ("a JPEG", b"\xff\xd8\xff\xe0: 1\r\n"),
        ("a BMP", b"BM: 1\r\n"),
        ("an RTF text", b"{\\rtf1: 1\r\n"),
        ("a program of Linux", b"\x7fELF: 1\r\n"),
        ("a RAR archive", b"Rar!: 1\r\n"),
        ("a 7z archive", b"7z\xbc\xaf: 1\r\n"),
        ("a gzip file", b"\x1f\x8b\x08: 1\r\n"),
        ("a compound file of Office", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1: 1\r\n"),
        ("an MP3", b"ID3: 1\r\n"),
        ("an Ogg", b"OggS: 1\r\n"),
        ("HTML", b"<html>: 1\r\n"),
        ("a shell script", b"#!/bin/sh: 1\r\n"),
        ("a mailbox file", b"From a@origin.example Sat Nov 21 08:00:00 2026\r\n"),
        ("a mailbox file, quoted", b">From a@origin.example Sat Nov 21 08:00:00 2026\r\n"),
        ("a UTF-8 mark", b"\xef\xbb\xbfX-A: 1\r\n"),
        ("a TNEF file", b"\x78\x9f\x3e\x22: 1\r\n"),
        ("a folded line", b" folded: 1\r\n"),
    ];
    let message = mixed(&attached());
    firsts
        .iter()
        .map(|(what, first)| Case::new(format!("first octets of {what}"), [first, message.as_bytes()].concat()))
        .collect()
}
