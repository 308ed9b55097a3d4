//! Checks that a request comes from a page of this site, if the browser added its credential by itself (CSRF
//! protection).
//!
//! A browser adds the cookie to requests of any page, also of another site. It does the same with a name and a
//! password after a `Basic` challenge. A page cannot forge what the browser says about it: `Sec-Fetch-Site` (W3C
//! Fetch Metadata), `Origin` (RFC 6454), `Referer` (RFC 9110 section 10.1.3).

use crate::{forward::Origin, wire::RequestHead};

/// Scheme, host and port of a page.
#[derive(Debug)]
struct Site<'u> {
    scheme: &'u str,
    host: &'u str,
    port: u16,
}

/// Whether a request with this method could do harm: it changes state, or opens a tunnel.
pub(super) fn is_needed(head: &RequestHead, method: &str) -> bool {
    // A page of any site can open a WebSocket, which is a GET.
    !matches!(method, "GET" | "HEAD" | "OPTIONS") || head.websocket_key().is_some()
}

/// Whether the request comes from this site: from `origin`'s scheme and host, or from `public_url`'s. `false`
/// if the fields are missing or repeated.
pub(super) fn is_same_site(head: &RequestHead, origin: &Origin<'_>, public_url: Option<&str>) -> bool {
    let told = ["sec-fetch-site", "origin", "referer"].map(|name| only(head, name));
    let [Ok(fetch), Ok(page), Ok(referer)] = told else { return false };
    if let Some(fetch) = fetch {
        // `same-site` is not enough: another subdomain may be another site's. `none` is a page that the user
        // opened.
        return matches!(fetch, "same-origin" | "none");
    }
    let Some(from) = page.map_or_else(|| referer.and_then(Site::of_page), Site::of_origin) else {
        return false;
    };
    let here = Site::new(origin.scheme, origin.host);
    [here, public_url.and_then(Site::of_page)].iter().flatten().any(|site| site.is(&from))
}

/// Whether the browser says that a page of another site sent the request. `false` if it says nothing, or only that the
/// page keeps its address to itself (`Origin: null`): a form of this site then shows its token.
pub(super) fn is_cross_site(head: &RequestHead, origin: &Origin<'_>, public_url: Option<&str>) -> bool {
    let told = ["sec-fetch-site", "origin"].map(|name| only(head, name));
    match told {
        [Ok(None), Ok(None | Some("null"))] => false,
        [Ok(_), Ok(_)] => !is_same_site(head, origin, public_url),
        _ => true,
    }
}

/// Whether two origins, such as `https://app.example.com`, are one.
pub(super) fn is_same_origin(one: &str, other: &str) -> bool {
    let [one, other] = [one, other].map(Site::of_origin);
    one.zip(other).is_some_and(|(one, other)| one.is(&other))
}

/// Whether a program sent the request: it has no field that names a page, and a browser would have sent one. A browser
/// adds `Origin` to every request that may change something or that opens a WebSocket (RFC 6454 section 7). A page
/// can suppress all such fields of a GET, so there a browser is recognized by its `User-Agent`.
pub(super) fn is_of_a_program(head: &RequestHead) -> bool {
    let names_a_page = |name: &str| {
        ["origin", "referer"].iter().any(|own| own.eq_ignore_ascii_case(name))
            || name.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("sec-fetch-"))
    };
    if head.fields().any(|field| names_a_page(field.name)) {
        return false;
    }
    let is_browser = || {
        let agent = head.field("user-agent").unwrap_or_default();
        agent.get(..8).is_some_and(|start| start.eq_ignore_ascii_case(b"mozilla/"))
    };
    is_needed(head, head.method()) || !is_browser()
}

/// The value of a field that may occur once. `Err` if it is repeated or not UTF-8.
fn only<'h>(head: &'h RequestHead, name: &str) -> Result<Option<&'h str>, ()> {
    let mut values =
        head.fields().filter(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => str::from_utf8(value).map(Some).map_err(|_| ()),
        (Some(_), Some(_)) => Err(()),
    }
}

