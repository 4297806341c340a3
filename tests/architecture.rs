//! The house, as far as a program can hold it: who may use whom, where I/O may be named, how long a file may get, which words
//! are not used. It reads `src/` as text; what it cannot see (a value passed through a third module) it does not claim.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test reads the sources, and is to fail where they are not as it thinks"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Every module of the crate, in the order of `src/lib.rs`, with its layer and the modules that it may use: all stand above it.
/// An entry that nobody needs is a fault too, so the table is the map and not a wish.
const TABLE: &[(Layer, &str, &[&str])] = &[
    (Layer::Words, "language", &[]),
    (Layer::Words, "document", &["language"]),
    (Layer::Core, "message", &[]),
    (Layer::Core, "smtp", &[]),
    // Conditions and their texts are values; a mailbox is all that it needs of SMTP.
    (Layer::Core, "alert", &["language", "smtp"]),
    (Layer::Core, "certificate", &[]),
    (Layer::Core, "policy", &["language", "document", "message", "smtp"]),
    // The envelope that an item is released with, and the mailbox that it is sent to.
    (Layer::Core, "record", &["language", "message", "smtp", "policy"]),
    (Layer::Flow, "inspect", &["message"]),
    (Layer::Flow, "relay", &["language", "message", "smtp", "policy", "record", "inspect"]),
    (Layer::Adapter, "antivirus", &["language", "document", "message", "policy"]),
    (Layer::Adapter, "audit", &["language", "record"]),
    (Layer::Adapter, "backup", &[]),
    (Layer::Adapter, "hold", &["relay"]),
    (Layer::Adapter, "journal", &["record"]),
    (Layer::Adapter, "next_hop", &["smtp", "policy", "relay"]),
    (Layer::Adapter, "rule_history", &["policy", "record"]),
    (Layer::Adapter, "store", &["record"]),
    (Layer::Adapter, "webhook", &[]),
    (
        Layer::Door,
        "door",
        &[
            "smtp",
            "alert",
            "certificate",
            "webhook",
            "audit",
            "policy",
            "record",
            "relay",
            "antivirus",
            "audit",
            "backup",
            "hold",
            "journal",
            "next_hop",
            "rule_history",
            "store",
        ],
    ),
    (
        Layer::Frame,
        "config",
        &[
            "language",
            "document",
            "certificate",
            "webhook",
            "smtp",
            "policy",
            "antivirus",
            "hold",
            "next_hop",
            "rule_history",
            "store",
        ],
    ),
    (
        Layer::Frame,
        "cli",
        &[
            "language",
            "document",
            "message",
            "smtp",
            "alert",
            "webhook",
            "policy",
            "record",
            "inspect",
            "relay",
            "antivirus",
            "audit",
            "backup",
            "hold",
            "journal",
            "next_hop",
            "rule_history",
            "store",
            "door",
            "config",
        ],
    ),
];

/// What a module may touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    /// Texts and files as people write them: values.
    Words,
    /// Values and machines.
    Core,
    /// Core parts joined.
    Flow,
    /// One outside thing each.
    Adapter,
    /// The only code that waits for more than one of them.
    Door,
    /// Files and flags into all of the above.
    Frame,
}

/// What only code that touches the outside world names. Addresses (`std::net::IpAddr`, `SocketAddr`) are values.
const OUTSIDE: &[&str] = &[
    "std::fs",
    "fs::",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::unix::net",
    "std::process",
    "std::thread",
    "std::env",
    "tokio::",
    "tokio_util::",
    "tokio_rustls::",
    "rustix::",
    "Instant::now",
    "SystemTime::now",
    "Timestamp::now",
    "Zoned::now",
    "async ",
];

/// Words with two meanings between proxies and mail people, or none.
const BANNED: &[&str] = &["upstream", "downstream", "backend", "upstreams", "downstreams", "backends"];

/// Lines of the longest file that is borne, and of the one in the middle.
const LONGEST: usize = 700;
const MEDIAN: usize = 250;

