//! Addresses: listeners, servers of the app, trusted networks, URLs.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use http::HeaderName;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::{
    finding::ValueError,
    setting::{Setting, Written, refused_value, wrong_type, wrong_value},
    settings::{CorsOrigins, Listen, UpstreamAddress, UpstreamScheme},
};

/// `http://host` or `https://host` with an optional path, without a trailing slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebAddress(pub(crate) String);

/// As [`WebAddress`], with an optional query, and unchanged: the URL that events are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HookAddress(pub(crate) String);

/// The path prefix of the API without a trailing slash: `/api`, or an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiRoot(pub(crate) String);

/// A segment of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment(pub(crate) String);

/// A path of the app: `/health`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetPath(pub(crate) String);

/// The name of a header or a cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldName(pub(crate) String);

impl Listen {
    /// Resolves a relative path against `base`.
    pub(crate) fn based(self, base: &Path) -> Self {
        if let Self::Unix(path) = self { Self::Unix(base.join(path)) } else { self }
    }
}

impl UpstreamAddress {
    /// Resolves a relative path against `base`.
    pub(crate) fn based(self, base: &Path) -> Self {
        if let Self::Unix(path) = self { Self::Unix(base.join(path)) } else { self }
    }
}

/// The address as it was written.
impl fmt::Display for UpstreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { scheme, authority, .. } => write!(f, "{}://{authority}", scheme.name()),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Setting for SocketAddr {
    fn wanted() -> String {
        "an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        // The standard parser accepts IP addresses only, and `localhost` needs no resolver.
        if let Some(port) = text.strip_prefix("localhost:").and_then(port) {
            return Ok(Self::from((Ipv4Addr::LOCALHOST, port)));
        }
        text.parse().map_err(|_| wrong_value::<Self>(text))
    }
}

impl Setting for Listen {
    fn wanted() -> String {
        format!("{}, or \"unix:/path\", or \"\" for off", SocketAddr::wanted())
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        match text.strip_prefix("unix:") {
            _ if text.is_empty() => Ok(Self::Off),
            Some(path) => socket_path(path).map(Self::Unix).ok_or_else(|| wrong_value::<Self>(text)),
            None => SocketAddr::from_text(text).map(Self::Tcp).map_err(|_| wrong_value::<Self>(text)),
        }
    }
}

impl Setting for UpstreamAddress {
    fn wanted() -> String {
        "\"http://host:port\", \"https://host:port\", \"h2c://host:port\", \"h2://host:port\" or \"unix:/path\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return socket_path(path).map(Self::Unix).ok_or_else(|| wrong_value::<Self>(text));
        }
        let schemes = [
            ("http://", UpstreamScheme::Http),
            ("https://", UpstreamScheme::Https),
            ("h2c://", UpstreamScheme::H2c),
            ("h2://", UpstreamScheme::H2),
        ];
        let found = schemes.iter().find_map(|(prefix, scheme)| Some((*scheme, text.strip_prefix(prefix)?)));
        let Some((scheme, rest)) = found else { return Err(wrong_value::<Self>(text)) };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            let reason = "a path is not added, because the path that is judged is the path that is forwarded";
            return Err(refused_value(text, reason, "write the address without a path"));
        }
        let found = host_and_port(authority, scheme.default_port());
        let (host, port) = found.ok_or_else(|| wrong_value::<Self>(text))?;
        Ok(Self::Http { scheme, authority: authority.to_owned(), host: host.to_owned(), port })
    }
}

impl Setting for IpNet {
    fn wanted() -> String {
        "a network such as \"10.0.0.0/8\", or one address".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        let net: Self = text.parse().map_err(|_| wrong_value::<Self>(text))?;
        // `10.0.0.1/8` may mean the network or the address. A wrong guess would trust a whole network.
        if net == net.trunc() {
            return Ok(net);
        }
        let fix =
            format!("write \"{}\" for the network or \"{}\" for the one address", net.trunc(), net.addr());
        Err(refused_value(text, "it has bits set behind its prefix", &fix))
    }
}

