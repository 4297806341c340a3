//! The gateway as its operator meets it: a binary, a configuration file, a folder, signals, a log, commands, HTTP paths.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    command::{Output, run},
    daemon::{Daemon, read_lossy, tail},
    http,
    port::Port,
    scratch::{Scratch, files_under},
    waiting::{eventually, listens, wait_for, wait_until},
};

/// The binary under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_portaria");
/// Starts a program with a listening socket, as systemd does.
const INHERIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/support/inherit.pl");

/// What a gateway is started with.
#[derive(Debug)]
pub struct Setup {
    scratch: Scratch,
    descriptors_are_soft: bool,
    smtp: Port,
    http: Port,
    next_hop: u16,
    next_hop_lines: String,
    scanner: Option<String>,
    listener: String,
    inherits: bool,
    watches: bool,
    descriptors: Option<u32>,
    /// Set in the environment of the gateway, and of no command.
    environment: Vec<(String, String)>,
    more: String,
}

/// A gateway between a client's port and a next hop's.
#[derive(Debug)]
pub struct Gateway {
    daemon: Option<Daemon>,
    setup: Setup,
}

impl Setup {
    /// Relays for tjepa.jus.br and its alias tjpa.jus.br to a next hop on this port, by default without antivirus.
    pub fn new(next_hop: u16) -> Self {
        let scratch = Scratch::new("gateway");
        scratch.folder("rules/subjects");
        Self {
            scratch,
            descriptors_are_soft: false,
            smtp: Port::lease(),
            http: Port::lease(),
            next_hop,
            scanner: None,
            listener: "tls = \"off\"\n".to_owned(),
            inherits: false,
            watches: false,
            descriptors: None,
            next_hop_lines: String::new(),
            environment: Vec::new(),
            more: String::new(),
        }
    }

    /// Scans with a clamd at this address.
    pub fn scanner(mut self, address: &str) -> Self {
        self.scanner = Some(format!("kind = \"clamd\"\naddress = \"{address}\"\n"));
        self
    }

    /// Scans with the embedded scanner and the YARA rules that the repository ships.
    pub fn yara(mut self) -> Self {
        self.ship_yara_rules();
        self.scanner = Some("kind = \"yara\"\nrules = \"yara\"\n".to_owned());
        self
    }

    /// Scans with them too, in a group of their own.
    #[allow(dead_code, reason = "tests/crash has no use for it")]
    pub fn and_yara(self) -> Self {
        self.ship_yara_rules();
        self.table("[[scanner]]\ngroup = \"yara\"\nkind = \"yara\"\nrules = \"yara\"")
    }

