//! The relay's metrics, in the format of Prometheus.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use proxy::Tunnels;
use tokio::sync::Semaphore;

/// Clones share the metrics.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    responses: Family<Status, Counter>,
    latency: Histogram,
    rejected: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Status {
    status: u16,
}

impl Metrics {
    pub(crate) fn new(tunnels: Tunnels, permits: Arc<Semaphore>, connections: usize) -> Self {
        let mut registry = Registry::with_prefix("relay");
        let responses = Family::<Status, Counter>::default();
        let latency = Histogram::new([0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0]);
        let rejected = Counter::default();
        registry.register("answers", "Answers by their status", responses.clone());
        registry.register(
            "answer_seconds",
            "Time until the head of an answer",
            latency.clone(),
        );
        registry.register(
            "turned_away",
            "Connections beyond the limit",
            rejected.clone(),
        );
        registry.register_collector(Box::new(LiveMetrics {
            tunnels,
            permits,
            connections,
        }));
        Self(Arc::new(Inner {
            registry,
            responses,
            latency,
            rejected,
        }))
    }

    pub(crate) fn connection_rejected(&self) {
        self.0.rejected.inc();
    }

    pub(crate) fn record_response(&self, status: u16, latency: Duration) {
        self.0.responses.get_or_create(&Status { status }).inc();
        self.0.latency.observe(latency.as_secs_f64());
    }

    pub(crate) fn render(&self) -> Response {
        let mut text = String::new();
        // Writing to a `String` does not fail.
        let _ = encode(&mut text, &self.0.registry);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], text).into_response()
    }
}

/// Read at each scrape.
struct LiveMetrics {
    tunnels: Tunnels,
    permits: Arc<Semaphore>,
    connections: usize,
}

impl std::fmt::Debug for LiveMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveMetrics")
    }
}

impl Collector for LiveMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let taken = self
            .connections
            .saturating_sub(self.permits.available_permits());
        let gauges = [
            ("connections", "Connections now, WebSockets included", taken),
            (
                "websockets",
                "WebSockets that are open now",
                self.tunnels.open_now(),
            ),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        let counters = [
            (
                "websockets_opened",
                "WebSockets opened so far",
                self.tunnels.opened(),
            ),
            (
                "bytes_to_agents",
                "Bytes of WebSockets passed to agents",
                self.tunnels.to_agents(),
            ),
            (
                "bytes_to_clients",
                "Bytes of WebSockets passed to clients",
                self.tunnels.to_clients(),
            ),
        ];
        for (name, help, value) in counters {
            let counter = ConstCounter::new(value);
            let metric = encoder.encode_descriptor(name, help, None, counter.metric_type())?;
            counter.encode(metric)?;
        }
        Ok(())
    }
}
