//! The command line: what each subcommand prints.

pub mod rules;
