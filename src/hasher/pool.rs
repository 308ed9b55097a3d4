//! A bounded queue with two priorities, and its worker threads.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{clock::Clock, observe::LogThrottle};

/// The threads. Dropping the pool ends them and discards waiting jobs.
pub(super) struct Pool<J> {
    queue: Arc<Queue<J>>,
}

/// The queue is full, or the job failed.
#[derive(Debug)]
pub(super) struct Refused {
    /// An estimate of the time until the queue is empty.
    pub(super) retry_after: Duration,
}

struct Queue<J> {
    state: Mutex<State<J>>,
    ready: Condvar,
    workers: usize,
    capacity: usize,
    /// Moving average of the duration of a job in µs.
    job_us: AtomicU64,
    panicked: LogThrottle,
}

/// The priority of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Priority {
    /// May fill the queue. Three of four jobs are taken from here while there are any.
    Login,
    /// May fill a quarter of the queue.
    NewPassword,
}

struct State<J> {
    logins: VecDeque<J>,
    new_passwords: VecDeque<J>,
    /// Jobs taken, modulo 4: every fourth is a new password, so that logins cannot starve them.
    taken: u8,
    /// Threads without a job.
    idle: usize,
    closed: bool,
}

const MIN_RETRY: Duration = Duration::from_secs(1);
/// Upper bound of `Retry-After`: no person waits longer at a login form.
const MAX_RETRY: Duration = Duration::from_secs(60);

impl<J: Send + 'static> Pool<J> {
    /// Starts `workers` threads, each with a work function from `make`. Jobs beyond the idle threads wait, at most
    /// `capacity` of them.
    pub(super) fn start<W: FnMut(J) + Send + 'static>(
        name: &str,
        workers: usize,
        capacity: usize,
        make: impl Fn() -> W,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            state: Mutex::new(State::new(workers)),
            ready: Condvar::new(),
            workers,
            capacity,
            job_us: AtomicU64::new(0),
            panicked: LogThrottle::default(),
        });
        // Created first: if a thread cannot be started, dropping the pool ends the others.
        let pool = Self { queue };
        for index in 0..workers {
            let (queue, work) = (Arc::clone(&pool.queue), make());
            thread::Builder::new().name(format!("{name}-{index}")).spawn(move || {
                lower_priority();
                queue.work(work);
            })?;
        }
        Ok(pool)
    }

    /// Queues a job, or refuses it.
    pub(super) fn submit(&self, priority: Priority, job: J) -> Result<(), Refused> {
        let mut state = self.queue.lock();
        let capacity = self.queue.capacity;
        // Jobs for idle threads do not count: they are taken at once.
        let full = state.waiting() >= capacity.saturating_add(state.idle);
        let purpose = (capacity / 4).max(1).saturating_add(state.idle);
        if full || (priority == Priority::NewPassword && state.new_passwords.len() >= purpose) {
            drop(state);
            return Err(self.refused());
        }
        match priority {
            Priority::Login => state.logins.push_back(job),
            Priority::NewPassword => state.new_passwords.push_back(job),
        }
        drop(state);
        self.queue.ready.notify_one();
        Ok(())
    }

    /// The number of waiting jobs.
    pub(super) fn depth(&self) -> usize {
        self.queue.lock().waiting()
    }

    /// The error for a job that was not done.
    pub(super) fn refused(&self) -> Refused {
        let jobs = self.depth().checked_div(self.queue.workers).unwrap_or(0) + 1;
        let each = Duration::from_micros(self.queue.job_us.load(Ordering::Relaxed));
        let all = each.saturating_mul(u32::try_from(jobs).unwrap_or(u32::MAX));
        Refused { retry_after: all.clamp(MIN_RETRY, MAX_RETRY) }
    }
}

impl<J> Drop for Pool<J> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.closed = true;
        state.logins.clear();
        state.new_passwords.clear();
        drop(state);
        self.queue.ready.notify_all();
    }
}

impl<J> Queue<J> {
    /// The loop of a thread. A panic of a job does not end the thread.
    fn work(&self, mut work: impl FnMut(J)) {
        while let Some(job) = self.next() {
            let started = Instant::now();
            if catch_unwind(AssertUnwindSafe(|| work(job))).is_err()
                && let Some(more) = self.panicked.say(Clock::System.now())
            {
                tracing::error!(more, "a password job panicked; its caller was told to try again");
            }
            let taken = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let before = self.job_us.load(Ordering::Relaxed);
            // The weight of the newest job is an eighth.
            let average = if before == 0 { taken } else { (before / 8 * 7).saturating_add(taken / 8) };
            self.job_us.store(average, Ordering::Relaxed);
            self.lock().idle += 1;
        }
    }

