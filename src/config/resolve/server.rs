//! `[server]`, and the check that the app's servers are not the gate itself.

use std::path::Path;

use super::{RawServer, Resolver};
use crate::config::code::Code;
use crate::config::{
    finding::Place,
    own,
    settings::{Listen, ServerSettings, UpstreamAddress},
};

/// The gate's own addresses, with the keys that set them.
pub(super) type Own = Vec<(&'static str, Listen)>;

impl Resolver<'_> {
    pub(super) fn server(&mut self, raw: RawServer) -> ServerSettings {
        if raw.http.value == Listen::Off && raw.https.value.is_none() {
            let message = "`server.http` is off and there is no other listener".to_owned();
            let fix = "write an address such as \"127.0.0.1:8080\"".to_owned();
            self.report.error(&raw.http.place, Code::NoListener, message, Some(fix));
        }
        ServerSettings {
            http: raw.http.value.based(self.base),
            https: raw.https.value,
            data_dir: self.path(raw.data_dir.value),
            threads: raw.threads.value.count(),
            trusted_proxies: raw.trusted_proxies.value,
            proxy_protocol: raw.proxy_protocol.value,
            public_url: raw.public_url.value.map(|address| address.0),
            header_timeout: raw.header_timeout.value.0,
            body_timeout: raw.body_timeout.value.0,
            write_timeout: raw.write_timeout.value.0,
            idle_timeout: raw.idle_timeout.value.0,
            max_header_bytes: raw.max_header_bytes.value.bytes(),
            max_buffer_bytes: raw.max_buffer_bytes.value.bytes(),
            max_headers: raw.max_headers.value.count(),
            max_connections: raw.max_connections.value.count(),
            max_connections_per_client: raw.max_connections_per_client.value.count(),
            body_min_rate: raw.body_min_rate.value.map(|rate| rate.0),
            drain_delay: raw.drain_delay.value,
            socket_mode: raw.socket_mode.value.0,
            shutdown_grace: raw.shutdown_grace.value,
        }
    }

    /// A public URL with a path: the links to the pages would lead nowhere. A proxy may take the path off for the User API.
    pub(super) fn check_public_path(&mut self, server: &ServerSettings, place: &Place, has_pages: bool) {
        let Some(url) = &server.public_url else { return };
        let origin_end = url.find("://").map_or(0, |at| at + "://".len());
        let Some(path_at) = url.get(origin_end..).and_then(|rest| rest.find('/')) else { return };
        let (origin, path) = url.split_at(origin_end + path_at);
        let fix = Some(format!("write `{origin}`"));
        if has_pages {
            let message = format!(
                "`server.public_url` has the path `{path}`: no path; the pages are at the root of the host"
            );
            self.report.error(place, Code::PublicPath, message, fix);
        } else {
            let message = format!(
                "`server.public_url` has the path `{path}`: links lead to the gate only if a proxy takes it off"
            );
            self.report.warning(place, Code::PublicPath, message, fix);
        }
    }

    /// Refuses a server that is this gate: each request would be forwarded to the gate again, without end.
    pub(super) fn refuse_own(&mut self, servers: &[UpstreamAddress], place: &Place, own: &Own) {
        for server in servers {
            let Some((key, _)) = own.iter().find(|(_, listen)| own::is_own(listen, server)) else { continue };
            let message =
                format!("`upstream.servers` names `{server}`, where this gate listens itself (`{key}`)");
            let fix = "write the address of the app".to_owned();
            self.report.error(place, Code::OwnAddress, message, Some(fix));
        }
    }
}

/// The socket of the commands.
pub(super) fn admin_socket(data_dir: &Path) -> Listen {
    Listen::Unix(data_dir.join("admin.sock"))
}
