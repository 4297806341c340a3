//! What is asked for on the command line.

use std::path::PathBuf;

/// The built gateway, and a name for it in the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// As the tables show it.
    pub name: String,
    /// The program.
    pub path: PathBuf,
}

/// A gateway that somebody else started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// As the tables show it.
    pub name: String,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// Its process.
    pub process: u32,
}

/// What is compared, and what is measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The load straight into the sink.
    Floor,
    /// Raw scans, with no gateway.
    Clamd,
    /// The gateway with clamd behind it.
    Gateway,
    /// The gateway with no scanner and 1,000 rules.
    Rules,
    /// clamsmtp.
    Clamsmtp,
    /// Connections opened at once.
    Burst,
    /// Connections that say nothing.
    Idle,
    /// A million messages.
    Long,
    /// One connection.
    Latency,
    /// What the cost of a message grows with.
    Growth,
    /// Where the time goes.
    Profile,
}

impl Stage {
    const ALL: [(&'static str, Self); 11] = [
        ("floor", Self::Floor),
        ("clamd", Self::Clamd),
        ("gateway", Self::Gateway),
        ("rules", Self::Rules),
        ("clamsmtp", Self::Clamsmtp),
        ("burst", Self::Burst),
        ("idle", Self::Idle),
        ("long", Self::Long),
        ("latency", Self::Latency),
        ("growth", Self::Growth),
        ("profile", Self::Profile),
    ];

    /// Those that stand beside one another in every repetition.
    pub const COMPARED: [Self; 5] = [Self::Floor, Self::Clamd, Self::Gateway, Self::Rules, Self::Clamsmtp];
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Options {
    /// In the order of `Stage`.
    pub stages: Vec<Stage>,
    /// Octets of a message.
    pub sizes: Vec<(String, usize)>,
    /// Connections at once.
    pub connections: Vec<usize>,
    /// Messages on a connection.
    pub per: usize,
    /// Of each measurement.
    pub repetitions: usize,
    /// Aim of one run.
    pub seconds: f64,
    /// Those to start; none: the one built with this program.
    pub gateways: Vec<Build>,
    /// Those that run already.
    pub running: Vec<Running>,
    /// Of mail and signatures.
    pub seed: u64,
    /// Where clamd makes its temporary files; none: beside its socket.
    pub temporary: Option<PathBuf>,
    /// Of `long`.
    pub messages: usize,
    /// Connections of `idle`.
    pub idle: usize,
    /// Dimensions of `growth`; none: all.
    pub growth: Vec<String>,
    /// Where the record goes; none: it is printed alone.
    pub out: Option<PathBuf>,
    /// What the machine is called in the record's name.
    pub machine: Option<String>,
    /// Seconds that a run waits for a quiet machine.
    pub quiet_wait: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            stages: Stage::COMPARED.to_vec(),
            sizes: vec![("4k".to_owned(), 4 << 10), ("64k".to_owned(), 64 << 10)],
            connections: vec![1, 20, 100],
            per: 1,
            repetitions: 5,
            seconds: 2.0,
            gateways: Vec::new(),
            running: Vec::new(),
            seed: 2026,
            temporary: None,
            messages: 1_000_000,
            idle: 10_000,
            growth: Vec::new(),
            out: Some(PathBuf::from("benches/record")),
            machine: None,
            quiet_wait: 10.0,
        }
    }
}

