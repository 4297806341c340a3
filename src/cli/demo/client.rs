//! The sending side of the demonstration: our own client session over a socket.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::smtp::{
    client::{Introduction, Question, Step, TlsWish, Transaction},
    envelope::{MailFrom, RcptTo},
    extension::Capabilities,
    parameter::{MailParameters, RcptParameters},
    path::{ForwardPath, Mailbox, ReversePath},
    reply::Reply,
};

/// Sends one message to one recipient: the reply that decided, to RCPT or to the end of mail data.
pub async fn send(gateway: SocketAddr, from: &str, to: &str, content: String) -> io::Result<Reply> {
    let stream = TcpStream::connect(gateway).await?;
    stream.set_nodelay(true)?;
    let mut connection = Connection { stream, buffer: vec![0; 16 * 1024] };
    let capabilities = connection.introduce().await?;
    let mut transaction = Transaction::new(capabilities);
    let mail = MailFrom { path: ReversePath::Mailbox(mailbox(from)?), parameters: MailParameters::default() };
    transaction.mail(&mail, Some(content.len() as u64));
    let path = ForwardPath::Mailbox { mailbox: mailbox(to)?, source_route: Vec::new() };
    transaction.rcpt(&RcptTo { path, parameters: RcptParameters::default() });
    for question in [Question::Mail, Question::Rcpt(0)] {
        let reply = connection.answer_to(&mut transaction, question).await?;
        if !reply.is_positive() {
            return Ok(reply);
        }
    }
    transaction.data();
    let reply = connection.answer_to(&mut transaction, Question::Data).await?;
    if reply.code() != 354 {
        return Ok(reply);
    }
    transaction.content(Bytes::from(content));
    transaction.end_of_mail_data();
    connection.answer_to(&mut transaction, Question::EndOfMailData).await
}

fn mailbox(text: &str) -> io::Result<Mailbox> {
    Mailbox::parse(text).ok_or_else(|| io::Error::other(format!("{text} is no mailbox")))
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn introduce(&mut self) -> io::Result<Capabilities> {
        let mut introduction = Introduction::new("cliente.exemplo", TlsWish::Off);
        loop {
            match introduction.poll() {
                Step::Send(octets) => self.stream.write_all(&octets).await?,
                Step::Receive => introduction.receive(self.read().await?),
                Step::Ready(capabilities) => return Ok(capabilities),
                Step::StartTls => return Err(io::Error::other("TLS was not asked for")),
                Step::Failed(fault) => return Err(io::Error::other(fault)),
            }
        }
    }

    async fn answer_to(&mut self, transaction: &mut Transaction, question: Question) -> io::Result<Reply> {
        loop {
            while let Some(octets) = transaction.poll_transmit() {
                self.stream.write_all(&octets).await?;
            }
            match transaction.poll_answer() {
                Some(Ok((asked, reply))) if asked == question => return Ok(reply),
                Some(Ok(_)) => {}
                Some(Err(fault)) => return Err(io::Error::other(fault)),
                None => transaction.receive(self.read().await?),
            }
        }
    }

    async fn read(&mut self) -> io::Result<&[u8]> {
        match self.stream.read(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(self.buffer.get(..read).unwrap_or_default()),
        }
    }
}
