//! What pages of other origins may do (`[cors]`; Fetch Standard, "HTTP CORS protocol").

use http::{HeaderMap, HeaderValue, header};

use super::same_site;

/// `[cors]`, where it is on.
#[derive(Clone, Debug)]
pub struct Cors {
    /// The origins whose pages may read answers.
    pub origins: Origins,
    /// Whether they may also send cookies.
    pub credentials: bool,
}

/// The origins whose pages may read answers.
#[derive(Clone, Debug)]
pub enum Origins {
    /// All (`*`).
    Any,
    /// All, by the name that the request has.
    Reflect,
    /// These.
    Listed(Vec<String>),
}

impl Cors {
    /// The fields of every answer to a request with this `Origin`.
    pub(super) fn fields(&self, origin: Option<&[u8]>) -> HeaderMap {
        let mut fields = HeaderMap::new();
        if !matches!(self.origins, Origins::Any) {
            // A cache must not give one origin's answer to another, nor to a request without an origin.
            fields.insert(header::VARY, HeaderValue::from_static("Origin"));
        }
        let Some(allowed) = self.allowed(origin) else { return fields };
        fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            fields.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        fields
    }

    /// The value of `Access-Control-Allow-Origin`; `None` = pages of the origin may not read the answer.
    pub(super) fn allowed(&self, origin: Option<&[u8]>) -> Option<HeaderValue> {
        let origin = origin?;
        match &self.origins {
            Origins::Any => Some(HeaderValue::from_static("*")),
            Origins::Reflect => HeaderValue::from_bytes(origin).ok(),
            Origins::Listed(listed) => {
                let text = str::from_utf8(origin).ok()?;
                let is_listed = listed.iter().any(|one| same_site::is_same_origin(one, text));
                is_listed.then(|| HeaderValue::from_str(text).ok()).flatten()
            }
        }
    }

    /// Whether pages of this origin may act by a cookie. Not where every origin is reflected: any site could.
    pub(super) fn trusts(&self, origin: &[u8]) -> bool {
        self.credentials && matches!(self.origins, Origins::Listed(_)) && self.allowed(Some(origin)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(origins: Origins, credentials: bool, origin: Option<&str>) -> Vec<String> {
        let fields = Cors { origins, credentials }.fields(origin.map(str::as_bytes));
        fields.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    fn listed() -> Origins {
        Origins::Listed(vec!["https://app.test".to_owned(), "http://localhost:3000".to_owned()])
    }

    #[test]
    fn all_origins_are_a_star_and_never_with_cookies_of_one() {
        assert_eq!(told(Origins::Any, false, None), Vec::<String>::new());
        assert_eq!(told(Origins::Any, false, Some("https://x.test")), ["access-control-allow-origin: *"]);
    }

    #[test]
    fn a_reflected_origin_is_told_as_it_came() {
        for origin in ["https://x.test", "null", "http://localhost:1"] {
            let told = told(Origins::Reflect, true, Some(origin));
            let allowed = format!("access-control-allow-origin: {origin}");
            assert_eq!(told, ["vary: Origin", &allowed, "access-control-allow-credentials: true"]);
        }
        assert_eq!(told(Origins::Reflect, true, None), ["vary: Origin"]);
    }

    #[test]
    fn a_list_is_compared_by_scheme_host_and_port() {
        for (origin, allowed) in [
            ("https://app.test", true),
            ("https://app.test:443", true),
            ("HTTPS://APP.TEST", true),
            ("http://localhost:3000", true),
            ("http://app.test", false),
            ("https://app.test:8443", false),
            ("https://app.test.evil.test", false),
            ("https://evil.test/https://app.test", false),
            ("https://app.test@evil.test", false),
            ("https://app.test, https://evil.test", false),
            ("null", false),
            ("", false),
        ] {
            let told = told(listed(), false, Some(origin));
            assert_eq!(told.len() == 2, allowed, "{origin}: {told:?}");
            assert_eq!(told[0], "vary: Origin");
        }
    }

    #[test]
    fn only_listed_origins_may_act_by_a_cookie() {
        let trusts = |origins, credentials| Cors { origins, credentials }.trusts(b"https://app.test");
        assert!(trusts(listed(), true));
        assert!(!trusts(listed(), false));
        assert!(!trusts(Origins::Reflect, true));
        assert!(!trusts(Origins::Any, true));
        assert!(!Cors { origins: listed(), credentials: true }.trusts(b"https://evil.test"));
    }
}
