//! A Postfix of our own: folders, queue, log and port of its own, `/etc/postfix` neither read nor written.

use std::{path::PathBuf, process::Command, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use super::{
    command::{Output, run},
    daemon::{read_lossy, tail},
    port::Port,
    scratch::Scratch,
    waiting::{eventually, listens, wait_until},
};

/// One instance, listening on a loopback port. It needs root, as Postfix's master does.
#[derive(Debug)]
pub struct Postfix {
    port: Port,
    scratch: Scratch,
}

impl Postfix {
    /// Starts an instance with these lines of `main.cf` behind the common ones; they may name `FOLDER`.
    pub fn start(name: &str, settings: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "Postfix's master has to be started by root: run the tests as root (tests/run.sh says how)"
        );
        let postfix = Self { port: Port::lease(), scratch: Scratch::new(name) };
        let folder = postfix.folder().display().to_string();
        postfix.scratch.folder("queue");
        let data = postfix.scratch.folder("data");
        std::os::unix::fs::chown(&data, Some(user_id("postfix")), None).unwrap();
        postfix.scratch.write("main.cf", format!("{COMMON}{settings}").replace("FOLDER", &folder));
        postfix.scratch.write("master.cf", MASTER.replace("PORT", &postfix.port().to_string()));
        let started = postfix.control("postfix", &["start"]);
        assert_eq!(started.code, Some(0), "Postfix does not start: {}\n{}", started.told(), postfix.log_tail());
        wait_until("Postfix listens", Duration::from_secs(30), || listens(postfix.port()));
        postfix
    }

    /// The port where it takes mail.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The folder with everything of it.
    pub fn folder(&self) -> PathBuf {
        self.scratch.path().to_path_buf()
    }

    /// Runs one of Postfix's programs on this instance.
    pub fn control(&self, program: &str, arguments: &[&str]) -> Output {
        run(Command::new(format!("/usr/sbin/{program}")).arg("-c").arg(self.scratch.path()).args(arguments))
    }

    /// Its log.
    pub fn log(&self) -> String {
        read_lossy(&self.scratch.join("mail.log"))
    }

    fn log_tail(&self) -> String {
        tail(&self.log(), 25)
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- Postfix's last words ({}):\n{}", self.scratch.path().display(), self.log_tail());
        }
        let stop = Command::new("/usr/sbin/postfix").arg("-c").arg(self.scratch.path()).arg("stop").spawn();
        let Ok(mut stop) = stop else { return };
        // Its master can wait for ever for room in the socket of postlogd, which only it could start: seen once in some hundred runs.
        if !eventually(Duration::from_secs(30), || matches!(stop.try_wait(), Ok(Some(_)))) {
            let written = read_lossy(&self.scratch.join("queue/pid/master.pid"));
            let master = written.trim().parse().ok().and_then(Pid::from_raw);
            let _ = master.map(|master| kill_process(master, Signal::KILL));
            drop(stop.kill());
        }
        drop(stop.wait());
    }
}

/// The number of a user, from `/etc/passwd`.
pub fn user_id(name: &str) -> u32 {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users.lines().find(|line| line.split(':').next() == Some(name));
    let id = line.and_then(|line| line.split(':').nth(2)).and_then(|id| id.parse().ok());
    id.unwrap_or_else(|| panic!("there is no user {name}; tests/run.sh installs what is needed"))
}

/// No name is looked up, nothing is counted per client, what comes in goes out as it came.
const COMMON: &str = "\
compatibility_level = 3.6
queue_directory = FOLDER/queue
data_directory = FOLDER/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = FOLDER/mail.log
maillog_file_prefixes = FOLDER
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
local_header_rewrite_clients =
disable_dns_lookups = yes
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_event_limit_exceptions = 127.0.0.0/8
smtpd_error_sleep_time = 0
smtpd_forbid_bare_newline = no
in_flow_delay = 0
message_size_limit = 100000000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
disable_mime_output_conversion = yes
smtp_line_length_limit = 0
smtp_tls_security_level = none
smtputf8_autodetect_classes = all
";

/// The services that take, queue and send mail, none of them in a chroot; nothing for local mail.
const MASTER: &str = "\
127.0.0.1:PORT inet n - n - 100 smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 2 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