impl Setting for WebAddress {
    fn wanted() -> String {
        "an address such as \"https://id.example.com\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        // Without the trailing slash, because paths are appended that begin with one.
        let valid = is_web_address(text, is_path_byte);
        if valid { Ok(Self(text.trim_end_matches('/').to_owned())) } else { Err(wrong_value::<Self>(text)) }
    }
}

impl Setting for HookAddress {
    fn wanted() -> String {
        "an address such as \"https://app.example.com/events\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        if is_web_address(text, is_target_byte) {
            Ok(Self(text.to_owned()))
        } else {
            Err(wrong_value::<Self>(text))
        }
    }
}

impl Setting for ApiRoot {
    fn wanted() -> String {
        "a path such as \"/api\", in plain characters".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let valid = text.starts_with('/') && path.split('/').skip(1).all(is_segment);
        if valid { Ok(Self(path.to_owned())) } else { Err(wrong_value::<Self>(text)) }
    }
}

impl Setting for Segment {
    fn wanted() -> String {
        "one word of a path, such as \"users\", in plain characters".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        if is_segment(text) { Ok(Self(text.to_owned())) } else { Err(wrong_value::<Self>(text)) }
    }
}

impl Setting for TargetPath {
    fn wanted() -> String {
        "a path such as \"/health\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let valid = text.starts_with('/') && text.bytes().all(is_target_byte);
        if valid { Ok(Self(text.to_owned())) } else { Err(wrong_value::<Self>(text)) }
    }
}

impl Setting for FieldName {
    fn wanted() -> String {
        "a name such as \"X-Token\"".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let name = HeaderName::try_from(text);
        name.map(|_| Self(text.to_owned())).map_err(|_| wrong_value::<Self>(text))
    }
}

/// Accepts `"*"`, `"reflect"`, or a list of origins.
impl Setting for CorsOrigins {
    fn wanted() -> String {
        "\"*\", \"reflect\", or a list of origins such as [\"https://app.example.com\"]".to_owned()
    }

    fn shape() -> Value {
        let list = json!({"type": "array", "items": {"type": "string"}});
        json!({"anyOf": [{"type": "string", "enum": ["*", "reflect", ""]}, list]})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        match text {
            "*" => Ok(Self::Any),
            "reflect" => Ok(Self::Reflect),
            list => list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(origin).collect(),
        }
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        let one = |written: &Written| match written {
            Written::Text(text) => origin(text),
            other => Err(wrong_type::<Self>(other)),
        };
        match written {
            Written::Word(text) | Written::Text(text) => Self::from_text(text),
            Written::List(items) => match items.as_slice() {
                [only] if matches!(&only.written, Written::Text(text) if text == "*" || text == "reflect") => {
                    Self::from_written(&only.written)
                }
                items => items.iter().map(|item| one(&item.written)).collect(),
            },
            other => Err(wrong_type::<Self>(other)),
        }
    }
}

impl FromIterator<String> for CorsOrigins {
    fn from_iter<I: IntoIterator<Item = String>>(origins: I) -> Self {
        let origins: Vec<String> = origins.into_iter().collect();
        if origins.is_empty() { Self::Off } else { Self::Listed(origins) }
    }
}

fn origin(text: &str) -> Result<String, ValueError> {
    match WebAddress::from_text(text) {
        // An `Origin` has no path and no trailing slash (RFC 6454 section 6.2): another entry would match no request.
        Ok(WebAddress(address)) if address == text && address.matches('/').count() == 2 => Ok(address),
        _ => Err(wrong_value::<CorsOrigins>(text)),
    }
}

fn socket_path(path: &str) -> Option<PathBuf> {
    (!path.is_empty() && !path.contains('\0')).then(|| PathBuf::from(path))
}

fn port(text: &str) -> Option<u16> {
    // `parse` alone accepts a sign: `+80`.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The host (an IPv6 address without its brackets) and the port of an authority without user information.
fn host_and_port(authority: &str, default: u16) -> Option<(&str, u16)> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inner) => {
            let (host, rest) = inner.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest)
        }
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let valid = !host.is_empty() && (authority.starts_with('[') || host.bytes().all(named));
    let port = match rest.strip_prefix(':') {
        // Nothing can be reached at port 0.
        Some(digits) => port(digits).filter(|port| *port > 0)?,
        None if rest.is_empty() => default,
        None => return None,
    };
    valid.then_some((host, port))
}

