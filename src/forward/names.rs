//! Which names of request fields may reach the app.
//!
//! An app server makes one variable of `X-User`, `x_user` and, some of them, `X.User` and `X!User`: a letter or digit
//! stays, everything else is one sign. So names are compared folded: letters in lower case, and `-` for all that is
//! neither letter nor digit (RFC 3875 section 4.1.18 leaves the rest to the server).

use std::{cmp::Ordering, ops::Range};

use crate::wire::RequestHead;

/// The names that only this gate, or a trusted proxy, may set; and those with `_` that may pass.
#[derive(Clone, Debug)]
pub struct Names {
    /// Sorted; none is covered by another.
    reserved: Vec<Entry>,
    /// Where names with a first character of this class lie.
    by_first: [Slot; CLASSES],
    /// In lower case.
    underscored: Vec<Box<str>>,
}

/// A folded name, or the beginning of names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    name: Box<str>,
    is_prefix: bool,
}

/// What is known of the names that begin with one character, so that most fields are told by two look-ups.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// Bit `n`: a reserved name may have `n` characters; the last bit stands for more.
    lengths: u64,
    range: Range<usize>,
}

/// How a head's names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// Letters, digits and dashes: what clients send.
    Plain,
    /// At least one holds another character.
    Odd,
    /// One stands for a reserved name or for a CGI variable, with another character for a dash.
    Disguised,
}

/// The built-in list: a name a line, and behind the bar the gateway that sets it.
const RESERVED: &str = include_str!("reserved.txt");

/// Variables that CGI (RFC 3875), FastCGI, WSGI, Rack, PHP or IIS define. gunicorn, for one, takes a field called
/// `SCRIPT_NAME` for the variable itself.
const VARIABLES: &[&str] = &[
    "auth-password",
    "auth-type",
    "auth-user",
    "appl-md-path",
    "appl-physical-path",
    "cert-cookie",
    "cert-flags",
    "cert-issuer",
    "cert-serialnumber",
    "cert-subject",
    "content-length",
    "content-type",
    "context-document-root",
    "context-prefix",
    "document-root",
    "document-uri",
    "gateway-interface",
    "instance-id",
    "instance-meta-path",
    "local-addr",
    "logon-user",
    "path-info",
    "path-translated",
    "query-string",
    "request-filename",
    "request-method",
    "request-path",
    "request-scheme",
    "request-time",
    "request-time-float",
    "request-uri",
    "script-filename",
    "script-name",
    "script-uri",
    "script-url",
    "unencoded-url",
];

/// Beginnings of such variables.
const VARIABLE_PREFIXES: &[&str] = &[
    "asgi-",
    "fcgi-",
    "http-",
    "https-",
    "orig-",
    "php-",
    "puma-",
    "rack-",
    "redirect-",
    "remote-",
    "scgi-",
    "server-",
    "ssl-",
    "uwsgi-",
    "werkzeug-",
    "wsgi-",
];

impl Names {
    /// The built-in list, and `reserved` beside it (`[identity] reserved`); `underscored` are the names with `_` that
    /// pass (`[upstream] underscore_headers`).
    #[must_use]
    pub fn new(reserved: &[String], underscored: &[String]) -> Self {
        let mut entries: Vec<Entry> =
            built_in().chain(reserved.iter().map(|name| Entry::new(name))).collect();
        entries.sort();
        // INVARIANT: none is covered by another, so that the last one that is not greater than a name is the only
        // one that can match it.
        entries.dedup_by(|later, first| first.matches(&later.name));
        let mut by_first: [Slot; CLASSES] = Default::default();
        for (at, entry) in entries.iter().enumerate() {
            let Some(slot) = by_first.get_mut(class(&entry.name)) else { continue };
            if slot.range.is_empty() {
                slot.range = at..at;
            }
            slot.range.end = at + 1;
            slot.lengths |=
                if entry.is_prefix { u64::MAX << length(&entry.name) } else { 1 << length(&entry.name) };
        }
        let underscored = underscored.iter().map(|name| name.to_ascii_lowercase().into()).collect();
        Self { reserved: entries, by_first, underscored }
    }

