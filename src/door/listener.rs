//! Sockets: bound once, accepted from until the gateway drains, counted, and each connection given a session.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use super::{
    connections::{Counted, Full},
    gateway::{Gateway, Listener, now},
    proxy_protocol::{self, Announced},
    smtp,
    stream::ClientStream,
};
use crate::{
    record::{ClientFacts, attempts::Attempt},
    relay::Session,
    smtp::extension::Offer,
};

/// After an error of accept (no descriptors left, most likely) we wait so long: the sockets that end meanwhile give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A client that has to hear 421 takes it within this time or not at all.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);
/// An implicit TLS handshake takes no longer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// Accepts until the gateway drains.
pub async fn accept(socket: TcpListener, listener: Arc<Listener>, gateway: Arc<Gateway>) {
    answers_at_once(&socket);
    let draining = gateway.draining();
    tokio::pin!(draining);
    loop {
        let accepted = tokio::select! {
            () = &mut draining => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(stream, peer, &listener, &gateway),
            Err(fault) => {
                metrics::counter!("portaria_accept_errors_total").increment(1);
                tracing::error!(%fault, listener = %listener.bound, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Small replies must not wait for more: every round trip of the dialogue would cost 40 ms (RFC 896 and delayed ACKs). On Linux what is
/// accepted has this from its listener, so it is said once.
fn answers_at_once(socket: &TcpListener) {
    if let Err(fault) = rustix::net::sockopt::set_tcp_nodelay(socket, true) {
        tracing::warn!(%fault, "small replies may wait for more");
    }
}

fn admit(stream: TcpStream, peer: SocketAddr, listener: &Arc<Listener>, gateway: &Arc<Gateway>) {
    let is_balancer = listener.is_balancer(peer.ip());
    // Whose a balancer's connection is stands in its header; until that is read it counts in the total only.
    let counted = if is_balancer {
        gateway.connections.enter_unnamed()
    } else {
        gateway.connections.enter(peer.ip(), now().monotonic)
    };
    let counted = match counted {
        Ok(counted) => counted,
        Err(full) => {
            refused(full, peer.ip(), listener, gateway);
            gateway.sessions.spawn(turn_away(stream));
            return;
        }
    };
    metrics::counter!("portaria_connections_total").increment(1);
    let (listener, task_gateway) = (listener.clone(), gateway.clone());
    gateway.sessions.spawn(async move {
        let introduced = if is_balancer {
            // In a box: its octets must not lie in every session's task for as long as the session lasts.
            Box::pin(introduce(stream, peer, counted, &listener, &task_gateway)).await
        } else {
            Some((stream, peer, counted))
        };
        let Some((stream, client, counted)) = introduced else { return };
        if let Err(fault) = session(stream, client, listener.clone(), task_gateway.clone(), counted).await {
            if !task_gateway.is_draining() {
                count(Attempt::TlsFailed, client.ip(), &listener, &task_gateway);
            }
            tracing::debug!(client = %client.ip(), fault = ?fault.to_string(), "a connection ended before its session");
        }
    });
}

/// Reads a balancer's header. From here on the client that it names is the client, for every limit and record; none: nobody is.
async fn introduce(
    mut stream: TcpStream,
    balancer: SocketAddr,
    counted: Counted,
    listener: &Listener,
    gateway: &Gateway,
) -> Option<(TcpStream, SocketAddr, Counted)> {
    let read = tokio::select! {
        () = gateway.draining() => return None,
        read = proxy_protocol::read(&mut stream) => read,
    };
    let client = match read {
        Ok(Announced::Client(client)) => client,
        Ok(Announced::Balancer) => balancer,
        Err(fault) => {
            // Without a word: who speaks there is a balancer set up for something else or nobody that we know, and no mail client.
            metrics::counter!("portaria_proxy_headers_refused_total", "reason" => fault.reason()).increment(1);
            count(Attempt::NoProxyHeader, balancer.ip(), listener, gateway);
            tracing::debug!(balancer = %balancer.ip(), fault = ?fault.to_string(), "a connection without its PROXY header");
            return None;
        }
    };
    match counted.of(client.ip(), now().monotonic) {
        Ok(counted) => Some((stream, client, counted)),
        Err(full) => {
            refused(full, client.ip(), listener, gateway);
            turn_away(stream).await;
            None
        }
    }
}

async fn session(
    stream: TcpStream,
    peer: SocketAddr,
    listener: Arc<Listener>,
    gateway: Arc<Gateway>,
    counted: Counted,
) -> io::Result<()> {
    let mut stream = ClientStream::Clear(stream);
    if listener.settings.implicit_tls {
        let acceptor = listener.acceptor().ok_or_else(|| io::Error::other("no certificate"))?;
        stream = tokio::select! {
            () = gateway.draining() => return Err(io::Error::other("the gateway stops")),
            secured = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.accept_tls(&acceptor)) => secured??,
        };
    }
    let client = ClientFacts {
        listener: listener.settings.listener.clone(),
        address: peer.ip().to_canonical(),
        port: peer.port(),
        name: None,
        announced_by: None,
        hello: String::new(),
        tls: stream.tls_facts(),
    };
    let seed = gateway.seeds.next();
    let offer = Offer { xclient: listener.may_announce(client.address), ..listener.offer(&gateway) };
    // Taken once: were it replaced in between, the session would keep the old one and nobody would tell it.
    let policy = gateway.policy();
    let spared = gateway.connections.is_unlimited(peer.ip());
    let session = Session::new(listener.settings.clone(), offer, policy.clone(), client, seed, now())
        .with_message_rate(gateway.messages.clone())
        .with_shares(gateway.applications.clone())
        .with_greeting_delay(if spared { Duration::ZERO } else { listener.greeting_delay });
    let attempt = smtp::serve(stream, session, policy, listener.clone(), gateway.clone(), counted).await;
    if let Some((attempt, client)) = attempt {
        count(attempt, client, &listener, &gateway);
    }
    Ok(())
}

/// Counts a connection that brought no MAIL.
fn count(attempt: Attempt, client: IpAddr, listener: &Listener, gateway: &Gateway) {
    gateway.attempts.count(client, &listener.settings.listener, attempt.name(), now().wall);
}

/// There is no room for this client's connection: when it came, or when somebody said whose it is.
pub(super) fn refused(full: Full, client: IpAddr, listener: &Listener, gateway: &Gateway) {
    let reason = full.reason();
    metrics::counter!("portaria_connections_refused_total", "reason" => reason).increment(1);
    tracing::debug!(%client, reason, "a connection too many");
    count(full.attempt(), client, listener, gateway);
}

/// 421 and goodbye, without waiting for what the client might have to say.
async fn turn_away(mut stream: TcpStream) {
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, async {
        stream.write_all(b"421 4.3.2 Too many connections, try again later\r\n").await?;
        stream.shutdown().await
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_accepted_answers_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        answers_at_once(&listener);
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(listener.accept().await.unwrap().0.nodelay().unwrap());
    }
}
