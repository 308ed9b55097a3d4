//! The number of open connections of each client.

use std::net::IpAddr;

use pingora_limits::inflight::{Guard, Inflight};

use super::network;

/// Counts open connections of each client in a table of fixed size. A count is never too low; rarely it
/// includes those of another client.
pub struct Connections {
    most: Option<isize>,
    open: Inflight,
}

/// An open connection. It counts until it is dropped.
#[derive(Debug)]
pub struct Connection {
    _guard: Option<Guard>,
}

impl Connections {
    /// Allows `max_per_client` connections for each client; 0 = no limit.
    #[must_use]
    pub fn new(max_per_client: usize) -> Self {
        let most = (max_per_client > 0).then(|| isize::try_from(max_per_client).unwrap_or(isize::MAX));
        Self { most, open: Inflight::new() }
    }

    /// Counts a new connection; `None` if the client has too many. IPv6 clients are counted by their /64.
    #[must_use]
    pub fn enter(&self, client: IpAddr) -> Option<Connection> {
        let Some(most) = self.most else { return Some(Connection { _guard: None }) };
        // Counted first and compared after: two connections at once cannot both take the last place.
        let (guard, open) = self.open.incr(network(client), 1);
        (open <= most).then_some(Connection { _guard: Some(guard) })
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_open() {
        let connections = Connections::new(2);
        let client: IpAddr = "2001:db8::1".parse().unwrap();
        let first = connections.enter(client).unwrap();
        let neighbour = connections.enter("2001:db8::2".parse().unwrap()).unwrap();
        assert!(connections.enter(client).is_none());
        assert!(connections.enter(client).is_none(), "a refused one does not count");
        assert!(connections.enter("192.0.2.1".parse().unwrap()).is_some());
        drop(first);
        let again = connections.enter(client);
        assert!(again.is_some() && connections.enter(client).is_none());
        drop(neighbour);
    }

    #[test]
    fn without_a_bound_it_counts_nothing() {
        let connections = Connections::new(0);
        let open: Vec<_> = (0..100).map(|_| connections.enter("::1".parse().unwrap())).collect();
        assert!(open.iter().all(Option::is_some));
    }
}
