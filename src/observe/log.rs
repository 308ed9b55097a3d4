//! The thread that writes log lines, and the bounded queue in front of it.

mod handle;
mod target;

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{access::AccessLog, events::Events};
use crate::clock::Clock;
use handle::{Message, Queue};
use target::{LogFile, Target};

pub use handle::Log;

/// The settings of the log.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// The format of lines.
    pub format: Format,
    /// Whether requests are logged.
    pub access: bool,
    /// Whether account events are logged.
    pub audit: bool,
}

/// The format of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Text on a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object per line.
    Json,
    /// Text for readers.
    Text,
}

/// Messages in the queue. With access lines in packets of 16 KiB, at most about 16 MiB.
const CAPACITY: usize = 1024;
/// Access lines may fill only half of the queue, so that a flood of requests displaces no audit line.
const ACCESS_CAPACITY: usize = CAPACITY / 2;
/// Additional places for [`Message::Flush`], which must get in while the queue is full of lines.
const FLUSH_CAPACITY: usize = 16;
/// The time that [`Log::flush`] waits. A stalled reader must not keep the process from exiting.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

impl Log {
    /// Starts the thread. Lines go to standard output.
    ///
    /// # Errors
    /// When the system cannot create a thread.
    pub fn start(settings: Settings, clock: Clock) -> io::Result<Self> {
        let terminal = io::stdout().is_terminal();
        // A terminal has a reader; anything else is a log collector.
        let format = match settings.format {
            Format::Auto if terminal => Format::Text,
            other => other,
        };
        Self::to(Settings { format, ..settings }, clock, io::stdout())
    }

    /// Starts the thread. Lines go to a file, and `auto` means JSON.
    ///
    /// # Errors
    /// When the file cannot be opened, or the system cannot create a thread.
    pub fn to_file(settings: Settings, clock: Clock, path: PathBuf) -> io::Result<Self> {
        Self::spawn(settings, clock, Target::File(LogFile::open(path)?))
    }

    /// Starts the thread. Lines go to `target`, and `auto` means JSON.
    ///
    /// # Errors
    /// When the system cannot create a thread.
    pub fn to(settings: Settings, clock: Clock, target: impl Write + Send + 'static) -> io::Result<Self> {
        Self::spawn(settings, clock, Target::Stream(Box::new(target)))
    }

    fn spawn(settings: Settings, clock: Clock, target: Target) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(CAPACITY + FLUSH_CAPACITY);
        let queue = Queue {
            sender,
            waiting: Arc::default(),
            dropped: Arc::default(),
            json: settings.format != Format::Text,
            access: settings.access,
            audit: settings.audit,
            clock,
        };
        let (waiting, dropped) = (Arc::clone(&queue.waiting), Arc::clone(&queue.dropped));
        thread::Builder::new()
            .name("log".into())
            .spawn(move || write(&receiver, target, &waiting, &dropped))?;
        Ok(Self { queue: Arc::new(queue) })
    }

    /// A new access log for one core.
    #[must_use]
    pub fn access(&self) -> AccessLog {
        AccessLog::new(self.clone(), self.queue.access, self.queue.json)
    }

    /// A new writer of `tracing` events.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.clone(), self.queue.clock.clone(), self.queue.json)
    }

    /// The number of lines that were dropped since the start because the reader was too slow.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all queued lines are written, at most two seconds. Called before the process exits.
    pub fn flush(&self) {
        let (done, is_done) = sync_channel(1);
        if self.queue.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = is_done.recv_timeout(FLUSH_TIMEOUT);
        }
    }

    /// Has the file opened again, which may have been renamed. Without a file it does nothing.
    pub fn reopen(&self) {
        // A full queue has a stalled disk behind it; the next SIGHUP tries again.
        let _ = self.queue.sender.try_send(Message::Reopen);
    }

    /// Whether account events are logged.
    pub(super) fn audits(&self) -> bool {
        self.queue.audit
    }

    pub(super) fn offer_event(&self, line: Vec<u8>) {
        self.offer(line, CAPACITY);
    }

    pub(super) fn offer_access(&self, lines: Vec<u8>) {
        self.offer(lines, ACCESS_CAPACITY);
    }

    /// Queues lines, or counts them as dropped. It never waits.
    fn offer(&self, lines: Vec<u8>, capacity: usize) {
        let queue = &self.queue;
        let count = count_lines(&lines);
        // The channel has one capacity for all; this counter gives each kind its own.
        let room = queue.waiting.fetch_add(1, Ordering::Relaxed) < capacity;
        if room && queue.sender.try_send(Message::Lines(lines)).is_ok() {
            return;
        }
        queue.waiting.fetch_sub(1, Ordering::Relaxed);
        queue.dropped.fetch_add(count, Ordering::Relaxed);
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("json", &self.queue.json)
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}

/// The thread's main loop. It ends when the last [`Log`] is dropped.
fn write(receiver: &Receiver<Message>, mut target: Target, waiting: &AtomicUsize, dropped: &AtomicU64) {
    for message in receiver {
        match message {
            Message::Lines(lines) => {
                waiting.fetch_sub(1, Ordering::Relaxed);
                // A closed pipe must not stop the gate. The metric shows the loss.
                if target.writer().write_all(&lines).is_err() {
                    dropped.fetch_add(count_lines(&lines), Ordering::Relaxed);
                }
            }
            Message::Flush(done) => {
                let _ = target.writer().flush();
                let _ = done.try_send(());
            }
            Message::Reopen => target.reopen(),
        }
    }
}

fn count_lines(lines: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', lines).count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    pub(in crate::observe) const ALL: Settings = Settings { format: Format::Json, access: true, audit: true };

    /// Keeps what is written.
    #[derive(Clone, Default)]
    pub(in crate::observe) struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        pub(in crate::observe) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Signals that a write has begun, and blocks until the test releases it.
    struct Stalled {
        begun: mpsc::Sender<()>,
        go: mpsc::Receiver<()>,
    }

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            let _ = self.go.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_reader_costs_lines_and_no_time() {
        let ((begun, has_begun), (go, may_go)) = (mpsc::channel(), mpsc::channel());
        let log = Log::to(ALL, Clock::System, Stalled { begun, go: may_go }).unwrap();
        log.offer_event(b"first\n".to_vec());
        has_begun.recv().unwrap();
        for _ in 0..ACCESS_CAPACITY {
            log.offer_access(b"a\n".to_vec());
        }
        assert_eq!(log.dropped(), 0);
        log.offer_access(b"b\nb\n".to_vec());
        assert_eq!(log.dropped(), 2, "lines are counted, not packets");
        log.offer_event(b"c\n".to_vec());
        assert_eq!(log.dropped(), 2, "there is room left for the others");
        for _ in 0..CAPACITY {
            log.offer_event(b"d\n".to_vec());
        }
        assert!(log.dropped() > 2);
        drop(go);
        log.flush();
        let before = log.dropped();
        log.offer_access(b"e\n".to_vec());
        log.flush();
        assert_eq!(log.dropped(), before, "and then it goes on");
    }

    #[test]
    fn a_reader_that_is_gone_is_counted() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = Log::to(ALL, Clock::System, Gone).unwrap();
        log.offer_event(b"a\n".to_vec());
        log.flush();
        assert_eq!(log.dropped(), 1);
    }
}
