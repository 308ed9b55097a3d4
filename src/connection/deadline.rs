//! Deadlines that cost the request path almost nothing: one coarse ticker for each core checks all of them.
//!
//! A timer of the runtime is inserted into and removed from a tree at each wait, which cost 0.4 µs for each
//! request (docs/decisions.md section 1). Here a wait stores a number, and ten times a second the ticker wakes
//! the tasks whose number has passed. The ticker sleeps while there are no deadlines, so that a core without
//! connections has no wake-ups (docs/decisions.md section 8).

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::{Rc, Weak},
    task::{Context, Waker},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::clock::{Clock, Timestamp};

/// The interval of the ticker, and so the largest delay of a deadline.
pub const TICK: Duration = Duration::from_millis(100);

/// All deadlines of one core, and what its connections share: the coarse time, the date, and the shutdown
/// phase.
#[derive(Debug)]
pub struct Deadlines {
    started: Instant,
    now_ms: Cell<u64>,
    /// The last tick on both clocks.
    base: Cell<(Instant, Timestamp)>,
    // Weak, so that a connection that ends only drops its own entry; the next tick removes it here.
    entries: RefCell<Vec<Weak<Entry>>>,
    /// The connections that were idle longest at the last scan, with the time since when. They are evicted
    /// next.
    candidates: RefCell<VecDeque<(Weak<Entry>, u64)>>,
    stage: Cell<Stage>,
    /// Incremented every 400 ms and at each shutdown phase. A task that sees a new value re-checks its token
    /// and the phase.
    pulse: Cell<u32>,
    ticks: Cell<u32>,
    /// Whether the ticker sleeps, and its wake-up.
    asleep: Cell<bool>,
    wake: Notify,
    clock: Clock,
    /// The value of `Date`, and the second that it is for.
    date: Cell<(i64, [u8; 29])>,
}

/// The deadline of one task, moved on from wait to wait. Clones share it.
#[derive(Clone, Debug)]
pub struct Deadline {
    core: Rc<Deadlines>,
    entry: Rc<Entry>,
}

/// The shutdown phase of a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The core serves normally.
    Serving,
    /// The core serves, and each answer announces the end of its connection.
    Leaving,
    /// The core accepts no new requests, and closes tunnels.
    Draining,
    /// The grace period is over: streams are ended, other connections are cut.
    Cutting,
}

/// Keeps a task subscribed to the pulse until it is dropped.
#[derive(Debug)]
pub struct Watched(Rc<Entry>);

#[derive(Debug)]
struct Entry {
    at_ms: Cell<u64>,
    /// The time since when the connection is idle; [`NEVER`] = a request is in progress.
    rests_since: Cell<u64>,
    evicted: Cell<bool>,
    watched: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

const NEVER: u64 = u64::MAX;
/// Ticks between two pulses. A revoked token is noticed within half a second; a second is promised
/// (docs/security-model.md).
const LOOK: u32 = 4;
/// Eviction candidates that one scan finds, so that a burst of new connections does not rescan all for each.
const CANDIDATES: usize = 64;

impl Deadlines {
    /// Creates the deadlines of a core. `clock` is used for `Date`.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        let started = Instant::now();
        Self {
            started,
            now_ms: Cell::new(0),
            base: Cell::new((started, clock.now())),
            entries: RefCell::default(),
            candidates: RefCell::default(),
            stage: Cell::new(Stage::Serving),
            pulse: Cell::new(0),
            ticks: Cell::new(0),
            asleep: Cell::new(false),
            wake: Notify::new(),
            clock,
            date: Cell::new((i64::MIN, [0; 29])),
        }
    }

    /// A new deadline, which does not expire until it is set.
    #[must_use]
    pub fn deadline(self: &Rc<Self>) -> Deadline {
        // The ticker sleeps while there are no deadlines.
        self.wake_ticker();
        let entry = Rc::new(Entry {
            at_ms: Cell::new(NEVER),
            rests_since: Cell::new(NEVER),
            evicted: Cell::new(false),
            watched: Cell::new(false),
            waker: RefCell::new(None),
        });
        self.entries.borrow_mut().push(Rc::downgrade(&entry));
        Deadline { core: Rc::clone(self), entry }
    }

    /// Updates the coarse time and wakes every task whose deadline has passed. Called every [`TICK`].
    pub fn tick(&self) {
        let now = self.move_on();
        let ticks = self.ticks.get().wrapping_add(1);
        self.ticks.set(ticks);
        let looks = ticks.is_multiple_of(LOOK);
        if looks {
            self.pulse.set(self.pulse.get().wrapping_add(1));
        }
        self.wake_if(|entry| entry.at_ms.get() <= now || (looks && entry.watched.get()));
    }

    /// Whether no task had a deadline at the last tick.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    /// Waits until there is a deadline again.
    pub async fn sleep(&self) {
        self.asleep.set(true);
        while self.asleep.get() {
            self.wake.notified().await;
        }
    }