fn is_segment(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    // Clients resolve `.` and `..` before they send a path (RFC 3986 section 5.2.4), so that no request would match.
    !text.is_empty() && text.bytes().all(plain) && text != "." && text != ".."
}

fn is_web_address(text: &str, allowed: fn(u8) -> bool) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    host_and_port(authority, 0).is_some() && path.bytes().all(allowed)
}

fn is_target_byte(byte: u8) -> bool {
    is_path_byte(byte) || b"?%".contains(&byte)
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn listeners() {
        let tcp = |text: &str| Some(Listen::Tcp(text.parse().unwrap()));
        for (text, expected) in [
            ("", Some(Listen::Off)),
            ("127.0.0.1:8080", tcp("127.0.0.1:8080")),
            ("0.0.0.0:0", tcp("0.0.0.0:0")),
            ("[::1]:80", tcp("[::1]:80")),
            ("localhost:80", tcp("127.0.0.1:80")),
            ("unix:/run/p.sock", Some(Listen::Unix("/run/p.sock".into()))),
            ("unix:", None),
            ("localhost", None),
            ("localhost:+80", None),
            ("8080", None),
            (":8080", None),
            ("127.0.0.1", None),
            ("127.0.0.1:65536", None),
            ("example.com:80", None),
            ("http://127.0.0.1:80", None),
        ] {
            assert_eq!(Listen::from_text(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn servers_of_the_app() {
        let http = |authority: &str, host: &str, port| {
            let (authority, host) = (authority.to_owned(), host.to_owned());
            Some(UpstreamAddress::Http { scheme: UpstreamScheme::Http, authority, host, port })
        };
        let https = |authority: &str, host: &str, port| {
            let (authority, host) = (authority.to_owned(), host.to_owned());
            Some(UpstreamAddress::Http { scheme: UpstreamScheme::Https, authority, host, port })
        };
        let http2 = |scheme, authority: &str, host: &str, port| {
            let (authority, host) = (authority.to_owned(), host.to_owned());
            Some(UpstreamAddress::Http { scheme, authority, host, port })
        };
        for (text, expected) in [
            ("http://127.0.0.1:3000", http("127.0.0.1:3000", "127.0.0.1", 3000)),
            ("http://app", http("app", "app", 80)),
            ("http://my_app.local:1/", http("my_app.local:1", "my_app.local", 1)),
            ("http://[::1]:3000", http("[::1]:3000", "::1", 3000)),
            ("http://[::1]", http("[::1]", "::1", 80)),
            ("unix:/run/app.sock", Some(UpstreamAddress::Unix("/run/app.sock".into()))),
            ("unix:", None),
            ("http://", None),
            ("http:///", None),
            ("http://app:", None),
            ("http://app:0", None),
            ("http://app:65536", None),
            ("http://app:80:80", None),
            ("http://user:hush@app", None),
            ("http://app/base", None),
            ("http://app?x", None),
            ("http://app#x", None),
            ("http://a b", None),
            ("http://bücher.example", None),
            ("http://[::1", None),
            ("http://[app]:80", None),
            ("http://::1:80", None),
            ("https://app", https("app", "app", 443)),
            ("https://[::1]:8443/", https("[::1]:8443", "::1", 8443)),
            ("https://app/base", None),
            ("HTTPS://app", None),
            ("h2c://app:50051", http2(UpstreamScheme::H2c, "app:50051", "app", 50051)),
            ("h2c://app/base", None),
            ("H2C://app", None),
            ("h2://app:50051", http2(UpstreamScheme::H2, "app:50051", "app", 50051)),
            ("h2://app", http2(UpstreamScheme::H2, "app", "app", 443)),
            ("h2://app/base", None),
            ("h2:app", None),
            ("HTTP://app", None),
            ("app:80", None),
        ] {
            assert_eq!(UpstreamAddress::from_text(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn networks() {
        for (text, expected) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("192.0.2.7", Some("192.0.2.7/32")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("::1", Some("::1/128")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("10.0.0.1/8", None),
            ("10.0.0.0/33", None),
            ("10.0.0", None),
            ("localhost", None),
        ] {
            assert_eq!(IpNet::from_text(text).ok().map(|net| net.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn web_addresses() {
        for (text, expected) in [
            ("https://id.example.com", Some("https://id.example.com")),
            ("http://localhost:8080/", Some("http://localhost:8080")),
            ("https://a/base/", Some("https://a/base")),
            ("https://[::1]:8443", Some("https://[::1]:8443")),
            ("https://", None),
            ("https:///", None),
            ("https://a?b", None),
            ("https://a/?b", None),
            ("https://a/%2f", None),
            ("https://u:hush@a", None),
            ("//a", None),
            ("ftp://a", None),
            ("a", None),
        ] {
            assert_eq!(WebAddress::from_text(text).ok().map(|found| found.0).as_deref(), expected, "{text}");
        }
        let hook = "https://a/hook/?key=%20";
        assert_eq!(HookAddress::from_text(hook), Ok(HookAddress(hook.to_owned())));
    }

    #[test]
    fn paths() {
        let root = |text: &str| ApiRoot::from_text(text).ok().map(|found| found.0);
        for (text, expected) in [
            ("/api", Some("/api")),
            ("/api/", Some("/api")),
            ("/api/v1", Some("/api/v1")),
            ("/", Some("")),
            ("", None),
            ("api", None),
            ("//", None),
            ("/api//v1", None),
            ("/a/../b", None),
            ("/%61pi", None),
            ("/api?x", None),
        ] {
            assert_eq!(root(text).as_deref(), expected, "{text}");
        }
        assert!(Segment::from_text("users").is_ok());
        for text in ["", ".", "..", "a/b", "a%20", "ü"] {
            assert!(Segment::from_text(text).is_err(), "{text}");
        }
        assert!(TargetPath::from_text("/health?deep=1").is_ok());
        assert!(TargetPath::from_text("health").is_err() && TargetPath::from_text("/a b").is_err());
        assert!(FieldName::from_text("X-Token").is_ok());
        assert!(FieldName::from_text("").is_err() && FieldName::from_text("a b").is_err());
    }

    #[test]
    fn origins() {
        let list =
            |items: &[&str]| Some(CorsOrigins::Listed(items.iter().map(|item| (*item).to_owned()).collect()));
        for (text, expected) in [
            ("", Some(CorsOrigins::Off)),
            ("*", Some(CorsOrigins::Any)),
            ("reflect", Some(CorsOrigins::Reflect)),
            ("https://a.example, http://b:1", list(&["https://a.example", "http://b:1"])),
            ("https://a.example/", None),
            ("https://a.example/x", None),
            ("a.example", None),
            ("https://a.example,*", None),
        ] {
            assert_eq!(CorsOrigins::from_text(text).ok(), expected, "{text}");
        }
        let written = |items: &[&str]| {
            let located = |text: &&str| crate::config::setting::Located {
                written: Written::Text((*text).to_owned()),
                place: crate::config::finding::Place::Default,
            };
            CorsOrigins::from_written(&Written::List(items.iter().map(located).collect())).ok()
        };
        assert_eq!(written(&[]), Some(CorsOrigins::Off));
        assert_eq!(written(&["*"]), Some(CorsOrigins::Any));
        assert_eq!(written(&["reflect"]), Some(CorsOrigins::Reflect));
        assert_eq!(written(&["https://a"]), list(&["https://a"]));
        assert_eq!(written(&["https://a", "*"]), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_them_panic(text in "(http://|https://|unix:|/)?\\PC{0,12}") {
            let _ = (Listen::from_text(&text), UpstreamAddress::from_text(&text), WebAddress::from_text(&text));
            let _ = (ApiRoot::from_text(&text), CorsOrigins::from_text(&text), IpNet::from_text(&text));
        }
    }
}
