//! What `[tracking] subjects` keeps commands from doing, in words.

use crate::{
    config::{Settings, SubjectsKept},
    language::Text,
    text,
};

/// What a search of records for `words` of a subject does not find; none: nothing.
pub(super) fn not_found_by(settings: &Settings, words: &str) -> Option<Text> {
    let has_beginning = words.split_whitespace().any(|word| word.ends_with('*'));
    match settings.retention.subjects {
        SubjectsKept::Off => Some(text!(
            "subjects are not recorded ([tracking] subjects = \"off\"): only records of before are found by theirs",
            "os assuntos não são registrados ([tracking] subjects = \"off\"): só registros de antes se encontram pelo assunto"
        )),
        SubjectsKept::Hashed if has_beginning => Some(text!(
            "subjects are recorded as hashes ([tracking] subjects = \"hashed\"): whole words are found, and not beginnings such as bolet*",
            "os assuntos são registrados como hashes ([tracking] subjects = \"hashed\"): encontram-se palavras inteiras, e não começos \
             como bolet*"
        )),
        SubjectsKept::Hashed | SubjectsKept::Plain => None,
    }
}

/// The same of held items, which have the subject as a whole.
pub(super) fn not_held_by(settings: &Settings) -> Option<Text> {
    match settings.retention.subjects {
        SubjectsKept::Plain => None,
        SubjectsKept::Hashed => Some(text!(
            "subjects are kept as hashes ([tracking] subjects = \"hashed\"): an item is found by its whole subject, and not by a part of it",
            "os assuntos são guardados como hashes ([tracking] subjects = \"hashed\"): um item se encontra pelo assunto inteiro, e não por \
             parte dele"
        )),
        SubjectsKept::Off => Some(text!(
            "subjects are not kept ([tracking] subjects = \"off\"): only items of before are found by theirs",
            "os assuntos não são guardados ([tracking] subjects = \"off\"): só itens de antes se encontram pelo assunto"
        )),
    }
}

/// Why rules cannot be tried on recorded mail; none: they can.
pub(super) fn no_replay(settings: &Settings) -> Option<Text> {
    let how = match settings.retention.subjects {
        SubjectsKept::Plain => return None,
        SubjectsKept::Hashed => "hashed",
        SubjectsKept::Off => "off",
    };
    Some(text!(
        "records have no subjects to try rules on ([tracking] subjects = \"{how}\"): use `portaria rules test`, or a rule with mode = \
         \"observe\"",
        "os registros não têm assuntos em que experimentar regras ([tracking] subjects = \"{how}\"): use `portaria rules test`, ou uma \
         regra com mode = \"observe\""
    ))
}
