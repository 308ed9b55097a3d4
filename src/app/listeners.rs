//! Binds the listeners for clients before the cores start.

use std::sync::Arc;

use anyhow::Context as _;

use super::{Addresses, translate};
use crate::{
    acme,
    config::Config,
    gate::Redirect,
    listen::{self, Address, Bound, Listeners, Raw},
    tls::ServerTls,
};

/// Bound listeners.
pub(super) struct BoundListeners {
    /// The bound addresses, with the actual ports.
    pub(super) addresses: Addresses,
    /// One set for each core.
    pub(super) listeners: Vec<Listeners<Raw>>,
}

/// Binds the configured listeners.
pub(super) fn bind(config: &Config) -> anyhow::Result<BoundListeners> {
    let server = &config.server;
    let cores = match server.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        threads => threads,
    };
    let bind = |key, address: Address| listen::bind(key, &address, cores, server.socket_mode);
    let http = translate::address(&server.http).map(|address| bind("server.http", address)).transpose()?;
    let https = server.https.map(|address| bind("server.https", Address::Tcp(address))).transpose()?;
    let forward_auth = config.forward_auth.listen;
    let forward_auth =
        forward_auth.map(|address| bind("forward_auth.listen", Address::Tcp(address))).transpose()?;
    let addresses = Addresses {
        http: http.as_ref().map(|bound| bound.address.clone()),
        https: https.as_ref().and_then(|bound| bound.address.tcp()),
        forward_auth: forward_auth.as_ref().and_then(|bound| bound.address.tcp()),
        admin: None,
    };
    let (mut http, mut https, mut forward_auth) = (raw(http), raw(https), raw(forward_auth));
    let of_core = |_| Listeners { http: http.next(), https: https.next(), forward_auth: forward_auth.next() };
    let listeners = (0..cores).map(of_core).collect();
    Ok(BoundListeners { addresses, listeners })
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
