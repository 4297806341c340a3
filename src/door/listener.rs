//! Sockets: bound once, accepted from until the gateway drains, counted, and each connection given a session.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

use super::{
    connections::Full,
    gateway::{Gateway, Listener, now},
    smtp,
    stream::ClientStream,
};
use crate::{record::ClientFacts, relay::Session};

/// After an error of accept (no descriptors left, most likely) we wait so long: the sockets that end meanwhile give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A client that has to hear 421 takes it within this time or not at all.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);
/// An implicit TLS handshake takes no longer.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(60);

/// Accepts until the gateway drains.
pub async fn accept(socket: TcpListener, listener: Arc<Listener>, gateway: Arc<Gateway>) {
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

fn admit(stream: TcpStream, peer: SocketAddr, listener: &Arc<Listener>, gateway: &Arc<Gateway>) {
    let counted = match gateway.connections.enter(peer.ip()) {
        Ok(counted) => counted,
        Err(full) => {
            let reason = match full {
                Full::Total => "total",
                Full::Network => "network",
            };
            metrics::counter!("portaria_connections_refused_total", "reason" => reason).increment(1);
            tracing::debug!(client = %peer.ip(), reason, "a connection too many");
            gateway.sessions.spawn(turn_away(stream));
            return;
        }
    };
    metrics::counter!("portaria_connections_total").increment(1);
    let (listener, task_gateway) = (listener.clone(), gateway.clone());
    gateway.sessions.spawn(async move {
        // Small replies must not wait for more: every round trip of the dialogue would cost 40 ms (RFC 896 and delayed ACKs).
        let _ = stream.set_nodelay(true);
        if let Err(fault) = session(stream, peer, listener, task_gateway).await {
            tracing::debug!(client = %peer.ip(), fault = ?fault.to_string(), "a connection ended before its session");
        }
        drop(counted);
    });
}

async fn session(
    stream: TcpStream,
    peer: SocketAddr,
    listener: Arc<Listener>,
    gateway: Arc<Gateway>,
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
        hello: String::new(),
        tls: stream.tls_facts(),
    };
    let seed = uuid::Uuid::new_v4().as_u128();
    let offer = listener.offer(&gateway);
    // Taken once: were it replaced in between, the session would keep the old one and nobody would tell it.
    let policy = gateway.policy();
    let session = Session::new(listener.settings.clone(), offer, policy.clone(), client, seed, now());
    smtp::serve(stream, session, policy, listener, gateway).await;
    Ok(())
}

/// 421 and goodbye, without waiting for what the client might have to say.
async fn turn_away(mut stream: TcpStream) {
    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, async {
        stream.write_all(b"421 4.3.2 Too many connections, try again later\r\n").await?;
        stream.shutdown().await
    })
    .await;
}
