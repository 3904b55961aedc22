//! The metrics that a process exposes to Prometheus.
//!
//! Code counts through the `metrics` macros, with names from a [`Metric`], which requires a help
//! text and one of the two prefixes. The binary installs one [`MetricsExporter`]; without one, counting
//! costs next to nothing. There is no HTTP server here: the lead serves [`MetricsExporter::render`].
//!
//! Metrics of the process itself (memory, open files, start) are read on request. Task ids are
//! never labels: each would be a time series of its own.

use std::fs;
use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

/// The name and help text of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name for `counter!`, `gauge!` or `histogram!`.
    pub name: &'static str,
    kind: MetricKind,
    help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl Metric {
    /// Declares a value that only grows; the name ends in `_total`.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        assert!(ends_with(name, "_total"), "a counter's name ends in _total");
        Self::checked(name, MetricKind::Counter, help)
    }

    /// Declares a value that rises and falls.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::checked(name, MetricKind::Gauge, help)
    }

    /// Declares a distribution; the name ends in `_seconds`, for which the buckets are made.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        assert!(ends_with(name, "_seconds"), "a histogram measures seconds");
        Self::checked(name, MetricKind::Histogram, help)
    }

    const fn checked(name: &'static str, kind: MetricKind, help: &'static str) -> Self {
        assert!(
            starts_with(name, "greenline_") || starts_with(name, "rogue_"),
            "a metric's name starts with greenline_ or rogue_"
        );
        assert!(!help.is_empty(), "a metric has help text");
        Self { name, kind, help }
    }
}

const fn starts_with(text: &str, start: &str) -> bool {
    text.len() >= start.len() && same(text, 0, start)
}

const fn ends_with(text: &str, end: &str) -> bool {
    text.len() >= end.len() && same(text, text.len() - end.len(), end)
}

/// `str` can't be compared in a constant yet.
const fn same(text: &str, from: usize, part: &str) -> bool {
    let mut at = 0;
    while at < part.len() {
        if text.as_bytes()[from + at] != part.as_bytes()[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Registers the help texts of metrics. Call it once per list, after the exporter is installed.
pub fn describe(metrics: &[Metric]) {
    for Metric { name, kind, help } in metrics.iter().copied() {
        match kind {
            MetricKind::Counter => metrics::describe_counter!(name, help),
            MetricKind::Gauge => metrics::describe_gauge!(name, help),
            MetricKind::Histogram => metrics::describe_histogram!(name, help),
        }
    }
}

const RESIDENT: Metric = Metric::gauge(
    "greenline_process_resident_memory_bytes",
    "Memory that this process holds in RAM.",
);
const OPEN_FILES: Metric =
    Metric::gauge("greenline_process_open_fds", "Files and sockets that this process has open.");
const START: Metric = Metric::gauge(
    "greenline_process_start_time_seconds",
    "When this process started, in seconds since 1970.",
);
const BUILD: Metric =
    Metric::gauge("greenline_build_info", "Always 1; the labels say what is running.");

/// From a millisecond to an hour: pick-up times are short, repairs are long.
const SECONDS: [f64; 16] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 900.0,
    3600.0,
];

/// The values of `greenline_build_info`.
#[derive(Debug, Clone)]
pub struct BuildInfo {
    pub version: &'static str,
    pub role: crate::ProcessRole,
}

/// Provides the metrics of this process.
#[derive(Debug, Clone)]
pub struct MetricsExporter {
    handle: PrometheusHandle,
}

impl MetricsExporter {
    /// Collects the metrics of this process from now on.
    ///
    /// # Errors
    ///
    /// When this process already has an exporter.
    pub fn install(build: &BuildInfo, clock: &Clock) -> Result<Self, BuildError> {
        let recorder = builder()?.build_recorder();
        let exporter = Self { handle: recorder.handle() };
        metrics::set_global_recorder(recorder)?;
        describe(&[RESIDENT, OPEN_FILES, START, BUILD]);
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit many times over")]
        metrics::gauge!(START.name).set((clock.wall_ms() / 1_000) as f64);
        let labels = [("version", build.version), ("role", build.role.as_str())];
        metrics::gauge!(BUILD.name, &labels).set(1.0);
        Ok(exporter)
    }

    /// Renders all metrics in Prometheus's text format; those of the process are read now.
    pub fn render(&self) -> String {
        read_process();
        self.handle.run_upkeep();
        self.handle.render()
    }

    /// Bounds memory while no one reads the metrics: measured times accumulate until they are
    /// sorted into buckets. Run it beside the daemon until `stop`.
    pub async fn keep_small(&self, stop: CancellationToken) {
        const PAUSE: Duration = Duration::from_secs(5);
        while stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await.is_some() {
            self.handle.run_upkeep();
        }
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
}

/// Without /proc these two metrics are missing.
fn read_process() {
    if let Some(kib) =
        fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_kib)
    {
        metrics::gauge!(RESIDENT.name).set(f64::from(kib) * 1024.0);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        // Without the descriptor of this read itself.
        let open = u32::try_from(files.count().saturating_sub(1)).unwrap_or(u32::MAX);
        metrics::gauge!(OPEN_FILES.name).set(f64::from(open));
    }
}

fn resident_kib(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProcessRole;
    use crate::clock::ManualClock;

    const FINISHED: Metric =
        Metric::counter("greenline_test_tasks_total", "Tasks that a test finished.");
    const PICK_UP: Metric =
        Metric::histogram("greenline_test_pick_up_seconds", "How long a test's tasks waited.");

    /// The only test that installs an exporter: the recorder is global to a process.
    #[test]
    fn every_number_comes_with_help() {
        let clock = ManualClock::at(1_700_000_000_000).clock();
        let build = BuildInfo { version: "1.2.3", role: ProcessRole::Lead };
        let exporter = MetricsExporter::install(&build, &clock).unwrap();
        describe(&[FINISHED, PICK_UP]);
        metrics::counter!(FINISHED.name, "outcome" => "success").increment(2);
        metrics::histogram!(PICK_UP.name).record(0.002);

        let page = exporter.render();
        for line in [
            "# HELP greenline_test_tasks_total Tasks that a test finished.",
            "greenline_test_tasks_total{outcome=\"success\"} 2",
            "greenline_test_pick_up_seconds_bucket{le=\"0.0025\"} 1",
            "greenline_process_start_time_seconds 1700000000",
            "greenline_build_info{version=\"1.2.3\",role=\"lead\"} 1",
        ] {
            assert!(page.lines().any(|written| written == line), "{line}\n{page}");
        }
        for name in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = name.split(' ').next().unwrap();
            assert!(page.contains(&format!("# HELP {name} ")), "{name}");
        }
        assert!(MetricsExporter::install(&build, &clock).is_err());
    }

    #[test]
    fn memory_is_read_from_the_status_page() {
        assert_eq!(resident_kib("VmPeak:\t 9 kB\nVmRSS:\t    5120 kB\n"), Some(5_120));
        assert_eq!(resident_kib(""), None);
    }

    #[tokio::test(start_paused = true)]
    async fn keeping_small_ends_with_the_daemon() {
        let exporter = MetricsExporter { handle: builder().unwrap().build_recorder().handle() };
        let stop = CancellationToken::new();
        stop.cancel();
        exporter.keep_small(stop).await;
    }
}
