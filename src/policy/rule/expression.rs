//! `regex`: checked and measured. It is compiled when a subject first needs it (`lazy`).

mod bound;
mod lazy;
mod room;
mod slowly;

use regex_syntax::{ParserBuilder, hir::Hir};

use super::{
    block::{Kind, Test},
    code,
    compile::Compiler,
    never::{self, Never},
    required,
};
use crate::{document::Found, text};

use room::Fits;

pub(super) use {lazy::Expression, room::Room};

/// The largest compiled expression, in octets: `\w{1000}\w{1000}` is refused in milliseconds.
const MAX_COMPILED: usize = 1 << 20;

/// Octets that all expressions of a set may take when compiled. Without it a file of 1 MiB holds some 25,000 expressions of up to a
/// mebibyte each: the reload that reads them would end the gateway, and every start after it.
pub(super) const MAX_ALL_COMPILED: usize = 64 << 20;

impl Compiler<'_, '_> {
    /// The test; none, with faults, when the expression cannot be used.
    pub(super) fn regex(&self, found: &Found<String>) -> Option<Test> {
        if found.value.contains('\u{8}') {
            let what = text!(
                "in \"…\" `\\b` is a backspace, which no subject holds",
                "em \"…\" `\\b` é um backspace, que assunto nenhum tem"
            );
            let help = text!(
                "write expressions in three single quotes: regex = '''…'''",
                "escreva expressões entre três aspas simples: regex = '''…'''"
            );
            self.fault(code::NEVER, &found.span, what, Some(help));
            return None;
        }
        self.folded_of(found, &without_escapes(&found.value))?;
        let written = &found.value;
        let hir = match ParserBuilder::new().case_insensitive(self.fold.case).build().parse(written) {
            Ok(hir) => hir,
            Err(error) => {
                self.regex_fault(found, &error);
                return None;
            }
        };
        let before = self.document.errors();
        self.check_sense(found, &hir);
        let size = self.size(found, &hir)?;
        let required = required::of_hir(&hir, self.fold);
        let expression = Expression::new(written.clone(), self.fold.case, size, hir);
        let test = Test { kind: Kind::Regex(expression), written: written.clone(), required };
        (self.document.errors() == before).then_some(test)
    }

    /// An expression finds something, and can find it in a folded subject.
    fn check_sense(&self, found: &Found<String>, hir: &Hir) {
        if hir.properties().minimum_len() == Some(0) {
            let what = text!(
                "this finds the empty text: letters are not needed for it to match",
                "isto acha o texto vazio: casa mesmo sem letra nenhuma"
            );
            let help = text!("let at least one letter be certain", "deixe ao menos uma letra obrigatória");
            self.fault(code::FINDS_NOTHING, &found.span, what, Some(help));
        } else if let Some(prefix) = self.leading_prefix(&found.value) {
            let what = text!("no subject begins with `{prefix}` here", "aqui nenhum assunto começa com `{prefix}`");
            let help = text!(
                "field name and reply prefixes are gone before comparing: take it out",
                "o nome do campo e os prefixos de resposta já saíram: retire-o"
            );
            self.fault(code::NEVER, &found.span, what, Some(help));
        } else if let Some(never) = never::never(hir, self.fold) {
            self.never(found, never);
        }
    }

