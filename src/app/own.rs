//! Detects an upstream that is this gate, once the listeners have their ports.

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use super::Addresses;
use crate::{
    config::{self, Config, UpstreamAddress},
    listen,
};

/// Time limit of a name look-up. Without an answer the start goes on: at run time the gate recognizes its own requests.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Refuses servers of the app that resolve to a listener of this gate.
pub(super) async fn refuse(config: &Config, own: &Addresses) -> anyhow::Result<()> {
    let http = own.http.as_ref().and_then(listen::Address::tcp);
    let apps = config.each_app();
    for server in apps.iter().flat_map(|app| &app.upstream.servers) {
        let UpstreamAddress::Http { host, port, .. } = server else { continue };
        let listeners = [
            ("server.http", http),
            ("server.https", own.https),
            ("forward_auth.listen", own.forward_auth),
            ("admin.listen", own.admin),
        ];
        for (key, listener) in listeners {
            let Some(listener) = listener.filter(|listener| listener.port() == *port) else { continue };
            anyhow::ensure!(
                !leads_to(listener, host, *port).await,
                "`upstream.servers` names `{server}`, where this gate listens itself (`{key}`); write the address of the app"
            );
        }
    }
    Ok(())
}

async fn leads_to(listener: SocketAddr, host: &str, port: u16) -> bool {
    let found = tokio::time::timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((host, port))).await;
    let Ok(Ok(mut found)) = found else { return false };
    found.any(|target| config::arrives(listener, target, is_local(target)))
}

/// A socket can only be bound to an address of this machine.
fn is_local(target: SocketAddr) -> bool {
    UdpSocket::bind((target.ip(), 0)).is_ok()
}
