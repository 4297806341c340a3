//! `/health/live`, `/health/ready`, `/metrics`: for monitors, on loopback by default.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Sleep,
};

use super::gateway::Gateway;

#[derive(Clone)]
struct Shared {
    gateway: Arc<Gateway>,
    metrics: PrometheusHandle,
}

/// The routes.
pub fn router(gateway: Arc<Gateway>, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(Shared { gateway, metrics })
}

/// 200 when mail would be taken now: the journal can be written, a scanner of each group answers, a next hop can be reached.
/// Otherwise 503 with a line for each part, so that a person sees which.
async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    let mut lines = readiness(&shared.gateway);
    let status = if lines.iter().all(|(_, good)| *good) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Faulty files are somebody's work, but mail is taken under what is in force: a balancer must not turn it away.
    // So is a damaged database, as long as nothing is to be held.
    lines.push(("database", shared.gateway.store.damage().is_none()));
    lines.push(("rules", shared.gateway.reload_fault().is_none()));
    if let Some(certificate) = &shared.gateway.certificate {
        lines.push(("certificate", certificate.fault().is_none()));
    }
    let text: String =
        lines.iter().map(|(part, good)| format!("{part}: {}\n", if *good { "ok" } else { "FAULT" })).collect();
    (status, text)
}

/// Each part that taking mail depends on, and whether it is well. Mail does not depend on scanners that are not asked by order: a
/// balancer must not turn it away from a gateway that takes it.
pub fn readiness(gateway: &Gateway) -> Vec<(&'static str, bool)> {
    let policy = gateway.policy();
    let order = policy.scanning.contingency_at(super::gateway::now().wall);
    vec![
        ("accepting", !gateway.is_draining()),
        ("journal", gateway.journal.is_writable()),
        ("scanners", gateway.scanners.ready(|group| !order.is_some_and(|order| order.spares(group)))),
        (
            "next hop",
            gateway.next_hops.status().iter().any(|status| status.addresses.iter().any(|address| address.healthy)),
        ),
        ("disk", !gateway.disk_is_low()),
    ]
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    metrics::gauge!("portaria_connections").set(shared.gateway.connections.total() as f64);
    let damaged = shared.gateway.store.damage().is_some();
    metrics::gauge!("portaria_database_damaged").set(if damaged { 1.0 } else { 0.0 });
    let listed = shared.gateway.policy().directory.entries().map_or(0, |entries| entries.all().len());
    metrics::gauge!("portaria_directory_entries").set(listed as f64);
    metrics::gauge!("portaria_hold_memory_octets").set(shared.gateway.holds.memory() as f64);
    shared.gateway.scanners.measure();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], shared.metrics.render())
}

/// Connections that are open at once: monitors, and a person who looks.
const CONNECTIONS: usize = 64;

/// How long one may stay open, whatever it says.
const LIFETIME: Duration = Duration::from_secs(60);

/// A socket that takes a bounded number of connections, each for a bounded time. This door asks nobody who is there: without the
/// first bound whoever reaches it takes the file descriptors that mail needs, without the second it keeps monitors out.
#[derive(Debug)]
pub struct Bounded {
    socket: TcpListener,
    room: Arc<Semaphore>,
    lifetime: Duration,
}

impl Bounded {
    /// With the bounds of the door.
    pub fn new(socket: TcpListener) -> Self {
        Self { socket, room: Arc::new(Semaphore::new(CONNECTIONS)), lifetime: LIFETIME }
    }
}

impl axum::serve::Listener for Bounded {
    type Io = Counted;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Counted, SocketAddr) {
        // Nobody closes the semaphore; if somebody did, there would be one bound less and not one door less.
        let permit = self.room.clone().acquire_owned().await.ok();
        let (stream, peer) = axum::serve::Listener::accept(&mut self.socket).await;
        (Counted { stream, end: Box::pin(tokio::time::sleep(self.lifetime)), _permit: permit }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

/// A connection that counts until it is dropped, and breaks when its time is up.
#[derive(Debug)]
pub struct Counted {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Counted {
    /// Ready with a fault when the time is up; wakes whoever waits then.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        self.end.as_mut().poll(context).map(|()| io::ErrorKind::TimedOut.into())
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(late) = self.poll_end(context) {
            return Poll::Ready(Err(late));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if let Poll::Ready(late) = self.poll_end(context) {
            return Poll::Ready(Err(late));
        }
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// The first connection says nothing: the second is not taken until the first one's time is up, and then it is answered.
    #[tokio::test]
    async fn connections_are_bounded_in_number_and_in_time() {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let lifetime = Duration::from_millis(500);
        let bounded = Bounded { socket, room: Arc::new(Semaphore::new(1)), lifetime };
        let room = bounded.room.clone();
        let router = Router::new().route("/", get(|| async { "here" }));
        let mut serving = tokio::task::JoinSet::new();
        serving.spawn(async move { axum::serve(bounded, router).await });

        let mut silent = TcpStream::connect(address).await.unwrap();
        while room.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let early = tokio::time::timeout(lifetime / 4, second.read_to_end(&mut answer)).await;
        assert!(early.is_err() && answer.is_empty(), "the second is not taken while the first is open");
        assert_eq!(silent.read(&mut [0; 64]).await.unwrap_or(0), 0, "the silent one is closed");
        tokio::time::timeout(Duration::from_secs(5), second.read_to_end(&mut answer)).await.unwrap().unwrap();
        assert!(answer.ends_with(b"here"), "{}", String::from_utf8_lossy(&answer));
    }
}
