//! A server that speaks S3: moto's, from PyPI (`tests/moto.txt`), in a virtual environment that tests/run.sh makes. It keeps everything in
//! memory: ended, it has forgotten it, which is one more thing that a bucket may do.

use std::{
    fs::{self, Permissions},
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::Command,
    time::Duration,
};

use super::{daemon::Daemon, gateway::Setup, port::Port, scratch::Scratch, waiting::wait_until};

const NAME: &str = "portaria";

/// The server, with one bucket.
#[derive(Debug)]
pub struct Bucket {
    daemon: Option<Daemon>,
    port: Port,
    scratch: Scratch,
}

impl Bucket {
    /// Starts it, and makes the bucket.
    pub fn start() -> Self {
        let mut server = Self { daemon: None, port: Port::lease(), scratch: Scratch::new("bucket") };
        server.run();
        server
    }

    /// Starts it (again), and makes the bucket.
    pub fn run(&mut self) {
        let mut command = Command::new(program());
        command.args(["-H", "127.0.0.1", "-p", &self.port.number().to_string()]);
        self.daemon = Some(Daemon::start(&mut command, &self.scratch.join("moto.log")));
        // Python takes its time on a machine that has others to serve.
        wait_until("moto has made the bucket", Duration::from_secs(60), || {
            self.ask("PUT", &format!("/{NAME}")).is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
    }

    /// Ends it, and everything in it.
    pub fn stop(&mut self) {
        self.daemon = None;
    }

    /// `[quarantine]` of a node's `portaria.toml`, with the files that it names.
    pub fn table(&self, setup: &Setup) -> String {
        let secret = |name: &str, text: &str| {
            let path = setup.write(name, text);
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            path.display().to_string()
        };
        let credentials = secret("s3", "[default]\naws_access_key_id = portaria\naws_secret_access_key = geheim\n");
        let keys = secret("keys", &format!("2026 {}\n", "2e".repeat(32)));
        format!(
            "[quarantine]\ncontent = \"s3\"\nencryption_keys = \"{keys}\"\n[quarantine.s3]\n\
             endpoint = \"http://127.0.0.1:{}\"\nbucket = \"{NAME}\"\nprefix = \"held\"\ncredentials = \"{credentials}\"\n",
            self.port.number()
        )
    }

    /// An item's object as it stands there; none: there is none.
    pub fn object(&self, id: &str) -> Option<String> {
        let answer = self.ask("GET", &format!("/{NAME}/held/{}/{id}", &id[20..22]))?;
        answer.starts_with("HTTP/1.1 200").then_some(answer)
    }

    fn ask(&self, method: &str, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port.number())).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        // It asks for a signature, and does not look at it.
        let signed =
            "AWS4-HMAC-SHA256 Credential=portaria/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x";
        let fields = format!("Host: 127.0.0.1:{}\r\nAuthorization: {signed}", self.port.number());
        let rest = "Content-Length: 0\r\nConnection: close\r\n\r\n";
        write!(stream, "{method} {path} HTTP/1.1\r\n{fields}\r\n{rest}").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }
}

fn program() -> PathBuf {
    let named = std::env::var_os("PORTARIA_MOTO").map(PathBuf::from);
    let program =
        named.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/target/moto/bin/moto_server")));
    assert!(program.exists(), "{} is not there: tests/run.sh installs it", program.display());
    program
}
