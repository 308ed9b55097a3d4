//! Detects addresses of the app on which the gate itself listens.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

use super::settings::{Listen, UpstreamAddress};

/// Whether a connection to `server` reaches `listen`, as far as this can be decided without a DNS look-up.
pub(crate) fn is_own(listen: &Listen, server: &UpstreamAddress) -> bool {
    match (listen, server) {
        (Listen::Tcp(listen), UpstreamAddress::Http { host, port, .. }) => {
            written(host).into_iter().any(|ip| arrives(*listen, SocketAddr::new(ip, *port), false))
        }
        (Listen::Unix(listen), UpstreamAddress::Unix(server)) => same_file(listen, server),
        _ => false,
    }
}

/// Whether a connection to `target` reaches a listener. `is_local`: whether the target's address is one of this
/// machine.
pub(crate) fn arrives(listener: SocketAddr, target: SocketAddr, is_local: bool) -> bool {
    // Port 0 is replaced by a free port at the start; `app/own.rs` checks it then.
    if listener.port() != target.port() || target.port() == 0 {
        return false;
    }
    // `::ffff:127.0.0.1` is the same address as `127.0.0.1`.
    let (ours, theirs) = (listener.ip().to_canonical(), target.ip().to_canonical());
    // Linux connects to this machine for the unspecified address.
    let at_home = theirs.is_unspecified() || theirs.is_loopback() || is_local;
    match ours {
        _ if ours == theirs => true,
        // A listener on `::` also accepts IPv4, as a dual-stack socket.
        IpAddr::V6(any) if any.is_unspecified() => at_home,
        IpAddr::V4(any) if any.is_unspecified() => at_home && theirs.is_ipv4(),
        _ => theirs.is_unspecified() && ours == loopback_beside(theirs),
    }
}

fn loopback_beside(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

/// The addresses that a host denotes without a look-up: an IP address in any notation, or `localhost`.
fn written(host: &str) -> Vec<IpAddr> {
    if let Ok(ip) = host.parse() {
        return vec![ip];
    }
    // RFC 6761 section 6.3: `localhost` and the names below it are loopback addresses.
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    // The system's resolver reads `127.1` and `0x7f000001` as addresses, without a query.
    let is_number = |part: &str| {
        let digits = part.strip_prefix("0x").unwrap_or(part);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let starts_as_number = |part: &str| part.as_bytes().first().is_some_and(u8::is_ascii_digit);
    if !name.split('.').all(|part| is_number(part) && starts_as_number(part)) {
        return Vec::new();
    }
    (name.as_str(), 0).to_socket_addrs().into_iter().flatten().map(|address| address.ip()).collect()
}

/// Whether two paths lead to the same socket, also through symlinks and `..`.
fn same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| -> PathBuf {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        // The socket may not exist yet; then its folder decides.
        match (path.canonicalize(), folder, path.file_name()) {
            (Ok(path), _, _) => path,
            (Err(_), Some(folder), Some(name)) => folder.join(name),
            _ => path,
        }
    };
    real(one) == real(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::setting::Setting;

    #[test]
    fn e5_an_address_of_the_app_that_is_the_gates_own_is_known() {
        for (listen, server, own) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080", true),
            ("127.0.0.1:8080", "http://127.0.0.1:8081", false),
            ("127.0.0.1:8080", "http://127.0.0.2:8080", false),
            ("127.0.0.1:8080", "http://localhost:8080", true),
            ("127.0.0.1:8080", "http://LOCALHOST.:8080", true),
            ("127.0.0.1:8080", "http://gate.localhost:8080", true),
            ("127.0.0.1:8080", "http://0.0.0.0:8080", true),
            ("127.0.0.1:8080", "http://127.1:8080", true),
            ("127.0.0.1:8080", "http://0x7f000001:8080", true),
            ("127.0.0.1:8080", "http://2130706433:8080", true),
            ("127.0.0.1:8080", "http://[::ffff:127.0.0.1]:8080", true),
            ("127.0.0.1:80", "http://localhost", true),
            ("[::1]:8080", "http://localhost:8080", true),
            ("[::1]:8080", "http://[::]:8080", true),
            ("[::1]:8080", "http://127.0.0.1:8080", false),
            ("0.0.0.0:8080", "http://127.0.0.1:8080", true),
            ("0.0.0.0:8080", "http://127.9.9.9:8080", true),
            ("0.0.0.0:8080", "http://[::1]:8080", false),
            ("0.0.0.0:8080", "http://192.0.2.1:8080", false),
            ("[::]:8080", "http://127.0.0.1:8080", true),
            ("[::]:8080", "http://[::1]:8080", true),
            ("10.0.0.1:8080", "http://10.0.0.1:8080", true),
            ("10.0.0.1:8080", "http://localhost:8080", false),
            ("127.0.0.1:0", "http://127.0.0.1:8080", false),
            ("127.0.0.1:8080", "http://app:8080", false),
            ("127.0.0.1:8080", "http://1and1.example:8080", false),
            ("unix:/run/gate.sock", "unix:/run/gate.sock", true),
            ("unix:/run/gate.sock", "unix:/run/app.sock", false),
            ("unix:/tmp/gate.sock", "unix:/tmp/../tmp/gate.sock", true),
            ("unix:no-such-folder/gate.sock", "unix:./no-such-folder/gate.sock", true),
            ("unix:gate.sock", "unix:./gate.sock", true),
            ("unix:/run/gate.sock", "http://127.0.0.1:8080", false),
            ("", "http://127.0.0.1:8080", false),
        ] {
            let (to, from) =
                (Listen::from_text(listen).unwrap(), UpstreamAddress::from_text(server).unwrap());
            assert_eq!(is_own(&to, &from), own, "{listen} {server}");
        }
    }

    #[test]
    fn e5_a_link_to_the_gates_own_socket_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (socket, link) = (folder.path().join("gate.sock"), folder.path().join("link.sock"));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::os::unix::fs::symlink(&socket, &link).unwrap();
        assert!(is_own(&Listen::Unix(socket), &UpstreamAddress::Unix(link)));
    }

    #[test]
    fn e5_another_address_of_this_machine_arrives_at_a_listener_for_all() {
        let (target, other) = ("192.0.2.1:8080".parse().unwrap(), "127.0.0.1:8080".parse().unwrap());
        assert!(arrives("0.0.0.0:8080".parse().unwrap(), target, true));
        assert!(!arrives("0.0.0.0:8080".parse().unwrap(), target, false));
        assert!(!arrives(other, target, true));
    }
}
