//! What `[tracking] subjects` keeps commands from doing, in words.

use crate::{
    config::{Settings, SubjectsKept},
    language::Text,
    store::subject_key,
    text,
};

/// How the records of a search have their subjects, whatever is kept now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashes {
    /// Some have hashes.
    pub(super) are_there: bool,
    /// The key that finds them is here.
    pub(super) with_key: bool,
}

/// What a search of records for `words` of a subject does not find; none: nothing.
pub(super) fn not_found_by(settings: &Settings, words: &str, hashes: Hashes) -> Option<Text> {
    let has_beginning = words.split_whitespace().any(|word| word.ends_with('*'));
    match settings.retention.subjects {
        _ if hashes.are_there && !hashes.with_key => Some(text!(
            "records of this time have hashes of their subjects, and their key (subjects.key in data_dir) is not here: no word finds them",
            "registros desse tempo têm hashes dos assuntos, e a chave (subjects.key em data_dir) não está aqui: nenhuma palavra os encontra"
        )),
        SubjectsKept::Off => Some(text!(
            "subjects are not recorded ([tracking] subjects = \"off\"): only records of before are found by theirs",
            "os assuntos não são registrados ([tracking] subjects = \"off\"): só registros de antes se encontram pelo assunto"
        )),
        SubjectsKept::Hashed if has_beginning => Some(text!(
            "subjects are recorded as hashes ([tracking] subjects = \"hashed\"): whole words are found, and not beginnings such as bolet*",
            "os assuntos são registrados como hashes ([tracking] subjects = \"hashed\"): encontram-se palavras inteiras, e não começos \
             como bolet*"
        )),
        SubjectsKept::Plain if has_beginning && hashes.are_there => Some(text!(
            "some records of this time have hashes of their subjects ([tracking] subjects was \"hashed\"): whole words find them, and \
             beginnings such as bolet* do not",
            "alguns registros desse tempo têm hashes dos assuntos ([tracking] subjects era \"hashed\"): palavras inteiras os encontram, e \
             começos como bolet* não"
        )),
        SubjectsKept::Hashed | SubjectsKept::Plain => None,
    }
}

/// The same of held items, which have the subject as a whole.
pub(super) fn not_held_by(settings: &Settings) -> Option<Text> {
    match settings.retention.subjects {
        SubjectsKept::Plain if was_hashed(settings) => Some(text!(
            "items of the time when subjects were kept as hashes are found by their whole subject, and not by a part of it",
            "itens do tempo em que os assuntos eram guardados como hashes se encontram pelo assunto inteiro, e não por parte dele"
        )),
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

/// A key is made when something is hashed first, and stays. One that cannot be read is told of by whoever searches with it.
fn was_hashed(settings: &Settings) -> bool {
    subject_key::read(&settings.store.folder).is_ok_and(|key| key.is_some())
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
