//! Detects that a peer has gone after it closed its sending side.

use std::{rc::Rc, task::Context, time::Duration};

use crate::connection::{Deadline, Deadlines, Socket};

/// Watches a peer that has closed its sending side. That does not show whether it still reads (RFC 9293 section
/// 3.6). Only a reset shows that it does not, and the runtime does not wake a task for that any more.
#[derive(Debug)]
pub(super) struct Hangup {
    next: Deadline,
}

/// The interval of the checks.
const LOOK: Duration = Duration::from_secs(1);

impl Hangup {
    /// Begins to watch. The first check is at the next tick.
    pub(super) fn watch(socket: &Socket, deadlines: &Rc<Deadlines>) -> Self {
        socket.probe();
        let next = deadlines.deadline();
        next.set(Duration::ZERO);
        Self { next }
    }

    /// Whether the peer has gone. If not, the task is woken for the next check.
    pub(super) fn happened(&self, cx: &mut Context<'_>, socket: &Socket) -> bool {
        // `passed` registers the task only if the time has not come, hence the loop.
        while self.next.passed(cx) {
            if socket.has_hung_up() {
                return true;
            }
            self.next.set(LOOK);
        }
        false
    }
}
