//! A clamd for tests: a Unix socket that speaks the protocol honestly, or as the test says.
//!
//! Blocking threads of its own, so that a test of time limits does not wait for the thing that it tests. By itself it
//! answers PING and VERSION, and finds the EICAR test file by whatever way it comes.

use std::{
    fs::File,
    io::{self, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::AsFd,
        unix::{
            fs::FileExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::Builder,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::{Ages, ClamdAddress, Content, ScannerKind, ScannerSettings, Settings, self_test};

/// What a client asked.
pub struct Asked {
    /// PING, VERSION, INSTREAM or FILDES.
    pub command: String,
    /// What came in the stream, or what stands behind the descriptor.
    pub content: Vec<u8>,
    /// The descriptor itself.
    pub descriptor: Option<File>,
}

/// What it does.
pub enum Answer {
    /// Says this and closes.
    Say(Vec<u8>),
    /// Says nothing until the client closes, or the fake is told to let go.
    Hang,
    /// Answers INSTREAM before it has read any of it.
    SayAtOnce(Vec<u8>),
    /// Takes INSTREAM and never reads any of it.
    HangAtOnce,
}

type Script = dyn FnMut(&Asked) -> Option<Answer> + Send;

/// A running one. Stops when dropped.
pub struct FakeClamd {
    /// Its socket.
    pub path: PathBuf,
    /// Scans that came, by FILDES or INSTREAM, those of the EICAR test file and of the self-test not counted.
    pub scans: Arc<AtomicUsize>,
    /// Lets every hanging scan end.
    pub let_go: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl FakeClamd {
    /// Starts one that does what `script` says, and is honest where it says nothing.
    pub fn start(script: impl FnMut(&Asked) -> Option<Answer> + Send + 'static) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("portaria-clamd-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self::start_at(std::env::temp_dir().join(name), script)
    }

    /// Starts one on a socket that another one had.
    pub fn start_at(path: PathBuf, script: impl FnMut(&Asked) -> Option<Answer> + Send + 'static) -> Self {
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let fake = Self { path, scans: Arc::default(), let_go: Arc::default(), stop: Arc::default() };
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(script));
        let (scans, let_go, stop) = (fake.scans.clone(), fake.let_go.clone(), fake.stop.clone());
        let serve = move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::Acquire) {
                    return;
                }
                let (script, scans, let_go) = (script.clone(), scans.clone(), let_go.clone());
                let _ = Builder::new().spawn(move || serve(stream.unwrap(), &script, &scans, &let_go));
            }
        };
        Builder::new().spawn(serve).unwrap();
        fake
    }

    /// Its address.
    pub fn address(&self) -> ClamdAddress {
        ClamdAddress::Unix(self.path.clone())
    }
}

impl Drop for FakeClamd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.let_go.store(true, Ordering::Release);
        let _ = UnixStream::connect(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The time by the wall in these tests: 21 November 2026, 11:00 UTC.
pub fn wall() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_258_800)
}

/// Settings with these clamd, each in the group named beside it, and times short enough for a test.
pub fn settings(scanners: &[(&str, ClamdAddress)]) -> Settings {
    let scanner = |(group, address): &(&str, ClamdAddress)| ScannerSettings {
        group: (*group).to_owned(),
        kind: ScannerKind::Clamd(address.clone()),
        weight: 1,
        in_flight: None,
        database: None,
    };
    Settings {
        scanners: scanners.iter().map(scanner).collect(),
        scan_timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(1),
        poison_after: 100,
        ages: Ages { warn: Duration::MAX, critical: Duration::MAX },
        in_flight: 2,
        probe_folder: std::env::temp_dir(),
    }
}

/// Content in a memfd.
pub fn content(octets: &[u8]) -> Content {
    let file = self_test::memfd("test").unwrap();
    file.write_all_at(octets, 0).unwrap();
    Content {
        file: Arc::new(file),
        length: octets.len() as u64,
        in_memory: true,
        sha256: "0".repeat(64),
        readers: Arc::default(),
    }
}

