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
    /// Whether the link that resets a password is sent: by the gate, or by the app that takes the events.
    pub sends_reset: bool,
    /// The same of the link that confirms an address.
    pub sends_confirm: bool,
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

/// Why a file is no logo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoError {
    /// Its name has another ending.
    #[error("write the path of an image that ends in .svg, .png, .jpg, .webp or .gif")]
    Name,
    /// It is not what its name says.
    #[error("its content is not {0}; give the file the ending of its type")]
    Content(&'static str),
}

impl Logo {
    /// An image by the ending of its file name.
    ///
    /// # Errors
    /// [`LogoError`], for one that browsers would not show.
    pub fn new(file_name: &str, bytes: Vec<u8>) -> Result<Self, LogoError> {
        let ending = file_name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let media_type = match ending.as_deref().unwrap_or_default() {
            "svg" => "image/svg+xml",
            "png" => "image/png",
            "jpg" | "jpeg" => "image/jpeg",
            "webp" => "image/webp",
            "gif" => "image/gif",
            _ => return Err(LogoError::Name),
        };
        // The answer forbids browsers to guess the type (`X-Content-Type-Options`).
        let is_of_type = match media_type {
            "image/png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
            "image/jpeg" => bytes.starts_with(b"\xff\xd8\xff"),
            "image/gif" => bytes.starts_with(b"GIF8"),
            "image/webp" => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
            _ => std::str::from_utf8(&bytes).is_ok_and(|text| text.contains("<svg")),
        };
        if is_of_type {
            Ok(Self { bytes: bytes.into(), media_type })
        } else {
            Err(LogoError::Content(media_type))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logo_is_the_image_that_its_name_says() {
        let png: &[u8] = b"\x89PNG\r\n\x1a\n\0";
        for (name, bytes, expected) in [
            ("logo.png", png, Ok("image/png")),
            ("LOGO.PNG", png, Ok("image/png")),
            ("logo.jpg", b"\xff\xd8\xff\xe0", Ok("image/jpeg")),
            ("logo.gif", b"GIF89a", Ok("image/gif")),
            ("logo.webp", b"RIFF\0\0\0\0WEBPVP8 ", Ok("image/webp")),
            ("logo.svg", b"<?xml version='1.0'?><svg/>", Ok("image/svg+xml")),
            ("logo.jpg", png, Err(LogoError::Content("image/jpeg"))),
            ("logo.png", b"<!doctype html>", Err(LogoError::Content("image/png"))),
            ("logo.svg", b"", Err(LogoError::Content("image/svg+xml"))),
            ("logo.webp", b"RIFF", Err(LogoError::Content("image/webp"))),
            ("logo.bmp", b"BM", Err(LogoError::Name)),
            ("png", png, Err(LogoError::Name)),
        ] {
            let found = Logo::new(name, bytes.to_vec()).map(|logo| logo.media_type);
            assert_eq!(found, expected, "{name}");
        }
    }
}
