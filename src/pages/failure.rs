//! The page for a browser whose request was refused before the rules, or could not be answered.

use bytes::Bytes;
use http::header::CONTENT_SECURITY_POLICY;
use serde_json::json;

use super::{answer::Answer, assets::STYLE, input::Visit, state::Pages, theme::Color, view::named};

/// The style is in the page: whatever stopped the request may stop one for the style sheet, too.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'none'";

/// What such a page tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The key of its texts, below `failure`.
    pub kind: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// The time to wait, in seconds.
    pub wait: u64,
    /// Whether the site is on the host that was asked for.
    pub is_here: bool,
    /// Whether the browser can have the logo.
    pub has_files: bool,
}

impl Pages {
    /// The page about a failure. It has no form and sets no cookie.
    #[must_use]
    pub fn failure(&self, visit: &Visit<'_>, failure: &Failure) -> http::Response<Bytes> {
        let own = || self.settings.style.as_deref().unwrap_or(STYLE);
        let color = self.settings.color.map(Color::style).unwrap_or_default();
        let brand = if failure.is_here { self.brand(visit) } else { named(visit.host) };
        let values = json!({
            "kind": failure.kind,
            "status": failure.status,
            "wait": failure.wait,
            "brand": brand,
            "has_logo": failure.has_files && self.settings.logo.is_some(),
            "has_color": false,
            "style": format!("{}{color}", own()),
            "errors": [],
            "form_token": "",
            "logout_token": "",
            "challenge": null,
            "user": null,
            "request_id": visit.request_id,
            "now": visit.now.0,
        });
        let page = match self.templates.render("failure.html", self.language(visit), values) {
            Ok(html) => Answer::page(html),
            Err(error) => self.broken(visit, &error),
        };
        page.with(CONTENT_SECURITY_POLICY, POLICY).into_response()
    }
}
