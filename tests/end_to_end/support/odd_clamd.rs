//! A socket before a real clamd that is honest until it is told to go wrong at one octet of the dialogue.
//!
//! By itself it hands everything on: commands as they are, and what stands behind a descriptor as a stream, so that the real clamd is
//! the one who judges.

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
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
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
    /// When so many octets of the command are read; with all of them and one more, the descriptor.
    Asked(usize, Wrong),
    /// When so many octets of its answer are said.
    Answering(usize, Wrong),
    /// It says this instead of its answer.
    Says(&'static str),
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

    /// From now on, on every connection; whoever still hangs is let go.
    pub fn goes_wrong(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
        self.shared.number.fetch_add(1, Ordering::AcqRel);
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
    fn serve(&self, mut stream: UnixStream) -> io::Result<()> {
        let (number, fault) = (self.number.load(Ordering::Acquire), *self.fault.lock().unwrap());
        let mut command = Vec::new();
        loop {
            if let Fault::Asked(at, wrong) = fault
                && at == command.len()
            {
                return self.go_wrong(&mut stream, wrong, number);
            }
            let mut octet = [0];
            stream.read_exact(&mut octet)?;
            command.push(octet[0]);
            if octet == [0] {
                break;
            }
        }
        let after_command = command.len();
        let wrong_at = |octets| matches!(fault, Fault::Asked(at, _) if at == octets);
        if wrong_at(after_command)
            && let Fault::Asked(_, wrong) = fault
        {
            return self.go_wrong(&mut stream, wrong, number);
        }
        let answer = match command.as_slice() {
            b"zFILDES\0" => {
                let file = descriptor(&stream)?;
                if wrong_at(after_command + 1)
                    && let Fault::Asked(_, wrong) = fault
                {
                    return self.go_wrong(&mut stream, wrong, number);
                }
                let mut content = vec![0; usize::try_from(file.metadata()?.len()).unwrap()];
                file.read_exact_at(&mut content, 0)?;
                let length = u32::try_from(content.len()).unwrap().to_be_bytes();
                self.ask(&[b"zINSTREAM\0", length.as_slice(), &content, &[0; 4]].concat())?
                    .replace("stream: ", "fd[10]: ")
            }
            other => self.ask(other)?,
        };
        match fault {
            Fault::Says(words) => stream.write_all(words.as_bytes()),
            Fault::Answering(at, wrong) => {
                stream.write_all(answer.as_bytes().get(..at).unwrap_or(answer.as_bytes()))?;
                self.go_wrong(&mut stream, wrong, number)
            }
            _ => stream.write_all(answer.as_bytes()),
        }
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

fn descriptor(stream: &UnixStream) -> io::Result<File> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut octet = [0];
    rustix::net::recvmsg(stream.as_fd(), &mut [IoSliceMut::new(&mut octet)], &mut ancillary, RecvFlags::empty())?;
    let passed = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    passed.map(File::from).ok_or_else(|| io::Error::other("no descriptor"))
}
