//! Debian's clamd with a database of one signature, on a socket and a port of its own.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use super::{
    daemon::{Daemon, read_lossy, tail},
    eicar,
    gateway::Setup,
    port::Port,
    scratch::Scratch,
    waiting::wait_until,
};

const PROGRAM: &str = "/usr/sbin/clamd";

/// A clamd of our own. Its limits and alerts are those that the gateway asks of an operator: a limit that is hit and an encrypted archive
/// are told and not passed over.
#[derive(Debug)]
pub struct Clamd {
    daemon: Option<Daemon>,
    port: Port,
    scratch: Scratch,
}

impl Clamd {
    /// Starts it and waits until it answers PING.
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same with other settings: `("StreamMaxLength", "1M")`.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        let scratch = Scratch::new("clamd");
        let port = Port::lease();
        scratch.write("database/test.ndb", signature_of_the_test_file());
        scratch.folder("temporary");
        scratch.write("clamd.conf", configuration(&scratch, port.number(), settings));
        let mut clamd = Self { daemon: None, port, scratch };
        clamd.resume();
        clamd
    }

    /// Its local socket.
    pub fn socket(&self) -> PathBuf {
        self.scratch.join("clamd.sock")
    }

    /// As the gateway's configuration names the local socket.
    pub fn unix_address(&self) -> String {
        format!("unix:{}", self.socket().display())
    }

    /// As the gateway's configuration names the port.
    pub fn tcp_address(&self) -> String {
        format!("tcp:127.0.0.1:{}", self.port.number())
    }

    /// It knows so many signatures more, none of which anything has: loading takes as long as with a grown database.
    pub fn learn(&self, count: u32) {
        let line = |nth: u32| {
            let word = u64::from(nth).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            format!("Nobody-{nth}:0:*:{word:016x}{:016x}{nth:08x}ff\n", word.rotate_left(17))
        };
        self.scratch.write("database/many.ndb", (0..count).map(line).collect::<String>());
        self.reload_and_wait();
    }

    /// It loads its signatures again, and has them.
    pub fn reload_and_wait(&self) {
        let reloaded = || self.log().matches("Database correctly reloaded").count();
        let before = reloaded();
        self.reload();
        wait_until("clamd has loaded its signatures", Duration::from_secs(60), || reloaded() > before);
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        read_lossy(&self.scratch.join("clamd.log"))
    }

    /// SIGTERM, as systemd stops it: it ends when its scans have ended.
    pub fn terminate(&mut self) {
        let mut daemon = self.daemon.take().expect("it runs");
        daemon.signal(rustix::process::Signal::TERM);
        assert!(daemon.wait(Duration::from_secs(30)).is_some(), "clamd does not end:\n{}", tail(&self.log(), 10));
    }

    /// Stops it: nobody answers at its socket or port any more.
    pub fn stop(&mut self) {
        self.daemon = None;
    }

    /// Starts it again at the same socket and port, and waits until it answers.
    pub fn resume(&mut self) {
        let mut command = Command::new(PROGRAM);
        command.arg("--config-file").arg(self.scratch.join("clamd.conf"));
        self.daemon = Some(Daemon::start(&mut command, &self.scratch.join("clamd.log")));
        wait_until("clamd answers PING", Duration::from_secs(60), || {
            let daemon = self.daemon.as_mut().unwrap();
            assert!(daemon.ended().is_none(), "clamd ended at once:\n{}", tail(&daemon.log(), 20));
            self.ask(b"zPING\0", &[]).is_some_and(|answer| answer.starts_with("PONG"))
        });
    }

    /// Its folder for temporary files goes.
    pub fn lose_temporary_folder(&self) {
        std::fs::remove_dir_all(self.scratch.join("temporary")).unwrap();
    }

    /// And comes back.
    pub fn make_temporary_folder(&self) {
        self.scratch.folder("temporary");
    }

    /// It knows a signature that is not the test file's, and no other, at once.
    pub fn lose_signature_of_test_file(&self) {
        self.scratch.write("database/test.ndb", "Harmless-Signature:0:*:00112233445566778899aabbccddeeff\n");
        self.reload();
    }

    /// Its folder of signatures is empty, and it is told to load them again.
    pub fn lose_all_signatures(&self) {
        std::fs::remove_file(self.scratch.join("database/test.ndb")).unwrap();
        self.reload();
    }

    /// It knows the test file again, at once.
    pub fn see_again(&self) {
        self.restore_signature_of_test_file();
        self.reload();
    }

    /// The signature is in its folder again.
    pub fn restore_signature_of_test_file(&self) {
        self.scratch.write("database/test.ndb", signature_of_the_test_file());
    }

    /// It is told to load its signatures again, as freshclam does.
    pub fn reload(&self) {
        assert_eq!(self.ask(b"zRELOAD\0", &[]).as_deref(), Some("RELOADING\0"));
    }

    /// Its answer to a command and what follows it; `None` if it does not answer.
    pub fn ask(&self, command: &[u8], content: &[u8]) -> Option<String> {
        let mut stream = UnixStream::connect(self.socket()).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        stream.write_all(command).ok()?;
        stream.write_all(content).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// What it says of some content (INSTREAM).
    pub fn scan(&self, content: &[u8]) -> String {
        let mut stream = u32::try_from(content.len()).unwrap().to_be_bytes().to_vec();
        stream.extend_from_slice(content);
        stream.extend_from_slice(&[0; 4]);
        self.ask(b"zINSTREAM\0", &stream).expect("clamd answers")
    }
}