fn serve(mut stream: UnixStream, script: &Mutex<Script>, scans: &AtomicUsize, let_go: &AtomicBool) {
    let Ok((command, mut passed)) = command(&stream) else { return };
    let mut asked = Asked { command, content: Vec::new(), descriptor: None };
    if asked.command == "INSTREAM" {
        // Asked before the stream is read, for an answer that comes too early.
        let at_once = script.lock().unwrap()(&asked);
        match at_once {
            Some(Answer::SayAtOnce(words)) => return drop(stream.write_all(&words)),
            Some(Answer::HangAtOnce) => return wait(let_go),
            _ => {}
        }
        let Ok(content) = instream(&mut stream) else { return };
        asked.content = content;
    } else if asked.command == "FILDES" {
        // The octet that must go with a descriptor: behind the command, and maybe with it (clamd(8)).
        let Ok((0, with_it)) = octet(&stream) else { return };
        let Some(file) = passed.take().or(with_it) else { return };
        let mut content = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut content, 0).unwrap();
        (asked.content, asked.descriptor) = (content, Some(file));
    }
    let eicar = holds_eicar(&asked.content);
    if !eicar && asked.content != self_test::clean_mail() && ["INSTREAM", "FILDES"].contains(&asked.command.as_str()) {
        scans.fetch_add(1, Ordering::AcqRel);
    }
    let scripted = script.lock().unwrap()(&asked);
    match scripted.unwrap_or_else(|| honest(&asked, eicar)) {
        Answer::Say(words) | Answer::SayAtOnce(words) => drop(stream.write_all(&words)),
        Answer::Hang | Answer::HangAtOnce => wait(let_go),
    }
}

/// In clear, or as the self-test hides it: this clamd opens no archive.
pub fn holds_eicar(content: &[u8]) -> bool {
    [self_test::infected_mail(), self_test::plainly_infected_mail()].iter().any(|mail| mail == content)
        || memchr::memmem::find(content, self_test::eicar().as_bytes()).is_some()
}

/// Whether it is one of the two mails of the self-test.
pub fn is_self_test(content: &[u8]) -> bool {
    content == self_test::infected_mail() || content == self_test::clean_mail()
}

fn wait(let_go: &AtomicBool) {
    while !let_go.load(Ordering::Acquire) {
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn honest(asked: &Asked, eicar: bool) -> Answer {
    let verdict = if eicar { "Eicar-Test-Signature FOUND" } else { "OK" };
    Answer::Say(match asked.command.as_str() {
        "PING" => b"PONG\0".to_vec(),
        "VERSION" => b"ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026\0".to_vec(),
        "INSTREAM" => format!("stream: {verdict}\0").into_bytes(),
        "FILDES" => format!("fd[12]: {verdict}\0").into_bytes(),
        _ => b"UNKNOWN COMMAND\0".to_vec(),
    })
}

/// The command, and the descriptor that came with it.
fn command(stream: &UnixStream) -> io::Result<(String, Option<File>)> {
    let (mut command, mut passed) = (Vec::new(), None);
    loop {
        let (octet, with_it) = octet(stream)?;
        passed = passed.or(with_it);
        match octet {
            0 => return Ok((String::from_utf8(command).unwrap().strip_prefix('z').unwrap().to_owned(), passed)),
            other => command.push(other),
        }
    }
}

fn instream(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    loop {
        let mut length = [0; 4];
        stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            return Ok(content);
        }
        let mut chunk = vec![0; length];
        stream.read_exact(&mut chunk)?;
        content.extend(chunk);
    }
}

/// One octet, and the descriptor that came with it: read without room for it, it would be lost.
fn octet(stream: &UnixStream) -> io::Result<(u8, Option<File>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut octet = [0];
    let received =
        rustix::net::recvmsg(stream.as_fd(), &mut [IoSliceMut::new(&mut octet)], &mut ancillary, RecvFlags::empty())?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok((octet[0], descriptor.map(File::from)))
}
