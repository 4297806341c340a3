//! A PostgreSQL server of a test's own: Debian's programs in a folder, behind a socket in it, and no port. Its commits are as safe as
//! its installer made them; it runs as `postgres`, since it refuses to run as root.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use rustix::process::Signal;

use super::{
    command::run,
    daemon::{Daemon, tail},
    scratch::Scratch,
    waiting::wait_until,
};

/// A server that is thrown away with its folder.
#[derive(Debug)]
pub struct Postgres {
    daemon: Option<Daemon>,
    scratch: Scratch,
}

impl Postgres {
    /// Makes one, with an empty database `portaria`, and starts it.
    pub fn start() -> Self {
        let scratch = Scratch::new("postgres");
        let folder = scratch.folder("server");
        run(Command::new("chown").arg("postgres:").arg(&folder)).succeeded();
        let data = folder.join("data");
        let locale = ["--encoding=UTF8", "--locale=C", "--auth=trust", "--no-sync", "--username=postgres"];
        run(as_postgres("initdb").args(locale).arg("--pgdata").arg(&data)).succeeded();
        let mut server = Self { daemon: None, scratch };
        server.run();
        server.sql("CREATE DATABASE portaria");
        server
    }

    /// Starts it (again).
    pub fn run(&mut self) {
        let folder = self.folder();
        let mut command = as_postgres("postgres");
        command.arg("-D").arg(folder.join("data")).arg("-k").arg(&folder).args(["-c", "listen_addresses="]);
        let daemon = Daemon::start(&mut command, &self.scratch.join("postgres.log"));
        wait_until("PostgreSQL answers", Duration::from_secs(30), || {
            run(self.psql("postgres").args(["-c", "SELECT 1"])).code == Some(0)
        });
        self.daemon = Some(daemon);
    }

    /// Ends it, and every connection with it.
    pub fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.signal(Signal::INT);
            assert!(daemon.wait(Duration::from_secs(20)).is_some(), "it does not end:\n{}", tail(&daemon.log(), 20));
        }
    }

    /// `[database]` of `portaria.toml`.
    pub fn table(&self) -> String {
        format!("[database]\nurl = \"postgresql:///portaria?user=postgres&host={}\"\n", self.folder().display())
    }

    /// Runs a statement in the server's own database: what it says.
    #[track_caller]
    pub fn sql(&self, statement: &str) -> String {
        run(self.psql("postgres").args(["-c", statement])).succeeded().stdout
    }

    /// What a query of the gateway's database answers: one value.
    #[track_caller]
    pub fn ask(&self, query: &str) -> String {
        run(self.psql("portaria").args(["-c", query])).succeeded().stdout.trim().to_owned()
    }

    fn psql(&self, database: &str) -> Command {
        let mut command = Command::new("psql");
        command.args(["-X", "-A", "-t", "-U", "postgres", "-d", database, "-h"]).arg(self.folder());
        command
    }

    fn folder(&self) -> PathBuf {
        self.scratch.join("server")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(daemon) = &mut self.daemon {
            daemon.signal(Signal::INT);
            let _ = daemon.wait(Duration::from_secs(10));
        }
    }
}

/// One of the server's programs, as the system's user for it.
fn as_postgres(program: &str) -> Command {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = installed.map(|entry| entry.path()).collect();
    versions.sort();
    let newest = versions.pop().expect("Debian's postgresql is installed (tests/run.sh does that)");
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(newest.join("bin").join(program));
    // The folder of the test may be closed to that user.
    command.current_dir(Path::new("/"));
    command
}
