//! How a clamd proves itself: it lives, it finds the EICAR test file handed over as it will be, and not in a clean mail.
//!
//! In: a clamd and a slot. Out: the ways that work, what it calls itself, or why it is not to be used. It is asked by
//! memfd and by file, since a confined clamd (AppArmor, a container) may be allowed one and not the other, and only if
//! one of them fails by INSTREAM. The clean mail goes by the first way that works.

use std::{io, sync::Arc};

use tokio::time::{Instant, timeout_at};

use super::{Clamd, command, connection::ClamdFault, exchange::How, transport::Transport};
use crate::{
    antivirus::{ClamdAddress, Content, in_flight::Slot, self_test},
    policy::verdict::ScanVerdict,
};

/// What is said of a clamd that answers and does not find the test file.
pub const BLIND: &str = "does not find the EICAR test file";

/// By which kinds of descriptor it found the test file; anything else goes by INSTREAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// A memfd.
    pub memfd: bool,
    /// An unlinked file.
    pub file: bool,
}

impl Proof {
    /// A name for status: `fildes`, `instream`, or which descriptors go by FILDES.
    pub fn name(self) -> &'static str {
        match (self.memfd, self.file) {
            (true, true) => "fildes",
            (true, false) => "fildes for memory, instream for files",
            (false, true) => "fildes for files, instream for memory",
            (false, false) => "instream",
        }
    }
}

/// What was found out.
pub struct Found {
    /// The ways that work, or why none does.
    pub proof: Result<Proof, ScanVerdict>,
    /// What it calls itself, if it said so.
    pub version: Option<String>,
    /// Whether it found the test file, if it could be asked.
    pub finds_eicar: Option<bool>,
}

/// Puts `clamd` to the proof.
pub async fn prove(clamd: &Clamd, slot: &Arc<Slot>, deadline: Instant) -> Found {
    let version = match greet(clamd, deadline).await {
        Ok(version) => Some(version).filter(|version| !version.is_empty()),
        Err(verdict) => return Found { proof: Err(verdict), version: None, finds_eicar: None },
    };
    let (proof, finds_eicar) = match find(clamd, slot, deadline).await {
        Ok(proof) => (spare(clamd, proof, slot, deadline).await.map(|()| proof), Some(true)),
        Err(NotFound::Blind) => (Err(ScanVerdict::ScannerError { text: BLIND.to_owned() }), Some(false)),
        Err(NotFound::NoAnswer(verdict)) => (Err(verdict), None),
    };
    Found { proof, version, finds_eicar }
}

/// Why the test file was not found.
enum NotFound {
    /// It answered, and did not find it.
    Blind,
    /// It did not answer.
    NoAnswer(ScanVerdict),
}

/// The ways by which it finds the test file.
async fn find(clamd: &Clamd, slot: &Arc<Slot>, deadline: Instant) -> Result<Proof, NotFound> {
    let mail = self_test::infected_mail();
    let (mut by_memfd, mut by_file) = (None, None);
    if matches!(clamd.address, ClamdAddress::Unix(_)) {
        by_memfd = Some(finds(clamd, How::Fildes, self_test::in_memfd(&mail), slot, deadline).await);
        let file = self_test::in_file(&clamd.probe_folder, &mail);
        by_file = Some(finds(clamd, How::Fildes, file, slot, deadline).await);
    }
    let proof = Proof { memfd: by_memfd == Some(Ok(true)), file: by_file == Some(Ok(true)) };
    if proof.memfd && proof.file {
        return Ok(proof);
    }
    match finds(clamd, How::Instream, self_test::in_memfd(&mail), slot, deadline).await {
        Ok(true) => Ok(proof),
        // INSTREAM fails, a descriptor works: better than nothing.
        _ if proof.memfd || proof.file => Ok(proof),
        Ok(false) => Err(NotFound::Blind),
        // clamd 1.4.6 without its temporary folder, or with a full one: `OK` to every descriptor, and no answer to a stream. That is
        // not silence: it called an infected mail clean.
        Err(_) if [by_memfd, by_file].contains(&Some(Ok(false))) => Err(NotFound::Blind),
        Err(verdict) => Err(NotFound::NoAnswer(verdict)),
    }
}

