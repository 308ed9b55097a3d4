//! How many files this process may have open, and how many connections fit into them.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most files that this process may have open: the system's hard limit.
#[must_use]
pub fn most_open_files() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

/// Raises the number of files that this process may have open to the most that it is allowed to (`ulimit -Hn`); what it
/// is then.
pub fn raise_open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum || setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok() {
        return maximum.unwrap_or(u64::MAX);
    }
    current.unwrap_or(u64::MAX)
}

/// How many connections fit into so many open files: each may need one to the app, and the store, the log and
/// look-ups need some as well.
#[must_use]
pub fn connections_within(open_files: u64) -> usize {
    let left = open_files.saturating_sub(RESERVE.min(open_files / 2));
    usize::try_from(left / PER_CONNECTION).unwrap_or(usize::MAX).max(1)
}

/// A client's, and the app's.
pub const PER_CONNECTION: u64 = 2;

/// Files of everything but clients' connections.
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