    /// `Subject:` at the start, or a reply prefix that is held to it.
    fn leading_prefix(&self, written: &str) -> Option<String> {
        let anchored = written.starts_with('^');
        let rest = written.trim_start_matches(['^', '(', ' ']).to_lowercase();
        let begins = |name: &str| rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with(':'));
        let field = ["subject", "assunto"].into_iter().find(|name| begins(name)).map(str::to_owned);
        let mut prefixes = self.fold.prefixes.iter().map(|prefix| self.fold.pattern(prefix));
        let prefix = field.or_else(|| prefixes.find(|prefix| anchored && begins(prefix)));
        prefix.map(|name| format!("{name}:"))
    }

    fn never(&self, found: &Found<String>, never: Never) {
        let whole = || found.span.clone();
        let one_space = || text!("write one space", "escreva um espaço");
        let (span, what, help) = match never {
            Never::Lost(c) => {
                let same = |other: char| other == c || other.to_lowercase().eq([c]);
                let at = found.value.char_indices().find(|(_, other)| same(*other));
                let span = at.map_or_else(whole, |(at, c)| self.within(found, &(at..at + c.len_utf8())));
                let (shown, instead) = (c.escape_debug(), never::becomes(c, self.fold));
                let what =
                    text!("the folded subject never holds `{shown}`", "o assunto normalizado nunca contém `{shown}`");
                let help = match instead.as_str() {
                    "" => text!("take it out", "retire-o"),
                    " " => one_space(),
                    _ => text!("write `{instead}`", "escreva `{instead}`"),
                };
                (span, what, Some(help))
            }
            Never::TwoSpaces => {
                let what = text!(
                    "the folded subject never holds two spaces in a row",
                    "o assunto normalizado nunca tem dois espaços seguidos"
                );
                (whole(), what, Some(one_space()))
            }
            Never::Anchor => {
                let what = text!(
                    "`^` stands behind something, or `$` in front of something: this can never match",
                    "há algo antes de `^`, ou depois de `$`: isto nunca casa"
                );
                let help = text!("as plain signs they are \\^ and \\$", "como sinais comuns eles são \\^ e \\$");
                (whole(), what, Some(help))
            }
            Never::Nothing => (whole(), text!("this can never match", "isto nunca casa"), None),
        };
        self.fault(code::NEVER, &span, what, help);
    }

    /// Octets within which it compiles; none, with a fault, when it is too large, or the others have taken all room.
    fn size(&self, found: &Found<String>, hir: &Hir) -> Option<usize> {
        let (code, what, help) = match self.room.take(&found.value, self.fold.case, hir) {
            Fits::Within(size) => return Some(size),
            Fits::TooLarge => (
                code::EXPRESSION,
                text!(
                    "the expression is larger than {MAX_COMPILED} octets when compiled",
                    "a expressão passa de {MAX_COMPILED} octetos depois de compilada"
                ),
                text!("lower the repetition counts", "diminua as contagens de repetição"),
            ),
            Fits::NoRoom => (
                code::LIMIT,
                text!(
                    "the expressions of all rules take more than {MAX_ALL_COMPILED} octets when compiled",
                    "as expressões de todas as regras passam de {MAX_ALL_COMPILED} octetos depois de compiladas"
                ),
                text!(
                    "from this one on: use words, phrases or wildcards",
                    "desta em diante: use palavras, frases ou wildcards"
                ),
            ),
        };
        self.fault(code, &found.span, what, Some(help));
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
        let help = found
            .value
            .starts_with('*')
            .then(|| text!("`*…*` is a wildcard: wildcard = \"…\"", "`*…*` é um curinga: wildcard = \"…\""));
        self.fault(code::EXPRESSION, &span, what, help);
    }
}

/// The expression with a space for each octet of an escape: the `b` of `\bсчёт` is a sign, and no Latin letter beside Cyrillic ones.
/// What `\x41` or `\pL` name by letters and digits goes with them; what stands in braces is set apart by these.
fn without_escapes(expression: &str) -> String {
    let mut letters = String::with_capacity(expression.len());
    let mut chars = expression.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            letters.push(c);
            continue;
        }
        letters.push(' ');
        let Some(escaped) = chars.next() else { break };
        letters.extend(std::iter::repeat_n(' ', escaped.len_utf8()));
        let behind = match escaped {
            _ if chars.as_str().starts_with('{') => 0,
            'p' | 'P' => 1,
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => 0,
        };
        for _ in 0..behind {
            if chars.as_str().starts_with(|c: char| c.is_ascii_alphanumeric()) {
                chars.next();
                letters.push(' ');
            }
        }
    }
    letters
}

#[cfg(test)]
mod tests;
