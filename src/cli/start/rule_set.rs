//! What the rule set is read from, at the start and again.

use std::{io, time::Duration};

use crate::{
    config::{self, Settings},
    door::{
        gateway::now,
        reload::{Fresh, Reloader, Sources},
    },
    language::Language,
    rule_history::{FileSet, History, Lock, Stamps},
    text,
};

/// What reads rules, lists and YARA rules again, as they are on the disk then; faults of all of them together are told in `language`. To be
/// made before the policy is read that the gateway starts with.
pub fn reloader(settings: &Settings, language: Language) -> Reloader {
    let unsettled = text!(
        "the rule files do not stay the same while they are read: somebody writes them all the time",
        "os arquivos de regras não ficam iguais enquanto são lidos: alguém os grava o tempo todo"
    );
    let of = || settings.clone();
    let (to_read, to_list, to_stamp) = (of(), of(), of());
    let sources = Sources {
        read: Box::new(move |scanners| {
            let (policy, mut faults) = config::load_policy(&to_read, now().wall);
            match scanners.read_rules() {
                Ok(scanner_rules) if !faults.has_errors() => return Ok(Fresh { policy, scanner_rules }),
                Ok(_) => {}
                Err(more) => faults.append(more),
            }
            Err(faults.render(language))
        }),
        files: Box::new(move || set_on_disk(&to_list)),
        stamps: Box::new(move || match config::set_files(&to_stamp) {
            Ok(files) => Stamps::of(files),
            Err(fault) => Stamps::unlisted(&to_stamp.gateway.rules_dir, fault.kind()),
        }),
        unsettled: unsettled.in_language(language).to_owned() + "\n",
    };
    Reloader::new(sources, History::new(&settings.gateway.data_dir, settings.rules.history))
}

/// While a command changes several files, a reload waits for so long.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// The octets of every file that the rule set is read from. Blocks.
fn set_on_disk(settings: &Settings) -> io::Result<FileSet> {
    let root = &settings.gateway.rules_dir;
    // Let go before anything is compiled: a command that changes a list must not wait for that.
    let _lock = Lock::to_read(root, LOCK_PATIENCE)?;
    set_under_lock(settings)
}

/// The same, for who has the folder for itself.
pub(in crate::cli) fn set_under_lock(settings: &Settings) -> io::Result<FileSet> {
    FileSet::read(&settings.gateway.rules_dir, &config::set_files(settings)?)
}
