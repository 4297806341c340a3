//! A command line into a command; every syntax error named (RFC 5321 §4.1).
