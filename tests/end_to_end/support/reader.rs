//! Lines as SMTP has them: ended by CRLF, and CR and LF nowhere else.

use std::{
    io::{self, BufRead, BufReader, Read},
    net::TcpStream,
};

/// Reads lines from a connection and keeps count of what is no proper line.
#[derive(Debug)]
pub struct LineReader<S = TcpStream> {
    inner: BufReader<S>,
    line: Vec<u8>,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A line, without its CRLF.
    Proper(&'a [u8]),
    /// Octets up to an LF (or the end of the stream) with a CR or an LF out of place, as they came.
    Broken(&'a [u8]),
    /// The stream ended between lines.
    End,
}

impl<S: Read> LineReader<S> {
    /// Reads from a connection.
    pub fn new(stream: S) -> Self {
        Self { inner: BufReader::with_capacity(64 * 1024, stream), line: Vec::new() }
    }

    /// The connection, to write to.
    pub fn stream(&mut self) -> &mut S {
        self.inner.get_mut()
    }

    /// The connection itself, and whether there was nothing left of what was read from it.
    pub fn into_stream(self) -> (S, bool) {
        let quiet = self.inner.buffer().is_empty();
        (self.inner.into_inner(), quiet)
    }

    /// The next line, however long.
    pub fn next(&mut self) -> io::Result<Line<'_>> {
        self.line.clear();
        self.inner.read_until(b'\n', &mut self.line)?;
        Ok(match self.line.strip_suffix(b"\r\n") {
            Some(line) if memchr::memchr(b'\r', line).is_none() => Line::Proper(line),
            _ if self.line.is_empty() => Line::End,
            _ => Line::Broken(&self.line),
        })
    }
}
