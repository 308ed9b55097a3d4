//! The settings of hashing.

/// The cost of new hashes, and the number of threads.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Memory of argon2id in KiB, at least 8 for each priority.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Number of lanes.
    pub parallelism: u32,
    /// Number of threads; 0 = half of the cores, at least 1.
    pub workers: usize,
    /// Maximum number of waiting jobs.
    pub queue: usize,
}

/// The memory of this machine or container in KiB; `None` if the system does not tell.
#[must_use]
pub fn machine_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine: u64 = line.split_whitespace().next()?.parse().ok()?;
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok()).map(|bytes| bytes / 1_024);
    Some(group.map_or(machine, |group| group.min(machine)))
}
