//! The YARA rules of a folder, compiled.
//!
//! In: a folder of `*.yar`. Out: a scanner with the class of every rule, or every fault with its file and line. The
//! contract that a rule must keep (its `class`, the symbols that it may use) is in `rules/yara/README.md`.

#![expect(clippy::disallowed_methods, reason = "rule files are this adapter's business; read at start, bounded")]

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use boreal::{
    Compiler, MetadataValue, Scanner,
    compiler::{AddRuleError, CompilerParams},
    scanner::{EvaluatedRule, ScanParams},
};

use crate::{
    document::{Fault, Faults, Place, Severity},
    policy::verdict::ScanVerdict,
    text,
};

/// More files than this in a folder are a mistake.
const MOST_FILES: usize = 1000;

/// A rule file above this is a mistake, octets; all together may have sixteen times as much.
const LONGEST_FILE: u64 = 1024 * 1024;

/// True while the whole message is looked at, false for a decoded part of it.
pub const WHOLE_MESSAGE: &str = "whole_message";
/// The file name that the part claims, decoded (RFC 2231, RFC 2047); empty if none.
pub const PART_NAME: &str = "part_name";
/// The media type that the part claims, lower-case: `application/pdf`; empty for the whole message.
pub const PART_TYPE: &str = "part_type";

/// What a rule that matches means: its metadata `class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `class = "malware"`
    Malware,
    /// `class = "macro"`
    Macro,
    /// `class = "encrypted"`
    Encrypted,
}

impl Class {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "malware" => Some(Self::Malware),
            "macro" => Some(Self::Macro),
            "encrypted" => Some(Self::Encrypted),
            _ => None,
        }
    }

    /// The verdict when `rule` matches. A rule's name is an identifier of YARA (letters, digits, `_`, 128 at most).
    fn verdict(self, rule: &str) -> ScanVerdict {
        let signature = format!("YARA.{rule}").chars().take(128).collect();
        match self {
            Self::Malware => ScanVerdict::Infected { signature },
            Self::Macro => ScanVerdict::Macro { signature },
            Self::Encrypted => ScanVerdict::Encrypted { signature },
        }
    }
}

/// Compiled rules. A clone shares them.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The engine, to be cloned for each scan.
    pub scanner: Scanner,
    classes: HashMap<String, Class>,
}

impl Rules {
    /// How many rules can match.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// What a match means.
    pub fn verdict(&self, rule: &EvaluatedRule<'_>) -> ScanVerdict {
        // Every rule has a class, or it would not have been compiled; should one not, the worst is meant.
        self.classes.get(rule.name).copied().unwrap_or(Class::Malware).verdict(rule.name)
    }
}

struct Source {
    path: PathBuf,
    text: String,
}

/// Compiles every `*.yar` of `folder` in name order, and returns the warnings beside them.
///
/// # Errors
///
/// All faults of all files: a folder or file that cannot be read or is too large, a rule that does not compile, a
/// name used twice, no known `class`, a `global` rule (one of these that does not match silences all others).
pub fn compile(folder: &Path) -> Result<(Rules, Faults), Faults> {
    let sources = read(folder)?;
    let mut faults = Faults::default();
    let mut compiler = Compiler::new();
    // An `include` reads any file that the process may read.
    compiler.set_params(CompilerParams::default().disable_includes(true));
    compiler.define_symbol(WHOLE_MESSAGE, false);
    compiler.define_symbol(PART_NAME, "");
    compiler.define_symbol(PART_TYPE, "");
    for source in &sources {
        match compiler.add_rules_str(&source.text) {
            Ok(status) => faults.0.extend(status.warnings().map(|it| of_engine(source, it, Severity::Warning))),
            Err(error) => faults.0.push(of_engine(source, &error, Severity::Error)),
        }
    }
    let mut scanner = compiler.finalize();
    scanner.set_scan_params(ScanParams::default().compute_full_matches(false));
    let (classes, more) = classes(&scanner, &sources);
    faults.append(more);
    if classes.is_empty() && !faults.has_errors() {
        let what = text!("no rule in any *.yar file", "nenhuma regra em arquivo *.yar");
        faults.0.push(Fault::about_file(folder, what));
    }
    if faults.has_errors() { Err(faults) } else { Ok((Rules { scanner, classes }, faults)) }
}

