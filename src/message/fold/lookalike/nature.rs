//! What is asked of each character of a word, worked out once for the alphabets of Europe: from Unicode's tables it costs ten times as much.
//!
//! In: a character that has a place among [`alphabets`]. Out: the answers of the functions of the same names one level up.

use std::sync::LazyLock;

use super::{alphabets, entry, is_counted, is_own, is_whole, is_wordly, push};
use crate::message::fold::{Fold, script::Script};

/// What one character is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nature {
    /// [`is_wordly`].
    pub wordly: bool,
    /// Taking it apart would find itself, or must not be done.
    pub whole: bool,
    /// [`is_counted`].
    pub counted: bool,
    /// [`is_own`].
    pub own: bool,
    /// [`Script::of`].
    pub script: Option<Script>,
    /// Some fold replaces it, or a part of it.
    pub replaced: bool,
}

static KNOWN: LazyLock<Vec<Nature>> = LazyLock::new(|| {
    let folds = [(false, false), (false, true), (true, false), (true, true)];
    let folds = folds.map(|(case, compatibility)| Fold { case, compatibility, ..Fold::default() });
    let replaced = |c: char| folds.iter().any(|fold| pushed(c, fold).chars().ne([c]));
    let nature = |c| Nature {
        wordly: is_wordly(c),
        whole: is_whole(c) || entry(c).is_some(),
        counted: is_counted(c),
        own: is_own(c),
        script: Script::of(c),
        replaced: !c.is_ascii() && replaced(c),
    };
    alphabets::all().map(nature).collect()
});

impl Nature {
    /// The nature of a character. None: it has to be worked out.
    pub(super) fn known(c: char) -> Option<Self> {
        KNOWN.get(alphabets::place(c)?).copied()
    }
}

fn pushed(c: char, fold: &Fold) -> String {
    let mut text = String::new();
    push(&mut text, c, fold);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::fold::lookalike::may_replace;

    #[test]
    fn what_no_fold_replaces_is_told_without_the_table_too() {
        for c in alphabets::all().filter(|c| !c.is_ascii()) {
            let plainly = entry(c).is_some() || c.to_lowercase().ne([c]) || !is_whole(c);
            assert!(plainly || !may_replace(c), "{c:?}");
        }
        assert!(['о', 'О', 'Ν', 'ё', 'ϲ'].into_iter().all(may_replace));
        assert!(['é', 'ß', 'й', '–', 'º', '🙂', '日'].into_iter().all(|c| !may_replace(c)));
    }
}
