//! From a rule as written to one that can be tested: patterns folded with the rule's own fold, expressions compiled, and
//! what would never match, or always, refused with its place.

use std::{cell::Cell, collections::HashMap, ops::Range};

use regex::{Regex, RegexBuilder};
use regex_syntax::{ParserBuilder, hir::Hir};

use super::{
    Resolve,
    block::{Block, Kind, Test, TwoForms, Word},
    except::{Except, SenderPattern},
    file::{WrittenBlock, WrittenExcept},
    required,
    view::{View, words},
    wildcard::Wildcard,
};
use crate::{
    document::{Document, Found},
    language::Text,
    message::subject::Fold,
    policy::directory::MailboxKey,
    text,
};

/// The longest pattern, in octets. Above it stands no honest pattern, and a wildcard's cost grows with its own length.
const MAX_PATTERN: usize = 1_000;

/// The largest compiled expression, in octets: `\w{1000}\w{1000}` is refused in milliseconds.
const MAX_COMPILED: usize = 1 << 20;

/// Octets that all expressions of a set may take when compiled. Without it a file of 1 MiB holds some 25,000 expressions of up to a
/// mebibyte each: the reload that reads them would end the gateway, and every start after it.
pub(super) const MAX_ALL_COMPILED: usize = 64 << 20;

/// The sizes in which expressions are tried and counted: the library tells whether one fits, not how large it is.
const SIZES: [usize; 4] = [16 << 10, 64 << 10, 256 << 10, MAX_COMPILED];

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
    /// What is left of [`MAX_ALL_COMPILED`].
    pub room: &'c Cell<usize>,
}

impl Compiler<'_, '_> {
    /// A match block; none, with faults, when it cannot be used.
    pub(super) fn block(&self, written: &WrittenBlock) -> Option<Block> {
        let before = self.document.errors();
        let mut tests = Vec::new();
        if !written.all_words.is_empty() {
            tests.extend(self.words(&written.all_words).map(|words| {
                let longest = words.iter().map(|word| &word.folded).max_by_key(|word| word.plain.len());
                let required = longest.map(|word| word.forms().cloned().collect());
                Test { required, ..listed(Kind::AllWords, words) }
            }));
        }
        if !written.any_words.is_empty() {
            tests.extend(self.words(&written.any_words).map(|words| {
                let required = Some(words.iter().flat_map(|word| word.folded.forms().cloned()).collect());
                Test { required, ..listed(Kind::AnyWords, words) }
            }));
        }
        tests.extend(written.phrase.as_ref().and_then(|phrase| {
            let plain = self.phrase(phrase)?;
            let words = TwoForms { plain, lookalikes: self.lookalikes(&phrase.value).map(|folded| in_words(&folded)) };
            let longest = |words: &Vec<String>| words.iter().max_by_key(|word| word.len()).cloned();
            let required = words.forms().map(longest).collect();
            Some(Test { kind: Kind::Phrase(words), written: phrase.value.clone(), required })
        }));
        tests.extend(written.wildcard.as_ref().and_then(|wildcard| self.wildcard(wildcard)));
        tests.extend(written.regex.as_ref().and_then(|regex| self.regex(regex)));
        if self.document.errors() > before {
            return None;
        }
        let block = Block { tests };
        self.check_breadth(&block, written);
        (self.document.errors() == before).then_some(block)
    }

    /// The exceptions. What is wrong is in the document.
    pub(super) fn except(&self, written: &WrittenExcept, resolve: Resolve<'_>) -> Except {
        Except {
            senders: written.sender.iter().filter_map(|sender| self.sender(sender)).collect(),
            recipients: written
                .recipient
                .iter()
                .filter_map(|address| mailbox(self.document, address, resolve))
                .collect(),
            words: written.words.iter().filter_map(|phrase| self.phrase(phrase)).collect(),
            lists: written.list.iter().filter_map(|list| self.list(list)).collect(),
            networks: written.networks.iter().map(|network| network.value).collect(),
        }
    }

