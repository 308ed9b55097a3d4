//! What a browser that navigates shows of a refusal: the texts of the pages (`pages/failure.rs`), or a page without them.

use super::{ErrorBody, Refusal};

impl Refusal {
    /// The kind of failure that a page tells, a key of its texts; `None` for denials, which lead to the login or have a page
    /// of their own.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::Denied { status: 404, .. } | Self::NothingHere => "missing",
            Self::Denied { .. } | Self::TokenExpired | Self::TokenUnusable | Self::UntrustedPeer => {
                return None;
            }
            Self::BadRequest { .. } | Self::BadEscape(_) | Self::TwoUsers | Self::PlainHttp => "bad",
            Self::Misdirected => "connection",
            Self::UnknownHost => "host",
            Self::HeadTooSlow | Self::BodyTooSlow => "slow",
            Self::BodyTooLarge => "large",
            Self::CrossSite | Self::ForeignOrigin => "foreign",
            Self::TooMany(_) => "many",
            Self::StoreDown | Self::OwnerUnknown | Self::Overloaded => "busy",
            Self::AppDown | Self::Loop => "down",
            Self::AppTooSlow => "late",
            Self::Internal => "internal",
        })
    }
}

impl ErrorBody {
    /// The page where no pages are on: in English, and without a file beside it.
    pub(super) fn page(&self, request_id: &str) -> String {
        let title = match self.status {
            401 => "Please sign in",
            403 => "You may not do this",
            404 => "Not found",
            413 => "That was too large",
            421 => "Nothing here has this name",
            429 => "Too many requests",
            502 | 504 | 508 => "The application does not answer",
            503 => "This site is busy",
            500 => "Something went wrong",
            _ => "This request was refused",
        };
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title}</title><style>body{{font:1.1em/1.5 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em}}\
             small{{color:#666}}</style></head><body><h1>{title}</h1><p>{}</p><p><small>{} · request {}</small></p></body></html>\n",
            escape(&sentence(&self.message)),
            self.status,
            escape(request_id)
        )
    }
}

/// A message as a sentence: messages of the API begin with a small letter and have no full stop.
fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_sentence() {
        for (message, expected) in [
            ("there is nothing here", "There is nothing here."),
            ("Access Denied", "Access Denied."),
            ("é.", "É."),
            ("", "."),
        ] {
            assert_eq!(sentence(message), expected);
        }
    }
}
