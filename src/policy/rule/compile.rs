//! From a rule as written to one that can be tested: patterns folded with the rule's own fold, and what would never match, or
//! always, refused with its place. Expressions are `expression`'s, exceptions `addresses`'s.

use std::{collections::HashMap, ops::Range};

use super::{
    block::{Block, Kind, Test, TwoForms, Word},
    code,
    expression::Room,
    file::WrittenBlock,
    pasted::{self, Trick},
    required,
    view::{View, words},
    wildcard::Wildcard,
};
use crate::{
    document::{Code, Document, Found},
    language::Text,
    message::subject::Fold,
    text,
};

/// The longest pattern, in octets. Above it stands no honest pattern, and a wildcard's cost grows with its own length.
const MAX_PATTERN: usize = 1_000;

/// Letters of a word that may stand alone.
const SHORT: usize = 4;

/// Stand for `*` and `?` while a wildcard is folded, so that the folding sees one text and cannot make a wildcard of what is
/// none (NFKC turns the full-width `＊` into `*`). Private use: no fold touches them, and written ones are dropped.
const ANY: char = '\u{E000}';
const ONE: char = '\u{E001}';

/// Compiles the patterns of one rule.
pub(super) struct Compiler<'c, 'd> {
    /// Takes the faults.
    pub document: &'c Document<'d>,
    /// The rule's own.
    pub fold: &'c Fold,
    /// What is left of [`MAX_ALL_COMPILED`](super::expression::MAX_ALL_COMPILED).
    pub room: &'c Room,
}

impl Compiler<'_, '_> {
    /// A match block; none, with faults, when it cannot be used.
    pub(super) fn block(&self, written: &WrittenBlock) -> Option<Block> {
        let before = self.document.errors();
        let mut tests = Vec::new();
        if !written.all_words.is_empty() {
            tests.extend(self.words(&written.all_words).map(|words| {
                let required = words.iter().map(|word| word.folded.forms().cloned().collect()).collect();
                Test { required, ..listed(Kind::AllWords, words) }
            }));
        }
        if !written.any_words.is_empty() {
            tests.extend(self.words(&written.any_words).map(|words| {
                let required = vec![words.iter().flat_map(|word| word.folded.forms().cloned()).collect()];
                Test { required, ..listed(Kind::AnyWords, words) }
            }));
        }
        tests.extend(written.phrase.as_ref().and_then(|phrase| {
            let plain = self.phrase(phrase)?;
            self.check_is_several(phrase, &plain);
            let words = TwoForms { plain, lookalikes: self.lookalikes(&phrase.value).map(|folded| in_words(&folded)) };
            let required = required::of_words(&words.forms().cloned().collect::<Vec<_>>());
            Some(Test { kind: Kind::Phrase(words), written: phrase.value.clone(), required })
        }));
        tests.extend(written.wildcard.as_ref().and_then(|wildcard| self.wildcard(wildcard)));
        tests.extend(written.regex.as_ref().and_then(|regex| self.regex(regex)));
        // What an unsound block leaves out may be what narrows it.
        if !written.sound || self.document.errors() > before {
            return None;
        }
        let block = Block { tests };
        self.check_breadth(&block, written);
        (self.document.errors() == before).then_some(block)
    }

    fn words(&self, list: &[Found<String>]) -> Option<Vec<Word>> {
        let mut all: Vec<Word> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for found in list {
            let Some(folded) = self.word(found) else { continue };
            if let Some(twin) = seen.get(&folded).and_then(|at| all.get(*at)) {
                let (written, twin) = (&found.value, &twin.written);
                let what = text!("`{written}` is `{twin}` once more", "`{written}` é `{twin}` outra vez");
                let help = text!(
                    "as compared both are `{folded}`: keep one",
                    "na comparação os dois são `{folded}`: deixe um"
                );
                self.fault(code::TWICE, &found.span, what, Some(help));
                continue;
            }
            seen.insert(folded.clone(), all.len());
            let folded = TwoForms { plain: folded, lookalikes: self.lookalikes(&found.value) };
            all.push(Word { written: found.value.clone(), folded });
        }
        (all.len() == list.len() || !all.is_empty()).then_some(all)
    }

