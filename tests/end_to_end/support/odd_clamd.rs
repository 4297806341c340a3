//! A socket before a real clamd that is honest until it is told to go wrong at one octet of the dialogue.
//!
//! By itself it hands everything on: commands as they are, and what stands behind a descriptor as a stream, so that the real clamd is
//! the one who judges.

use std::{
    fs::{self, File},
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
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::{clamd::Clamd, scratch::Scratch};

/// How it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It says nothing any more.
    Hangs,
    /// It closes the connection.
    Closes,
    /// It says something that is no answer, and closes.
    Babbles,
}

/// Where it goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nowhere.
    None,
    /// When so many octets of what it is asked are read: the command, and the stream behind it; a descriptor counts for one.
    Asked(usize, Wrong),
    /// When so many octets of its answer are said.
    Answering(usize, Wrong),
    /// It says this instead of its answer.
    Says(&'static str),
    /// Nobody listens at its socket.
    Refuses,
}

/// Content that harms it, whenever it comes as a descriptor.
#[derive(Clone, Debug)]
pub struct Harm {
    /// What has this in it.
    pub marker: &'static [u8],
    /// It hangs for so long, whether anybody waits or not, as a scan in clamd does; then it closes the connection without a word.
    pub hangs: Duration,
}

/// One that runs until it is dropped.
#[derive(Debug)]
pub struct OddClamd {
    scratch: Scratch,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    real: PathBuf,
    fault: Mutex<Fault>,
    harm: Mutex<Option<Harm>>,
    takes_no_descriptor: AtomicBool,
    /// Octets of the last question with a stream.
    last_stream: AtomicUsize,
    scans: AtomicUsize,
    running: AtomicUsize,
    /// Faults are numbered; who hangs for one of them stops when the next comes.
    number: AtomicU64,
    ended: AtomicBool,
}

impl OddClamd {
    /// Before `real`, which must outlive it.
    pub fn before(real: &Clamd) -> Self {
        let scratch = Scratch::new("odd-clamd");
        let shared = Arc::new(Shared {
            real: real.socket(),
            fault: Mutex::new(Fault::None),
            harm: Mutex::default(),
            takes_no_descriptor: AtomicBool::new(false),
            last_stream: AtomicUsize::new(0),
            scans: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            number: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let listener = UnixListener::bind(scratch.join("odd.sock")).unwrap();
        let serving = shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.ended.load(Ordering::Acquire) {
                    return;
                }
                let shared = serving.clone();
                // Whatever breaks here is what the gateway is to live with.
                thread::spawn(move || drop(shared.serve(stream.unwrap())));
            }
        });
        Self { scratch, shared }
    }

    /// As the gateway's configuration names it.
    pub fn address(&self) -> String {
        format!("unix:{}", self.scratch.join("odd.sock").display())
    }

    /// From now on.
    pub fn is_harmed_by(&self, harm: Harm) {
        *self.shared.harm.lock().unwrap() = Some(harm);
    }

    /// How many scans of harmful content began, and how many of them run.
    pub fn harmful_scans(&self) -> (usize, usize) {
        (self.shared.scans.load(Ordering::Acquire), self.shared.running.load(Ordering::Acquire))
    }

    /// From now on it takes descriptors or not, as under a profile of AppArmor; everything else is as it should be.
    pub fn takes_descriptors(&self, takes: bool) {
        self.shared.takes_no_descriptor.store(!takes, Ordering::Release);
    }

    /// Octets of the last question with a stream, from the command to the empty chunk.
    pub fn last_stream(&self) -> usize {
        self.shared.last_stream.load(Ordering::Acquire)
    }

    /// From now on, on every connection; whoever still hangs is let go.
    pub fn goes_wrong(&self, fault: Fault) {
        let (socket, aside) = (self.scratch.join("odd.sock"), self.scratch.join("aside.sock"));
        let before = std::mem::replace(&mut *self.shared.fault.lock().unwrap(), fault);
        self.shared.number.fetch_add(1, Ordering::AcqRel);
        match (before == Fault::Refuses, fault == Fault::Refuses) {
            (false, true) => {
                fs::rename(&socket, &aside).unwrap();
                // A socket that nobody listens at any more.
                drop(UnixListener::bind(&socket).unwrap());
            }
            (true, false) => fs::rename(&aside, &socket).unwrap(),
            _ => {}
        }
    }
}

impl Drop for OddClamd {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        self.goes_wrong(Fault::None);
        let _ = UnixStream::connect(self.scratch.join("odd.sock"));
    }
}

