//! tmp
use clap::{ArgMatches, Command};
use super::*;
pub(super) fn command(_l: Language) -> Command { Command::new("portaria") }
pub(super) fn dispatch(_m: &ArgMatches, _l: Language) -> Exit { Exit::Done }
