//! How far an import is: a bar on a terminal, a line now and then elsewhere.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// What is shown, on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    bar: bool,
    total: Arc<AtomicU64>,
    read: Arc<AtomicU64>,
    rows: u64,
    began: Instant,
    shown: Instant,
    drawn: bool,
}

impl Progress {
    /// Nothing is shown before some time has passed.
    pub(super) fn new(total: Arc<AtomicU64>, read: Arc<AtomicU64>, json: bool) -> Self {
        let now = Instant::now();
        let bar = !json && io::stderr().is_terminal();
        Self { bar, total, read, rows: 0, began: now, shown: now, drawn: false }
    }

    /// How long to wait for something new before it is shown again how far the import is.
    pub(super) fn interval(&self) -> Duration {
        if self.bar { BAR } else { LINE }
    }

    /// So many rows are done with.
    pub(super) fn add(&mut self, rows: usize) {
        self.rows = self.rows.saturating_add(u64::try_from(rows).unwrap_or(0));
    }

    /// Shows how far it is, if that was long enough ago.
    pub(super) fn show(&mut self) {
        if self.shown.elapsed() < self.interval() {
            return;
        }
        self.shown = Instant::now();
        let line = line(
            self.read.load(Ordering::Relaxed),
            self.total.load(Ordering::Relaxed),
            self.rows,
            self.began.elapsed(),
            self.bar,
        );
        let text = if self.bar { format!("\r\x1b[K{line}") } else { format!("{line}\n") };
        self.drawn = self.bar;
        // Nobody who watches is no reason to stop.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

fn line(read: u64, total: u64, rows: u64, elapsed: Duration, bar: bool) -> String {
    let percent = read.saturating_mul(100).checked_div(total).unwrap_or(0).min(100);
    let mut text = String::from("import: ");
    if bar {
        let full = usize::try_from(percent / 4).unwrap_or(0);
        let _ = write!(text, "[{}{}] ", "#".repeat(full), "-".repeat(25_usize.saturating_sub(full)));
    }
    let _ = write!(text, "{percent} % of {} MB, {rows} rows", total >> 20);
    let seconds = elapsed.as_secs();
    if let Some(speed) = rows.checked_div(seconds).filter(|speed| *speed > 0) {
        let _ = write!(text, ", {speed}/s");
    }
    if let Some(left) = seconds.saturating_mul(total.saturating_sub(read)).checked_div(read) {
        let _ = write!(text, ", {}:{:02} left", left / 60, left % 60);
    }
    text
}

const BAR: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_far_how_fast_and_how_long() {
        let mb = 1 << 20;
        let show = |read, rows, seconds, bar| line(read, 500 * mb, rows, Duration::from_secs(seconds), bar);
        assert_eq!(show(0, 0, 0, false), "import: 0 % of 500 MB, 0 rows");
        assert_eq!(
            show(125 * mb, 400_000, 20, true),
            "import: [######-------------------] 25 % of 500 MB, 400000 rows, 20000/s, 1:00 left"
        );
        assert_eq!(show(600 * mb, 9, 1, false), "import: 100 % of 500 MB, 9 rows, 9/s, 0:00 left");
        assert_eq!(line(0, 0, 0, Duration::ZERO, false), "import: 0 % of 0 MB, 0 rows");
    }
}
