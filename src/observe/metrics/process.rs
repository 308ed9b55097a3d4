//! Figures of the process, as the kernel has them.

use std::{fs, time::Duration};

use rustix::{
    process::{Resource, getrlimit},
    time::{ClockId, clock_gettime},
};

use crate::clock::Timestamp;

/// Figures of this process; `None` = the system does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessFigures {
    /// Time on processors.
    pub cpu: Duration,
    /// Memory in use, in bytes.
    pub resident_bytes: Option<u64>,
    /// Address space, in bytes.
    pub virtual_bytes: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
    /// The limit of open files.
    pub max_open_files: u64,
    /// The time of the start.
    pub started: Timestamp,
}

impl ProcessFigures {
    /// The figures of now.
    #[must_use]
    pub fn measure(started: Timestamp) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self {
            cpu: Duration::new(cpu.tv_sec.try_into().unwrap_or(0), cpu.tv_nsec.try_into().unwrap_or(0)),
            resident_bytes: kilobytes(&status, "VmRSS:"),
            virtual_bytes: kilobytes(&status, "VmSize:"),
            open_files: open_files(),
            max_open_files: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            started,
        }
    }
}

/// A line of `/proc/self/status` in bytes.
fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

fn open_files() -> Option<u64> {
    // From Linux 6.2 on it is the size of the folder.
    let known = fs::metadata("/proc/self/fd").ok()?.len();
    if known > 0 { Some(known) } else { Some(fs::read_dir("/proc/self/fd").ok()?.count() as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_of_this_process() {
        let files: Vec<_> = (0..20).map(|_| tempfile::tempfile().unwrap()).collect();
        let figures = ProcessFigures::measure(Timestamp(7));
        let resident = figures.resident_bytes.unwrap();
        assert!(resident > 100_000 && figures.virtual_bytes.unwrap() > resident, "{figures:?}");
        assert!(figures.open_files.unwrap() > files.len() as u64, "{figures:?}");
        assert!(figures.max_open_files >= figures.open_files.unwrap() && figures.cpu > Duration::ZERO);
        assert_eq!(figures.started, Timestamp(7));
    }

    #[test]
    fn lines_of_the_status_are_read() {
        let status = "Name:\tportcullis\nVmSize:\t  123 kB\nVmRSS:\t    45 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(46_080));
        assert_eq!(kilobytes(status, "VmSize:"), Some(125_952));
        assert_eq!(kilobytes("VmRSS:\tlots\n", "VmRSS:"), None);
    }
}
