//! Renders the metrics for Prometheus.

use std::{
    fmt::{Display, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    CertificateEnd, CoreGauges, CoreMetrics, Decision, Gauges, Handshake, LoginResult, LookUp, MailResult,
    Metrics, ProcessFigures, ServerGauges, UpstreamError,
    core::{BOUNDS_US, status_names},
    values::{LIMIT_MODES, Label},
};
use crate::rate::LimitName;

pub(super) fn page(
    metrics: &Metrics,
    cores: &[Arc<CoreMetrics>],
    labels: &[Label],
    gauges: &Gauges,
) -> String {
    let mut page = Page { text: String::with_capacity(4096) };
    page.requests(cores, labels);
    page.durations(cores);
    page.head("decisions_total", "counter", "requests by what the policies said");
    let mut decisions = [0; Decision::NAMES.len()];
    cores.iter().for_each(|core| core.add_decisions(&mut decisions));
    page.by("decisions_total", "decision", Decision::NAMES.iter().zip(decisions));
    page.head("logins_total", "counter", "logins by what they came to");
    page.by("logins_total", "result", LoginResult::NAMES.iter().zip(read(&metrics.logins)));
    page.limited(metrics);
    page.head("hash_queue_depth", "gauge", "passwords that wait to be hashed");
    page.line("hash_queue_depth", gauges.hash_queue_depth);
    page.head("tokens_live", "gauge", "tokens that are good now");
    page.line("tokens_live", gauges.tokens_live);
    page.head("store_errors_total", "counter", "errors of the store");
    page.line("store_errors_total", metrics.store_errors.load(Ordering::Relaxed));
    page.head("upstream_errors_total", "counter", "failures towards the app by kind");
    page.by("upstream_errors_total", "kind", UpstreamError::NAMES.iter().zip(read(&metrics.upstream_errors)));
    page.head("tls_handshakes_total", "counter", "handshakes of TLS by how they ended");
    page.by("tls_handshakes_total", "result", Handshake::NAMES.iter().zip(read(&metrics.handshakes)));
    page.head("mails_total", "counter", "mails by what became of them");
    page.by("mails_total", "result", MailResult::NAMES.iter().zip(read(&metrics.mails)));
    page.head(
        "config_last_reload_success",
        "gauge",
        "1 when the last load of config, policies and certificates was good",
    );
    page.line("config_last_reload_success", u8::from(!metrics.last_reload_failed.load(Ordering::Relaxed)));
    page.certificates(&gauges.certificates);
    page.head(
        "log_lines_dropped_total",
        "counter",
        "log lines that were dropped because they were not read in time",
    );
    page.line("log_lines_dropped_total", gauges.log_lines_dropped);
    page.cores(&gauges.cores, gauges.is_complete);
    page.head("build_info", "gauge", "1; the label has the version");
    page.line(concat!("build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"}"), 1);
    page.process(&gauges.process);
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn requests(&mut self, cores: &[Arc<CoreMetrics>], labels: &[Label]) {
        self.head("requests_total", "counter", "answered requests by route and status");
        let statuses: Vec<_> = status_names().collect();
        for (id, label) in labels.iter().enumerate() {
            let mut sums = vec![0; statuses.len()];
            cores.iter().for_each(|core| core.add_statuses(id, &mut sums));
            let app = label.app.as_ref().map(|app| format!("app=\"{}\",", escaped(app))).unwrap_or_default();
            let route = escaped(&label.route);
            // Zeros are left out: 50 statuses for each of a thousand routes would be a page of megabytes.
            for (status, sum) in statuses.iter().zip(sums).filter(|(_, sum)| *sum > 0) {
                self.line(&format!("requests_total{{{app}route=\"{route}\",status=\"{status}\"}}"), sum);
            }
        }
    }

    fn limited(&mut self, metrics: &Metrics) {
        self.head(
            "limited_total",
            "counter",
            "requests beyond a rate limit, by limit; a shadow lets them through",
        );
        for (mode, counters) in LIMIT_MODES.iter().zip(&metrics.limited) {
            for (limit, count) in LimitName::NAMES.iter().zip(read(counters)) {
                self.line(&format!("limited_total{{limit=\"{limit}\",mode=\"{mode}\"}}"), count);
            }
        }
    }

    fn durations(&mut self, cores: &[Arc<CoreMetrics>]) {
        let name = "request_duration_seconds";
        self.head(name, "histogram", "from the first byte of a request to the last of its response");
        let mut sums = [0; BOUNDS_US.len() + 1];
        cores.iter().for_each(|core| core.add_durations(&mut sums));
        let mut count: u64 = 0;
        for (index, sum) in sums.iter().enumerate() {
            // Prometheus' buckets are cumulative.
            count = count.wrapping_add(*sum);
            let bound = BOUNDS_US.get(index).map_or_else(|| "+Inf".to_owned(), |bound| seconds(*bound));
            self.line(&format!("{name}_bucket{{le=\"{bound}\"}}"), count);
        }
        let micros = cores.iter().map(|core| core.duration_us()).fold(0, u64::wrapping_add);
        self.line(&format!("{name}_sum"), seconds(micros));
        self.line(&format!("{name}_count"), count);
    }

    fn certificates(&mut self, certificates: &[CertificateEnd]) {
        if !certificates.is_empty() {
            self.head("cert_not_after_seconds", "gauge", "when certificates end, in Unix time");
        }
        for CertificateEnd { name, file, not_after_seconds } in certificates {
            let labels = format!("name=\"{}\",file=\"{}\"", escaped(name), escaped(file));
            self.line(&format!("cert_not_after_seconds{{{labels}}}"), not_after_seconds);
        }
    }

    /// `is_complete`: a counter of some cores alone would be smaller than before, which Prometheus takes for a restart.
    fn cores(&mut self, cores: &CoreGauges, is_complete: bool) {
        self.head("connections_open", "gauge", "connections of clients");
        self.line("connections_open", cores.connections);
        self.head("http2_streams_open", "gauge", "requests under way on connections of HTTP/2");
        self.line("http2_streams_open", cores.streams);
        if !cores.servers.is_empty() {
            self.head("upstream_requests_in_progress", "gauge", "requests that a server of the app works on");
            self.servers("upstream_requests_in_progress", &cores.servers, |server| server.in_progress);
            self.head(
                "upstream_connections_idle",
                "gauge",
                "connections to a server of the app that wait for a request",
            );
            self.servers("upstream_connections_idle", &cores.servers, |server| server.idle);
        }
        self.head("owner_lookups_in_flight", "gauge", "owner look-ups that wait for the app");
        self.line("owner_lookups_in_flight", cores.look_ups_in_flight);
        self.head("owners_cached", "gauge", "owners that are cached");
        self.line("owners_cached", cores.owners_cached);
        if is_complete {
            self.head("owner_lookups_total", "counter", "owner look-ups by what became of them");
            self.by("owner_lookups_total", "result", LookUp::NAMES.iter().zip(cores.look_ups));
        }
    }

    fn servers(&mut self, name: &str, servers: &[ServerGauges], value: fn(&ServerGauges) -> u64) {
        for server in servers {
            let app = server.app.as_ref().map(|app| format!("app=\"{}\",", escaped(app))).unwrap_or_default();
            let of = escaped(&server.server);
            self.line(&format!("{name}{{{app}server=\"{of}\"}}"), value(server));
        }
    }

    /// The names that Prometheus' client libraries use.
    fn process(&mut self, process: &ProcessFigures) {
        let started = Duration::from_millis(u64::try_from(process.started.0).unwrap_or(0));
        self.of_process("cpu_seconds_total", "counter", "time on processors", Some(in_seconds(process.cpu)));
        self.of_process("resident_memory_bytes", "gauge", "memory in use", process.resident_bytes);
        self.of_process("virtual_memory_bytes", "gauge", "address space in use", process.virtual_bytes);
        self.of_process("open_fds", "gauge", "open files", process.open_files);
        self.of_process("max_fds", "gauge", "open files at most", Some(process.max_open_files));
        self.of_process(
            "start_time_seconds",
            "gauge",
            "when the gate started, in Unix time",
            Some(in_seconds(started)),
        );
    }

    fn of_process(&mut self, name: &str, kind: &str, help: &str, value: Option<impl Display>) {
        let Some(value) = value else { return };
        let _ = writeln!(
            self.text,
            "# HELP process_{name} {help}\n# TYPE process_{name} {kind}\nprocess_{name} {value}"
        );
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP portcullis_{name} {help}\n# TYPE portcullis_{name} {kind}");
    }

    fn line(&mut self, name: &str, value: impl Display) {
        let _ = writeln!(self.text, "portcullis_{name} {value}");
    }

    fn by<'n>(&mut self, name: &str, label: &str, values: impl Iterator<Item = (&'n &'n str, u64)>) {
        for (of, value) in values {
            self.line(&format!("{name}{{{label}=\"{of}\"}}"), value);
        }
    }
}

fn read<const N: usize>(counters: &[AtomicU64; N]) -> [u64; N] {
    counters.each_ref().map(|counter| counter.load(Ordering::Relaxed))
}

fn in_seconds(duration: Duration) -> String {
    seconds(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

/// A duration in seconds without trailing zeros.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(label: &str) -> String {
    // The three escapes of the text format.
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