/// Whether it leaves a clean mail alone. One that finds something in everything would have all mail refused.
async fn spare(clamd: &Clamd, proof: Proof, slot: &Arc<Slot>, deadline: Instant) -> Result<(), ScanVerdict> {
    let how = if proof.memfd { How::Fildes } else { How::Instream };
    let content = match (proof.memfd, proof.file) {
        (false, true) => self_test::in_file(&clamd.probe_folder, &self_test::clean_mail()).map(|it| (How::Fildes, it)),
        _ => self_test::in_memfd(&self_test::clean_mail()).map(|it| (how, it)),
    };
    let (how, content) = content.map_err(|error| ClamdFault::Content(error).verdict())?;
    match clamd.exchange(how, &content, slot, deadline).await.verdict {
        ScanVerdict::Clean => Ok(()),
        verdict @ (ScanVerdict::Unavailable { .. } | ScanVerdict::ScannerError { .. }) => Err(verdict),
        other => Err(ScanVerdict::ScannerError { text: format!("says {} of a clean mail", other.name()) }),
    }
}

/// PING, then VERSION.
async fn greet(clamd: &Clamd, deadline: Instant) -> Result<String, ScanVerdict> {
    let greeting = async {
        let transport = || Transport::new(clamd.address.clone(), clamd.connect_timeout, Arc::default());
        if !command::ping(&transport()).await.map_err(|fault| fault.verdict())? {
            return Err(ScanVerdict::ScannerError { text: "does not answer PING with PONG".to_owned() });
        }
        command::version(&transport()).await.map_err(|fault| fault.verdict())
    };
    timeout_at(deadline, greeting).await.unwrap_or_else(|_| Err(ClamdFault::Deadline.verdict()))
}

/// Whether the test file is found by this way; an error if there was no answer to that.
async fn finds(
    clamd: &Clamd,
    how: How,
    content: io::Result<Content>,
    slot: &Arc<Slot>,
    deadline: Instant,
) -> Result<bool, ScanVerdict> {
    let content = content.map_err(|error| ClamdFault::Content(error).verdict())?;
    match clamd.exchange(how, &content, slot, deadline).await.verdict {
        ScanVerdict::Infected { .. } => Ok(true),
        verdict @ (ScanVerdict::Unavailable { .. } | ScanVerdict::ScannerError { .. }) => Err(verdict),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::BLIND;
    use crate::{
        antivirus::{
            Scanners,
            fake_clamd::{Answer, Asked, FakeClamd, content, settings, wall},
        },
        policy::verdict::ScanVerdict,
    };

    /// As clamd 1.4.6 does when its temporary folder goes: what comes as a descriptor is `OK`, a stream gets no answer.
    #[tokio::test]
    async fn one_that_calls_a_descriptor_clean_and_no_stream_anything_is_blind() {
        let without_room = Arc::new(AtomicBool::new(false));
        let gone = without_room.clone();
        let fake = FakeClamd::start(move |asked: &Asked| match asked.command.as_str() {
            "FILDES" if gone.load(Ordering::Acquire) => Some(Answer::Say(b"fd[10]: OK\0".to_vec())),
            "INSTREAM" if gone.load(Ordering::Acquire) => Some(Answer::SayAtOnce(Vec::new())),
            _ => None,
        });
        let scanners = Scanners::new(settings(&[("clamd", fake.address())])).unwrap();
        let scan = || scanners.scan(content(b"Received: x\r\n\r\nx\r\n"), &[]);
        for _ in 0..2 {
            assert_eq!(scan().await[0].verdict, ScanVerdict::Clean);
        }
        without_room.store(true, Ordering::Release);
        for _ in 0..2 {
            let status = scanners.self_test(wall()).await.remove(0);
            assert_eq!((status.healthy, status.finds_eicar, status.handed.as_str()), (false, Some(false), "unknown"));
            let told = format!("{BLIND}; since it last did, it called 2 messages clean");
            assert_eq!(status.last_error, Some(told), "nobody knows what those were");
        }
        assert_eq!(scan().await[0].verdict, ScanVerdict::ScannerError { text: BLIND.to_owned() });
        without_room.store(false, Ordering::Release);
        let status = scanners.self_test(wall()).await.remove(0);
        assert_eq!((status.healthy, status.finds_eicar, status.handed.as_str()), (true, Some(true), "fildes"));
    }
}
