//! How the relay is, for whoever watches over it: `GET /health` and `GET /metrics` (OpenMetrics, as Prometheus reads it), on a listener of
//! their own. No label names a viewer or an address.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use link::shutdown::Shutdown;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::archive::Archive;
use crate::archive::counters::NotStored;
use crate::config;
use crate::config::metrics::Listen;
use crate::parts::Parts;
use crate::run::Base;

/// What OpenMetrics texts are.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is watched.
pub struct Watched {
    parts: Arc<Parts>,
    archive: Archive,
    viewers: usize,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched(..)")
    }
}

/// Whether all is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `well`, or `not-recording`: live pictures go on, and nothing is stored.
    pub status: &'static str,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Cameras that send now.
    pub cameras_live: usize,
    /// Viewers that are connected.
    pub viewers: usize,
}

impl Watched {
    /// These parts of a relay.
    #[must_use]
    pub fn new(base: &Base, parts: Arc<Parts>, archive: Archive) -> Self {
        Self { viewers: usize::try_from(base.config.limits.viewers).unwrap_or(usize::MAX), parts, archive }
    }

    /// How it is.
    #[must_use]
    pub fn health(&self) -> Health {
        let problem = self.archive.problem();
        Health {
            status: if problem.is_none() { "well" } else { "not-recording" },
            problem,
            cameras_live: self.parts.hub.online(),
            viewers: self.viewers.saturating_sub(self.parts.viewers_free()),
        }
    }
}

/// Something whose numbers are read when they are asked for.
#[derive(Debug)]
struct Numbers(Arc<Watched>);

impl Collector for Numbers {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (counters, health) = (&self.0.parts.counters, self.0.health());
        for (name, help, value) in counters.numbers() {
            let metric = ConstCounter::new(value);
            metric.encode(encoder.encode_descriptor(name, plain(help), None, metric.metric_type())?)?;
        }
        for (name, help, tally) in counters.tallies() {
            let mut family = encoder.encode_descriptor(name, plain(help), None, MetricType::Counter)?;
            for (reason, count) in tally.snapshot() {
                ConstCounter::new(count).encode(family.encode_family(&[("reason", reason)])?)?;
            }
        }
        let help = "From verified to handed to a viewer's connection";
        let mut delay = encoder.encode_descriptor("live_delay", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        let buckets = counters.live_delay.buckets();
        let count = buckets.iter().map(|(_, count)| count).sum();
        delay.encode_histogram::<NoLabelSet>(counters.live_delay.sum(), count, &buckets, None)?;

        let archive = self.0.archive.counters();
        for (name, help, value) in archive.numbers() {
            let metric = ConstCounter::new(value);
            metric.encode(encoder.encode_descriptor(&format!("archive_{name}"), plain(help), None, metric.metric_type())?)?;
        }
        let help = "Frames that were not stored, by reason";
        let mut family = encoder.encode_descriptor("archive_not_stored", help, None, MetricType::Counter)?;
        for reason in NotStored::ALL {
            ConstCounter::new(archive.not_stored(*reason)).encode(family.encode_family(&[("reason", reason.name())])?)?;
        }
        let bytes: u64 = self.0.archive.stats().iter().map(|camera| camera.bytes).sum();
        let gauges = [
            ("cameras_live", "Cameras that send now", i64::try_from(health.cameras_live)),
            ("viewers_connected", "Viewers that are connected", i64::try_from(health.viewers)),
            ("archive_size", "Bytes that all recordings take", i64::try_from(bytes)),
            ("recording", "1 while frames are stored, 0 while they are not", Ok(i64::from(health.problem.is_none()))),
        ];
        for (name, help, value) in gauges {
            let metric = ConstGauge::new(value.unwrap_or(i64::MAX));
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)?;
        }
        Ok(())
    }
}

/// OpenMetrics ends every help with a full stop of its own.
fn plain(help: &'static str) -> &'static str {
    help.trim_end_matches('.')
}

/// The listener, before it serves.
#[derive(Debug)]
pub struct Metrics {
    listener: TcpListener,
    app: Router,
}

/// Listens, if the configuration says where. What watches over the relay must not be what keeps it from running: an address that is taken is
/// told, and the relay goes on.
pub async fn listen(config: config::Metrics, watched: Arc<Watched>) -> Option<Metrics> {
    let Listen::At(address) = config.listen else { return None };
    match TcpListener::bind(address).await {
        Ok(listener) => Some(Metrics { listener, app: router(watched) }),
        Err(error) => {
            tracing::error!(%address, %error, "health and numbers cannot be read: set another address (metrics.listen)");
            None
        }
    }
}

impl Metrics {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Serves until the relay stops.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(self, stop: Shutdown) -> io::Result<()> {
        let served = axum::serve(self.listener, self.app);
        tokio::select! {
            ended = served => ended,
            () = stop.draining() => Ok(()),
        }
    }
}

fn router(watched: Arc<Watched>) -> Router {
    Router::new().route("/health", get(health)).route("/metrics", get(metrics)).with_state(watched)
}

async fn health(State(watched): State<Arc<Watched>>) -> Response {
    let health = watched.health();
    let status = if health.problem.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(health)).into_response()
}

async fn metrics(State(watched): State<Arc<Watched>>) -> Response {
    let mut registry = Registry::with_prefix("celosia_relay");
    registry.register_collector(Box::new(Numbers(watched)));
    let mut text = String::new();
    match text::encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, TEXT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests;
