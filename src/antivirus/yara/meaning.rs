//! What a rule says of itself in its `meta` section: class, severity, action.
//!
//! In: a compiled rule and the files that it stands in. Out: its meaning, or what is wrong with it, with the line. Other
//! metadata (`description`, `author`) is for people and not looked at.

use boreal::{Metadata, MetadataValue, Scanner};

use super::source::Source;
use crate::{
    document::{Fault, Faults, Place, nearest},
    language::Text,
    policy::finding::{Asked, Class, Finding, Severity},
    text,
};

const CLASSES: [Class; 3] = [Class::Malware, Class::Macro, Class::Encrypted];
const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
const ACTIONS: [Asked; 4] = [Asked::Observe, Asked::Tag, Asked::Quarantine, Asked::Refuse];

/// What a match of a rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    pub class: Class,
    pub severity: Option<Severity>,
    pub action: Option<Asked>,
}

impl Meaning {
    /// The rule's match as it is recorded. A rule's name is an identifier of YARA (letters, digits, `_`, 128 at most).
    pub fn finding(self, rule: &str) -> Finding {
        let Self { class, severity, action } = self;
        Finding { rule: signature(rule), class, severity, action, ignored: None }
    }

    /// Reads the metadata of `rule`; none with a fault.
    pub fn read(
        scanner: &Scanner,
        rule: &str,
        metadata: &[Metadata],
        sources: &[Source],
        faults: &mut Faults,
    ) -> Option<Self> {
        let mut reader = Reader { scanner, rule, metadata, sources, faults };
        let class = reader.one_of("class", &CLASSES.map(|class| (class.name(), class)));
        let severity = reader.one_of("severity", &SEVERITIES.map(|severity| (severity.name(), severity)));
        let action = reader.one_of("action", &ACTIONS.map(|action| (action.name(), action)));
        if class == Ok(None) {
            let what = text!("rule {rule} has no known class", "a regra {rule} não tem classe conhecida");
            let help = text!(
                "write one of class = \"malware\", \"macro\" or \"encrypted\" in its meta section",
                "escreva class = \"malware\", \"macro\" ou \"encrypted\" na seção meta"
            );
            faults.0.push(of_rule(sources, rule, what, Some(help)));
        }
        Some(Self { class: class.ok()??, severity: severity.ok()?, action: action.ok()? })
    }
}

/// What stands for a rule in verdicts and records.
pub fn signature(rule: &str) -> String {
    format!("YARA.{rule}").chars().take(128).collect()
}

struct Reader<'r> {
    scanner: &'r Scanner,
    rule: &'r str,
    metadata: &'r [Metadata],
    sources: &'r [Source],
    faults: &'r mut Faults,
}

impl Reader<'_> {
    /// The value of `key`, if it is written. YARA lets a key stand twice: which of two actions is meant is not guessed.
    fn one_of<T: Copy>(&mut self, key: &str, names: &[(&str, T)]) -> Result<Option<T>, ()> {
        let mut written = self.metadata.iter().filter(|it| self.scanner.get_string_symbol(it.name) == key);
        let Some(first) = written.next() else { return Ok(None) };
        let rule = self.rule;
        if written.next().is_some() {
            let what = text!("rule {rule} says `{key}` twice", "a regra {rule} diz `{key}` duas vezes");
            self.faults.0.push(of_key(self.sources, rule, key, what, None));
            return Err(());
        }
        let value = match first.value {
            MetadataValue::Bytes(symbol) => String::from_utf8_lossy(self.scanner.get_bytes_symbol(symbol)).into_owned(),
            MetadataValue::Integer(number) => number.to_string(),
            MetadataValue::Boolean(boolean) => boolean.to_string(),
        };
        let text = matches!(first.value, MetadataValue::Bytes(_));
        if let Some((_, known)) = names.iter().find(|(name, _)| text && *name == value) {
            return Ok(Some(*known));
        }
        let listed = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | ");
        let what = text!(
            "rule {rule}: `{key}` is one of {listed}, not `{value}`",
            "regra {rule}: `{key}` é um de {listed}, não `{value}`"
        );
        let near = nearest(&value, names.iter().map(|(name, _)| *name));
        let help = near.map(|name| text!("did you mean \"{name}\"?", "você quis dizer \"{name}\"?"));
        self.faults.0.push(of_key(self.sources, rule, key, what, help));
        Err(())
    }
}

/// A fault at the name of `rule` where it is declared.
pub fn of_rule(sources: &[Source], rule: &str, what: Text, help: Option<Text>) -> Fault {
    let declared = sources.iter().find_map(|source| Some((source, declaration(source, rule)?)));
    at(declared.map(|(source, from)| (source, from, rule.len())), what, help)
}

/// A fault at the first `key =` behind the declaration of `rule`.
fn of_key(sources: &[Source], rule: &str, key: &str, what: Text, help: Option<Text>) -> Fault {
    let written = sources.iter().find_map(|source| {
        let from = declaration(source, rule)?;
        let rest = source.text.get(from..)?;
        let is_key = |at: &usize| {
            let behind = rest.get(at.saturating_add(key.len())..).unwrap_or_default();
            let before = rest.get(..*at).unwrap_or_default();
            behind.trim_start().starts_with('=') && !before.ends_with(is_of_a_name)
        };
        let at = rest.match_indices(key).map(|(at, _)| at).find(is_key)?;
        Some((source, from.saturating_add(at)))
    });
    match written {
        Some((source, from)) => at(Some((source, from, key.len())), what, help),
        None => of_rule(sources, rule, what, help),
    }
}

fn at(written: Option<(&Source, usize, usize)>, what: Text, help: Option<Text>) -> Fault {
    let place = |(source, from, length): (&Source, usize, usize)| {
        (source.path.clone(), Some(Place::of(&source.text, &(from..from.saturating_add(length)))))
    };
    let (file, place) = written.map(place).unwrap_or_default();
    Fault { place, help, ..Fault::about_file(file, what) }
}

/// Where the name stands behind the word `rule`.
fn declaration(source: &Source, rule: &str) -> Option<usize> {
    let text = source.text.as_str();
    text.match_indices("rule").find_map(|(at, word)| {
        let rest = text.get(at.saturating_add(word.len())..)?;
        let name = rest.trim_start();
        let token = name.split(|c: char| !is_of_a_name(c)).next()?;
        (token == rule && name.len() < rest.len()).then(|| text.len().saturating_sub(name.len()))
    })
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