    /// Whether `name` folds to one that no client may set.
    #[must_use]
    pub fn is_reserved(&self, name: &str) -> bool {
        let Some(slot) = self.by_first.get(class(name)) else { return false };
        if slot.lengths >> length(name) & 1 == 0 {
            return false;
        }
        let entries = self.reserved.get(slot.range.clone()).unwrap_or_default();
        let after = entries.partition_point(|entry| compare(name, &entry.name) != Ordering::Less);
        after.checked_sub(1).and_then(|at| entries.get(at)).is_some_and(|entry| entry.matches(name))
    }

    /// Whether `name` folds to a variable that an app server sets itself.
    #[must_use]
    pub fn is_variable(name: &str) -> bool {
        VARIABLES.iter().any(|variable| compare(name, variable) == Ordering::Equal)
            || VARIABLE_PREFIXES.iter().any(|prefix| begins(name, prefix))
    }

    /// Whether `name` holds `_`, and no setting lets it pass.
    pub(super) fn drops(&self, name: &str) -> bool {
        name.contains('_') && !self.underscored.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// How the names of a head are spelt.
    #[must_use]
    pub fn spelling(&self, head: &RequestHead) -> Spelling {
        let mut spelling = Spelling::Plain;
        for field in head.fields().filter(|field| is_odd(field.name)) {
            if self.is_reserved(field.name) || Self::is_variable(field.name) {
                return Spelling::Disguised;
            }
            spelling = Spelling::Odd;
        }
        spelling
    }
}

/// The built-in list alone.
impl Default for Names {
    fn default() -> Self {
        Self::new(&[], &[])
    }
}

impl Entry {
    fn new(name: &str) -> Self {
        let folded = name.bytes().map(|byte| char::from(fold(byte))).collect::<String>();
        Self { name: folded.into(), is_prefix: false }
    }

    fn matches(&self, name: &str) -> bool {
        if self.is_prefix { begins(name, &self.name) } else { compare(name, &self.name) == Ordering::Equal }
    }
}

fn built_in() -> impl Iterator<Item = Entry> {
    RESERVED.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let name = line.split_once('|')?.0.trim_end();
        let prefix = name.strip_suffix('*');
        Some(Entry { name: prefix.unwrap_or(name).into(), is_prefix: prefix.is_some() })
    })
}

/// How `name`, folded, compares to a name that is.
fn compare(name: &str, folded: &str) -> Ordering {
    name.bytes().map(fold).cmp(folded.bytes())
}

fn begins(name: &str, folded: &str) -> bool {
    name.as_bytes()
        .get(..folded.len())
        .is_some_and(|start| start.iter().copied().map(fold).eq(folded.bytes()))
}

/// Whether a name holds anything but letters, digits and dashes.
fn is_odd(name: &str) -> bool {
    name.bytes().any(|byte| byte != b'-' && fold(byte) == b'-')
}

/// 0 to 25 for a letter, 26 for everything else.
fn class(name: &str) -> usize {
    let first = name.bytes().next().map_or(b'-', fold);
    if first.is_ascii_lowercase() { usize::from(first - b'a') } else { CLASSES - 1 }
}

/// A name's length as a bit's number.
fn length(name: &str) -> u32 {
    u32::try_from(name.len()).unwrap_or(u32::MAX).min(u64::BITS - 1)
}

fn fold(byte: u8) -> u8 {
    FOLDED.get(usize::from(byte)).copied().unwrap_or(b'-')
}

const CLASSES: usize = 27;

/// Every byte folded.
const FOLDED: [u8; 256] = {
    let mut table = [b'-'; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        if byte.is_ascii_alphanumeric() {
            let (before, rest) = table.split_at_mut(byte as usize);
            let _ = before;
            if let Some(slot) = rest.first_mut() {
                *slot = byte.to_ascii_lowercase();
            }
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests;