impl<'u> Site<'u> {
    fn new(scheme: &'u str, authority: &'u str) -> Option<Self> {
        let usual = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port),
            _ => (authority, ""),
        };
        let port = if port.is_empty() { Some(usual) } else { port.parse().ok() };
        // With user information the host of a URL is not the first text behind `//`.
        (!host.is_empty() && !host.contains('@')).then_some(Self { scheme, host, port: port? })
    }

    /// Parses `scheme://authority` and nothing else: not `null`, not a list.
    fn of_origin(text: &'u str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        if authority.contains(['/', '?', '#', ' ', ',']) { None } else { Self::new(scheme, authority) }
    }

    fn of_page(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        Self::new(scheme, rest.split(['/', '?', '#']).next()?)
    }

    fn is(&self, other: &Self) -> bool {
        self.scheme.eq_ignore_ascii_case(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port == other.port
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, net::IpAddr};

    use super::*;
    use crate::wire::{HeadLimits, Scan};

    fn head(line: &str, fields: &str) -> RequestHead {
        let mut head = RequestHead::default();
        let text = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let scan = head.scan(text.as_bytes(), &HeadLimits { bytes: 4096, fields: 64 }).unwrap();
        assert!(matches!(scan, Scan::Complete(_)), "{text}");
        head
    }

    fn from_here(scheme: &str, host: &str, public_url: Option<&str>, fields: &str) -> bool {
        let peer = IpAddr::from([127, 0, 0, 1]);
        let origin =
            Origin { chain: Cow::Borrowed(""), peer, peer_text: &peer.into(), scheme, host, is_proxy: false };
        is_same_site(&head("POST /", fields), &origin, public_url)
    }

    #[test]
    fn c1_what_the_browser_says_decides() {
        for (fields, is_same) in [
            ("", false),
            ("Sec-Fetch-Site: same-origin\r\n", true),
            ("Sec-Fetch-Site: none\r\n", true),
            ("Sec-Fetch-Site: same-site\r\n", false),
            ("Sec-Fetch-Site: cross-site\r\n", false),
            ("Sec-Fetch-Site: Same-Origin\r\n", false),
            ("Sec-Fetch-Site: same-origin, none\r\n", false),
            ("Sec-Fetch-Site:\r\n", false),
            ("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: same-origin\r\n", false),
            ("Sec-Fetch-Site: cross-site\r\nOrigin: http://shop.test\r\n", false),
            ("Sec-Fetch-Site: same-origin\r\nOrigin: https://shop.test\r\n", true),
            ("Origin: http://shop.test\r\n", true),
            ("Origin: http://SHOP.test:80\r\n", true),
            ("Origin: http://shop.test\r\nReferer: http://evil.test/\r\n", true),
            ("Origin: https://shop.test\r\n", false),
            ("Origin: http://shop.test:8080\r\n", false),
            ("Origin: http://shop.test.evil\r\n", false),
            ("Origin: http://evil.test\r\n", false),
            ("Origin: http://evil.test\r\nReferer: http://shop.test/\r\n", false),
            ("Origin: null\r\n", false),
            ("Origin: null\r\nReferer: http://shop.test/\r\n", false),
            ("Origin:\r\nReferer: http://shop.test/\r\n", false),
            ("Origin: http://shop.test http://evil.test\r\n", false),
            ("Origin: http://shop.test, http://evil.test\r\n", false),
            ("Origin: http://shop.test\r\nOrigin: http://shop.test\r\n", false),
            ("Origin: http://shop.test/\r\n", false),
            ("Origin: shop.test\r\n", false),
            ("Referer: http://shop.test/cart?x=1\r\n", true),
            ("Referer: http://shop.test\r\n", true),
            ("Referer: http://shop.test?x\r\n", true),
            ("Referer: http://shop.test:81/\r\n", false),
            ("Referer: https://shop.test/\r\n", false),
            ("Referer: http://evil.test/http://shop.test/\r\n", false),
            ("Referer: http://shop.test@evil.test/\r\n", false),
            ("Referer: http://x@shop.test/\r\n", false),
            ("Referer: http://evil.test#http://shop.test/\r\n", false),
            ("Referer: /cart\r\n", false),
            ("Referer: http://shop.test/\r\nReferer: http://shop.test/\r\n", false),
        ] {
            assert_eq!(from_here("http", "shop.test", None, fields), is_same, "{fields}");
        }
    }

    #[test]
    fn c1_this_site_is_the_host_that_was_asked_for_and_the_public_one() {
        for (scheme, host, public_url, fields, is_same) in [
            ("https", "shop.test", None, "Origin: https://shop.test:443\r\n", true),
            ("https", "shop.test:8443", None, "Origin: https://shop.test:8443\r\n", true),
            ("https", "shop.test:8443", None, "Origin: https://shop.test\r\n", false),
            ("http", "[::1]:8080", None, "Origin: http://[::1]:8080\r\n", true),
            ("http", "[::1]", None, "Origin: http://[::1]\r\n", true),
            ("http", "127.0.0.1:8080", Some("https://shop.test"), "Origin: https://shop.test\r\n", true),
            (
                "http",
                "127.0.0.1:8080",
                Some("https://shop.test/base"),
                "Referer: https://shop.test/x\r\n",
                true,
            ),
            ("http", "127.0.0.1:8080", Some("https://shop.test"), "Origin: http://shop.test\r\n", false),
        ] {
            assert_eq!(
                from_here(scheme, host, public_url, fields),
                is_same,
                "{host} {public_url:?}: {fields}"
            );
        }
    }

    #[test]
    fn c1_a_program_says_nothing_of_a_page_and_is_no_browser() {
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let browser = "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n";
        for (method, fields, is_program) in [
            ("POST", "", true),
            ("POST", "User-Agent: git/2.47.1\r\n", true),
            // PowerShell calls itself so, and a browser would have sent `Origin`.
            ("POST", browser, true),
            ("DELETE", browser, true),
            ("GET", "User-Agent: git/2.47.1\r\n", true),
            ("GET", "", true),
            ("GET", browser, false),
            ("HEAD", "user-agent: mozilla/5.0\r\n", false),
            ("OPTIONS", browser, false),
            ("GET", &format!("{browser}{upgrade}"), true),
            ("POST", "Origin: null\r\n", false),
            ("POST", "Origin:\r\n", false),
            ("POST", "Referer: http://shop.test/\r\n", false),
            ("POST", "Sec-Fetch-Site: none\r\n", false),
            ("POST", "Sec-Fetch-Mode: cors\r\n", false),
            ("POST", "sec-fetch-dest: document\r\n", false),
            ("GET", &format!("{upgrade}Origin: http://evil.test\r\n"), false),
        ] {
            assert_eq!(
                is_of_a_program(&head(&format!("{method} /"), fields)),
                is_program,
                "{method}: {fields}"
            );
        }
    }

    #[test]
    fn c1_only_what_reads_needs_no_such_word() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(!is_needed(&head(&format!("{method} /"), ""), method), "{method}");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "PROPFIND", "QUERY", "MOVE"] {
            assert!(is_needed(&head(&format!("{method} /"), ""), method), "{method}");
            assert!(is_needed(&head("GET /", ""), method), "an override: {method}");
        }
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        assert!(is_needed(&head("GET /", upgrade), "GET"));
    }
}
