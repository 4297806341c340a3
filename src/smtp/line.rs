//! Octets into command lines: only CRLF ends a line, and a line is bounded.
