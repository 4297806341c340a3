//! Several rule files into one set, with all their faults.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Mode, Resolve, Rule, RuleSet, code,
    compile::Compiler,
    encoding::text_of,
    example::Trial,
    expression::{MAX_ALL_COMPILED, Room},
    file::{self, WrittenRule},
    index, reply,
    review::{self, Entry},
    vocabulary,
};
use crate::{
    document::{Document, Fault, Faults},
    language::Text,
    text,
};

/// Octets of all rule files together. Ten thousand rules of ordinary length are seven million.
pub const MAX_ALL_FILES: usize = 32 << 20;

/// How many blocks without a required literal a set may have: each is tried on every message (100 of them over a subject of
/// 990 octets took 2.8 ms).
pub const MAX_ALWAYS_TRIED: usize = 100;

/// How many different folds a set may have: every Subject is folded once for each of them. Rules that say nothing about it share
/// one; a message may have a thousand Subjects.
pub const MAX_FOLDS: usize = 32;

/// Where each id was first seen: file and line.
type Ids = BTreeMap<String, (PathBuf, usize)>;

/// See [`RuleSet::read`].
pub(super) fn load(files: &[(PathBuf, String)], resolve: Resolve<'_>) -> (RuleSet, Faults) {
    let mut in_order: Vec<_> = files.iter().collect();
    in_order.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut octets = 0_usize;
    let beyond = in_order.iter().find(|(_, source)| {
        octets = octets.saturating_add(source.len());
        octets > MAX_ALL_FILES
    });
    if let Some((file, _)) = beyond {
        return (RuleSet::default(), Faults(vec![too_many_octets(file)]));
    }
    let (documents, written): (Vec<Document<'_>>, Vec<_>) =
        in_order.into_iter().map(|(file, source)| as_written(file, source)).unzip();
    let mut faults = Faults::default();
    let mut rules = compile_all(&documents, written, resolve);
    for document in documents {
        faults.append(document.into_faults());
    }
    let groups = index::build(&rules, |rule| rule.mode != Mode::Off);
    for test in rules.iter_mut().flat_map(|rule| &mut rule.blocks).flat_map(|block| &mut block.tests) {
        test.rest();
    }
    let set = RuleSet { rules, groups };
    set.check_always_tried(&mut faults);
    set.check_folds(&mut faults);
    faults.sort();
    (set, faults)
}

/// A file and its rules. Of the file only the text is kept: all files parsed at once take as much as everything else that loading does.
fn as_written<'d>(file: &Path, source: &'d str) -> (Document<'d>, Vec<WrittenRule>) {
    let mut document = Document::parse_with(file, source, vocabulary::WORDS);
    let rules = file::read(&document);
    document.forget_root();
    (document, rules)
}

