//! What it costs clamd to get a message: as a descriptor (FILDES) and as a stream (INSTREAM), interleaved, by size.
//!
//! `cargo bench --bench handover` starts Debian's clamd (`apt-get install clamav-daemon`) with a database of one signature, hands
//! it the same messages by its socket and by its port through the gateway's own scanner, one after another, and prints wall time and
//! clamd's CPU time for each message. Timings are no test: nothing here fails for being slow.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench ends by panicking and talks on stdout"
)]
#![expect(clippy::disallowed_methods, reason = "a bench starts a program and reads the clock")]

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use portaria::{
    antivirus::{Ages, ClamdAddress, Content, ScannerKind, ScannerSettings, Scanners, Settings},
    policy::verdict::ScanVerdict,
};

/// Name, octets, messages in a round.
const SIZES: [(&str, usize, u32); 4] =
    [("4 KB", 4 << 10, 400), ("64 KB", 64 << 10, 200), ("1 MB", 1 << 20, 40), ("10 MB", 10 << 20, 8)];
const ROUNDS: u32 = 5;

struct Clamd {
    child: Child,
    ticks: f64,
}

impl Clamd {
    fn start(folder: &Path, port: u16) -> Self {
        let shown = folder.display();
        fs::create_dir(folder.join("database")).unwrap();
        fs::write(folder.join("database/one.ndb"), eicar_signature()).unwrap();
        let configuration = format!(
            "Foreground yes\nDatabaseDirectory {shown}/database\nTemporaryDirectory {shown}\nLocalSocket {shown}/clamd.sock\n\
             TCPSocket {port}\nTCPAddr 127.0.0.1\nStreamMaxLength 100M\nMaxScanSize 400M\nMaxFileSize 100M\nAlertExceedsMax yes\nSelfCheck 0\n"
        );
        fs::write(folder.join("clamd.conf"), configuration).unwrap();
        let child = Command::new("/usr/sbin/clamd")
            .arg("--config-file")
            .arg(folder.join("clamd.conf"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("clamd of Debian's clamav-daemon");
        Self { child, ticks: 1.0 / f64::from(u32::try_from(rustix::param::clock_ticks_per_second()).unwrap()) }
    }

    /// Seconds of CPU so far, user and system.
    fn cpu(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let behind_name = stat.rsplit(')').next().unwrap();
        let field = |at: usize| behind_name.split_whitespace().nth(at).unwrap().parse::<f64>().unwrap();
        (field(11) + field(12)) * self.ticks
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In halves, or this file is a finding of the scanner of whoever stores it.
fn eicar_signature() -> String {
    let eicar = ["X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"].concat();
    let hex: String = eicar.bytes().map(|octet| format!("{octet:02x}")).collect();
    format!("Eicar-Test-Signature:0:*:{hex}\n")
}

fn scanners(address: ClamdAddress, folder: &Path) -> Scanners {
    let scanner = ScannerSettings {
        group: "clamd".to_owned(),
        kind: ScannerKind::Clamd(address),
        weight: 1,
        in_flight: None,
        database: None,
    };
    Scanners::new(Settings {
        scanners: vec![scanner],
        scan_timeout: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(5),
        poison_after: 3,
        ages: Ages::default(),
        in_flight: 2,
        probe_folder: folder.to_owned(),
    })
    .unwrap()
}

/// A text and an attachment in base64, our field first, about `size` octets, in a memfd as the hold has it.
fn message(size: usize) -> Content {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut mail = b"Received: from a (a [192.0.2.1]) by mx with ESMTP id x; Sat, 21 Nov 2026 08:00:00 -0300\r\nSubject: ata\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSegue a ata.\r\n\
        --b\r\nContent-Type: application/pdf; name=ata.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        .to_vec();
    while mail.len() < size {
        for _ in 0..76 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            mail.push(*letters.get(usize::try_from(seed >> 58).unwrap()).unwrap());
        }
        mail.extend(b"\r\n");
    }
    mail.extend(b"--b--\r\n");
    let file = File::from(rustix::fs::memfd_create("bench", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    file.write_all_at(&mail, 0).unwrap();
    Content {
        file: Arc::new(file),
        length: mail.len() as u64,
        in_memory: true,
        sha256: "bench".to_owned(),
        readers: Arc::default(),
    }
}

async fn ready(scanners: &Scanners) -> String {
    for _ in 0..100 {
        let status = scanners.self_test(SystemTime::now()).await.remove(0);
        if status.healthy {
            return status.handed;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("clamd does not answer: {:?}", scanners.status());
}

/// Milliseconds of wall and of clamd's CPU for each message.
async fn round(scanners: &Scanners, clamd: &Clamd, content: &Content, messages: u32) -> (f64, f64) {
    let (began, cpu) = (Instant::now(), clamd.cpu());
    for _ in 0..messages {
        assert_eq!(scanners.scan(content.clone(), &[]).await.remove(0).verdict, ScanVerdict::Clean);
    }
    let each = |seconds: f64| seconds * 1000.0 / f64::from(messages);
    (each(began.elapsed().as_secs_f64()), each(clamd.cpu() - cpu))
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let clamd = Clamd::start(folder.path(), port);
    let local = scanners(ClamdAddress::Unix(folder.path().join("clamd.sock")), folder.path());
    let stream = scanners(ClamdAddress::Tcp(([127, 0, 0, 1], port).into()), folder.path());
    println!(
        "by socket: {}, by port: {}; {ROUNDS} rounds each, interleaved; ms for each message, median",
        ready(&local).await,
        ready(&stream).await
    );
    println!(
        "{:>6}  {:>11} {:>11}  {:>12} {:>12}  {:>6}",
        "size", "FILDES wall", "FILDES CPU", "INSTREAM wall", "INSTREAM CPU", "CPU"
    );
    for (name, size, messages) in SIZES {
        let content = message(size);
        let (mut by_file, mut by_stream) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            by_file.push(round(&local, &clamd, &content, messages).await);
            by_stream.push(round(&stream, &clamd, &content, messages).await);
        }
        let median = |of: &[(f64, f64)], pick: fn(&(f64, f64)) -> f64| {
            let mut sorted: Vec<f64> = of.iter().map(pick).collect();
            sorted.sort_by(f64::total_cmp);
            sorted.get(sorted.len() / 2).copied().unwrap()
        };
        let (file, stream) = (
            (median(&by_file, |it| it.0), median(&by_file, |it| it.1)),
            (median(&by_stream, |it| it.0), median(&by_stream, |it| it.1)),
        );
        println!(
            "{name:>6}  {:>11.2} {:>11.2}  {:>13.2} {:>12.2}  {:>6.2}",
            file.0,
            file.1,
            stream.0,
            stream.1,
            file.1 / stream.1
        );
        std::io::stdout().flush().unwrap();
    }
}
