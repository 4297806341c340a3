//! The record: what was measured, when, on what, by which command; and every run as a line of JSON.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::{options::Options, run::Run, usage};

/// Two files of the same name, `.md` and `.jsonl`; what is written is printed too.
#[derive(Debug)]
pub struct Record {
    files: Option<PathBuf>,
    fault: Option<String>,
}

impl Record {
    /// Opens it: a record of the same day and machine goes on.
    pub fn open(options: &Options, words: &[String]) -> Result<Self, String> {
        let now = jiff::Timestamp::now().to_string();
        let machine = options.machine.clone().unwrap_or_else(machine);
        let machine: String = machine
            .chars()
            .map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '-' })
            .collect();
        let files = options.out.as_ref().map(|folder| folder.join(format!("{}-{machine}", &now[..10])));
        let mut record = Self { files, fault: None };
        if let Some(folder) = &options.out {
            fs::create_dir_all(folder).map_err(|fault| {
                format!("{}: {fault}; run this at the root of the repository, or write out=FOLDER", folder.display())
            })?;
        }
        if let Some(file) = record.path("md").filter(|file| !file.exists()) {
            let title = format!(
                "# What the gateway costs, {}, {machine}\n\nMade by `benches/load`; see docs/performance.md.\n",
                &now[..10]
            );
            fs::write(&file, title).map_err(|fault| format!("{}: {fault}", file.display()))?;
        }
        record.section(&head(&now, words));
        Ok(record)
    }

    /// Where a file beside the record goes, and what the record calls it; none when there is no record.
    pub fn beside(&self, name: &str) -> Option<(PathBuf, String)> {
        let stem = self.files.as_ref()?.file_name()?.to_str()?;
        let file = format!("{stem}-{name}.svg");
        Some((self.files.as_ref()?.with_file_name(&file), file))
    }

    /// A part of the page.
    pub fn section(&mut self, text: &str) {
        println!("\n{}", text.trim_end());
        self.append("md", &format!("\n{}\n", text.trim_end()));
    }

    /// A run.
    pub fn run(&mut self, run: &Run) {
        self.line(&serde_json::to_string(run).unwrap_or_default());
    }

    /// A line of JSON that is no run.
    pub fn line(&mut self, json: &str) {
        self.append("jsonl", &format!("{json}\n"));
    }

    /// What went wrong with the files, if anything did.
    pub fn close(self) -> Result<(), String> {
        match (self.fault, &self.files) {
            (Some(fault), _) => Err(format!("the record is not whole: {fault}")),
            (None, Some(files)) => {
                println!("\nThe record: {0}.md, every run: {0}.jsonl", files.display());
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    fn path(&self, ending: &str) -> Option<PathBuf> {
        let files = self.files.as_ref()?;
        Some(files.with_file_name(format!("{}.{ending}", files.file_name()?.to_str()?)))
    }

    fn append(&mut self, ending: &str, text: &str) {
        let Some(path) = self.path(ending) else { return };
        let written = OpenOptions::new().create(true).append(true).open(&path);
        if let Err(fault) = written.and_then(|mut file| file.write_all(text.as_bytes())) {
            self.fault.get_or_insert(format!("{}: {fault}", path.display()));
        }
    }
}

/// Command, machine, versions, and how busy it was when this began.
fn head(now: &str, words: &[String]) -> String {
    let command = ["cargo bench --bench load --"].into_iter().chain(words.iter().map(String::as_str));
    let command = command.collect::<Vec<_>>().join(" ");
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "?".to_owned());
    let system = field("/etc/os-release", "PRETTY_NAME").unwrap_or_else(|| "?".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let before = usage::machine();
    std::thread::sleep(std::time::Duration::from_secs(1));
    format!(
        "## {} UTC\n\n`{command}`\n\n{} x {cpu}, {}, Linux {}; load {} at the start, {:.1} cores in use by others.\n",
        now[..16].replace('T', " "),
        cores(),
        system.trim_matches('"'),
        kernel.trim(),
        load.split(' ').next().unwrap_or_default(),
        usage::machine() - before,
    )
}

fn machine() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_default();
    let is_word =
        |word: &&str| word.len() > 2 && word.chars().all(char::is_alphabetic) && !["Intel", "CPU"].contains(word);
    let word = cpu.split([' ', '(', ')']).find(is_word).unwrap_or("machine");
    format!("{}-core-{word}", cores())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The value behind the first such name.
fn field(file: impl AsRef<Path>, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once([':', '='])?.1.trim().to_owned())
}
