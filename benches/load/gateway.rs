//! The gateway, as its operator starts it: the release binary, a configuration, a folder. And clamsmtp, to stand beside it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use crate::{
    options::Build,
    program::{Program, lease_port, listens, write},
};

/// What a gateway is started with.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// clamd's local socket; without one there is no antivirus.
    pub scanner: Option<PathBuf>,
    /// Subject rules.
    pub rules: Option<String>,
    /// Blocked mailboxes, none of which any mail here is for.
    pub blocked: usize,
    /// Further tables of the configuration.
    pub more: String,
}

/// One that runs until this is dropped.
#[derive(Debug)]
pub struct Gateway {
    program: Program,
    port: u16,
}

impl Gateway {
    /// Starts it in this folder, which may have a database in it already, before a next hop. Somebody may take its port just then: it gets another.
    pub fn start(build: &Build, folder: &Path, next_hop: u16, setup: &Setup) -> Result<Self, String> {
        let is_taken = |fault: &String| fault.contains("in use");
        let mut started = Self::try_start(build, folder, next_hop, setup);
        for _ in 0..2 {
            if started.as_ref().is_err_and(is_taken) {
                started = Self::try_start(build, folder, next_hop, setup);
            }
        }
        started
    }

    fn try_start(build: &Build, folder: &Path, next_hop: u16, setup: &Setup) -> Result<Self, String> {
        let (shown, port) = (folder.display(), lease_port()?);
        let antivirus = match &setup.scanner {
            Some(socket) => format!("[[scanner]]\nkind = \"clamd\"\naddress = \"unix:{}\"\n", socket.display()),
            None => "[antivirus]\nenabled = false\n".to_owned(),
        };
        let configuration = format!(
            "[gateway]\nhostname = \"mx.y\"\ndata_dir = \"{shown}/data\"\nrules_dir = \"{shown}/rules\"\nlanguage = \"en\"\n\
             [http]\naddress = \"127.0.0.1:0\"\n[[listener]]\naddress = \"127.0.0.1:{port}\"\n[[domain]]\nname = \"y\"\n\
             [[next_hop]]\nname = \"mailbox\"\naddress = [\"127.0.0.1:{next_hop}\"]\ntls = \"off\"\n{antivirus}{}",
            setup.more
        );
        let file = folder.join("portaria.toml");
        write(&file, &configuration)?;
        for (nth, rules) in files_of_rules(setup.rules.as_deref().unwrap_or_default()).iter().enumerate() {
            write(&folder.join(format!("rules/subjects/{nth:03}.toml")), rules)?;
        }
        write(&folder.join("rules/mailboxes.toml"), &blocked(setup.blocked))?;
        let argument = file.display().to_string();
        let mut program = Program::start(&build.name, folder, &build.path, &["run", "--config", &argument])?;
        program.wait_until(|| listens(port))?;
        Ok(Self { program, port })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.program.id()
    }
}

/// Rules in files of at most a thousand: the gateway takes no larger file than 1 MiB.
fn files_of_rules(rules: &str) -> Vec<String> {
    let rules: Vec<&str> = rules.split_inclusive("\n\n").collect();
    rules.chunks(1_000).map(|rules| rules.concat()).collect()
}

/// A list of so many that blocks nobody here, without a space too many: the gateway takes no list above 8 MiB.
fn blocked(count: usize) -> String {
    let mut out = String::new();
    for nth in 0..count {
        // A write to a String cannot fail.
        let _ =
            writeln!(out, "[[blocked]]\nmailbox=\"b-{nth}\"\ndirection=\"both\"\nreason=\"a\"\nticket=\"1\"\nby=\"b\"");
    }
    out
}

/// clamsmtp, the nearest peer: a proxy that scans.
#[derive(Debug)]
pub struct Clamsmtp {
    program: Program,
    port: u16,
}

impl Clamsmtp {
    const PROGRAM: &'static str = "/usr/sbin/clamsmtpd";

    /// Whether it is installed.
    pub fn is_installed() -> bool {
        Path::new(Self::PROGRAM).exists()
    }

    /// Starts it between a port of its own and a next hop.
    pub fn start(folder: &Path, next_hop: u16, scanner: &Path) -> Result<Self, String> {
        let (shown, port) = (folder.display(), lease_port()?);
        let configuration = format!(
            "OutAddress: 127.0.0.1:{next_hop}\nListen: 127.0.0.1:{port}\nClamAddress: {}\nTempDirectory: {shown}/clamsmtp\n\
             MaxConnections: 300\nAction: bounce\nHeader: X-AV-Checked: ClamAV using ClamSMTP\n",
            scanner.display()
        );
        let file = folder.join("clamsmtp.conf");
        write(&file, &configuration)?;
        write(&folder.join("clamsmtp/empty"), "")?;
        let argument = file.display().to_string();
        let mut program = Program::start("clamsmtp", folder, Path::new(Self::PROGRAM), &["-d", "1", "-f", &argument])?;
        program.wait_until(|| listens(port))?;
        Ok(Self { program, port })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.program.id()
    }
}