impl Options {
    /// From the words of the command line; what to write instead, of the first that is wrong.
    pub fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        // `cargo bench` says `--bench` to every program.
        for word in words.filter(|word| word != "--bench") {
            let Some((key, value)) = word.split_once('=') else {
                return Err(format!("{word:?} is no option: they are written KEY=VALUE; --help lists them"));
            };
            options.set(key, value)?;
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "stages" => self.stages = stages(value)?,
            "sizes" => self.sizes = list(value, size)?,
            "conns" => self.connections = list(value, |text| number(key, text, 1, 10_000))?,
            "per" => self.per = number(key, value, 1, 1_000)?,
            "reps" => self.repetitions = number(key, value, 1, 1_000)?,
            "seconds" => self.seconds = seconds(key, value)?,
            "quiet" => self.quiet_wait = seconds(key, value)?,
            "gateway" => self.gateways.push(build(value, self.gateways.len())?),
            "running" => self.running.push(running(value)?),
            "seed" => self.seed = number(key, value, 0, usize::MAX)? as u64,
            "temporary" => self.temporary = Some(folder(value)?),
            "messages" => self.messages = number(key, value, 1_000, 100_000_000)?,
            "idle" => self.idle = number(key, value, 100, 25_000)?,
            "growth" => self.growth = list(value, dimension)?,
            "out" => self.out = (value != "none").then(|| PathBuf::from(value)),
            "machine" => self.machine = Some(value.to_owned()),
            _ => return Err(format!("there is no option {key:?}; --help lists them")),
        }
        Ok(())
    }
}

fn list<T>(text: &str, one: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split(',').map(one).collect()
}

fn stages(text: &str) -> Result<Vec<Stage>, String> {
    let mut wanted = Vec::new();
    for name in text.split(',') {
        match (name, Stage::ALL.iter().find(|(known, _)| *known == name)) {
            ("compare", _) => wanted.extend(Stage::COMPARED),
            ("all", _) => wanted.extend(Stage::ALL.map(|(_, stage)| stage)),
            (_, Some((_, stage))) => wanted.push(*stage),
            (_, None) => {
                let names = Stage::ALL.map(|(name, _)| name).join(", ");
                return Err(format!("there is no stage {name:?}; there are: {names}, and compare and all"));
            }
        }
    }
    Ok(wanted)
}

fn size(text: &str) -> Result<(String, usize), String> {
    let wrong = || format!("{text:?} is no size from 2k to 20m; write sizes=4k,64k,1m");
    let (digits, shift) = match text.split_at_checked(text.len().saturating_sub(1)) {
        Some((digits, "k")) => (digits, 10),
        Some((digits, "m")) => (digits, 20),
        _ => return Err(wrong()),
    };
    let octets = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(1 << shift));
    let octets = octets.filter(|octets| (2 << 10..=20 << 20).contains(octets)).ok_or_else(wrong)?;
    Ok((text.to_owned(), octets))
}

fn number(key: &str, text: &str, least: usize, most: usize) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("{key}={text}: it takes a number from {least} to {most}"))
}

fn seconds(key: &str, text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.0..=600.0).contains(number));
    number.ok_or_else(|| format!("{key}={text}: it takes seconds, such as {key}=2 or {key}=0.5"))
}

fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_dir() { Ok(path) } else { Err(format!("there is no folder {text}; one in memory is /dev/shm")) }
}

fn build(text: &str, nth: usize) -> Result<Build, String> {
    let (name, path) = match text.split_once(':') {
        Some((name, path)) => (name.to_owned(), path),
        None => (if nth == 0 { "gateway".to_owned() } else { format!("gateway-{}", nth + 1) }, text),
    };
    let path = PathBuf::from(path);
    if path.is_file() {
        Ok(Build { name, path })
    } else {
        Err(format!(
            "there is no program {}; build one with `cargo build --release`, or write gateway=NAME:FILE",
            path.display()
        ))
    }
}

fn running(text: &str) -> Result<Running, String> {
    let wrong = || format!("{text:?} is no running gateway; write running=NAME:PORT:PID");
    let [name, port, process] = text.split(':').collect::<Vec<_>>()[..] else { return Err(wrong()) };
    let (port, process) = (port.parse().map_err(|_| wrong())?, process.parse().map_err(|_| wrong())?);
    Ok(Running { name: name.to_owned(), port, process })
}

fn dimension(text: &str) -> Result<String, String> {
    const KNOWN: [&str; 6] = ["rules", "blocked", "recipients", "fields", "connections", "records"];
    if KNOWN.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is nothing that grows here; there are: {}", KNOWN.join(", ")))
    }
}