    fn ship_yara_rules(&self) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules/yara");
        for file in files_under(&shipped) {
            let name = file.strip_prefix(&shipped).unwrap();
            self.scratch.write(&format!("rules/yara/{}", name.display()), fs::read(&file).unwrap());
        }
    }

    /// Further tables of `portaria.toml`, as written.
    pub fn table(mut self, toml: &str) -> Self {
        self.more.push_str(toml);
        self.more.push('\n');
        self
    }

    /// The listener mends bare CR and LF.
    pub fn normalises(mut self) -> Self {
        self.listener.push_str("bare_newline = \"normalise\"\n");
        self
    }

    /// The listener asks for STARTTLS with this certificate and key.
    pub fn starttls(self, certificate: &str, key: &str) -> Self {
        self.tls("starttls", certificate, key)
    }

    /// The listener has TLS in this way, with this certificate and key.
    pub fn tls(mut self, how: &str, certificate: &str, key: &str) -> Self {
        let certificate = self.scratch.write("certificate.pem", certificate);
        let key = self.scratch.write("key.pem", key);
        self.listener = format!("tls = \"{how}\"\n");
        self.table(&format!("[tls]\ncertificate = \"{}\"\nkey = \"{}\"", certificate.display(), key.display()))
    }

    /// The listener speaks TLS from the first octet, with this certificate and key.
    pub fn implicit_tls(self, certificate: &str, key: &str) -> Self {
        let mut setup = self.starttls(certificate, key);
        setup.listener = setup.listener.replace("starttls", "implicit");
        setup
    }

    /// What connects to the listener from this network begins with a PROXY header.
    pub fn balancers(mut self, network: &str) -> Self {
        self.listener.push_str(&format!("proxy_protocol_from = [\"{network}\"]\n"));
        self
    }

    /// Further keys of the listener, as written.
    #[allow(dead_code, reason = "for tests/end_to_end")]
    pub fn listener(mut self, toml: &str) -> Self {
        self.listener.push_str(toml);
        self
    }

    /// What connects to the listener from this network may say with XCLIENT who the client is.
    pub fn announcers(mut self, network: &str) -> Self {
        self.listener.push_str(&format!("xclient_from = [\"{network}\"]\n"));
        self
    }

    /// Further lines of the `[[next_hop]]`, as written.
    pub fn next_hop_lines(mut self, toml: &str) -> Self {
        self.next_hop_lines.push_str(toml);
        self
    }

    /// A file under `rules/`: `subjects/boleto.toml`, `mailboxes.toml`.
    pub fn rules(self, name: &str, toml: &str) -> Self {
        self.scratch.write(&format!("rules/{name}"), toml);
        self
    }

    /// The gateway may have this many open files until it raises the limit itself.
    #[allow(dead_code, reason = "for tests/crowd")]
    pub fn soft_descriptors(mut self, limit: u32) -> Self {
        self.descriptors_are_soft = true;
        self.descriptors(limit)
    }

    /// Changed rule files come into force by themselves. Without this they wait for a reload, so that a test says when.
    #[allow(dead_code, reason = "for tests/reloads")]
    pub fn watches(mut self) -> Self {
        self.watches = true;
        self
    }

    /// `rules_dir` is a link, to be turned by [`Gateway::turn_rules`]; the files written so far are where it leads.
    #[allow(dead_code, reason = "for tests/reloads")]
    pub fn rules_behind_a_link(self) -> Self {
        fs::rename(self.scratch.join("rules"), self.scratch.join("rules-0")).unwrap();
        std::os::unix::fs::symlink("rules-0", self.scratch.join("rules")).unwrap();
        self
    }

    /// The gateway is handed its listening socket, as by systemd.
    pub fn inherits(mut self) -> Self {
        self.inherits = true;
        self
    }

    /// The gateway may have this many open files (`ulimit -n`).
    #[allow(dead_code, reason = "for tests/crash")]
    pub fn descriptors(mut self, limit: u32) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// The gateway has this in its environment.
    #[allow(dead_code, reason = "for tests/crash")]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file beside `portaria.toml`: its path.
    #[allow(dead_code, reason = "for tests/crash")]
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        self.scratch.write(name, text)
    }

    /// Where `data_dir` is going to be.
    pub fn data(&self) -> PathBuf {
        self.scratch.join("data")
    }

    /// Starts the gateway, which is expected to end by itself: its exit code and what it said.
    #[allow(dead_code, reason = "for tests/crash")]
    pub fn start_in_vain(self) -> Output {
        self.scratch.write("portaria.toml", self.configuration());
        run(Command::new(PROGRAM).arg("run").arg("--config").arg(self.scratch.join("portaria.toml")))
    }

    /// Starts the gateway and waits until `/health/ready` says yes.
    pub fn start(self) -> Gateway {
        let gateway = self.start_unready();
        gateway.wait_until_ready();
        gateway
    }

    /// Starts the gateway and waits only until it listens: its scanner or next hop is down.
    pub fn start_unready(self) -> Gateway {
        self.scratch.write("portaria.toml", self.configuration());
        let mut gateway = Gateway { daemon: None, setup: self };
        gateway.run();
        gateway
    }

    fn configuration(&self) -> String {
        let folder = self.scratch.path().display();
        let antivirus = match &self.scanner {
            Some(scanner) => format!("[[scanner]]\n{scanner}"),
            None => "[antivirus]\nenabled = false\n".to_owned(),
        };
        format!(
            "[gateway]\nhostname = \"mx.tjpa.jus.br\"\ndata_dir = \"{folder}/data\"\nrules_dir = \"{folder}/rules\"\n\
             language = \"en\"\ntimezone = \"America/Belem\"\n\n\
             [[listener]]\nrole = \"relay\"\naddress = \"127.0.0.1:{}\"\n{}\n\
             [[domain]]\nname = \"tjepa.jus.br\"\naliases = [\"tjpa.jus.br\"]\nnext_hop = \"mailbox\"\n\n\
             [[next_hop]]\nname = \"mailbox\"\naddress = [\"127.0.0.1:{}\"]\ntls = \"off\"\n{}\n\
             {antivirus}\n[http]\naddress = \"127.0.0.1:{}\"\n\n[rules]\nwatch = {}\n{}",
            self.smtp.number(),
            self.listener,
            self.next_hop,
            self.next_hop_lines,
            self.http.number(),
            self.watches,
            self.more
        )
    }
}

impl Gateway {
    /// Where it takes mail.
    pub fn port(&self) -> u16 {
        self.setup.smtp.number()
    }