    fn next(&self) -> Option<J> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(job) = state.pop() {
                state.idle -= 1;
                return Some(job);
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nothing panics while the lock is held, so a poisoned state is consistent.
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> State<J> {
    fn new(workers: usize) -> Self {
        Self {
            logins: VecDeque::new(),
            new_passwords: VecDeque::new(),
            taken: 0,
            idle: workers,
            closed: false,
        }
    }

    fn waiting(&self) -> usize {
        self.logins.len() + self.new_passwords.len()
    }

    fn pop(&mut self) -> Option<J> {
        self.taken = (self.taken + 1) % 4;
        let (first, second) = match self.taken {
            0 => (&mut self.new_passwords, &mut self.logins),
            _ => (&mut self.logins, &mut self.new_passwords),
        };
        first.pop_front().or_else(|| second.pop_front())
    }
}

/// Lowers the priority: at ordinary priority, 50 logins a second raised the p99 of proxied requests by half
/// (docs/decisions.md section 4).
#[cfg(target_os = "linux")]
pub(super) fn lower_priority() {
    // On Linux this sets the priority of the calling thread only.
    if let Err(error) = rustix::process::setpriority_process(None, 19) {
        tracing::warn!(%error, "the hashing threads run at ordinary priority");
    }
}

/// On other systems the call would slow down the whole process.
#[cfg(not(target_os = "linux"))]
pub(super) fn lower_priority() {}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    enum Test {
        /// Says that it runs, and waits for a word.
        Hold(Sender<()>, Receiver<()>),
        Panic,
        Say(Sender<i32>),
        Name(Sender<char>, char),
    }

    fn pool(workers: usize, capacity: usize) -> Pool<Test> {
        Pool::start("test", workers, capacity, || {
            |job| match job {
                Test::Hold(started, go) => {
                    started.send(()).unwrap();
                    let _ = go.recv();
                }
                Test::Panic => panic!("a test's own panic"),
                Test::Name(to, name) => to.send(name).unwrap(),
                Test::Say(to) => to.send(rustix::process::getpriority_process(None).unwrap()).unwrap(),
            }
        })
        .unwrap()
    }

    fn hold(pool: &Pool<Test>) -> (Receiver<()>, Sender<()>) {
        let ((started, is_started), (go, is_go)) = (mpsc::channel(), mpsc::channel());
        assert!(pool.submit(Priority::Login, Test::Hold(started, is_go)).is_ok());
        (is_started, go)
    }

    #[test]
    fn refuses_what_the_queue_does_not_hold() {
        for (workers, capacity) in [(1, 0), (1, 2), (2, 0), (2, 3)] {
            let pool = pool(workers, capacity);
            let held: Vec<_> = (0..workers).map(|_| hold(&pool)).collect();
            for (started, _) in &held {
                started.recv().unwrap();
            }
            let (say, said) = mpsc::channel();
            for _ in 0..capacity {
                assert!(pool.submit(Priority::Login, Test::Say(say.clone())).is_ok());
            }
            assert_eq!(pool.depth(), capacity);
            let refused = pool.submit(Priority::Login, Test::Say(say.clone())).unwrap_err();
            assert!(refused.retry_after >= MIN_RETRY);
            drop(held);
            drop(say);
            assert_eq!(said.iter().count(), capacity, "and the others are done");
        }
    }

    #[test]
    fn d3_new_passwords_leave_room_and_let_logins_go_first() {
        let pool = pool(1, 8);
        let (started, go) = hold(&pool);
        started.recv().unwrap();
        let (say, said) = mpsc::channel();
        let name = |priority, name| pool.submit(priority, Test::Name(say.clone(), name)).is_ok();
        assert_eq!(
            [
                name(Priority::NewPassword, 'b'),
                name(Priority::NewPassword, 'b'),
                name(Priority::NewPassword, 'b')
            ],
            [true, true, false]
        );
        assert!((0..6).all(|_| name(Priority::Login, 'f')), "the rest of the queue is theirs");
        assert!(!name(Priority::Login, 'f'));
        drop((say, go));
        assert_eq!(said.iter().collect::<String>(), "ffbfffbf", "and nothing waits for ever");
    }

    #[test]
    fn a_panic_costs_one_job_and_no_thread() {
        let pool = pool(1, 8);
        pool.submit(Priority::Login, Test::Panic).unwrap();
        let (say, said) = mpsc::channel();
        pool.submit(Priority::Login, Test::Say(say)).unwrap();
        assert!(said.recv().is_ok());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn its_threads_give_way_and_the_others_do_not() {
        let before = rustix::process::getpriority_process(None).unwrap();
        let pool = pool(1, 1);
        let (say, said) = mpsc::channel();
        pool.submit(Priority::Login, Test::Say(say)).unwrap();
        assert_eq!(said.recv().unwrap(), 19);
        assert_eq!(rustix::process::getpriority_process(None).unwrap(), before);
    }

    #[test]
    fn dropped_it_forgets_what_waits() {
        let pool = pool(1, 8);
        let (started, go) = hold(&pool);
        started.recv().unwrap();
        let (say, said) = mpsc::channel();
        pool.submit(Priority::Login, Test::Say(say)).unwrap();
        drop(pool);
        assert!(said.recv().is_err(), "the sender went with the job");
        drop(go);
    }
}
