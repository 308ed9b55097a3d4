//! The settings of the pages: `[pages]` in docs/settings.md.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{sites::Sites, theme::Color};
use crate::templates::Language;

/// The settings of the pages.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the site; `None` = the host of the request.
    pub title: Option<String>,
    /// The languages, the preferred one first.
    pub languages: Vec<Language>,
    /// Whether visitors may register.
    pub register: bool,
    /// Whether the links of mails are sent: by the gate, or by the app that takes the events.
    pub sends_mail: bool,
    /// The colour of buttons and links; `None` = the one of the style sheet.
    pub color: Option<Color>,
    /// The logo beside the title.
    pub logo: Option<Logo>,
    /// Templates that replace built-in ones, by name.
    pub templates: BTreeMap<String, String>,
    /// A style sheet that replaces the built-in one.
    pub style: Option<String>,
    /// The hosts that share a login; `None` = each has its own.
    pub sites: Option<Sites>,
    /// Hosts that a login may lead to, besides this one.
    pub redirect_hosts: Vec<String>,
}

/// An image file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// The file.
    pub bytes: Bytes,
    /// Its media type.
    pub media_type: &'static str,
}

impl Logo {
    /// An image by the ending of its file name; `None` for one that browsers do not show.
    #[must_use]
    pub fn new(file_name: &str, bytes: Vec<u8>) -> Option<Self> {
        let media_type = match file_name.rsplit('.').next()?.to_ascii_lowercase().as_str() {
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            "gif" => "image/gif",
            _ => return None,
        };
        Some(Self { bytes: bytes.into(), media_type })
    }
}
