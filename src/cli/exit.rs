//! Exit codes.

/// The result of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The command succeeded.
    Done,
    /// The command failed, or found errors.
    Failed,
    /// The command line is not valid.
    Usage,
}

impl Exit {
    /// The exit code of the process.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            // `EX_USAGE` of sysexits.h.
            Self::Usage => 64,
        }
    }
}
