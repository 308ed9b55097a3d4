//! How a command ends.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It is done.
    Done,
    /// It failed, or found mistakes.
    Failed,
    /// The command line makes no sense.
    Usage,
}

impl Exit {
    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            // EX_USAGE of sysexits.h.
            Self::Usage => 64,
        }
    }
}
