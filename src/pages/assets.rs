//! Files of the pages: the style sheet, the colour, the logo, the script of challenges.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use sha2::{Digest, Sha256};

use super::{answer::Answer, input::Visit, state::Pages};
use crate::encoding::hex;

/// The folder of all assets, below the root of the pages.
pub(super) const FOLDER: &str = "assets/";

const ICON: &str = include_str!("assets/icon.svg");

const CHECK: &str = include_str!("assets/check.js");

pub(super) const STYLE: &str = include_str!("assets/style.css");

/// Whether this is the name of a file, below the root of the pages.
pub(super) fn is_asset(name: &str) -> bool {
    let file = name.strip_prefix(FOLDER).unwrap_or_default();
    ["style.css", "check.js", "icon.svg", "color.css", "logo"].contains(&file)
}

impl Pages {
    /// A file by its path. Browsers ask each time whether it has changed.
    pub(super) fn asset(&self, visit: &Visit<'_>, name: &str) -> Answer {
        let css = "text/css; charset=utf-8";
        let found = match name.strip_prefix(FOLDER).unwrap_or_default() {
            "style.css" => {
                let own = self.settings.style.as_ref().map(|style| Bytes::from(style.clone()));
                Some((css, own.unwrap_or(Bytes::from_static(STYLE.as_bytes()))))
            }
            "check.js" => Some(("text/javascript; charset=utf-8", Bytes::from_static(CHECK.as_bytes()))),
            "icon.svg" => Some(("image/svg+xml", Bytes::from_static(ICON.as_bytes()))),
            "color.css" => self.settings.color.map(|color| (css, color.style().into())),
            "logo" => self.settings.logo.as_ref().map(|logo| (logo.media_type, logo.bytes.clone())),
            _ => None,
        };
        let Some((media_type, bytes)) = found else { return self.message(visit, "nothing") };
        let digest = hex(Sha256::digest(&bytes));
        let tag = format!("\"{}\"", digest.get(..16).unwrap_or_default());
        let known = visit.header(&IF_NONE_MATCH);
        let is_known =
            known.is_some_and(|tags| tags.split(',').any(|own| own.trim() == tag || own.trim() == "*"));
        let answer = if is_known { Answer::bytes(Bytes::new()).status(304) } else { Answer::bytes(bytes) };
        // An SVG that is opened by itself must not run a script.
        let policy = "default-src 'none'; sandbox";
        answer
            .with(CONTENT_TYPE, media_type)
            .with(ETAG, &tag)
            .with(CACHE_CONTROL, "no-cache")
            .with(CONTENT_SECURITY_POLICY, policy)
    }
}