    fn word(&self, found: &Found<String>) -> Option<String> {
        let folded = self.folded(found)?;
        let parts = words(&folded);
        if let [(0, end)] = parts.as_slice()
            && *end == folded.len()
        {
            return Some(folded);
        }
        let written = &found.value;
        let (code, help) = if looks_like_a_pattern(written) {
            let help = text!(
                "a word is compared whole; for a part of one use wildcard = \"*…*\", for an expression regex",
                "a palavra é comparada inteira; para um pedaço use wildcard = \"*…*\", para uma expressão regex"
            );
            (code::OTHER_KIND, Some(help))
        } else if parts.is_empty() {
            (code::NOTHING, None)
        } else {
            let help = text!(
                "several words in a row are a phrase: phrase = \"{written}\"",
                "palavras em sequência são uma frase: phrase = \"{written}\""
            );
            (code::WORD, Some(help))
        };
        let what = text!("`{written}` is not one word", "`{written}` não é uma palavra só");
        self.fault(code, &found.span, what, help);
        None
    }

    /// The words of a phrase; none, with a fault, when it has none.
    pub(super) fn phrase(&self, found: &Found<String>) -> Option<Vec<String>> {
        let folded = self.folded(found)?;
        let parts = in_words(&folded);
        let written = &found.value;
        if parts.is_empty() {
            let what = text!("`{written}` has no letter and no digit", "`{written}` não tem letra nem algarismo");
            self.fault(code::NOTHING, &found.span, what, None);
            return None;
        }
        if looks_like_a_pattern(written) {
            self.warn(
                code::OTHER_KIND,
                &found.span,
                text!(
                    "in a phrase `*`, `\\` and brackets mean nothing",
                    "em uma frase `*`, `\\` e colchetes não valem nada"
                ),
                Some(text!(
                    "use wildcard = \"*…*\" or regex, or take them out",
                    "use wildcard = \"*…*\" ou regex, ou retire-os"
                )),
            );
        }
        Some(parts)
    }

    /// A phrase of one word is a word under another key.
    fn check_is_several(&self, phrase: &Found<String>, words: &[String]) {
        if words.len() == 1 {
            let written = &phrase.value;
            let what = text!("a phrase of one word", "uma frase de uma palavra só");
            let help = text!("write all_words = [\"{written}\"]", "escreva all_words = [\"{written}\"]");
            self.warn(code::WORD, &phrase.span, what, Some(help));
        }
    }

    fn wildcard(&self, found: &Found<String>) -> Option<Test> {
        let marked = mark(&found.value);
        let folded = self.folded(&Found { value: marked.clone(), span: found.span.clone() })?;
        let wildcard = Wildcard::new(&folded, ANY, Some(ONE));
        let written = found.value.clone();
        if !wildcard.literals().any(|run| run.contains(char::is_alphanumeric)) {
            self.fault(
                code::TOO_BROAD,
                &found.span,
                text!("`{written}` matches nearly every subject", "`{written}` casa com quase qualquer assunto"),
                Some(text!("a wildcard needs a letter or a digit", "um wildcard precisa de uma letra ou algarismo")),
            );
            return None;
        }
        if !folded.contains([ANY, ONE]) {
            self.warn(
                code::OTHER_KIND,
                &found.span,
                text!(
                    "without `*` this matches only the whole subject `{written}`",
                    "sem `*` isto só casa com o assunto inteiro `{written}`"
                ),
                Some(text!(
                    "words in a row, anywhere, are a phrase = \"{written}\"",
                    "palavras em sequência, em qualquer lugar, são phrase = \"{written}\""
                )),
            );
        } else if looks_like_an_expression(&written) {
            self.warn(
                code::OTHER_KIND,
                &found.span,
                text!("this looks like an expression", "isto parece uma expressão regular"),
                Some(text!(
                    "a wildcard knows `*` and `?` only; expressions go into regex = '''…'''",
                    "wildcard só conhece `*` e `?`; expressões vão em regex = '''…'''"
                )),
            );
        }
        let lookalikes = self.lookalikes(&marked).map(|folded| Wildcard::new(&folded, ANY, Some(ONE)));
        let forms = TwoForms { plain: wildcard, lookalikes };
        let required = required::of_runs(&forms.forms().map(|form| form.literals().collect()).collect::<Vec<_>>());
        Some(Test { kind: Kind::Wildcard(forms), written, required })
    }

