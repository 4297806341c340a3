//! Several rule files into one set, with all their faults.

use std::{
    cell::Cell,
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use super::{
    Mode, Resolve, Rule, RuleSet,
    compile::{Compiler, MAX_ALL_COMPILED},
    encoding::text_of,
    example::Trial,
    file::{self, WrittenRule},
    index, reply,
};
use crate::{
    document::{Document, Fault, Faults, Place, Severity},
    text,
};

/// How many blocks without a required literal a set may have: each is tried on every message (100 of them over a subject of
/// 990 octets took 2.8 ms).
pub const MAX_ALWAYS_TRIED: usize = 100;

/// How many different folds a set may have: every Subject is folded once for each of them. Rules that say nothing about it share
/// one; a message may have a thousand Subjects.
pub const MAX_FOLDS: usize = 32;

/// How long before a rule ends somebody is told.
const ENDS_SOON: Duration = Duration::from_secs(7 * 86_400);

/// Where each id was first seen: file and line.
type Ids = BTreeMap<String, (PathBuf, usize)>;

/// See [`RuleSet::read`].
pub(super) fn load(files: &[(PathBuf, String)], resolve: Resolve<'_>) -> (RuleSet, Faults) {
    let mut in_order: Vec<_> = files.iter().collect();
    in_order.sort_by(|(a, _), (b, _)| a.cmp(b));
    let (mut rules, mut faults, mut ids) = (Vec::new(), Faults::default(), Ids::new());
    let room = Cell::new(MAX_ALL_COMPILED);
    for (file, source) in in_order {
        let document = Document::parse(file, source);
        for written in file::read(&document) {
            let before = document.errors();
            check_unique(&document, &written, &mut ids);
            let rule = compile(&document, &written, resolve, &room);
            rules.extend(rule.filter(|_| document.errors() == before));
        }
        faults.append(document.into_faults());
    }
    let groups = index::build(&rules, |rule| rule.mode != Mode::Off);
    let set = RuleSet { rules, groups };
    set.check_always_tried(&mut faults);
    set.check_folds(&mut faults);
    (set, faults)
}

/// See [`RuleSet::read_files`].
pub(super) fn load_octets(files: &[(PathBuf, Vec<u8>)], resolve: Resolve<'_>) -> (RuleSet, Faults) {
    let (mut texts, mut faults) = (Vec::new(), Faults::default());
    for (file, octets) in files {
        match text_of(octets) {
            Ok(text) => texts.push((file.clone(), text)),
            Err(what) => faults.0.push(Fault::about_file(file, what)),
        }
    }
    let (set, others) = load(&texts, resolve);
    faults.append(others);
    (set, faults)
}

fn check_unique(document: &Document<'_>, written: &WrittenRule, ids: &mut Ids) {
    let place = Place::of(document.source(), &written.id.span);
    let Some((file, line)) = ids.get(&written.id.value) else {
        ids.insert(written.id.value.clone(), (document.file().to_owned(), place.line));
        return;
    };
    let (id, file) = (&written.id.value, file.display());
    document.fault(
        written.id.span.clone(),
        text!("the id `{id}` is taken", "o id `{id}` já é usado"),
        Some(text!("by the rule at {file}:{line}", "pela regra em {file}:{line}")),
    );
}

/// The rule, if it is in order and its examples are as they say.
fn compile(document: &Document<'_>, written: &WrittenRule, resolve: Resolve<'_>, room: &Cell<usize>) -> Option<Rule> {
    let before = document.errors();
    let rule = patterns(document, written, resolve, room);
    // Examples of a rule that lost a block would fail for a reason that is reported already.
    if document.errors() == before {
        Trial { document, rule: &rule, written, resolve }.run();
    }
    Some(rule)
}

/// The rule without a look at its examples. Faults of its patterns are in the document, and then it must not be used.
/// `room`: octets that compiled expressions may still take.
pub(super) fn patterns(
    document: &Document<'_>,
    written: &WrittenRule,
    resolve: Resolve<'_>,
    room: &Cell<usize>,
) -> Rule {
    let compiler = Compiler { document, fold: &written.fold, room };
    let place = |span| Place::of(document.source(), span);
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
        expires_place: written.expires.as_ref().map(|date| place(&date.span)),
    }
}

impl RuleSet {
    /// Warnings that depend on the day: rules that ended, or end within a week. Rules that are off are passed over.
    pub fn due(&self, now: SystemTime) -> Faults {
        let due = |rule: &Rule| {
            let expires = rule.expires.as_ref().filter(|_| rule.mode != Mode::Off)?;
            let (id, date) = (&rule.id, &expires.written);
            let what = if expires.at < now {
                text!(
                    "the rule {id} ended at {date} and does nothing",
                    "a regra {id} terminou em {date} e não faz nada"
                )
            } else if expires.at.duration_since(now).is_ok_and(|left| left < ENDS_SOON) {
                text!("the rule {id} ends soon, at {date}", "a regra {id} termina em breve, em {date}")
            } else {
                return None;
            };
            Some(Fault {
                file: rule.file.clone(),
                place: rule.expires_place.clone(),
                severity: Severity::Warning,
                what,
                help: Some(text!("give it a new date, or mode = \"off\"", "dê a ela uma nova data, ou mode = \"off\"")),
            })
        };
        Faults(self.rules.iter().filter_map(due).collect())
    }

    fn check_folds(&self, faults: &mut Faults) {
        let Some(group) = self.groups.get(MAX_FOLDS) else { return };
        let Some(rule) = self.rules.iter().find(|rule| rule.fold == group.fold) else { return };
        let count = self.groups.len();
        faults.0.push(Fault {
            file: rule.file.clone(),
            place: Some(rule.place.clone()),
            severity: Severity::Error,
            what: text!(
                "the rules have {count} different [rule.fold], at most {MAX_FOLDS} may be",
                "as regras têm {count} [rule.fold] diferentes; podem ser no máximo {MAX_FOLDS}"
            ),
            help: Some(text!("give rules the same fold, or leave it out", "dê às regras o mesmo fold, ou omita-o")),
        });
    }

    fn check_always_tried(&self, faults: &mut Faults) {
        let mut tried: Vec<_> = self.groups.iter().flat_map(index::Group::always).collect();
        tried.sort_unstable();
        let count = tried.len();
        let Some(rule) = tried.get(MAX_ALWAYS_TRIED).and_then(|(rule, _)| self.rules.get(*rule)) else { return };
        faults.0.push(Fault {
            file: rule.file.clone(),
            place: Some(rule.place.clone()),
            severity: Severity::Error,
            what: text!(
                "{count} match blocks have to be tried on every message, at most {MAX_ALWAYS_TRIED} may",
                "{count} blocos de match precisam ser testados em toda mensagem; podem ser no máximo {MAX_ALWAYS_TRIED}"
            ),
            help: Some(text!(
                "from this rule on: add a word, or three letters in a row",
                "desta regra em diante: acrescente uma palavra, ou três letras seguidas"
            )),
        });
    }
}
