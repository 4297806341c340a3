//! `/health/live`, `/health/ready`, `/metrics`: for monitors, on loopback by default.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;

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
    lines.push(("rules", shared.gateway.reload_fault().is_none()));
    if let Some(certificate) = &shared.gateway.certificate {
        lines.push(("certificate", certificate.fault().is_none()));
    }
    let text: String =
        lines.iter().map(|(part, good)| format!("{part}: {}\n", if *good { "ok" } else { "FAULT" })).collect();
    (status, text)
}

/// Each part that taking mail depends on, and whether it is well.
pub fn readiness(gateway: &Gateway) -> Vec<(&'static str, bool)> {
    vec![
        ("accepting", !gateway.is_draining()),
        ("journal", gateway.journal.is_writable()),
        ("scanners", gateway.scanners.ready()),
        (
            "next hop",
            gateway.next_hops.status().iter().any(|status| status.addresses.iter().any(|address| address.healthy)),
        ),
        ("disk", !gateway.disk_is_low()),
    ]
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    metrics::gauge!("portaria_connections").set(shared.gateway.connections.total() as f64);
    metrics::gauge!("portaria_hold_memory_octets").set(shared.gateway.holds.memory() as f64);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], shared.metrics.render())
}