impl Setup {
    /// Scans with this clamd, over its local socket.
    pub fn clamd(self, clamd: &Clamd) -> Self {
        self.scanner(&clamd.unix_address())
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- clamd's last words:\n{}", tail(&self.log(), 10));
        }
    }
}

fn signature_of_the_test_file() -> String {
    let signature: String = eicar::test_file().iter().map(|octet| format!("{octet:02x}")).collect();
    format!("Eicar-Test-Signature:0:*:{signature}\n")
}

fn configuration(scratch: &Scratch, port: u16, others: &[(&str, &str)]) -> String {
    let folder = scratch.path().display();
    let usual = format!(
        "Foreground yes\n\
         DatabaseDirectory {folder}/database\n\
         TemporaryDirectory {folder}/temporary\n\
         LocalSocket {folder}/clamd.sock\n\
         LocalSocketMode 666\n\
         TCPSocket {port}\n\
         TCPAddr 127.0.0.1\n\
         StreamMaxLength 100M\n\
         MaxScanSize 400M\n\
         MaxFileSize 100M\n\
         MaxThreads 12\n\
         AlertExceedsMax yes\n\
         AlertEncrypted yes\n\
         SelfCheck 0\n"
    );
    let is_other = |line: &&str| others.iter().any(|(key, _)| line.split(' ').next() == Some(key));
    let kept = usual.lines().filter(|line| !is_other(line)).map(str::to_owned);
    let lines: Vec<String> = kept.chain(others.iter().map(|(key, value)| format!("{key} {value}"))).collect();
    lines.join("\n") + "\n"
}

#[test]
fn the_private_clamd_finds_the_test_file_wherever_the_cases_hide_it_and_nothing_else() {
    let mut clamd = Clamd::start();
    for (name, message) in eicar::messages() {
        let mut content = b"Received: from a by b; Sat, 21 Nov 2026 08:00:00 -0300\r\n".to_vec();
        content.extend_from_slice(&message);
        assert_eq!(clamd.scan(&content), "stream: Eicar-Test-Signature.UNOFFICIAL FOUND\0", "{name}");
    }
    assert_eq!(clamd.scan(b"Subject: ata\r\n\r\nSegue a ata.\r\n"), "stream: OK\0");
    clamd.stop();
    assert_eq!(clamd.ask(b"zPING\0", &[]), None, "stopped");
    clamd.resume();
    assert_eq!(clamd.scan(b"x\r\n"), "stream: OK\0", "started again at the same socket");
}
