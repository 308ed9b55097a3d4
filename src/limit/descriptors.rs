//! The limit of open files of this process, and the number of connections that it allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The hard limit of open files.
#[must_use]
pub fn most_open_files() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Raises the soft limit of open files to the hard limit (`ulimit -Hn`), and returns the limit that is in force
/// then.
pub fn raise_open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Distributions set the soft limit to 1024 for programs with `select`, which the gate does not use.
    if current == maximum || setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        return maximum.unwrap_or(u64::MAX);
    }
    current.unwrap_or(u64::MAX)
}

/// The number of connections that fit into `open_files`. Each may need one to the app, and the store, the log
/// and look-ups need some files as well.
#[must_use]
pub fn connections_within(open_files: u64) -> usize {
    // At most half, so that a low limit still leaves room for connections.
    let left = open_files.saturating_sub(RESERVE.min(open_files / 2));
    usize::try_from(left / PER_CONNECTION).unwrap_or(usize::MAX).max(1)
}

/// Open files for each connection: the client's socket and the app's.
pub const PER_CONNECTION: u64 = 2;

/// Open files for everything except connections.
const RESERVE: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d5_connections_leave_files_for_the_rest() {
        for (files, connections) in
            [(0, 1), (64, 16), (1_024, 384), (20_000, 9_872), (u64::MAX, usize::MAX / 2 - 128)]
        {
            assert_eq!(connections_within(files), connections, "{files}");
        }
    }

    #[test]
    fn d5_the_soft_limit_becomes_the_hard_one() {
        let most = most_open_files();
        assert_eq!(raise_open_files(), most);
        assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), most);
    }
}