    /// A block that holds of subjects which have nothing in common holds of everything.
    fn check_breadth(&self, block: &Block, written: &WrittenBlock) {
        let probes = ["x", "7", "ata da reuniao 12", "q: zw"];
        if probes.iter().all(|probe| block.find(&View::new((*probe).to_owned())).is_some()) {
            let what = text!("this block matches nearly every subject", "este bloco casa com quase qualquer assunto");
            let help = text!("say more: a word, a phrase", "diga mais: uma palavra, uma frase");
            self.fault(code::TOO_BROAD, &written.span, what, Some(help));
        } else if let Some(word) = word_alone(block, written) {
            self.check_length(word);
        } else if block.tests.iter().all(|test| test.required.is_empty()) {
            self.warn(
                code::LIMIT,
                &written.span,
                text!(
                    "no part of this pattern is sure to stand in the subject, so it is tried on every message",
                    "nenhum trecho deste padrão é certo no assunto; por isso ele é testado em toda mensagem"
                ),
                Some(text!("add a word, or three letters in a row", "acrescente uma palavra, ou três letras seguidas")),
            );
        }
    }

    /// A word that suffices by itself says little when it is short.
    fn check_length(&self, found: &Found<String>) {
        let written = &found.value;
        let help = text!(
            "add a second word in all_words, or use a phrase",
            "acrescente outra palavra em all_words, ou use uma frase"
        );
        if self.fold.pattern(written).chars().count() < 2 {
            let what = text!(
                "one letter matches nearly everything: `{written}`",
                "uma letra só casa com quase tudo: `{written}`"
            );
            self.fault(code::TOO_BROAD, &found.span, what, Some(help));
        } else {
            let what = text!(
                "a word as short as `{written}` stands in many subjects",
                "uma palavra curta como `{written}` está em muitos assuntos"
            );
            self.warn(code::ORDINARY, &found.span, what, Some(help));
        }
    }

    /// The pattern as compared; none, with a fault, when there is nothing to compare.
    pub(super) fn folded(&self, found: &Found<String>) -> Option<String> {
        self.folded_of(found, &found.value)
    }

    /// The same of a pattern whose letters stand in `letters`, octet by octet where they stand in it: an expression has letters that
    /// are signs.
    pub(super) fn folded_of(&self, found: &Found<String>, letters: &str) -> Option<String> {
        let written = &found.value;
        let (code, what) = if written.trim().is_empty() {
            (code::NOTHING, text!("an empty pattern", "um padrão vazio"))
        } else if written.len() > MAX_PATTERN {
            let what =
                text!("a pattern has at most {MAX_PATTERN} octets", "um padrão tem no máximo {MAX_PATTERN} octetos");
            (code::LIMIT, what)
        } else {
            let folded = self.fold.pattern(written);
            if !folded.is_empty() {
                self.warn_of_pasted(found, letters);
                return Some(folded);
            }
            let what = text!(
                "nothing is left of `{written}` after folding",
                "não sobra nada de `{written}` depois de normalizar"
            );
            (code::NOTHING, what)
        };
        self.fault(code, &found.span, what, None);
        None
    }

    /// The pattern as compared with the second reading; none: the same.
    fn lookalikes(&self, written: &str) -> Option<String> {
        let folded = self.fold.lookalike_pattern(written);
        (folded != self.fold.pattern(written)).then_some(folded)
    }