#[test]
fn a_module_uses_only_what_the_table_allows() {
    let mut used: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut faults = Vec::new();
    for source in sources() {
        let Some((_, module, allowed)) = TABLE.iter().find(|(_, name, _)| *name == source.module) else { continue };
        for other in source.uses() {
            if other == *module {
                continue;
            }
            if !allowed.contains(&other.as_str()) {
                faults.push(format!("{} uses {other}", source.path.display()));
            }
            used.entry(module).or_default().insert(other);
        }
    }
    for (_, module, allowed) in TABLE {
        let used = used.remove(module).unwrap_or_default();
        let idle = allowed.iter().filter(|name| !used.contains(**name));
        faults.extend(idle.map(|name| format!("the table lets {module} use {name}, which it does not")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_is_in_layers_and_is_the_map_of_lib_rs() {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let map: Vec<&str> = lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let modules: Vec<&str> = TABLE.iter().map(|(_, module, _)| *module).collect();
    assert_eq!(sorted(&map), sorted(&modules), "src/lib.rs and the table name the same modules");
    assert!(TABLE.is_sorted_by_key(|(layer, ..)| *layer), "layers stand in order");
    let place = |module: &str| map.iter().position(|name| *name == module);
    for (layer, module, allowed) in TABLE {
        for other in *allowed {
            let (other_layer, ..) = TABLE.iter().find(|(_, name, _)| name == other).unwrap();
            assert!(other_layer <= layer, "{module} uses {other}, which is of a higher layer");
            assert!(*layer != Layer::Adapter || other_layer != layer, "the adapter {module} uses the adapter {other}");
            if *layer > Layer::Core {
                assert!(place(other) < place(module), "in src/lib.rs {other} stands above {module}, which uses it");
            }
        }
    }
}

/// Tests of the core may read the clock to bound their own time; its code may not.
#[test]
fn core_and_flow_touch_nothing_outside() {
    let mut faults = Vec::new();
    for source in sources() {
        let layer = TABLE.iter().find(|(_, name, _)| *name == source.module).map(|(layer, ..)| *layer);
        if layer.is_none_or(|layer| layer > Layer::Flow) || source.is_test() {
            continue;
        }
        for (number, line) in source.code().lines().enumerate() {
            let found = OUTSIDE.iter().filter(|name| line.contains(**name));
            faults.extend(found.map(|name| format!("{}:{}: {name}", source.path.display(), number + 1)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whoever sets the clock must not end a session, or anything else that runs by deadlines: those are of the monotonic clock. What the
/// wall clock shows comes in as a value, from one place.
#[test]
fn the_wall_clock_is_read_in_one_place() {
    let reads = |source: &Source| {
        let code = source.code();
        ["SystemTime::now", "Timestamp::now", "Zoned::now"].iter().map(|name| code.matches(name).count()).sum()
    };
    let all = sources().into_iter().filter(|source| !source.is_test());
    let places: Vec<(PathBuf, usize)> =
        all.map(|source| (source.path.clone(), reads(&source))).filter(|(_, count)| *count > 0).collect();
    assert_eq!(places, [(PathBuf::from("src/door/gateway.rs"), 1)]);
}

#[test]
fn files_are_short_and_say_what_they_are() {
    let sources = sources();
    let mut lengths: Vec<_> =
        sources.iter().map(|source| (source.text.lines().count(), source.path.display().to_string())).collect();
    lengths.sort();
    let largest: Vec<_> = lengths.iter().rev().take(5).map(|(lines, path)| format!("{lines} {path}")).collect();
    let (median, _) = &lengths[lengths.len() / 2];
    assert!(*median < MEDIAN, "the median is {median} lines; the largest:\n{}", largest.join("\n"));
    assert!(lengths.last().unwrap().0 <= LONGEST, "above {LONGEST} lines:\n{}", largest.join("\n"));
    let speaks = |source: &&Source| source.text.trim().is_empty() || source.text.starts_with("//!");
    let silent: Vec<_> = sources.iter().filter(|source| !speaks(source)).map(|source| &source.path).collect();
    assert!(silent.is_empty(), "no //! at the top: {silent:?}");
}

/// Decision 64: of a module that was renamed the list of what lies together means nothing, and nobody would see it.
#[test]
fn the_linker_is_told_of_our_modules() {
    let list = fs::read_to_string(root().join("packaging/together.ld")).unwrap();
    let ours = list.split(".text._ZN8portaria").skip(1).map(|rest| {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap();
        let length: usize = rest[..digits].parse().unwrap();
        &rest[digits..digits + length]
    });
    let named: BTreeSet<&str> = ours.filter(|name| *name != "main").collect();
    let modules: BTreeSet<&str> = TABLE.iter().map(|(_, name, _)| *name).collect();
    let unknown: Vec<&&str> = named.difference(&modules).collect();
    assert!(unknown.is_empty(), "packaging/together.ld names {unknown:?}: packaging/together.sh writes it anew");
    for runs in ["door", "inspect", "journal", "message", "next_hop", "policy", "relay", "smtp", "store"] {
        assert!(named.contains(runs), "packaging/together.ld has no function of {runs}");
    }
    assert!(fs::read_to_string(root().join("build.rs")).unwrap().contains("/packaging/together.ld"));
}

#[test]
fn no_unsafe_and_no_banned_word() {
    let mut faults = Vec::new();
    for source in sources() {
        for (number, line) in source.text.lines().enumerate() {
            let place = format!("{}:{}", source.path.display(), number + 1);
            let words = || line.split(|char: char| !char.is_alphanumeric() && char != '_');
            if words().any(|word| word == "unsafe") {
                faults.push(format!("{place}: unsafe"));
            }
            let banned = words().filter(|word| BANNED.contains(&word.to_ascii_lowercase().as_str()));
            faults.extend(banned.map(|word| format!("{place}: {word} (docs/glossary.md has the word to use)")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

// ── the sources ──

struct Source {
    /// Relative to the repository.
    path: PathBuf,
    /// Top-level module: `smtp` for `src/smtp/server/event.rs`.
    module: String,
    /// Modules between the crate's root and the file's own items: 2 for `src/smtp/server.rs`, 1 for `src/smtp/mod.rs`.
    depth: usize,
    text: String,
}

impl Source {
    fn read(path: PathBuf) -> Self {
        let relative = path.strip_prefix(root()).unwrap().to_owned();
        let mut parts: Vec<String> = relative
            .with_extension("")
            .components()
            .skip(1)
            .map(|part| part.as_os_str().to_string_lossy().into_owned())
            .collect();
        if parts.last().is_some_and(|last| last == "mod") {
            parts.pop();
        }
        Self { path: relative, module: parts[0].clone(), depth: parts.len(), text: fs::read_to_string(path).unwrap() }
    }

    fn is_test(&self) -> bool {
        let path = self.path.to_string_lossy();
        ["/tests/", "/tests.rs", "/oracle.rs", "/sample.rs"].iter().any(|mark| path.contains(mark))
    }

    /// Without comments and, by the custom that tests stand last, without the inline test module.
    fn code(&self) -> String {
        let mut code = String::new();
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            let tests = lines.peek().is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
            if line.starts_with("#[cfg(test)]") && tests {
                break;
            }
            code.push_str(line.split("//").next().unwrap_or_default());
            code.push('\n');
        }
        code
    }

    /// The top-level modules that its paths name, tests included: `crate::a::b`, `crate::{a, b}`, and `super::` chains that
    /// climb to the root.
    fn uses(&self) -> BTreeSet<String> {
        let uncommented: Vec<&str> =
            self.text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
        let code = uncommented.join("\n").replace("$crate::", "");
        let mut used = BTreeSet::new();
        for (prefix, always) in [("crate::".to_owned(), true), ("super::".repeat(self.depth), false)] {
            for (at, _) in code.match_indices(&prefix) {
                let begins_path =
                    !code[..at].ends_with(|char: char| char.is_alphanumeric() || char == '_' || char == ':');
                if begins_path {
                    used.extend(first_names(&code[at + prefix.len()..], always));
                }
            }
        }
        used
    }
}

/// The first name of a path, or of each path in braces. Macros stand at the crate's root whatever module has them: `text!` is
/// `language`'s. `always`: also names that no module has; behind `super` these are items of an inline module's parent.
fn first_names(rest: &str, always: bool) -> Vec<String> {
    let name = |text: &str| -> String {
        let text = text.trim_start();
        let end = text.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(text.len());
        if &text[..end] == "text" { "language".to_owned() } else { text[..end].to_owned() }
    };
    let names = match rest.strip_prefix('{') {
        None => vec![name(rest)],
        Some(group) => {
            let mut depth = 1_usize;
            let (mut names, mut current) = (Vec::new(), String::new());
            for char in group.chars() {
                depth = match char {
                    '{' => depth + 1,
                    '}' => depth - 1,
                    _ => depth,
                };
                if depth == 0 || (depth == 1 && char == ',') {
                    names.push(name(&current));
                    current.clear();
                } else {
                    current.push(char);
                }
                if depth == 0 {
                    break;
                }
            }
            names
        }
    };
    let known = |name: &String| TABLE.iter().any(|(_, module, _)| module == name);
    names.into_iter().filter(|name| !name.is_empty() && (always || known(name))).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `src/`, but for the two that only join.
fn sources() -> Vec<Source> {
    let mut folders = vec![root().join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(Source::read(path));
            }
        }
    }
    found.retain(|source| !["lib", "main"].contains(&source.module.as_str()));
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.len() > 100, "the sources are where they are looked for");
    found
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}
