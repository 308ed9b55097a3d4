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
    /// Bytes to look through before the first row is stored, and how many were.
    total: u64,
    read: Arc<AtomicU64>,
    /// Rows to store; `None` before they are counted.
    rows: Option<usize>,
    done: usize,
    began: Instant,
    shown: Instant,
    drawn: bool,
}

impl Progress {
    /// Nothing is shown before some time has passed.
    pub(super) fn new(total: u64, read: Arc<AtomicU64>, json: bool) -> Self {
        let now = Instant::now();
        let bar = !json && io::stderr().is_terminal();
        Self { bar, total, read, rows: None, done: 0, began: now, shown: now, drawn: false }
    }

    /// How long to wait for something new before it is shown again how far the import is.
    pub(super) fn interval(&self) -> Duration {
        if self.bar { BAR } else { LINE }
    }

    /// The files were looked through, and so many rows are to be stored.
    pub(super) fn begin(&mut self, rows: usize) {
        self.rows = Some(rows);
        self.began = Instant::now();
    }

    /// So many rows are done with.
    pub(super) fn add(&mut self, rows: usize) {
        self.done = self.done.saturating_add(rows);
    }

    /// Shows how far it is, if that was long enough ago.
    pub(super) fn show(&mut self) {
        if self.shown.elapsed() < self.interval() {
            return;
        }
        self.shown = Instant::now();
        let line = match self.rows {
            None => looking(self.read.load(Ordering::Relaxed), self.total),
            Some(rows) => storing(self.done, rows, self.began.elapsed(), self.bar),
        };
        let text = if self.bar { format!("\r\x1b[K{line}") } else { format!("{line}\n") };
        self.drawn = self.bar;
        // A closed standard error is no reason to stop.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Takes the bar away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = io::stderr().write_all(b"\r\x1b[K");
        }
    }
}

fn looking(read: u64, total: u64) -> String {
    let percent = read.saturating_mul(100).checked_div(total).unwrap_or(0).min(100);
    format!("import: looking through the files, {percent} % of {} MB", total.div_ceil(1 << 20))
}

/// Never wider than a terminal of 80 columns.
fn storing(done: usize, rows: usize, elapsed: Duration, bar: bool) -> String {
    // Lines do not tell exactly how many rows there are.
    let rows = rows.max(done);
    let percent = done.saturating_mul(100).checked_div(rows).unwrap_or(0);
    let mut text = String::from("import: ");
    if bar {
        let full = percent / 5;
        let _ = write!(text, "[{}{}] ", "#".repeat(full), "-".repeat(20_usize.saturating_sub(full)));
    }
    let _ = write!(text, "{percent} % of {rows} rows");
    let milliseconds = usize::try_from(elapsed.as_millis()).unwrap_or(usize::MAX);
    if let Some(speed) = done.saturating_mul(1000).checked_div(milliseconds).filter(|speed| *speed > 0) {
        let left = (rows - done).div_ceil(speed);
        let _ = write!(text, ", {speed}/s, {}:{:02} left", left / 60, left % 60);
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
        let show = |done, rows, seconds, bar| storing(done, rows, Duration::from_secs(seconds), bar);
        assert_eq!(show(0, 9, 0, false), "import: 0 % of 9 rows");
        assert_eq!(
            show(500_000, 2_000_000, 20, true),
            "import: [#####---------------] 25 % of 2000000 rows, 25000/s, 1:00 left"
        );
        assert_eq!(
            show(9, 7, 1, false),
            "import: 100 % of 9 rows, 9/s, 0:00 left",
            "there were more than counted"
        );
        assert_eq!(show(0, 0, 0, false), "import: 0 % of 0 rows");
        assert_eq!(looking(125 << 20, 500 << 20), "import: looking through the files, 25 % of 500 MB");
        assert_eq!(looking(9, 3), "import: looking through the files, 100 % of 1 MB");
    }

    #[test]
    fn fits_into_eighty_columns() {
        let line = storing(99_999_999, 100_000_000, Duration::from_secs(3600), true);
        assert!(line.len() < 80, "{line}");
        let line = storing(1_000_000, 100_000_000, Duration::from_secs(60), true);
        assert!(line.len() < 80, "{line}");
    }
}
