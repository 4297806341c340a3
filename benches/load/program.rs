//! Programs that are started for a measurement, and ended with it: a folder, a log, a process.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How long a program may take to start, and to end: clamd reads its signatures, a gateway its database.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program that runs until this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Program {
    /// Starts it; what it says goes to `NAME.log` in the folder.
    pub fn start(name: &str, folder: &Path, program: &Path, arguments: &[&str]) -> Result<Self, String> {
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).map_err(|fault| format!("{}: {fault}", log.display()))?;
        let errors = output.try_clone().map_err(|fault| format!("{}: {fault}", log.display()))?;
        let child = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(output).stderr(errors).spawn();
        let child = child.map_err(|fault| format!("{} does not start: {fault}", program.display()))?;
        Ok(Self { child, name: name.to_owned(), log })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something is so; what it said last if it ends before, or takes too long.
    pub fn wait_until(&mut self, is_so: impl Fn() -> bool) -> Result<(), String> {
        let until = Instant::now() + PATIENCE;
        while !is_so() {
            let ended = self.child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > until {
                let text = fs::read_to_string(&self.log).unwrap_or_default();
                let is_fault = |line: &&str| line.contains("error") || line.contains("ERROR");
                let faults = text.lines().filter(is_fault).take(4);
                let last = faults.chain(text.lines().skip(text.lines().count().saturating_sub(4)));
                let last = last.collect::<Vec<_>>().join("\n  ");
                let what = if ended.is_some() { "ended" } else { "is not ready after a minute" };
                return Err(format!("{} {what}. Its last words:\n  {last}", self.name));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(id) = id.filter(|_| matches!(self.child.try_wait(), Ok(None))) {
            let _ = kill_process(id, Signal::TERM);
        }
        let until = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sink, which is this program once more.
#[derive(Debug)]
pub struct Sink {
    child: Child,
    port: u16,
}

impl Sink {
    /// Starts it.
    pub fn start() -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|fault| format!("this program does not find itself: {fault}"))?;
        let mut child = Command::new(own)
            .arg("sink")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|fault| format!("the sink does not start: {fault}"))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut line);
        }
        let port = line.trim().parse().map_err(|_| format!("the sink said {line:?} and not its port"))?;
        Ok(Self { child, port })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many messages it has taken.
    pub fn count(&self) -> u64 {
        let ask = || -> std::io::Result<u64> {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
            let mut lines = BufReader::new(stream);
            let mut line = String::new();
            lines.read_line(&mut line)?;
            std::io::Write::write_all(lines.get_mut(), b"XCOUNT\r\n")?;
            line.clear();
            lines.read_line(&mut line)?;
            line.trim_start_matches("250 ").trim().parse().map_err(std::io::Error::other)
        };
        ask().unwrap_or_default()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It ends when its standard input does.
        self.child.stdin.take();
        let _ = self.child.wait();
    }
}

/// A port that nobody has now. Who leases two before either is used may get the same one, which the system makes rare.
pub fn lease_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|fault| format!("no port is free: {fault}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|fault| fault.to_string())
}

/// Whether somebody listens at a port of 127.0.0.1.
pub fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Whether somebody listens at a socket.
pub fn listens_at(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

/// A file in a folder, and the folders that it needs.
pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|fault| format!("{} cannot be written: {fault}", path.display()))
}