    /// Wakes the ticker if it sleeps. The coarse time has not advanced meanwhile, so it is updated first.
    pub fn wake_ticker(&self) {
        if self.asleep.replace(false) {
            self.move_on();
            self.wake.notify_one();
        }
    }

    fn move_on(&self) -> u64 {
        let moment = Instant::now();
        self.base.set((moment, self.clock.now()));
        let now = u64::try_from(moment.duration_since(self.started).as_millis()).unwrap_or(NEVER);
        self.now_ms.set(now);
        now
    }

    /// The wall time of a moment after the last tick, without a read of the system's wall clock. If that clock is set, the
    /// change shows at the next tick.
    #[must_use]
    pub fn wall(&self, moment: Instant) -> Timestamp {
        let (base, then) = self.base.get();
        self.clock.after(then, moment.saturating_duration_since(base))
    }

    /// Enters a shutdown phase and wakes every task.
    pub fn enter(&self, stage: Stage) {
        self.stage.set(stage);
        self.pulse.set(self.pulse.get().wrapping_add(1));
        self.wake_if(|_| true);
    }

    /// Milliseconds since the start as of the last tick: coarse, but without a system call.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now_ms.get()
    }

    /// Evicts the connection that has been idle longest. `false` if none is idle.
    pub fn evict(&self) -> bool {
        let longest = self.next_candidate().or_else(|| {
            self.find_candidates();
            self.next_candidate()
        });
        let Some(entry) = longest else { return false };
        // Both now: its task may run later, and must not be found a second time.
        entry.rests_since.set(NEVER);
        entry.evicted.set(true);
        entry.wake();
        true
    }

    /// The next candidate that has been idle since the scan.
    fn next_candidate(&self) -> Option<Rc<Entry>> {
        let mut candidates = self.candidates.borrow_mut();
        loop {
            let (entry, since) = candidates.pop_front()?;
            // One that was busy in between is not the longest idle any more.
            let resting = entry.upgrade().filter(|entry| entry.rests_since.get() == since);
            if resting.is_some() {
                return resting;
            }
        }
    }

    /// Scans all connections for those that have been idle longest.
    fn find_candidates(&self) {
        let entries = self.entries.borrow();
        let resting = |entry: &Weak<Entry>| {
            let since = entry.upgrade()?.rests_since.get();
            (since != NEVER).then(|| (entry.clone(), since))
        };
        let mut found: Vec<_> = entries.iter().filter_map(resting).collect();
        // A stable sort: of those that became idle in the same tick the oldest connection is evicted first.
        found.sort_by_key(|(_, since)| *since);
        found.truncate(CANDIDATES);
        *self.candidates.borrow_mut() = found.into();
    }

    /// The value of `Date`, formatted at most once a second (RFC 9110 section 6.6.1).
    #[must_use]
    pub fn date(&self) -> [u8; 29] {
        let now = self.clock.now();
        let second = now.0.div_euclid(1000);
        let (known, text) = self.date.get();
        if known == second {
            return text;
        }
        let text = now.http_date();
        self.date.set((second, text));
        text
    }

    fn wake_if(&self, due: impl Fn(&Entry) -> bool) {
        self.entries.borrow_mut().retain(|entry| {
            let Some(entry) = entry.upgrade() else { return false };
            if due(&entry) {
                entry.wake();
            }
            true
        });
    }
}

impl Deadline {
    /// Sets the deadline to `after` from now.
    pub fn set(&self, after: Duration) {
        let after = u64::try_from(after.as_millis()).unwrap_or(NEVER);
        // One tick more, because the coarse time may lag by one: no wait is cut short.
        let tick = u64::try_from(TICK.as_millis()).unwrap_or(0);
        self.entry.at_ms.set(self.core.now_ms.get().saturating_add(after).saturating_add(tick));
    }

    /// The coarse time; see [`Deadlines::now`].
    #[must_use]
    pub fn now(&self) -> u64 {
        self.core.now()
    }

    /// Removes the deadline.
    pub fn clear(&self) {
        self.entry.at_ms.set(NEVER);
    }

    /// Marks the connection as idle for at most `after`. It may be evicted meanwhile.
    pub fn rest(&self, after: Duration) {
        self.set(after);
        self.entry.rests_since.set(self.core.now_ms.get());
    }

    /// The connection goes on with the rest that was interrupted: the bound is the one that it had.
    pub fn rest_on(&self) {
        self.entry.rests_since.set(self.core.now_ms.get());
    }

    /// Ends the idle time. `false` if the connection has been evicted.
    #[must_use]
    pub fn end_rest(&self) -> bool {
        self.entry.rests_since.set(NEVER);
        !self.entry.evicted.get()
    }

