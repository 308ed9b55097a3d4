//! What a hash may cost.

/// How new passwords are hashed, and how many at a time.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// argon2id's memory in KiB, at least 8 a lane.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// Threads; 0 = half the cores, at least 1.
    pub workers: usize,
    /// Waiting jobs beyond which callers are refused.
    pub queue: usize,
}

/// What this machine, or this container, has of memory; `None` where the system does not say.
#[must_use]
pub fn machine_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine: u64 = line.split_whitespace().next()?.parse().ok()?;
    let group = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let group = group.and_then(|text| text.trim().parse::<u64>().ok()).map(|bytes| bytes / 1_024);
    Some(group.map_or(machine, |group| group.min(machine)))
}
