//! A peer that has ended its sending half: still there, or gone?

use std::{rc::Rc, task::Context, time::Duration};

use crate::connection::{Deadline, Deadlines, Socket};

/// Watches a peer that sends no more. The end of its stream does not tell whether it still reads (RFC 9293 section
/// 3.6): that shows only when it resets the connection, which the runtime no longer wakes a task for.
#[derive(Debug)]
pub(super) struct Hangup {
    next: Deadline,
}

/// How often it is looked at.
const LOOK: Duration = Duration::from_secs(1);

impl Hangup {
    /// The first look is at the next tick.
    pub(super) fn watch(socket: &Socket, deadlines: &Rc<Deadlines>) -> Self {
        socket.probe();
        let next = deadlines.deadline();
        next.set(Duration::ZERO);
        Self { next }
    }

    /// Whether the peer has gone. If it has not, the task is woken for the next look.
    pub(super) fn happened(&self, cx: &mut Context<'_>, socket: &Socket) -> bool {
        while self.next.passed(cx) {
            if socket.has_hung_up() {
                return true;
            }
            self.next.set(LOOK);
        }
        false
    }
}
