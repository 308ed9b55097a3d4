//! Figures that a core measures when it is asked.

/// Figures of one core, or their sums.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CoreGauges {
    /// Connections of clients.
    pub connections: u64,
    /// Streams of HTTP/2 under way.
    pub streams: u64,
    /// The servers of every app, in the order of the configuration.
    pub servers: Vec<ServerGauges>,
    /// Owner look-ups that wait for the app.
    pub look_ups_in_flight: u64,
    /// Cached owners.
    pub owners_cached: u64,
    /// Owner look-ups since the start, by [`LookUp`].
    pub look_ups: [u64; LookUp::COUNT],
}

/// Connections to a server of the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerGauges {
    /// The app, where there are several.
    pub app: Option<Box<str>>,
    /// The server as the configuration names it.
    pub server: String,
    /// Requests in progress.
    pub in_progress: u64,
    /// Connections without a request.
    pub idle: u64,
}

/// What became of an owner look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookUp {
    /// The app answered.
    Answered,
    /// The owner was cached.
    Cached,
    /// It had the answer of another one that was under way.
    Shared,
    /// There was no answer that counts, or too many were under way.
    Failed,
}

impl LookUp {
    /// The number of variants.
    pub const COUNT: usize = Self::NAMES.len();
    pub(super) const NAMES: [&'static str; 4] = ["answered", "cached", "shared", "failed"];
}

impl CoreGauges {
    /// The sums over cores, each of which has the same servers.
    #[must_use]
    pub fn sum(cores: Vec<Self>) -> Self {
        cores.into_iter().reduce(Self::plus).unwrap_or_default()
    }

    fn plus(mut self, other: Self) -> Self {
        self.connections += other.connections;
        self.streams += other.streams;
        self.look_ups_in_flight += other.look_ups_in_flight;
        self.owners_cached += other.owners_cached;
        for (sum, more) in self.servers.iter_mut().zip(other.servers) {
            sum.in_progress += more.in_progress;
            sum.idle += more.idle;
        }
        for (sum, more) in self.look_ups.iter_mut().zip(other.look_ups) {
            *sum = sum.wrapping_add(more);
        }
        self
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A core with figures that are multiples of `unit`.
    pub(in crate::observe::metrics) fn core(unit: u64) -> CoreGauges {
        let server =
            |name: &str, by| ServerGauges { app: None, server: name.into(), in_progress: by, idle: 2 * by };
        CoreGauges {
            connections: unit,
            streams: 2 * unit,
            servers: vec![server("10.0.0.1:80", unit), server("unix:/run/\"app\"", 3 * unit)],
            look_ups_in_flight: 4 * unit,
            owners_cached: 5 * unit,
            look_ups: [6 * unit, 7 * unit, 8 * unit, 9 * unit],
        }
    }

    #[test]
    fn cores_are_added_up() {
        assert_eq!(CoreGauges::sum(vec![core(1), core(10), core(100)]), core(111));
        assert_eq!(CoreGauges::sum(Vec::new()), CoreGauges::default());
    }

    #[test]
    fn every_result_has_its_name() {
        for (result, name) in [(LookUp::Answered, "answered"), (LookUp::Failed, "failed")] {
            assert_eq!(LookUp::NAMES[result as usize], name);
        }
    }
}