    fn words(&self, list: &[Found<String>]) -> Option<Vec<Word>> {
        let mut all: Vec<Word> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for found in list {
            let Some(folded) = self.word(found) else { continue };
            if let Some(twin) = seen.get(&folded).and_then(|at| all.get(*at)) {
                let (written, twin) = (&found.value, &twin.written);
                self.warn(
                    &found.span,
                    text!("`{written}` is `{twin}` once more", "`{written}` é `{twin}` outra vez"),
                    None,
                );
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
        let help = if written.contains(['*', '?', '\\', '[']) {
            text!(
                "a word is compared whole; for a part of one use wildcard = \"*…*\", for an expression regex",
                "a palavra é comparada inteira; para um pedaço use wildcard = \"*…*\", para uma expressão regex"
            )
        } else {
            text!(
                "several words in a row are a phrase: phrase = \"{written}\"",
                "palavras em sequência são uma frase: phrase = \"{written}\""
            )
        };
        self.fault(&found.span, text!("`{written}` is not one word", "`{written}` não é uma palavra só"), Some(help));
        None
    }

    fn phrase(&self, found: &Found<String>) -> Option<Vec<String>> {
        let folded = self.folded(found)?;
        let parts = in_words(&folded);
        if parts.is_empty() {
            let written = &found.value;
            let what = text!("`{written}` has no letter and no digit", "`{written}` não tem letra nem algarismo");
            self.fault(&found.span, what, None);
            return None;
        }
        Some(parts)
    }

    fn wildcard(&self, found: &Found<String>) -> Option<Test> {
        let marked = mark(&found.value);
        let folded = self.folded(&Found { value: marked.clone(), span: found.span.clone() })?;
        let wildcard = Wildcard::new(&folded, ANY, Some(ONE));
        let written = found.value.clone();
        if !wildcard.literals().any(|run| run.contains(char::is_alphanumeric)) {
            self.fault(
                &found.span,
                text!("`{written}` matches nearly every subject", "`{written}` casa com quase qualquer assunto"),
                Some(text!("a wildcard needs a letter or a digit", "um wildcard precisa de uma letra ou algarismo")),
            );
            return None;
        }
        if !folded.contains([ANY, ONE]) {
            self.warn(
                &found.span,
                text!(
                    "without `*` this matches only the whole subject `{written}`",
                    "sem `*` isto só casa com o assunto inteiro `{written}`"
                ),
                None,
            );
        }
        let lookalikes = self.lookalikes(&marked).map(|folded| Wildcard::new(&folded, ANY, Some(ONE)));
        let forms = TwoForms { plain: wildcard, lookalikes };
        let required = forms.forms().map(|form| required::of_runs(form.literals())).collect::<Option<Vec<_>>>();
        Some(Test { kind: Kind::Wildcard(forms), written, required: required.map(|sets| sets.concat()) })
    }

    fn regex(&self, found: &Found<String>) -> Option<Test> {
        self.folded(found)?;
        let written = &found.value;
        let hir = match ParserBuilder::new().case_insensitive(self.fold.case).build().parse(written) {
            Ok(hir) => hir,
            Err(error) => {
                self.regex_fault(found, &error);
                return None;
            }
        };
        let Some(regex) = self.compiled(found)? else {
            let what = text!(
                "the expression is larger than {MAX_COMPILED} octets when compiled",
                "a expressão passa de {MAX_COMPILED} octetos depois de compilada"
            );
            let help = text!("lower the repetition counts", "diminua as contagens de repetição");
            self.fault(&found.span, what, Some(help));
            return None;
        };
        self.warn_of_lost_letters(found);
        self.warn_of_never(found, &hir);
        Some(Test { kind: Kind::Regex(regex), written: written.clone(), required: required::of_hir(&hir, self.fold) })
    }

    /// The expression in the smallest size that holds it, `Some(None)` when it is larger than one may be; none, with a fault, when
    /// the others have taken all room. One that does not fit counts as well: finding that out takes time.
    fn compiled(&self, found: &Found<String>) -> Option<Option<Regex>> {
        for size in SIZES {
            let Some(left) = self.room.get().checked_sub(size) else { break };
            let mut builder = RegexBuilder::new(&found.value);
            if let Ok(regex) = builder.case_insensitive(self.fold.case).size_limit(size).dfa_size_limit(size).build() {
                self.room.set(left);
                return Some(Some(regex));
            }
            if size == MAX_COMPILED {
                self.room.set(left);
                return Some(None);
            }
        }
        self.room.set(0);
        let what = text!(
            "the expressions of all rules take more than {MAX_ALL_COMPILED} octets when compiled",
            "as expressões de todas as regras passam de {MAX_ALL_COMPILED} octetos depois de compiladas"
        );
        let help = text!(
            "from this one on: use words, phrases or wildcards",
            "desta em diante: use palavras, frases ou wildcards"
        );
        self.fault(&found.span, what, Some(help));
        None
    }

    fn regex_fault(&self, found: &Found<String>, error: &regex_syntax::Error) {
        use regex_syntax::ast::ErrorKind;
        let (inner, what) = match error {
            regex_syntax::Error::Parse(error) => {
                let what = match error.kind() {
                    ErrorKind::UnsupportedBackreference | ErrorKind::UnsupportedLookAround => text!(
                        "no look-around and no back-reference here: the engine takes linear time",
                        "aqui não há look-around nem back-reference: o motor é de tempo linear"
                    ),
                    kind => text!("not a regular expression: {kind}", "não é uma expressão regular: {kind}"),
                };
                (Some(error.span().start.offset..error.span().end.offset), what)
            }
            regex_syntax::Error::Translate(error) => {
                let kind = error.kind();
                let what = text!("not a regular expression: {kind}", "não é uma expressão regular: {kind}");
                (Some(error.span().start.offset..error.span().end.offset), what)
            }
            other => (None, text!("not a regular expression: {other}", "não é uma expressão regular: {other}")),
        };
        let span = inner.map_or_else(|| found.span.clone(), |inner| self.within(found, &inner));
        self.fault(&span, what, None);
    }

    /// A regex looks at the folded subject: a letter that folding changes never stands there.
    fn warn_of_lost_letters(&self, found: &Found<String>) {
        for (at, c) in found.value.char_indices().filter(|(_, c)| !c.is_ascii() && c.is_alphabetic()) {
            let folded = self.fold.pattern(c.encode_utf8(&mut [0; 4]));
            if folded.chars().ne(c.to_lowercase()) {
                self.warn(
                    &self.within(found, &(at..at + c.len_utf8())),
                    text!("the folded subject never holds `{c}`", "o assunto normalizado nunca contém `{c}`"),
                    Some(text!("write `{folded}`", "escreva `{folded}`")),
                );
            }
        }
    }

    fn warn_of_never(&self, found: &Found<String>, hir: &Hir) {
        // An empty class (`[^\s\S]`) has no length: it matches nothing.
        if hir.properties().minimum_len().is_none() {
            self.warn(&found.span, text!("this can never match", "isto nunca casa"), None);
        }
    }

    /// The octets `inner` of a value, as octets of the file; the whole value when it is written with escapes.
    fn within(&self, found: &Found<String>, inner: &Range<usize>) -> Range<usize> {
        let written = self.document.source().get(found.span.clone()).unwrap_or_default();
        match written.find(found.value.as_str()) {
            Some(at) => found.span.start + at + inner.start..found.span.start + at + inner.end,
            None => found.span.clone(),
        }
    }

    /// A block that holds of subjects which have nothing in common holds of everything.
    fn check_breadth(&self, block: &Block, written: &WrittenBlock) {
        let probes = ["x", "7", "ata da reuniao 12", "q: zw"];
        if probes.iter().all(|probe| block.find(&View::new((*probe).to_owned())).is_some()) {
            let what = text!("this block matches nearly every subject", "este bloco casa com quase qualquer assunto");
            self.fault(&written.span, what, None);
        } else if block.tests.iter().all(|test| test.required.is_none()) {
            self.warn(
                &written.span,
                text!(
                    "no part of this pattern is sure to stand in the subject, so it is tried on every message",
                    "nenhum trecho deste padrão é certo no assunto; por isso ele é testado em toda mensagem"
                ),
                Some(text!("add a word, or three letters in a row", "acrescente uma palavra, ou três letras seguidas")),
            );
        }
    }

    /// The pattern as compared; none, with a fault, when there is nothing to compare.
    fn folded(&self, found: &Found<String>) -> Option<String> {
        let written = &found.value;
        let what = if written.trim().is_empty() {
            text!("an empty pattern", "um padrão vazio")
        } else if written.len() > MAX_PATTERN {
            text!("a pattern has at most {MAX_PATTERN} octets", "um padrão tem no máximo {MAX_PATTERN} octetos")
        } else {
            let folded = self.fold.pattern(written);
            if !folded.is_empty() {
                self.warn_of_invisible(found);
                self.warn_of_lookalikes(found);
                return Some(folded);
            }
            text!("nothing is left of `{written}` after folding", "não sobra nada de `{written}` depois de normalizar")
        };
        self.fault(&found.span, what, None);
        None
    }

    /// The pattern as compared with the second reading; none: the same.
    fn lookalikes(&self, written: &str) -> Option<String> {
        let folded = self.fold.lookalike_pattern(written);
        (folded != self.fold.pattern(written)).then_some(folded)
    }

    /// A pattern pasted from a spam brings its zero-width characters along. They are dropped, but somebody should know.
    fn warn_of_invisible(&self, found: &Found<String>) {
        let with = |invisible| Fold { invisible, ..self.fold.clone() }.pattern(&found.value);
        if with(true) != with(false) {
            let what = text!("an invisible character stands in this pattern", "há um caractere invisível neste padrão");
            let help = text!("type it instead of pasting it", "digite em vez de colar");
            self.warn(&found.span, what, Some(help));
        }
    }

    /// The same of a Cyrillic letter in a Latin word. The rule works all the same, but who searches the file for the word does not
    /// find it; and an expression sees only what is written.
    fn warn_of_lookalikes(&self, found: &Found<String>) {
        let fold = Fold { lookalikes: true, ..self.fold.clone() };
        let meant = fold.lookalike_pattern(&found.value);
        if meant != fold.pattern(&found.value) {
            let meant = meant.replace(ANY, "*").replace(ONE, "?");
            let what = text!(
                "a letter in this pattern only looks like a Latin one",
                "uma letra deste padrão só parece uma letra latina"
            );
            let help = text!("type it instead of pasting it: {meant}", "digite em vez de colar: {meant}");
            self.warn(&found.span, what, Some(help));
        }
    }

    fn sender(&self, found: &Found<String>) -> Option<SenderPattern> {
        SenderPattern::parse(&found.value).map_err(|(what, help)| self.fault(&found.span, what, Some(help))).ok()
    }

    fn list(&self, found: &Found<String>) -> Option<String> {
        let odd = |c: char| c.is_whitespace() || "<>@*".contains(c);
        if found.value.is_empty() || found.value.contains(odd) {
            let written = &found.value;
            self.fault(
                &found.span,
                text!("`{written}` is no list identifier", "`{written}` não é um identificador de lista"),
                Some(text!(
                    "what stands between < and > in List-Id, such as \"notices.example.org\"",
                    "o que está entre < e > em List-Id, como \"avisos.example.org\""
                )),
            );
            return None;
        }
        Some(found.value.to_lowercase())
    }

    fn fault(&self, span: &Range<usize>, what: Text, help: Option<Text>) {
        self.document.fault(span.clone(), what, help);
    }

    fn warn(&self, span: &Range<usize>, what: Text, help: Option<Text>) {
        self.document.warning(span.clone(), what, help);
    }
}

/// The mailbox that an address names; an address that names none is a fault.
pub(super) fn mailbox(document: &Document<'_>, address: &Found<String>, resolve: Resolve<'_>) -> Option<MailboxKey> {
    let key = resolve(&address.value);
    if key.is_none() {
        let written = &address.value;
        document.fault(
            address.span.clone(),
            text!("`{written}` is no address of a served domain", "`{written}` não é um endereço de domínio atendido"),
            Some(text!(
                "write the whole address of one mailbox, without `*`",
                "escreva o endereço inteiro de uma caixa, sem `*`"
            )),
        );
    }
    key
}

fn in_words(folded: &str) -> Vec<String> {
    words(folded).into_iter().filter_map(|(start, end)| folded.get(start..end)).map(str::to_owned).collect()
}

fn listed(kind: fn(Vec<Word>) -> Kind, words: Vec<Word>) -> Test {
    let written = words.iter().map(|word| word.written.as_str()).collect::<Vec<_>>().join(", ");
    Test { kind: kind(words), written, required: None }
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
