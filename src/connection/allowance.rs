//! The memory that the buffers of a core may take beyond what each connection has anyway (`server.max_buffer_bytes`).
//!
//! Each core has its share in a variable of its thread, because connections never cross cores.

use std::cell::Cell;

thread_local! {
    static LIMIT: Cell<usize> = const { Cell::new(usize::MAX) };
    static TAKEN: Cell<usize> = const { Cell::new(0) };
}

/// Sets the limit of the current thread, in bytes. Without one it is unlimited.
pub fn set_allowance(bytes: usize) {
    LIMIT.set(bytes);
}

/// Whether more than half of the allowance is taken, so that unused buffers should give back theirs.
pub(super) fn is_scarce() -> bool {
    TAKEN.get() > LIMIT.get() / 2
}

/// A part of the allowance, given back on drop.
#[derive(Debug, Default)]
pub(super) struct Share(usize);

impl Share {
    /// Takes `bytes`. `None` if fewer bytes are left.
    pub(super) fn take(bytes: usize) -> Option<Self> {
        let taken = TAKEN.get().checked_add(bytes).filter(|taken| *taken <= LIMIT.get())?;
        TAKEN.set(taken);
        Some(Self(bytes))
    }

    /// Takes `bytes` even beyond the limit, for memory without which a request cannot continue.
    pub(super) fn force(bytes: usize) -> Self {
        TAKEN.set(TAKEN.get().saturating_add(bytes));
        Self(bytes)
    }

    /// Its size in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.0
    }

    /// Extends the share to `bytes`. `false` if fewer bytes are left.
    pub(super) fn extend(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.0);
        let taken = TAKEN.get().checked_add(more).filter(|taken| *taken <= LIMIT.get());
        if let Some(taken) = taken {
            TAKEN.set(taken);
            self.0 += more;
        }
        taken.is_some()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        // Most requests take nothing.
        if self.0 > 0 {
            TAKEN.set(TAKEN.get().saturating_sub(self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        set_allowance(100);
        let mut one = Share::take(60).unwrap();
        assert!(Share::take(41).is_none());
        let two = Share::take(40).unwrap();
        assert!(!one.extend(61));
        drop(two);
        assert!(one.extend(61) && one.extend(100) && one.extend(50), "to a hundred");
        assert!(Share::take(1).is_none());
        let forced = Share::force(10);
        drop(one);
        assert!(Share::take(91).is_none() && Share::take(90).is_some());
        drop(forced);
        assert!(Share::take(100).is_some());
        assert!(Share::take(usize::MAX).is_none());
    }
}
