//! Binds the listeners for clients before the cores start.

use std::{net::SocketAddr, os::fd::OwnedFd, sync::Arc};

use anyhow::Context as _;

use super::{Addresses, translate};
use crate::{
    acme,
    config::Config,
    gate::Redirect,
    listen::{self, Address, Bound, Listeners, Raw},
    systemd::SocketsFromManager,
    tls::ServerTls,
};

/// Bound listeners.
pub(super) struct BoundListeners {
    /// The bound addresses, with the actual ports.
    pub(super) addresses: Addresses,
    /// One set for each core.
    pub(super) listeners: Vec<Listeners<Raw>>,
    /// For health and metrics.
    pub(super) admin: Option<Raw>,
}

/// Binds the configured listeners. `sockets` of a service manager take their places.
pub(super) fn bind(config: &Config, sockets: SocketsFromManager) -> anyhow::Result<BoundListeners> {
    let server = &config.server;
    let cores = match server.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let bind = |key, address: &Address, cores| listen::bind(key, address, cores, server.socket_mode);
    let http = match (translate::address(&server.http), sockets.http) {
        (Some(_), Some(socket)) => Some(listen::adopt("http", socket, cores)?),
        (Some(address), None) => Some(bind("server.http", &address, cores)?),
        (None, socket) => refuse("http", "server.http", socket)?,
    };
    let tcp = |key, name, address: Option<SocketAddr>, socket, cores| match (address, socket) {
        (Some(_), Some(socket)) => Ok(Some(listen::adopt_tcp(name, socket, cores)?)),
        (Some(address), None) => Ok(Some(bind(key, &Address::Tcp(address), cores)?)),
        (None, socket) => refuse(name, key, socket),
    };
    let https = tcp("server.https", "https", server.https, sockets.https, cores)?;
    let forward_auth = tcp("forward_auth.listen", "", config.forward_auth.listen, None, cores)?;
    let admin = tcp("admin.listen", "admin", config.admin.listen, sockets.admin, 1)?;
    let port = |bound: &Option<Bound>| bound.as_ref().and_then(|bound| bound.address.tcp());
    let addresses = Addresses {
        http: http.as_ref().map(|bound| bound.address.clone()),
        https: port(&https),
        forward_auth: port(&forward_auth),
        admin: port(&admin),
    };
    let (mut http, mut https, mut forward_auth) = (raw(http), raw(https), raw(forward_auth));
    let of_core = |_| Listeners { http: http.next(), https: https.next(), forward_auth: forward_auth.next() };
    let listeners = (0..cores).map(of_core).collect();
    Ok(BoundListeners { addresses, listeners, admin: raw(admin).next() })
}

/// A listener that is switched off takes no socket: what it needs, such as certificates, would be missing.
fn refuse(name: &str, key: &str, socket: Option<OwnedFd>) -> anyhow::Result<Option<Bound>> {
    anyhow::ensure!(
        socket.is_none(),
        "the service manager passes a socket called `{name}`, and `{key}` is not set; set it to the same address, or remove the socket unit"
    );
    Ok(None)
}

fn raw(bound: Option<Bound>) -> impl Iterator<Item = Raw> {
    bound.into_iter().flat_map(|bound| bound.listeners)
}

/// Reads the certificates if a listener needs them. An expired one is used and reported later, so that the hosts of the
/// others are served.
pub(super) fn tls(config: &Config) -> anyhow::Result<Option<Arc<ServerTls>>> {
    if config.server.https.is_none() {
        return Ok(None);
    }
    let tls = ServerTls::load(&translate::tls(config)).context("`[tls]` cannot be used")?;
    // Before the cores start, so that a restart serves at once what is kept.
    acme::restore(&translate::acme(config), &tls);
    Ok(Some(Arc::new(tls)))
}

/// The redirection of plain HTTP, if it is configured.
pub(super) fn redirect(config: &Config, tls: Option<&Arc<ServerTls>>, own: &Addresses) -> Option<Redirect> {
    let (tls, https) = (tls?, own.https?);
    config.tls.redirect_http.then(|| Redirect { tls: Arc::clone(tls), port: https.port() })
}