/// The rules that are in order, each alone and beside the others; `written` are those of each document.
fn compile_all(documents: &[Document<'_>], written: Vec<Vec<WrittenRule>>, resolve: Resolve<'_>) -> Vec<Rule> {
    let (mut rules, mut entries, mut ids) = (Vec::new(), Vec::new(), Ids::new());
    let room = Room::new(MAX_ALL_COMPILED);
    for (document, written) in documents.iter().zip(written) {
        for written in written {
            let before = document.errors();
            check_unique(document, &written, &mut ids);
            let rule = compile(document, &written, resolve, &room);
            if written.sound && document.errors() == before {
                rules.push(rule);
                entries.push(Entry { document, written });
            }
        }
    }
    let with_errors = review::review(&rules, &entries, resolve);
    let kept = rules.into_iter().enumerate().filter(|(at, _)| !with_errors.contains(at));
    kept.map(|(_, rule)| rule).collect()
}

fn too_many_octets(file: &Path) -> Fault {
    let what = text!(
        "with this file the rule files have more than {MAX_ALL_FILES} octets together",
        "com este arquivo os arquivos de regras passam de {MAX_ALL_FILES} octetos somados"
    );
    let help = text!(
        "from here on nothing was read: take out rules that are over",
        "daqui em diante nada foi lido: retire regras vencidas"
    );
    Fault { code: Some(code::LIMIT), help: Some(help), ..Fault::about_file(file, what) }
}

/// See [`RuleSet::read_files`].
pub(super) fn load_octets(files: &[(PathBuf, Vec<u8>)], resolve: Resolve<'_>) -> (RuleSet, Faults) {
    let (mut texts, mut unreadable) = (Vec::new(), Faults::default());
    for (file, octets) in files {
        match text_of(file, octets) {
            Ok(text) => texts.push((file.clone(), text)),
            Err(fault) => unreadable.0.push(*fault),
        }
    }
    let (set, mut faults) = load(&texts, resolve);
    faults.append(unreadable);
    faults.sort();
    (set, faults)
}

fn check_unique(document: &Document<'_>, written: &WrittenRule, ids: &mut Ids) {
    if written.id.value.is_empty() {
        return; // a fault already
    }
    let place = document.place(&written.id.span);
    let Some((file, line)) = ids.get(&written.id.value) else {
        ids.insert(written.id.value.clone(), (document.file().to_owned(), place.line));
        return;
    };
    let (id, file) = (&written.id.value, file.display());
    document.fault_as(
        code::ID,
        written.id.span.clone(),
        text!("the id `{id}` is taken", "o id `{id}` já é usado"),
        Some(text!("by the rule at {file}:{line}", "pela regra em {file}:{line}")),
    );
}

/// The rule; if it was sound, and the document got no error meanwhile, it is in order and its examples are as they say.
fn compile(document: &Document<'_>, written: &WrittenRule, resolve: Resolve<'_>, room: &Room) -> Rule {
    let before = document.errors();
    let rule = patterns(document, written, resolve, room);
    // Examples of a rule that lost a block, or a key, would fail for a reason that is reported already.
    if written.sound && document.errors() == before {
        Trial { document, rule: &rule, written, resolve }.run();
    }
    rule
}

/// The rule without a look at its examples. Faults of its patterns are in the document, and then it must not be used.
/// `room`: octets that compiled expressions may still take.
pub(super) fn patterns(document: &Document<'_>, written: &WrittenRule, resolve: Resolve<'_>, room: &Room) -> Rule {
    let compiler = Compiler { document, fold: &written.fold, room };
    let place = |span| document.place(span);
    Rule {
        id: written.id.value.clone(),
        description: written.description.clone(),
        mode: written.mode,
        action: written.action,
        reply: written.reply.as_ref().and_then(|text| reply::compile(document, text, &written.id.value)),
        scope: written.scope.clone(),
        starts: written.starts.clone(),
        expires: written.expires.clone(),
        fold: written.fold.clone(),
        blocks: written.blocks.iter().filter_map(|block| compiler.block(block)).collect(),
        except: compiler.except(&written.except, resolve),
        examples: written.examples.len(),
        file: document.file().to_owned(),
        place: place(&written.id.span),
        starts_place: written.starts.as_ref().map(|date| place(&date.span)),
        expires_place: written.expires.as_ref().map(|date| place(&date.span)),
    }
}

impl RuleSet {
    fn check_folds(&self, faults: &mut Faults) {
        let Some(group) = self.groups.get(MAX_FOLDS) else { return };
        let Some(rule) = self.rules.iter().find(|rule| rule.fold == group.fold) else { return };
        let count = self.groups.len();
        let what = text!(
            "the rules have {count} different [rule.fold], at most {MAX_FOLDS} may be",
            "as regras têm {count} [rule.fold] diferentes; podem ser no máximo {MAX_FOLDS}"
        );
        let help = text!("give rules the same fold, or leave it out", "dê às regras o mesmo fold, ou omita-o");
        faults.0.push(rule.too_much(what, help));
    }

    fn check_always_tried(&self, faults: &mut Faults) {
        let mut tried: Vec<_> = self.groups.iter().flat_map(index::Group::always).collect();
        tried.sort_unstable();
        let count = tried.len();
        let Some(rule) = tried.get(MAX_ALWAYS_TRIED).and_then(|(rule, _)| self.rules.get(*rule)) else { return };
        let what = text!(
            "{count} match blocks have to be tried on every message, at most {MAX_ALWAYS_TRIED} may",
            "{count} blocos de match precisam ser testados em toda mensagem; podem ser no máximo {MAX_ALWAYS_TRIED}"
        );
        let help = text!(
            "from this rule on: add a word, or three letters in a row",
            "desta regra em diante: acrescente uma palavra, ou três letras seguidas"
        );
        faults.0.push(rule.too_much(what, help));
    }
}

impl Rule {
    fn too_much(&self, what: Text, help: Text) -> Fault {
        let (place, rule) = (Some(self.place.clone()), Some(self.id.clone()));
        Fault { place, rule, code: Some(code::LIMIT), help: Some(help), ..Fault::about_file(&self.file, what) }
    }
}