fn classes(scanner: &Scanner, sources: &[Source]) -> (HashMap<String, Class>, Faults) {
    let mut classes = HashMap::new();
    let mut faults = Faults::default();
    for rule in scanner.rules() {
        let name = rule.name;
        if rule.is_global {
            let what = text!("rule {name} is global", "a regra {name} é global");
            let help = text!(
                "remove `global`: one such rule that does not match silences all others",
                "retire `global`: uma regra global que não casa cala todas as outras"
            );
            faults.0.push(of_rule(sources, name, what, help));
        }
        if rule.is_private {
            continue;
        }
        let class = rule.metadatas.iter().find(|it| scanner.get_string_symbol(it.name) == "class");
        let class = class.and_then(|it| match it.value {
            MetadataValue::Bytes(symbol) => std::str::from_utf8(scanner.get_bytes_symbol(symbol)).ok(),
            _ => None,
        });
        match class.and_then(Class::from_name) {
            Some(class) => drop(classes.insert(name.to_owned(), class)),
            None => {
                let what = text!("rule {name} has no known class", "a regra {name} não tem classe conhecida");
                let help = text!(
                    "write one of class = \"malware\", \"macro\" or \"encrypted\" in its meta section",
                    "escreva class = \"malware\", \"macro\" ou \"encrypted\" na seção meta"
                );
                faults.0.push(of_rule(sources, name, what, help));
            }
        }
    }
    (classes, faults)
}

fn of_engine(source: &Source, error: &AddRuleError, severity: Severity) -> Fault {
    let diagnostic = error.to_diagnostic();
    let place = diagnostic.labels.first().map(|label| Place::of(&source.text, &label.range));
    let words = diagnostic.message;
    let what = text!("{words}", "regra YARA: {words}");
    Fault { place, severity, ..Fault::about_file(&source.path, what) }
}

/// A fault at the line that declares `rule`.
fn of_rule(sources: &[Source], rule: &str, what: crate::language::Text, help: crate::language::Text) -> Fault {
    let declared = |source: &Source| {
        let text = source.text.as_str();
        let starts = text.match_indices("rule").filter_map(|(at, word)| {
            let rest = text.get(at.saturating_add(word.len())..)?;
            let name = rest.trim_start();
            let token = name.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()?;
            (token == rule && name.len() < rest.len()).then(|| text.len().saturating_sub(name.len()))
        });
        starts.map(|at| Place::of(text, &(at..at.saturating_add(rule.len())))).next()
    };
    let (file, place) = sources
        .iter()
        .find_map(|source| declared(source).map(|place| (source.path.clone(), Some(place))))
        .unwrap_or_default();
    Fault { place, help: Some(help), ..Fault::about_file(file, what) }
}

/// The files in name order, so that the order of rules does not depend on the file system.
fn read(folder: &Path) -> Result<Vec<Source>, Faults> {
    let unreadable = |path: &Path, error: io::Error| {
        Faults(vec![Fault::about_file(path, text!("cannot be read: {error}", "não pode ser lido: {error}"))])
    };
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let mut paths = Vec::new();
    // Every entry is looked at: a rule that is left out because the folder is full of other things would be missed by nobody.
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "yar") {
            paths.push(path);
        }
        if paths.len() > MOST_FILES {
            let what = text!("more than {MOST_FILES} files", "mais de {MOST_FILES} arquivos");
            return Err(Faults(vec![Fault::about_file(folder, what)]));
        }
    }
    paths.sort();
    let mut faults = Faults::default();
    let mut sources = Vec::new();
    let mut total = 0u64;
    for path in paths {
        match read_file(&path) {
            Ok(text) => {
                total = total.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
                sources.push(Source { path, text });
            }
            Err(error) => faults.append(unreadable(&path, error)),
        }
        if total > LONGEST_FILE.saturating_mul(16) {
            let what = text!("rule files too large together", "arquivos de regras grandes demais em conjunto");
            return Err(Faults(vec![Fault::about_file(folder, what)]));
        }
    }
    if faults.has_errors() { Err(faults) } else { Ok(sources) }
}

fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST_FILE.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST_FILE) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("portaria-rules-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            fs::write(folder.join(file), text).unwrap();
        }
        folder
    }

    fn faults(name: &str, files: &[(&str, &str)]) -> String {
        let folder = folder(name, files);
        let text = compile(&folder).map(drop).unwrap_err().render(crate::language::Language::En);
        fs::remove_dir_all(&folder).unwrap();
        text.replace(&format!("{}/", folder.display()), "")
    }

    #[test]
    fn faults_name_file_and_line() {
        let good = "rule Good { meta: class = \"macro\" condition: false }\n";
        let rows = [
            ("syntax", "\n\nrule A { condition: tru }\n", "x.yar:3:21: error: unknown identifier \"tru\""),
            ("class", "\nrule Good2 { condition: true }\n", "x.yar:2:6: error: rule Good2 has no known class"),
            (
                "other",
                "rule A { meta: class = \"bad\" condition: true }",
                "x.yar:1:6: error: rule A has no known class",
            ),
            ("number", "rule A { meta: class = 1 condition: true }", "x.yar:1:6: error: rule A has no known class"),
            (
                "twice",
                "rule Good { meta: class = \"macro\" condition: true }",
                "x.yar:1:6: error: rule `Good` is already",
            ),
            (
                "global",
                "global rule G { meta: class = \"macro\" condition: true }",
                "x.yar:1:13: error: rule G is global",
            ),
            ("module", "import \"pe\"\n", "x.yar:1:1: error: unknown import pe"),
        ];
        for (name, text, expected) in rows {
            let found = faults(name, &[("a.yar", good), ("x.yar", text)]);
            assert!(found.contains(expected), "{name}: {found}");
        }
    }

    /// It would read any file that the process may read.
    #[test]
    fn an_include_is_a_fault_even_of_a_good_file() {
        let other = folder("included", &[("good.txt", "rule Good { meta: class = \"macro\" condition: false }")]);
        let include = format!("\ninclude \"{}/good.txt\"\n", other.display());
        let found = faults("include", &[("x.yar", &include)]);
        assert!(found.contains("x.yar:2:1: error: includes are not allowed"), "{found}");
        fs::remove_dir_all(&other).unwrap();
    }

    #[test]
    fn a_folder_without_rules_is_a_fault() {
        assert!(faults("empty", &[("readme.txt", "x")]).contains("no rule in any *.yar file"));
        assert!(compile(Path::new("/nonexistent/rules")).is_err());
        let large = format!("/* {} */", "x".repeat(1024 * 1024));
        assert!(faults("large", &[("x.yar", &large)]).contains("larger than 1 MiB"));
    }

    /// One file more, or one octet more, is a fault, and never a rule that is left out.
    #[test]
    fn the_bounds_of_a_folder_hold_to_the_file_and_the_octet() {
        let read_all = |name: &str, files: &[(String, String)]| {
            let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            let folder = folder(name, &files);
            let read = read(&folder).map(|sources| sources.len());
            fs::remove_dir_all(&folder).unwrap();
            read.map_err(|faults| faults.render(crate::language::Language::En))
        };
        let files = |count: usize, text: &str| -> Vec<_> {
            (0..count).map(|nth| (format!("{nth:04}.yar"), text.to_owned())).collect()
        };
        assert_eq!(read_all("most", &files(MOST_FILES, "")), Ok(MOST_FILES));
        assert!(read_all("many", &files(MOST_FILES + 1, "")).unwrap_err().contains("more than 1000 files"));
        let largest = " ".repeat(LONGEST_FILE as usize);
        assert_eq!(read_all("largest", &files(16, &largest)), Ok(16));
        let mut too_much = files(16, &largest);
        too_much.push(("more.yar".to_owned(), " ".to_owned()));
        assert!(read_all("all", &too_much).unwrap_err().contains("rule files too large together"));
        assert!(read_all("larger", &files(1, &(largest + " "))).unwrap_err().contains("larger than 1 MiB"));
        // Ten thousand other files, and one rule: wherever it stands among them, it is read.
        let mut crowd: Vec<_> = (0..10_001).map(|nth| (format!("{nth}.txt"), String::new())).collect();
        crowd.push(("last.yar".to_owned(), String::new()));
        assert_eq!(read_all("crowd", &crowd), Ok(1));
    }

    #[test]
    fn private_rules_need_no_class_and_files_come_in_name_order() {
        let folder = folder(
            "order",
            &[
                ("b.yar", "rule B { meta: class = \"encrypted\" condition: P }"),
                ("a.yar", "private rule P { condition: true }"),
                ("c.txt", "not a rule"),
            ],
        );
        let (rules, warnings) = compile(&folder).unwrap();
        assert_eq!(rules.len(), 1);
        assert!(!warnings.has_errors());
        let result = rules.scanner.scan_mem(b"x").unwrap();
        let verdict = rules.verdict(result.rules.iter().find(|rule| rule.name == "B").unwrap());
        assert_eq!(verdict, ScanVerdict::Encrypted { signature: "YARA.B".to_owned() });
        fs::remove_dir_all(&folder).unwrap();
    }
}
