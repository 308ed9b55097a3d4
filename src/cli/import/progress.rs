//! Shows the progress of an import: a bar on a terminal, occasional lines otherwise.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The progress display on standard error.
#[derive(Debug)]
pub(super) struct Progress {
    /// The bar; `None` = lines are printed.
    bar: Option<ProgressBar>,
    /// Bytes to check before the first row is stored, and those that were read.
    total: u64,
    read: Arc<AtomicU64>,
    /// Number of rows to store; `None` before they are counted.
    rows: Option<usize>,
    done: usize,
    began: Instant,
    shown: Instant,
}

impl Progress {
    /// Nothing is shown for a short import.
    pub(super) fn new(total: u64, read: Arc<AtomicU64>, json: bool) -> Self {
        let now = Instant::now();
        let bar = (!json && io::stderr().is_terminal()).then(|| looking_bar(total));
        Self { bar, total, read, rows: None, done: 0, began: now, shown: now }
    }

    /// The interval between two updates.
    pub(super) fn interval(&self) -> Duration {
        if self.bar.is_some() { BAR } else { LINE }
    }

    /// The files were checked; `rows` are to be stored.
    pub(super) fn begin(&mut self, rows: usize) {
        self.rows = Some(rows);
        self.began = Instant::now();
        if let Some(bar) = &self.bar {
            begin_storing(bar, rows);
        }
    }

    /// Adds completed rows.
    pub(super) fn add(&mut self, rows: usize) {
        self.done = self.done.saturating_add(rows);
    }

    /// Updates the display if the interval has passed.
    pub(super) fn show(&mut self) {
        if self.shown.elapsed() < self.interval() {
            return;
        }
        self.shown = Instant::now();
        let read = self.read.load(Ordering::Relaxed);
        if let Some(bar) = self.bar.as_ref().filter(|bar| bar.is_hidden()) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        match (&self.bar, self.rows) {
            (Some(bar), None) => bar.set_position(read),
            (Some(bar), Some(rows)) => move_on(bar, self.done, rows),
            (None, None) => say(&looking(read, self.total)),
            (None, Some(rows)) => say(&storing(self.done, rows, self.began.elapsed())),
        }
    }

    /// Removes the bar.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A bar that draws nothing yet.
fn looking_bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::hidden());
    bar.set_style(style("import: looking through the files, {percent} % of {total_bytes}"));
    bar
}

fn begin_storing(bar: &ProgressBar, rows: usize) {
    bar.set_style(style("import: [{bar:20}] {percent} % of {len} rows, {per_sec:0}, {eta} left"));
    bar.set_length(rows as u64);
    bar.reset();
}

fn move_on(bar: &ProgressBar, done: usize, rows: usize) {
    // The number of rows is an estimate, because a row may have several lines.
    bar.set_length(rows.max(done) as u64);
    bar.set_position(done as u64);
}

/// A bar; the default style if the template is not valid.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("#--")
}

fn say(line: &str) {
    // A closed standard error does not stop the import.
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn looking(read: u64, total: u64) -> String {
    let percent = read.saturating_mul(100).checked_div(total).unwrap_or(0).min(100);
    format!("import: looking through the files, {percent} % of {} MB", total.div_ceil(1 << 20))
}

fn storing(done: usize, rows: usize, elapsed: Duration) -> String {
    // The number of rows is an estimate, because a row may have several lines.
    let rows = rows.max(done);
    let percent = done.saturating_mul(100).checked_div(rows).unwrap_or(0);
    let mut text = format!("import: {percent} % of {rows} rows");
    let milliseconds = usize::try_from(elapsed.as_millis()).unwrap_or(usize::MAX);
    if let Some(speed) = done.saturating_mul(1000).checked_div(milliseconds).filter(|speed| *speed > 0) {
        let left = (rows - done).div_ceil(speed);
        text.push_str(&format!(", {speed}/s, {}:{:02} left", left / 60, left % 60));
    }
    text
}

const BAR: Duration = Duration::from_millis(200);
const LINE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use indicatif::TermLike;

    use super::*;

    /// A terminal that keeps what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Vec<String>>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push(text.to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            self.write_str("(cleared)")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        /// The last text that is not blank, up to the figures that depend on the time.
        fn last(&self) -> String {
            let texts = self.0.lock().unwrap();
            let last = texts.iter().rev().find(|text| !text.trim().is_empty()).unwrap();
            last.trim_end().split(" rows, ").next().unwrap().to_owned()
        }
    }

    #[test]
    fn a_bar_says_how_far_the_import_is() {
        let (screen, bar) = (Screen::default(), looking_bar(500 << 20));
        bar.set_position(1);
        assert!(screen.0.lock().unwrap().is_empty(), "a short import shows none");
        bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        bar.set_position(125 << 20);
        bar.tick();
        assert_eq!(screen.last(), "import: looking through the files, 25 % of 500.00 MiB");
        begin_storing(&bar, 2_000_000);
        move_on(&bar, 500_000, 2_000_000);
        bar.tick();
        assert_eq!(screen.last(), "import: [#####---------------] 25 % of 2000000");
        move_on(&bar, 2_000_001, 2_000_000);
        bar.tick();
        assert_eq!(
            screen.last(),
            "import: [####################] 100 % of 2000001",
            "there were more than counted"
        );
        bar.finish_and_clear();
        assert_eq!(screen.last(), "(cleared)");
    }

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let show = |done, rows, seconds| storing(done, rows, Duration::from_secs(seconds));
        assert_eq!(show(0, 9, 0), "import: 0 % of 9 rows");
        assert_eq!(show(500_000, 2_000_000, 20), "import: 25 % of 2000000 rows, 25000/s, 1:00 left");
        assert_eq!(show(9, 7, 1), "import: 100 % of 9 rows, 9/s, 0:00 left", "there were more than counted");
        assert_eq!(show(0, 0, 0), "import: 0 % of 0 rows");
        assert_eq!(looking(125 << 20, 500 << 20), "import: looking through the files, 25 % of 500 MB");
        assert_eq!(looking(9, 3), "import: looking through the files, 100 % of 1 MB");
    }
}
