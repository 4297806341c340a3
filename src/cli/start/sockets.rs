//! The sockets of a gateway: where mail is taken, where it is told what to do, and where it is looked at.

use std::{fs, io, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, TcpSocket, UnixListener};
use tokio_util::task::TaskTracker;

use super::Inherited;
use crate::{
    door::{gateway::Gateway, http},
    language::Text,
    text,
};

pub(super) async fn bind(address: SocketAddr, inherited: &mut Inherited) -> Result<TcpListener, Text> {
    let matching = inherited.0.iter().position(|socket| socket.local_addr().is_ok_and(|local| local == address));
    if let Some(index) = matching {
        let socket = inherited.0.swap_remove(index);
        return socket
            .set_nonblocking(true)
            .and_then(|()| TcpListener::from_std(socket))
            .map_err(|fault| cannot_listen(address, &fault));
    }
    listen(address).map_err(|fault| cannot_listen(address, &fault))
}

/// Connections that the kernel keeps for us until we accept them (it makes it less than `net.core.somaxconn`, which is 4096 too unless
/// set). A client beyond it may well think that it is connected, and then waits for a greeting that nobody will say. With 128, which
/// is what libraries take, thousands of 8,000 clients that came at once heard nothing for 20 s (`tests/crowd/RECORD.md`).
const BACKLOG: u32 = 4096;

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Or the address of a gateway that has just ended could not be had for a minute.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

pub(super) fn cannot_listen(address: SocketAddr, fault: &io::Error) -> Text {
    if fault.kind() == io::ErrorKind::PermissionDenied {
        return text!(
            "{address} cannot be listened on: {fault}; ports below 1024 need CAP_NET_BIND_SERVICE (see packaging/portaria.service)",
            "não é possível escutar em {address}: {fault}; portas abaixo de 1024 exigem CAP_NET_BIND_SERVICE (veja packaging/portaria.service)"
        );
    }
    text!("{address} cannot be listened on: {fault}", "não é possível escutar em {address}: {fault}")
}

/// A socket left by a process that was killed is in the way; the lock says that nobody uses it.
pub(super) fn control_socket(path: &Path) -> Result<UnixListener, Text> {
    let shown = path.display().to_string();
    let make = || {
        match fs::remove_file(path) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
            _ => {}
        }
        let socket = UnixListener::bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        Ok(socket)
    };
    make().map_err(|fault| text!("{shown} cannot be made: {fault}", "não é possível criar {shown}: {fault}"))
}

pub(super) async fn start_http(
    address: SocketAddr,
    gateway: &Arc<Gateway>,
    metrics: PrometheusHandle,
    doors: &TaskTracker,
) -> Result<SocketAddr, Text> {
    let socket = TcpListener::bind(address).await.map_err(|fault| cannot_listen(address, &fault))?;
    let bound = socket.local_addr().map_err(|fault| cannot_listen(address, &fault))?;
    let upkeep = metrics.clone();
    let gateway = gateway.clone();
    let draining = gateway.draining();
    let upkeep_ends = gateway.draining();
    doors.spawn(async move {
        tokio::pin!(upkeep_ends);
        // Without upkeep histograms grow for as long as nobody scrapes them.
        while tokio::time::timeout(Duration::from_secs(5), &mut upkeep_ends).await.is_err() {
            upkeep.run_upkeep();
        }
    });
    doors.spawn(async move {
        let served = axum::serve(http::Bounded::new(socket), http::router(gateway, metrics))
            .with_graceful_shutdown(draining)
            .await;
        if let Err(fault) = served {
            tracing::error!(%fault, "the HTTP door failed");
        }
    });
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// More clients than the usual 128 come before we accept the first of them.
    #[tokio::test]
    async fn a_burst_of_clients_is_kept_until_they_are_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let connect = |_| std::net::TcpStream::connect_timeout(&address, Duration::from_millis(500));
        let clients: Vec<_> = (0..400).map_while(|nth| connect(nth).ok()).collect();
        assert_eq!(clients.len(), 400);
    }
}
