//! Forms: their fields, and what makes sure that they come from here.

use std::borrow::Cow;

use http::header::CONTENT_TYPE;
use subtle::ConstantTimeEq;

use super::{
    cookies::Browser,
    form_key::Bound,
    input::Visit,
    notice::{Notice, Notices},
    state::Pages,
};
use crate::qs;

/// The name of the token's field.
const TOKEN: &str = "form_token";

/// The fields of a form.
#[derive(Debug, Default)]
pub(super) struct Form<'v> {
    pairs: Vec<(Cow<'v, str>, Cow<'v, str>)>,
}

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Another site has sent it.
    CrossSite,
    /// It is no form.
    NotAForm,
    /// The browser sent no cookie: it takes none.
    NoCookie,
    /// The token is not that of this browser and session: the page is from before a restart, or of another login.
    Stale,
}

impl From<Refused> for Notices {
    fn from(refused: Refused) -> Self {
        let (status, key) = match refused {
            Refused::CrossSite => (403, "error.cross_site"),
            Refused::NotAForm => (415, "error.no_form"),
            Refused::NoCookie => (403, "error.no_cookie"),
            Refused::Stale => (403, "error.stale"),
        };
        Notice::new(status, key).into()
    }
}

impl Pages {
    /// The fields of a form, and why it is not taken, if it is not: the page then shows it again.
    pub(super) fn form_or<'v>(&self, visit: &Visit<'v>, bound: Bound<'_>) -> (Form<'v>, Option<Notices>) {
        match self.form(visit, bound) {
            Ok(form) => (form, None),
            Err(refused) => (Form::read(visit).unwrap_or_default(), Some(refused.into())),
        }
    }

    /// The fields of a form that this browser has got from here.
    pub(super) fn form<'v>(&self, visit: &Visit<'v>, bound: Bound<'_>) -> Result<Form<'v>, Refused> {
        if visit.is_cross_site {
            return Err(Refused::CrossSite);
        }
        let form = Form::read(visit)?;
        let browser = Browser::read(visit).ok_or(Refused::NoCookie)?;
        let expected = self.shared.key.token(&browser, bound);
        let is_ours = expected.as_bytes().ct_eq(form.text(TOKEN).as_bytes()).into();
        if is_ours && !expected.is_empty() { Ok(form) } else { Err(Refused::Stale) }
    }
}

impl<'v> Form<'v> {
    /// The fields of a body, whatever its token.
    pub(super) fn read(visit: &Visit<'v>) -> Result<Self, Refused> {
        let kind = visit.header(&CONTENT_TYPE).unwrap_or_default();
        let essence = kind.split(';').next().unwrap_or_default().trim();
        // A page of another site can send the two other types of a form without a preflight, and JSON in the name of a
        // field. None of them is read.
        if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refused::NotAForm);
        }
        let text = std::str::from_utf8(visit.body).map_err(|_| Refused::NotAForm)?;
        let pairs = text.split('&').take(MAX_FIELDS).filter_map(|pair| pair.split_once('='));
        Ok(Self { pairs: pairs.map(|(name, value)| (qs::decode(name), qs::decode(value))).collect() })
    }

    /// The first value of a field; empty if it is missing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.pairs.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// Whether a box is ticked.
    pub(super) fn is_on(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }
}

/// More fields than any form has, with those of an app's own properties.
const MAX_FIELDS: usize = 120;

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::pages::testing::visit;

    fn read(kind: &str, body: &str) -> Result<(String, bool), Refused> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        let visit = Visit { headers: &headers, body: body.as_bytes(), ..visit() };
        Form::read(&visit).map(|form| (form.text("name").to_owned(), form.is_on("box")))
    }

    #[test]
    fn forms_alone_are_read() {
        let kind = "application/x-www-form-urlencoded";
        for (kind, body, expected) in [
            (kind, "name=a+b%C3%A9&box=on", Ok(("a bé".to_owned(), true))),
            (
                "Application/X-WWW-Form-Urlencoded; charset=utf-8",
                "name=1&name=2",
                Ok(("1".to_owned(), false)),
            ),
            (kind, "", Ok((String::new(), false))),
            (kind, "name=%zz", Ok(("%zz".to_owned(), false))),
            ("text/plain", "name=1", Err(Refused::NotAForm)),
            ("multipart/form-data", "name=1", Err(Refused::NotAForm)),
            ("application/json", "{}", Err(Refused::NotAForm)),
        ] {
            assert_eq!(read(kind, body), expected, "{kind} {body}");
        }
    }
}