    /// Whether the connection is idle: between [`Deadline::rest`] and [`Deadline::end_rest`] or its eviction.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.entry.rests_since.get() != NEVER
    }

    /// Whether the connection has been evicted.
    #[must_use]
    pub fn is_evicted(&self) -> bool {
        self.entry.evicted.get()
    }

    /// Subscribes the task to the pulse.
    #[must_use]
    pub fn watch(&self) -> Watched {
        self.entry.watched.set(true);
        Watched(Rc::clone(&self.entry))
    }

    /// The current pulse; see [`Deadlines`].
    #[must_use]
    pub fn pulse(&self) -> u32 {
        self.core.pulse.get()
    }

    /// The shutdown phase of the core.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.core.stage.get()
    }

    /// See [`Deadlines::wall`].
    #[must_use]
    pub fn wall(&self, moment: Instant) -> Timestamp {
        self.core.wall(moment)
    }

    /// See [`Deadlines::date`].
    #[must_use]
    pub fn date(&self) -> [u8; 29] {
        self.core.date()
    }

    /// Whether the deadline has passed. If not, the task is woken when it passes.
    pub fn passed(&self, cx: &mut Context<'_>) -> bool {
        if self.entry.at_ms.get() <= self.core.now_ms.get() {
            return true;
        }
        let mut waker = self.entry.waker.borrow_mut();
        match waker.as_ref() {
            // Most polls come from the same task, so the waker is cloned once.
            Some(known) if known.will_wake(cx.waker()) => {}
            _ => *waker = Some(cx.waker().clone()),
        }
        false
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.watched.set(false);
    }
}

impl Entry {
    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    #[test]
    fn d5_who_has_rested_longest_makes_room() {
        let core = Rc::new(Deadlines::new(Clock::System));
        let all: Vec<_> = (0..CANDIDATES + 3).map(|_| core.deadline()).collect();
        assert!(!core.evict(), "all of them work");
        for (at, deadline) in all.iter().enumerate().rev() {
            core.now_ms.set(u64::try_from(all.len() - at).unwrap());
            deadline.rest(Duration::from_secs(3600));
        }
        let last = all.last().unwrap();
        assert!(core.evict() && last.is_evicted() && !last.end_rest());
        // The next in turn begins to work, and rests again as the youngest.
        let next = &all[all.len() - 2];
        assert!(next.end_rest());
        core.now_ms.set(1000);
        next.rest(Duration::from_secs(3600));
        for deadline in all.iter().rev().skip(2) {
            assert!(core.evict());
            assert!(deadline.is_evicted() && !next.is_evicted());
        }
        assert!(core.evict() && next.is_evicted());
        assert!(!core.evict());
        // Of those that were found, none rests any more; another one does.
        let found: Vec<_> = (0..3).map(|_| core.deadline()).collect();
        found.iter().for_each(|deadline| deadline.rest(Duration::from_secs(3600)));
        assert!(core.evict());
        assert!(found.iter().skip(1).all(Deadline::end_rest));
        let late = core.deadline();
        late.rest(Duration::from_secs(3600));
        assert!(core.evict() && late.is_evicted());
    }

    #[tokio::test(start_paused = true)]
    async fn the_ticker_sleeps_until_there_is_a_deadline() {
        let core = Rc::new(Deadlines::new(Clock::System));
        core.now_ms.set(NEVER);
        assert!(core.is_idle());
        let never = tokio::time::timeout(Duration::from_secs(3600), core.sleep()).await;
        assert!(never.is_err(), "there is nothing to time");
        let woken = async { core.deadline() };
        let ((), deadline) = tokio::join!(core.sleep(), woken);
        assert!(!core.is_idle());
        assert!(core.now() < NEVER, "what is set next counts from now");
        drop(deadline);
        core.tick();
        assert!(core.is_idle());
    }

    #[test]
    fn e7_the_date_is_that_of_the_clock() {
        let clock = Clock::manual(Timestamp(999));
        let core = Deadlines::new(clock.clone());
        assert_eq!(core.date(), *b"Thu, 01 Jan 1970 00:00:00 GMT");
        clock.advance(Duration::from_millis(1));
        assert_eq!(core.date(), *b"Thu, 01 Jan 1970 00:00:01 GMT");
        assert_eq!(core.date(), *b"Thu, 01 Jan 1970 00:00:01 GMT");
    }

    #[tokio::test]
    async fn a_deadline_passes_and_a_moved_one_does_not() {
        let core = Rc::new(Deadlines::new(Clock::System));
        let (short, long) = (core.deadline(), core.deadline());
        short.set(Duration::ZERO);
        long.set(Duration::from_secs(3600));
        let wait = poll_fn(|cx| if short.passed(cx) { Poll::Ready(()) } else { Poll::Pending });
        let ticking = async {
            loop {
                tokio::time::sleep(Duration::from_millis(5)).await;
                core.tick();
            }
        };
        tokio::select! { () = wait => {}, () = ticking => {} }
        let passed = poll_fn(|cx| Poll::Ready(long.passed(cx))).await;
        assert!(!passed);
        drop(short);
        core.tick();
        assert_eq!(core.entries.borrow().len(), 1, "a dropped deadline is forgotten");
    }
}