    /// A pattern pasted from a spam brings its tricks along. A rule with them works all the same, but who searches the file for the
    /// word does not find it; and an expression sees only what is written.
    fn warn_of_pasted(&self, found: &Found<String>, letters: &str) {
        let Some(pasted) = pasted::first(letters, self.fold) else { return };
        let (at, c) = (pasted.at, pasted.character);
        let number = u32::from(c);
        let script = pasted.script.map(|script| format!(", {}", script.name())).unwrap_or_default();
        let retype = || text!("type the word instead of pasting it", "digite a palavra em vez de colar");
        let (what, help) = match pasted.trick {
            Trick::Invisible => (
                text!(
                    "an invisible character (U+{number:04X}) stands in this pattern",
                    "há um caractere invisível (U+{number:04X}) neste padrão"
                ),
                retype(),
            ),
            Trick::LooksLatin { typed } => {
                let typed = typed.replace(ANY, "*").replace(ONE, "?");
                let what = text!(
                    "`{c}` (U+{number:04X}{script}) only looks like a Latin letter",
                    "`{c}` (U+{number:04X}{script}) só parece uma letra latina"
                );
                let whole = text!("type it instead of pasting it: {typed}", "digite em vez de colar: {typed}");
                // Without its signs an expression is nothing to type.
                (what, if letters == found.value { whole } else { retype() })
            }
            Trick::AmongLatin => (
                text!(
                    "`{c}` (U+{number:04X}{script}) stands among Latin letters",
                    "`{c}` (U+{number:04X}{script}) está entre letras latinas"
                ),
                retype(),
            ),
        };
        self.warn(code::PASTED, &self.within(found, &(at..at + c.len_utf8())), what, Some(help));
    }

    /// The octets `inner` of a value, as octets of the file; the whole value when it is written with escapes.
    pub(super) fn within(&self, found: &Found<String>, inner: &Range<usize>) -> Range<usize> {
        let written = self.document.source().get(found.span.clone()).unwrap_or_default();
        match written.find(found.value.as_str()) {
            Some(at) => found.span.start + at + inner.start..found.span.start + at + inner.end,
            None => found.span.clone(),
        }
    }

    pub(super) fn fault(&self, code: Code, span: &Range<usize>, what: Text, help: Option<Text>) {
        self.document.fault_as(code, span.clone(), what, help);
    }

    pub(super) fn warn(&self, code: Code, span: &Range<usize>, what: Text, help: Option<Text>) {
        self.document.advise(code, span.clone(), what, help);
    }
}

/// The shortest word that by itself makes the block hold, if it is shorter than [`SHORT`].
fn word_alone<'w>(block: &Block, written: &'w WrittenBlock) -> Option<&'w Found<String>> {
    let [test] = block.tests.as_slice() else { return None };
    let words = match &test.kind {
        Kind::AllWords(words) if words.len() == 1 => &written.all_words,
        Kind::AnyWords(_) => &written.any_words,
        _ => return None,
    };
    let length = |word: &&Found<String>| word.value.chars().count();
    words.iter().min_by_key(length).filter(|word| length(word) < SHORT)
}

/// Signs that mean something in a wildcard or an expression, and nothing in words.
fn looks_like_a_pattern(written: &str) -> bool {
    let bracketed = written.contains('[') && written.contains(']');
    written.contains(['*', '\\', '^']) || bracketed || looks_like_an_expression(written)
}

/// Signs that mean something in an expression only.
fn looks_like_an_expression(written: &str) -> bool {
    let signs = [".*", ".+", "\\b", "\\d", "\\s", "\\w", "(?", "[a-z", "[0-9"];
    let alternatives = written.contains('(') && written.contains('|') && written.contains(')');
    alternatives || signs.iter().any(|sign| written.contains(sign))
}

fn in_words(folded: &str) -> Vec<String> {
    words(folded).into_iter().filter_map(|(start, end)| folded.get(start..end)).map(str::to_owned).collect()
}

fn listed(kind: fn(Vec<Word>) -> Kind, words: Vec<Word>) -> Test {
    let written = words.iter().map(|word| word.written.as_str()).collect::<Vec<_>>().join(", ");
    Test { kind: kind(words), written, required: Vec::new() }
}

/// Puts [`ANY`] and [`ONE`] where `*` and `?` stand. `\*`, `\?` and `\\` are the characters themselves (RFC 5228 §2.7.1).
fn mark(written: &str) -> String {
    let mut marked = String::with_capacity(written.len());
    let mut chars = written.chars().filter(|c| ![ANY, ONE].contains(c));
    while let Some(c) = chars.next() {
        match c {
            '*' => marked.push(ANY),
            '?' => marked.push(ONE),
            '\\' => marked.extend(chars.next()),
            other => marked.push(other),
        }
    }
    marked
}
