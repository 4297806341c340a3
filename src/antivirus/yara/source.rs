//! The files of a folder of YARA rules: `*.yar` and, beside them, the `*.toml` with their examples.
//!
//! In: a folder. Out: the texts in name order and the version of the rules, or every file that cannot be read. Bounded in
//! number and size, one file more or one octet more is a fault, and never a rule that is left out.

#![expect(
    clippy::disallowed_methods,
    reason = "rule files are this adapter's business; read at start and reload, bounded"
)]

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;

use crate::{
    document::{Fault, Faults, Severity},
    text,
};

/// More files than this in a folder, of rules or of examples, are a mistake.
const MOST_FILES: usize = 1000;

/// A rule file above this is a mistake, octets; all together may have sixteen times as much.
const LONGEST_FILE: u64 = 1024 * 1024;

/// One file.
pub struct Source {
    pub path: PathBuf,
    pub text: String,
}

/// All files of a folder that count.
pub struct Sources {
    /// `*.yar`, in name order, so that the order of rules does not depend on the file system.
    pub rules: Vec<Source>,
    /// `*.toml`, in name order.
    pub examples: Vec<Source>,
    /// Files that somebody may take for rules.
    pub warnings: Faults,
}

impl Sources {
    /// Reads them.
    pub fn read(folder: &Path) -> Result<Self, Faults> {
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
        let (mut rules, mut examples, mut warnings) = (Vec::new(), Vec::new(), Faults::default());
        // Every entry is looked at: a rule that is left out because the folder is full of other things would be missed by nobody.
        for entry in entries {
            let path = entry.map_err(|error| unreadable(folder, &error))?.path();
            match path.extension().and_then(OsStr::to_str) {
                Some("yar") => rules.push(path),
                Some("toml") => examples.push(path),
                Some("yara" | "yr") => {
                    let what =
                        text!("not read: rule files end in .yar", "não lido: arquivos de regras terminam em .yar");
                    warnings.0.push(Fault { severity: Severity::Warning, ..Fault::about_file(path, what) });
                }
                _ => {}
            }
            if rules.len() > MOST_FILES || examples.len() > MOST_FILES {
                let what = text!("more than {MOST_FILES} files", "mais de {MOST_FILES} arquivos");
                return Err(Faults(vec![Fault::about_file(folder, what)]));
            }
        }
        Ok(Self { rules: texts(folder, rules)?, examples: texts(folder, examples)?, warnings })
    }
}

/// 12 hex digits of SHA-256 over names and texts of the rule files, each behind its length, so that no two sets give the same
/// octets. Examples judge no mail and are not in it; nor is the folder: two machines with the same files have the same version.
pub fn version(rules: &[Source]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = |octets: &[u8]| {
        context.update(&u64::try_from(octets.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(octets);
    };
    for source in rules {
        part(source.path.file_name().unwrap_or_default().as_encoded_bytes());
        part(source.text.as_bytes());
    }
    context.finish().as_ref().iter().take(6).map(|octet| format!("{octet:02x}")).collect()
}

fn texts(folder: &Path, mut paths: Vec<PathBuf>) -> Result<Vec<Source>, Faults> {
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
            Err(error) => faults.append(unreadable(&path, &error)),
        }
        if total > LONGEST_FILE.saturating_mul(16) {
            let what = text!("rule files too large together", "arquivos de regras grandes demais em conjunto");
            return Err(Faults(vec![Fault::about_file(folder, what)]));
        }
    }
    if faults.has_errors() { Err(faults) } else { Ok(sources) }
}

fn read_file(path: &Path) -> io::Result<String> {
    String::from_utf8(read_octets(path, LONGEST_FILE)?).map_err(|_| io::Error::other("not UTF-8"))
}

/// A whole plain file of at most `longest` octets. A FIFO would never end the reading, and a reload would never end with it.
pub fn read_octets(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a plain file"));
    }
    let mut octets = Vec::new();
    File::open(path)?.take(longest.saturating_add(1)).read_to_end(&mut octets)?;
    if u64::try_from(octets.len()).is_ok_and(|length| length > longest) {
        let mib = longest >> 20;
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {mib} MiB")));
    }
    Ok(octets)
}

fn unreadable(path: &Path, error: &io::Error) -> Faults {
    Faults(vec![Fault::about_file(path, text!("cannot be read: {error}", "não pode ser lido: {error}"))])
}

#[cfg(test)]
mod tests {
    use super::{super::sample, *};
    use crate::language::Language;

    fn folder(files: &[(String, String)]) -> tempfile::TempDir {
        let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        sample::folder(&files)
    }

    fn files(count: usize, text: &str) -> Vec<(String, String)> {
        (0..count).map(|nth| (format!("{nth:04}.yar"), text.to_owned())).collect()
    }

    #[test]
    fn the_bounds_of_a_folder_hold_to_the_file_and_the_octet() {
        let read = |files: &[(String, String)]| {
            let read = Sources::read(folder(files).path()).map(|sources| sources.rules.len());
            read.map_err(|faults| faults.render(Language::En))
        };
        assert_eq!(read(&files(MOST_FILES, "")), Ok(MOST_FILES));
        assert!(read(&files(MOST_FILES + 1, "")).unwrap_err().contains("more than 1000 files"));
        let largest = " ".repeat(LONGEST_FILE as usize);
        assert_eq!(read(&files(16, &largest)), Ok(16));
        let mut too_much = files(16, &largest);
        too_much.push(("more.yar".to_owned(), " ".to_owned()));
        assert!(read(&too_much).unwrap_err().contains("rule files too large together"));
        assert!(read(&files(1, &(largest + " "))).unwrap_err().contains("larger than 1 MiB"));
        // Ten thousand other files, and one rule: wherever it stands among them, it is read.
        let mut crowd: Vec<_> = (0..10_001).map(|nth| (format!("{nth}.txt"), String::new())).collect();
        crowd.push(("last.yar".to_owned(), String::new()));
        assert_eq!(read(&crowd), Ok(1));
    }

    #[test]
    fn the_version_changes_with_every_name_and_text_of_a_rule_file_and_with_nothing_else() {
        let of = |files: &[(&str, &str)]| {
            let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            version(&Sources::read(folder(&files).path()).unwrap().rules)
        };
        let first = of(&[("a.yar", "x"), ("b.yar", "y")]);
        assert_eq!(first.len(), 12);
        assert_eq!(first, of(&[("b.yar", "y"), ("a.yar", "x"), ("a.toml", "z"), ("README.md", "z")]));
        for other in [
            of(&[("a.yar", "x"), ("c.yar", "y")]),
            of(&[("a.yar", "x"), ("b.yar", "z")]),
            of(&[("a.yar", "x"), ("b.yar", "y"), ("c.yar", "")]),
            of(&[("a.yar", "xb.yary")]),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn what_only_looks_like_a_rule_file_is_told_and_what_is_no_file_is_not_opened() {
        let found = Sources::read(folder(&[("a.yara".to_owned(), String::new())]).path()).unwrap();
        let told = found.warnings.render(Language::PtBr);
        assert!(told.contains("a.yara: aviso: não lido: arquivos de regras terminam em .yar"), "{told}");
        let folder = folder(&[]);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path().join("pipe.yar"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let told = Sources::read(folder.path()).map(drop).unwrap_err().render(Language::En);
        assert!(told.contains("pipe.yar: error: cannot be read: not a plain file"), "{told}");
    }
}