impl Shared {
    fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let (number, fault) = (self.number.load(Ordering::Acquire), *self.fault.lock().unwrap());
        let mut asked = Asked { stream, octets: Vec::new(), passed: None, fault };
        let answer = match self.answer(&mut asked) {
            Ok(answer) => answer,
            Err(Stopped::Broken(error)) => return Err(error),
            Err(Stopped::GoesWrong(wrong)) => return self.go_wrong(&mut asked.stream, wrong, number),
        };
        let mut stream = asked.stream;
        match fault {
            Fault::Says(words) => stream.write_all(words.as_bytes()),
            Fault::Answering(at, wrong) => {
                stream.write_all(answer.as_bytes().get(..at).unwrap_or(answer.as_bytes()))?;
                self.go_wrong(&mut stream, wrong, number)
            }
            _ => stream.write_all(answer.as_bytes()),
        }
    }

    fn answer(&self, asked: &mut Asked) -> Result<String, Stopped> {
        while asked.octets.last() != Some(&0) {
            asked.octet()?;
        }
        match asked.octets.as_slice() {
            b"zFILDES\0" if self.takes_no_descriptor.load(Ordering::Acquire) => {
                Ok("No file descriptor received. ERROR\0".to_owned())
            }
            b"zFILDES\0" => {
                let content = asked.behind_the_descriptor()?;
                let harm = self.harm.lock().unwrap().clone();
                if let Some(harm) = harm.filter(|harm| memchr::memmem::find(&content, harm.marker).is_some()) {
                    self.be_harmed(&harm);
                    return Ok(String::new());
                }
                let length = u32::try_from(content.len()).unwrap().to_be_bytes();
                let stream = [b"zINSTREAM\0", length.as_slice(), &content, &[0; 4]].concat();
                Ok(self.ask(&stream)?.replace("stream: ", "fd[10]: "))
            }
            b"zINSTREAM\0" => {
                asked.stream()?;
                self.last_stream.store(asked.octets.len(), Ordering::Release);
                Ok(self.ask(&asked.octets)?)
            }
            other => Ok(self.ask(other)?),
        }
    }

    fn be_harmed(&self, harm: &Harm) {
        self.scans.fetch_add(1, Ordering::AcqRel);
        self.running.fetch_add(1, Ordering::AcqRel);
        let began = Instant::now();
        while began.elapsed() < harm.hangs && !self.ended.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(5));
        }
        self.running.fetch_sub(1, Ordering::AcqRel);
    }

    fn ask(&self, octets: &[u8]) -> io::Result<String> {
        let mut real = UnixStream::connect(&self.real)?;
        real.write_all(octets)?;
        let mut answer = String::new();
        real.read_to_string(&mut answer)?;
        Ok(answer)
    }

    fn go_wrong(&self, stream: &mut UnixStream, wrong: Wrong, number: u64) -> io::Result<()> {
        match wrong {
            Wrong::Closes => Ok(()),
            Wrong::Babbles => stream.write_all(b"\x01\xffbabble\0"),
            Wrong::Hangs => {
                while self.number.load(Ordering::Acquire) == number {
                    thread::sleep(Duration::from_millis(5));
                }
                Ok(())
            }
        }
    }
}

/// One connection: what was asked on it so far, and where it is to go wrong.
struct Asked {
    stream: UnixStream,
    octets: Vec<u8>,
    /// It comes with the first octet of what it was sent with.
    passed: Option<File>,
    fault: Fault,
}

enum Stopped {
    GoesWrong(Wrong),
    Broken(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Asked {
    fn go_on(&self) -> Result<(), Stopped> {
        match self.fault {
            Fault::Asked(at, wrong) if at == self.octets.len() => Err(Stopped::GoesWrong(wrong)),
            _ => Ok(()),
        }
    }

    fn octet(&mut self) -> Result<(), Stopped> {
        self.go_on()?;
        let (octet, passed) = octet(&self.stream)?;
        self.octets.push(octet);
        self.passed = self.passed.take().or(passed);
        Ok(())
    }

    /// Chunks with their lengths, up to the empty one.
    fn stream(&mut self) -> Result<(), Stopped> {
        loop {
            for _ in 0..4 {
                self.octet()?;
            }
            let length = self.octets.last_chunk().map_or(0, |length| u32::from_be_bytes(*length));
            if length == 0 {
                return self.go_on();
            }
            for _ in 0..length {
                self.octet()?;
            }
        }
    }

    fn behind_the_descriptor(&mut self) -> Result<Vec<u8>, Stopped> {
        self.octet()?;
        self.go_on()?;
        let file = self.passed.take().ok_or_else(|| io::Error::other("no descriptor"))?;
        let mut content = vec![0; usize::try_from(file.metadata()?.len()).unwrap()];
        file.read_exact_at(&mut content, 0)?;
        Ok(content)
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
    let passed = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    Ok((octet[0], passed.map(File::from)))
}