    /// Its `data_dir`.
    pub fn data(&self) -> PathBuf {
        self.setup.data()
    }

    /// Its rules folder.
    #[allow(dead_code, reason = "for tests/reloads")]
    pub fn rules_folder(&self) -> PathBuf {
        self.setup.scratch.join("rules")
    }

    /// A path beside `portaria.toml`.
    #[allow(dead_code, reason = "for tests/reloads")]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.setup.scratch.join(name)
    }

    /// Makes `rules` lead to another folder beside it, in one step, as Kubernetes does with `..data`.
    #[allow(dead_code, reason = "for tests/reloads")]
    pub fn turn_rules(&self, to: &str) {
        let (new, link) = (self.setup.scratch.join(".rules-new"), self.setup.scratch.join("rules"));
        std::os::unix::fs::symlink(to, &new).unwrap();
        fs::rename(new, link).unwrap();
    }

    /// Writes a file under `rules/`; it counts from the next SIGHUP on.
    pub fn write_rules(&self, name: &str, toml: &str) {
        self.setup.scratch.write(&format!("rules/{name}"), toml);
    }

    /// Writes the files of `[tls]`; they count from the next SIGHUP on.
    pub fn write_certificate(&self, certificate: &str, key: &str) {
        self.setup.scratch.write("certificate.pem", certificate);
        self.setup.scratch.write("key.pem", key);
    }

    /// Removes a file under `rules/`.
    pub fn remove_rules(&self, name: &str) {
        fs::remove_file(self.setup.scratch.join("rules").join(name)).unwrap();
    }

    /// Starts the program (again) and waits until it listens.
    pub fn run(&mut self) {
        fs::create_dir_all(self.data()).unwrap();
        let mut command = if self.setup.inherits {
            let mut perl = Command::new("perl");
            perl.args([INHERIT, &self.port().to_string(), PROGRAM]);
            perl
        } else if let Some(limit) = self.setup.descriptors {
            let soft = if self.setup.descriptors_are_soft { "-S" } else { "" };
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit {soft} -n {limit} && exec \"$0\" \"$@\""), PROGRAM]);
            shell
        } else {
            Command::new(PROGRAM)
        };
        command.arg("run").arg("--config").arg(self.configuration_file());
        command.envs(self.setup.environment.iter().map(|(name, value)| (name, value)));
        let mut daemon = Daemon::start(&mut command, &self.log_file());
        let port = self.port();
        wait_until("the gateway listens", Duration::from_secs(30), || {
            if let Some(status) = daemon.ended() {
                panic!(
                    "the gateway ended at once, {status}:\n{}-- portaria.toml:\n{}",
                    tail(&daemon.log(), 40),
                    self.setup.configuration()
                );
            }
            listens(port)
        });
        self.daemon = Some(daemon);
    }

    /// Waits until `/health/ready` answers 200.
    #[track_caller]
    pub fn wait_until_ready(&self) {
        let mut answer = None;
        let ready = eventually(Duration::from_secs(30), || {
            answer = http::get(self.setup.http.number(), "/health/ready");
            matches!(answer, Some((200, _)))
        });
        assert!(ready, "/health/ready is to answer 200, but says {answer:?}");
    }

    /// What an HTTP path answers.
    #[track_caller]
    pub fn http(&self, path: &str) -> (u16, String) {
        http::get(self.setup.http.number(), path).unwrap_or_else(|| panic!("nobody answers to GET {path}"))
    }

    /// The same from one that may not answer yet, or has too much to do just now.
    #[allow(dead_code, reason = "for tests/crash")]
    pub fn try_http(&self, path: &str) -> Option<(u16, String)> {
        http::get(self.setup.http.number(), path)
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.daemon.as_mut().expect("it runs").kill();
        self.daemon = None;
    }

    /// SIGTERM: it drains.
    pub fn terminate(&self) {
        self.daemon.as_ref().expect("it runs").signal(Signal::TERM);
    }

    /// SIGHUP: it reads rules, lists and certificate again.
    pub fn hang_up(&self) {
        self.daemon.as_ref().expect("it runs").signal(Signal::HUP);
    }

    /// Waits for its end.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        self.daemon.as_mut().expect("it ran").wait(limit)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.daemon.as_ref().expect("it runs").id()
    }

    /// Resident memory, in octets.
    pub fn resident(&self) -> u64 {
        let id = self.id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the gateway lives");
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kib.expect("/proc/…/status has VmRSS") * 1024
    }

    /// A command of the same binary with the same configuration: `["quarantine", "list", "--json"]`.
    pub fn command(&self, arguments: &[&str]) -> Output {
        run(Command::new(PROGRAM).args(arguments).arg("--config").arg(self.configuration_file()))
    }

    /// The same by another account, which may open what root may: the kernel tells the gateway who asks, not the command.
    pub fn command_of(&self, account: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            account,
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
        ]);
        run(command.arg(PROGRAM).args(arguments).arg("--config").arg(self.configuration_file()))
    }

    /// The same where a person sits: once the terminal shows the first of each pair, the second is typed. What it showed; the standard
    /// output goes to the file `output`.
    #[allow(dead_code, reason = "not every test program has somebody at a terminal")]
    #[track_caller]
    pub fn at_a_terminal(&self, arguments: &[&str], output: &Path, answers: &[(&str, &str)]) -> String {
        let quoted = |word: &str| format!("'{word}'");
        let configuration = self.configuration_file();
        let words = [&[PROGRAM], arguments, &["--config", configuration.to_str().unwrap()]].concat();
        let line: Vec<String> = words.into_iter().map(quoted).collect();
        let line = format!("{} > {}", line.join(" "), quoted(output.to_str().unwrap()));
        let mut command = Command::new("script");
        command.args(["-q", "-e", "-c", &line, "/dev/null"]).env("PORTARIA_LANGUAGE", "en");
        let mut person = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bsdutils has script");
        let (mut typed, mut screen) = (person.stdin.take().unwrap(), person.stdout.take().unwrap());
        let (mut shown, mut octet) = (Vec::new(), [0]);
        for (asked, answer) in answers {
            let from = shown.len();
            while !String::from_utf8_lossy(&shown[from..]).contains(asked) {
                if screen.read(&mut octet).unwrap() == 0 {
                    panic!("it never asks {asked:?}: {}", String::from_utf8_lossy(&shown));
                }
                shown.extend(octet);
            }
            typed.write_all(format!("{answer}\n").as_bytes()).unwrap();
        }
        screen.read_to_end(&mut shown).unwrap();
        person.wait().unwrap();
        String::from_utf8_lossy(&shown).into_owned()
    }

    /// The same where nobody sits, though the tests may have been started at a terminal.
    #[allow(dead_code, reason = "not every test program has somebody at a terminal")]
    pub fn without_a_terminal(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("setsid");
        run(command.args(["--wait", PROGRAM]).args(arguments).arg("--config").arg(self.configuration_file()))
    }

    /// The items of the quarantine, once this one is among them (the index is filled behind the mail path).
    #[track_caller]
    pub fn quarantine_with(&self, id: &str) -> Value {
        wait_for(&format!("the item {id} in `portaria quarantine list --json`"), Duration::from_secs(10), || {
            self.quarantine().into_iter().find(|item| item["id"] == id)
        })
    }

    /// The items of the quarantine.
    #[track_caller]
    pub fn quarantine(&self) -> Vec<Value> {
        self.command(&["quarantine", "list", "--json"]).succeeded().json_lines()
    }

    /// The record of a transaction, once it is there.
    #[track_caller]
    pub fn explain(&self, id: &str) -> Value {
        wait_for(&format!("a record from `portaria explain {id} --json`"), Duration::from_secs(10), || {
            let output = self.command(&["explain", id, "--json"]);
            (output.code == Some(0)).then(|| output.json_lines().into_iter().next()).flatten()
        })
    }

    /// What it has logged so far, over all its starts.
    pub fn log(&self) -> String {
        // Lines of one moment are written together (decision 65): what was said before this call shall be seen by it.
        std::thread::sleep(Duration::from_millis(100));
        read_lossy(&self.log_file())
    }

    fn log_file(&self) -> PathBuf {
        self.setup.scratch.join("portaria.log")
    }

    fn configuration_file(&self) -> PathBuf {
        self.setup.scratch.join("portaria.toml")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "-- the gateway's last words:\n{}-- its portaria.toml:\n{}",
                tail(&self.log(), 40),
                self.setup.configuration()
            );
        }
    }
}

/// Runs the binary without a configuration.
pub fn portaria(arguments: &[&str], folder: &Path) -> Output {
    run(Command::new(PROGRAM).args(arguments).current_dir(folder))
}

/// The line of `applications.toml` for a password, as an operator makes it.
#[allow(dead_code, reason = "not every test program has applications")]
#[track_caller]
pub fn password_hash(password: &str) -> String {
    let mut child = Command::new(PROGRAM)
        .args(["application", "password"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let line = String::from_utf8(output.stdout).unwrap();
    assert!(line.starts_with("password_hash = \"$argon2id$") && !line.contains(password), "{line}");
    line
}
