//! PING and VERSION, through the crate clamav-client over our own [`Transport`].
//!
//! In: an address. Out: whether clamd lives, and what it calls itself. Neither says that it finds anything: only the
//! self-test does (a clamd with an empty database answers PING as well).

use super::{answer, connection::ClamdFault, transport::Transport};

/// Whether clamd answers PONG. The caller sets the time limit.
pub async fn ping(transport: &Transport) -> Result<bool, ClamdFault> {
    let heard = clamav_client::tokio::ping(transport).await.map_err(|error| fault(transport, error))?;
    Ok(heard == clamav_client::PONG)
}

/// What clamd calls itself and its database: `ClamAV 1.4.6/27800/Fri Nov 20 09:00:00 2026`; printable ASCII, at most
/// 200 octets, empty if it said nothing readable. The caller sets the time limit.
pub async fn version(transport: &Transport) -> Result<String, ClamdFault> {
    let heard = clamav_client::tokio::get_version(transport).await.map_err(|error| fault(transport, error))?;
    Ok(answer::words(&heard))
}

/// The stream itself never fails, so an error of the crate is one of connecting.
fn fault(transport: &Transport, error: std::io::Error) -> ClamdFault {
    transport.progress.take_fault().unwrap_or(ClamdFault::Connect(error))
}
