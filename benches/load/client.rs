//! The clients: so many connections at once, each with one message or many, in lock step as smtp-source and most mail programs do it.
//!
//! In: where, how many, which mail. Out: how many were taken, refused, lost, and how long each took: from connect (the first of a connection) or
//! MAIL (a later one) to its last reply. One thread, for it must cost little beside what it measures.

use std::{
    cell::{Cell, RefCell},
    io,
    net::Ipv4Addr,
    path::PathBuf,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, task::LocalSet};

use crate::{
    histogram::Histogram,
    mail::Mail,
    runtime, scan,
    talk::{Talk, expected},
};

/// So many faults end a run: what is measured is gone.
const FAULTS: u64 = 1000;

/// Where the messages go.
#[derive(Clone, Debug)]
pub enum Way {
    /// To an SMTP server at this port.
    Smtp(u16),
    /// To a clamd at this socket, by INSTREAM, a connection to each.
    Clamd(PathBuf),
}

/// One load.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where to.
    pub way: Way,
    /// At once.
    pub connections: usize,
    /// Messages on one connection.
    pub per_connection: usize,
    /// In all.
    pub messages: usize,
    /// Between the first connections; zero for all at once.
    pub gap: Duration,
    /// Without an answer for so long a message is lost.
    pub patience: Duration,
    /// Of each message.
    pub recipients: usize,
    /// Taken in turn.
    pub mails: Rc<[Mail]>,
}

/// What became of it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// 2xx behind the end of mail data, or clean.
    pub taken: u64,
    /// 4xx or 5xx, or a find.
    pub refused: u64,
    /// Neither: the connection ended, or nothing was said.
    pub lost: u64,
    /// From the first connection to the last reply.
    pub took: Duration,
    /// Of those that were answered.
    pub latency: Histogram,
    /// What the first refusal or loss was.
    pub fault: Option<String>,
}

/// Shared by the connections of one load.
struct Shared {
    load: Load,
    promised: Cell<usize>,
    next_mail: Cell<usize>,
    outcome: RefCell<Outcome>,
}

/// Sends it all.
pub fn send(load: Load) -> Outcome {
    let runtime = runtime();
    let shared = Rc::new(Shared {
        load,
        promised: Cell::new(0),
        next_mail: Cell::new(0),
        outcome: RefCell::new(Outcome::default()),
    });
    let began = Instant::now();
    LocalSet::new().block_on(&runtime, async {
        let connections = (0..shared.load.connections).map(|nth| {
            let shared = Rc::clone(&shared);
            tokio::task::spawn_local(async move {
                let gap = shared.load.gap * u32::try_from(nth).unwrap_or(u32::MAX);
                if !gap.is_zero() {
                    tokio::time::sleep(gap).await;
                }
                shared.connect_again_and_again().await;
            })
        });
        let connections: Vec<_> = connections.collect();
        for connection in connections {
            connection.await.unwrap();
        }
    });
    let mut outcome = shared.outcome.take();
    outcome.took = began.elapsed();
    outcome
}

impl Shared {
    async fn connect_again_and_again(&self) {
        while self.promised.get() < self.load.messages && self.outcome.borrow().lost < FAULTS {
            let left = self.load.messages - self.promised.get();
            let mut own = left.min(self.load.per_connection);
            self.promised.set(self.promised.get() + own);
            let result = match &self.load.way {
                Way::Smtp(port) => self.converse(*port, &mut own).await,
                Way::Clamd(socket) => {
                    own -= 1;
                    let scan = tokio::time::timeout(self.load.patience, scan::scan(socket, self.mail()));
                    self.timed(Instant::now(), scan).await
                }
            };
            if let Err(fault) = result {
                // The message under way is lost; those behind it go on another connection.
                self.promised.set(self.promised.get() - own);
                let mut outcome = self.outcome.borrow_mut();
                outcome.lost += 1;
                outcome.fault.get_or_insert_with(|| fault.to_string());
            }
        }
    }

    /// One connection with so many messages; what is not begun yet is left in `own`.
    async fn converse(&self, port: u16, own: &mut usize) -> io::Result<()> {
        let patience = self.load.patience;
        let began = Instant::now();
        let greeting = async {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
            stream.set_nodelay(true)?;
            let mut talk = Talk::new(stream);
            expected(&talk.reply().await?, "2", "the connection")?;
            let is_utf8 = talk.ask(b"EHLO load.example\r\n").await?.contains("SMTPUTF8");
            Ok::<_, io::Error>((talk, is_utf8))
        };
        // Whatever goes wrong before the first message takes that one with it.
        *own -= 1;
        let (mut talk, is_utf8) = tokio::time::timeout(patience, greeting).await??;
        let mut began = Some(began);
        loop {
            let mail = self.mail();
            let sending = tokio::time::timeout(patience, self.one(&mut talk, mail, is_utf8));
            self.timed(began.take().unwrap_or_else(Instant::now), sending).await?;
            if *own == 0 {
                // Its answer belongs to no message.
                let _ = tokio::time::timeout(patience, talk.ask(b"QUIT\r\n")).await;
                return Ok(());
            }
            *own -= 1;
        }
    }

    /// One transaction: its last reply.
    async fn one(&self, talk: &mut Talk, mail: &Mail, offers_utf8: bool) -> io::Result<String> {
        let parameters = if mail.is_utf8 && offers_utf8 { " BODY=8BITMIME SMTPUTF8" } else { "" };
        let reply = talk.ask(format!("MAIL FROM:<a@x>{parameters}\r\n").as_bytes()).await?;
        if !reply.starts_with('2') {
            return Ok(reply);
        }
        for nth in 0..self.load.recipients {
            let command = if nth == 0 { "RCPT TO:<b@y>\r\n".to_owned() } else { format!("RCPT TO:<b{nth}@y>\r\n") };
            let reply = talk.ask(command.as_bytes()).await?;
            if !reply.starts_with('2') {
                return Ok(reply);
            }
        }
        let reply = talk.ask(b"DATA\r\n").await?;
        if !reply.starts_with('3') {
            return Ok(reply);
        }
        talk.ask(&mail.wire).await
    }

    fn mail(&self) -> &Mail {
        let nth = self.next_mail.get();
        self.next_mail.set(nth + 1);
        &self.load.mails[nth % self.load.mails.len()]
    }

    async fn timed(
        &self,
        began: Instant,
        sending: impl Future<Output = Result<io::Result<String>, tokio::time::error::Elapsed>>,
    ) -> io::Result<()> {
        let answer = sending.await??;
        let mut outcome = self.outcome.borrow_mut();
        outcome.latency.add(began.elapsed());
        if answer.starts_with('2') {
            outcome.taken += 1;
        } else {
            outcome.refused += 1;
            outcome.fault.get_or_insert(answer);
        }
        Ok(())
    }
}
