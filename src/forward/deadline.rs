//! Deadlines that cost the request path nothing: one coarse ticker a core looks at all of them.
//!
//! A timer of the runtime is registered and removed in a tree at each wait, which was measured to cost
//! 0.4 µs a request (DESIGN.md section 1). Here a wait stores a number; the ticker, ten times a second,
//! wakes those whose number has passed.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
    task::{Context, Waker},
    time::{Duration, Instant},
};

/// How often the ticker looks: a deadline fires at most this much late.
pub const TICK: Duration = Duration::from_millis(100);

/// All deadlines of one core.
#[derive(Debug)]
pub struct Deadlines {
    started: Instant,
    now_ms: Cell<u64>,
    entries: RefCell<Vec<Weak<Entry>>>,
}

/// One task's deadline. It is moved along as the task goes from one wait to the next; clones are the same one.
#[derive(Clone, Debug)]
pub struct Deadline {
    core: Rc<Deadlines>,
    entry: Rc<Entry>,
}

#[derive(Debug)]
struct Entry {
    at_ms: Cell<u64>,
    waker: RefCell<Option<Waker>>,
}

const NEVER: u64 = u64::MAX;

impl Deadlines {
    /// No deadlines yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it starts a clock; a default would hide that")]
    pub fn new() -> Self {
        Self { started: Instant::now(), now_ms: Cell::new(0), entries: RefCell::new(Vec::new()) }
    }

    /// A new deadline, which is never until it is set.
    #[must_use]
    pub fn deadline(self: &Rc<Self>) -> Deadline {
        let entry = Rc::new(Entry { at_ms: Cell::new(NEVER), waker: RefCell::new(None) });
        self.entries.borrow_mut().push(Rc::downgrade(&entry));
        Deadline { core: Rc::clone(self), entry }
    }

    /// Moves the coarse time on and wakes every task whose deadline has passed. Called every [`TICK`].
    pub fn tick(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(NEVER);
        self.now_ms.set(now);
        self.wake_if(|entry| entry.at_ms.get() <= now);
    }

    /// Milliseconds since the start, as of the last tick: coarse, and free.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now_ms.get()
    }

    /// Wakes every task: for an orderly stop.
    pub fn wake_all(&self) {
        self.wake_if(|_| true);
    }

    fn wake_if(&self, due: impl Fn(&Entry) -> bool) {
        self.entries.borrow_mut().retain(|entry| {
            let Some(entry) = entry.upgrade() else { return false };
            if due(&entry)
                && let Some(waker) = entry.waker.borrow().as_ref()
            {
                waker.wake_by_ref();
            }
            true
        });
    }
}

impl Deadline {
    /// From now on, `after` is the longest wait.
    pub fn set(&self, after: Duration) {
        let after = u64::try_from(after.as_millis()).unwrap_or(NEVER);
        // A wait is never cut short by the coarse time's lag, so one tick is added.
        let tick = u64::try_from(TICK.as_millis()).unwrap_or(0);
        self.entry.at_ms.set(self.core.now_ms.get().saturating_add(after).saturating_add(tick));
    }

    /// From now on, there is no bound.
    pub fn clear(&self) {
        self.entry.at_ms.set(NEVER);
    }

    /// Whether it has passed. If it has not, the task is woken when it does.
    pub fn passed(&self, cx: &mut Context<'_>) -> bool {
        if self.entry.at_ms.get() <= self.core.now_ms.get() {
            return true;
        }
        let mut waker = self.entry.waker.borrow_mut();
        match waker.as_ref() {
            Some(known) if known.will_wake(cx.waker()) => {}
            _ => *waker = Some(cx.waker().clone()),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    #[tokio::test]
    async fn a_deadline_passes_and_a_moved_one_does_not() {
        let core = Rc::new(Deadlines::new());
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
