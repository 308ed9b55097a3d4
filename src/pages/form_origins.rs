//! Where a form may lead besides this host. A browser checks the policy's `form-action` for the redirects of a form's
//! answer, too (W3C Content Security Policy Level 3, `form-action`).

use super::{input::Visit, state::Pages};
use crate::accounts::host_and_port;

impl Pages {
    /// The origins that the forms of a page may lead to. `target`: where they lead in the end, if that is not a page.
    pub(super) fn form_origins(&self, visit: &Visit<'_>, target: Option<&str>) -> Vec<String> {
        let central = self.central(visit).map(str::to_owned);
        let mut origins: Vec<_> = central.into_iter().chain(target.and_then(origin)).collect();
        if target.is_some() {
            // The app may send the browser on to one of them.
            origins.extend(self.settings.redirect_hosts.iter().filter(|host| is_source(host)).cloned());
        }
        origins
    }
}

/// The origin of an absolute target, if it is nothing but a scheme, a host and a port.
fn origin(target: &str) -> Option<String> {
    let uri: http::Uri = target.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
    let (host, port) = host_and_port(uri.authority()?.as_str())?;
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{scheme}://{host}{port}"))
}

/// Whether a host can be in a policy: a `;` would end the directive.
fn is_source(host: &str) -> bool {
    !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_those_of_absolute_targets() {
        for (target, expected) in [
            ("/a", None),
            ("https://two.example", Some("https://two.example")),
            ("https://two.example?x", Some("https://two.example")),
            ("http://two.example:8080/a?b#c", Some("http://two.example:8080")),
            ("https://two.example/straße", Some("https://two.example")),
            ("https://two.example:;script-src/", None),
            ("https://two.example;x/", None),
            ("ftp://two.example/", None),
        ] {
            assert_eq!(origin(target).as_deref(), expected, "{target}");
        }
        assert!(is_source("shop.example:8443") && !is_source("shop.example;script-src") && !is_source(""));
    }
}
