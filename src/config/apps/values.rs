//! Name, host and path of an app.

use serde_json::{Value, json};

use crate::{
    config::{
        finding::ValueError,
        setting::{Setting, refused_value, wrong_value},
    },
    wire,
};

/// The name of an app, which is part of log lines and labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AppName(pub(super) String);

/// A host in lower case without a final dot, or `*.` and one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AppHost(pub(super) String);

/// A prefix of whole segments: `/`, or `/shop` without a final slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AppPath(pub(super) String);

/// Longer names make no good label.
const MAX_NAME: usize = 64;

impl Setting for AppName {
    fn wanted() -> String {
        format!("letters, digits, `-` and `_`, at most {MAX_NAME}")
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(fits) {
            return Err(wrong_value::<Self>(text));
        }
        Ok(Self(text.to_owned()))
    }
}

impl Setting for AppHost {
    fn wanted() -> String {
        "a host name such as \"shop.example.com\", or \"*.example.com\" for one label more".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        if text.contains("://") || text.contains('/') {
            return Err(refused_value(text, "a host has no scheme and no path", "write the name alone"));
        }
        if text == "*" {
            return Err(refused_value(text, "no name is so short", "write hosts = [] for every other host"));
        }
        let (star, name) = match text.strip_prefix("*.") {
            Some(name) => ("*.", name),
            None => ("", text),
        };
        if wire::is_host(name) && crate::tls::without_port(name) != name {
            let fix = "write it without: the port of a request's host does not count";
            return Err(refused_value(text, "it has a port", fix));
        }
        // A wildcard stands for a label, and an address has none.
        let is_address = name.starts_with('[') || name.parse::<std::net::Ipv4Addr>().is_ok();
        if !wire::is_host(name) || (is_address && !star.is_empty()) {
            return Err(wrong_value::<Self>(text));
        }
        let name = name.strip_suffix('.').unwrap_or(name);
        Ok(Self(format!("{star}{}", name.to_ascii_lowercase())))
    }
}

impl Setting for AppPath {
    fn wanted() -> String {
        "a path such as \"/shop\", of letters, digits, `-`, `_`, `.` and `~` between single slashes"
            .to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "pattern": "^/"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
        let is_segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(fits);
        match text.strip_prefix('/') {
            Some("") => Ok(Self("/".to_owned())),
            Some(rest) if rest.ends_with('/') => {
                let fix = "write it without: the prefix ends where a segment ends";
                Err(refused_value(text, "it ends with a slash", fix))
            }
            // Without escapes there is one way to write it, and no other spelling to compare with.
            Some(rest) if rest.split('/').all(is_segment) => Ok(Self(text.to_owned())),
            _ => Err(wrong_value::<Self>(text)),
        }
    }
}
