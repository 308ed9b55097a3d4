//! `routes` files: access rules for an app that is not LoopBack (docs/policies.md).

use std::time::Duration;

use super::{
    Code,
    acl::{Entry, access_type},
    finding::{Report, did_you_mean},
    json::{Json, Node},
    key_typos,
    owner::{Field, Owner, Part, Template},
    pattern, scopes,
    trie::{Piece, captures},
    verb,
};
use crate::rate::Rate;

/// A parsed `routes` file.
#[derive(Debug)]
pub(super) struct RoutesFile {
    pub(super) routes: Vec<RouteEntry>,
    pub(super) ignore_case: bool,
    pub(super) acls: Vec<Entry>,
    pub(super) owner: Owner,
}

/// An entry of `routes`.
#[derive(Debug)]
pub(super) struct RouteEntry {
    pub(super) at: super::finding::Place,
    /// The path as the file has it, for messages.
    pub(super) path: Box<str>,
    pub(super) pattern: Vec<Piece>,
    /// Upper case; empty = all.
    pub(super) methods: Vec<Box<str>>,
    pub(super) property: Box<str>,
    pub(super) access: Option<&'static str>,
    /// The accepted scopes; a token needs one of them. Empty = `DEFAULT`.
    pub(super) scopes: Vec<Box<str>>,
    pub(super) encoded_slash: bool,
    /// Whether its 401s also ask for `Basic`.
    pub(super) asks_for_basic: bool,
    /// How often each caller may call it.
    pub(super) limit: Option<Rate>,
}

pub(super) const FILE_KEYS: [&str; 10] = [
    "$schema",
    "name",
    "description",
    "routes",
    "owner",
    "acls",
    "ignoreCase",
    "aclErrorStatus",
    "defaultPermission",
    "challenge",
];
pub(super) const ROUTE_KEYS: [&str; 9] = [
    "path",
    "methods",
    "property",
    "accessType",
    "accessScopes",
    "encodedSlash",
    "challenge",
    "limit",
    "description",
];
pub(super) const OWNER_KEYS: [&str; 5] = ["path", "lookup", "field", "header", "cache"];

impl RoutesFile {
    /// Parses a file that has `routes`.
    pub(super) fn read(node: &Node, label: &str, report: &mut Report<'_>) -> Self {
        // Strict, unlike for LoopBack's files, in which apps have keys of their own.
        known_keys(node, &FILE_KEYS, report);
        let routes = node.get("routes");
        if let Some(list) = routes.filter(|list| !list.is_list()) {
            wrong_type(list, "routes", "a list of routes", report);
        }
        let routes: Vec<RouteEntry> = routes
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|node| RouteEntry::read(node, report))
            .collect();
        let names: Vec<&str> = routes.iter().flat_map(|route| captures(&route.pattern)).collect();
        let owner = node.get("owner").map_or(Owner::None, |node| read_owner(node, &names, report));
        Self { ignore_case: flag(node, "ignoreCase", report), acls: acls(node, label, report), owner, routes }
    }
}

/// The rules. Unlike in a model file, the value must be a list if the key is present.
fn acls(node: &Node, label: &str, report: &mut Report<'_>) -> Vec<Entry> {
    let Some(acls) = node.get("acls") else { return Vec::new() };
    if !acls.is_list() {
        wrong_type(acls, "acls", "a list of rules", report);
        return Vec::new();
    }
    Entry::read_all(acls, &format!("{label}#/acls"), report)
}

impl RouteEntry {
    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        if !node.is_object() {
            wrong_type(node, "routes", "an object", report);
            return None;
        }
        known_keys(node, &ROUTE_KEYS, report);
        let Some(path) = node.get("path") else {
            let fix = Some("add `\"path\": \"/…\"`".into());
            report.error(node.at, Code::MissingPath, "the route has no path".into(), fix);
            return None;
        };
        let Some(text) = path.text() else {
            wrong_type(path, "path", "a text", report);
            return None;
        };
        let pattern = pattern::read(text).map_err(|(message, fix)| {
            report.error(path.at, Code::Path, format!("`{text}`: {message}"), Some(fix));
        });
        let access = node.get("accessType").filter(|value| !value.is_null()).and_then(|value| {
            let known = value.text().and_then(access_type);
            if known.is_none() {
                let word = value.text().unwrap_or_default();
                let fix = did_you_mean(word, ["READ", "WRITE", "EXECUTE"]);
                report.error(value.at, Code::AccessType, format!("`{word}` is not an access type"), fix);
            }
            known
        });
        Some(Self {
            at: node.at,
            path: text.into(),
            pattern: pattern.ok()?,
            methods: methods(node, report),
            property: string(node, "property", report).unwrap_or_default().into(),
            access,
            scopes: scopes::read(node, report),
            encoded_slash: flag(node, "encodedSlash", report),
            asks_for_basic: asks_for_basic(node.get("challenge"), report),
            limit: limit(node, report),
        })
    }
}

/// Reads `"challenge": "basic"` of a file or a route.
pub(super) fn asks_for_basic(node: Option<&Node>, report: &mut Report<'_>) -> bool {
    let Some(node) = node.filter(|node| !node.is_null()) else { return false };
    let word = node.text().unwrap_or_default();
    if word != "basic" {
        let fix = Some("write `\"basic\"`, or leave the key out".into());
        report.error(node.at, Code::Challenge, format!("`{word}` is not a challenge"), fix);
    }
    word == "basic"
}

/// Reads `"limit": "60/minute"` of a route.
fn limit(node: &Node, report: &mut Report<'_>) -> Option<Rate> {
    let node = node.get("limit").filter(|limit| !limit.is_null())?;
    let Some(text) = node.text() else {
        wrong_type(node, "limit", "a text such as `\"60/minute\"`", report);
        return None;
    };
    let rate = text.parse().ok();
    if rate.is_none() {
        let fix = "write a count and a time (second, minute, hour or day), such as `\"60/minute\"`";
        report.error(node.at, Code::Limit, format!("`{text}` is not a limit"), Some(fix.into()));
    }
    rate
}

fn methods(node: &Node, report: &mut Report<'_>) -> Vec<Box<str>> {
    let Some(list) = node.get("methods").filter(|list| !list.is_null()) else { return Vec::new() };
    if !list.is_list() {
        wrong_type(list, "methods", "a list such as `[\"GET\"]`", report);
    } else if list.items().is_empty() {
        let fix = Some("leave the key out for all methods".into());
        report.error(list.at, Code::Methods, "`methods` is empty".into(), fix);
    }
    let mut methods: Vec<Box<str>> = Vec::new();
    for item in list.items() {
        let Some(method) = item.text() else {
            wrong_type(item, "methods", "a text", report);
            continue;
        };
        if let Some((message, fix)) = verb::mistake(method) {
            report.error(item.at, Code::Methods, message, Some(fix));
        } else if methods.iter().all(|known| **known != *method) {
            // A warning only: an app may serve a method of its own.
            if !verb::is_known(method) {
                let message = format!("`{method}` is not a method that HTTP or WebDAV knows");
                report.warn(item.at, Code::Methods, message, Some("check its spelling".into()));
            }
            methods.push(method.into());
        }
    }
    methods
}

/// Reads `owner`. `names` are the captures that it may use.
pub(super) fn read_owner(node: &Node, names: &[&str], report: &mut Report<'_>) -> Owner {
    if !node.is_object() {
        wrong_type(node, "owner", "an object", report);
        return Owner::None;
    }
    known_keys(node, &OWNER_KEYS, report);
    let mut text = |key| string(node, key, report);
    let (path, lookup) = (text("path"), text("lookup"));
    let (field, header, cache) = (text("field"), text("header"), text("cache"));
    let cache = cache.and_then(|word| {
        let parsed = duration(word);
        if parsed.is_none() {
            let fix = Some("write `\"30s\"`".into());
            report.error(node.at, Code::Owner, format!("`{word}` is not a duration"), fix);
        }
        parsed
    });
    if let Some(node) = node.get("lookup")
        && let Some((message, fix)) = node.text().and_then(pattern::lookup_mistake)
    {
        report.error(node.at, Code::Owner, message, Some(fix));
        return Owner::None;
    }
    let mut unknown = |name: &str| {
        if !names.contains(&name) {
            let fix = did_you_mean(name, names.iter().copied());
            let message = format!("no route of this file captures `{name}`, so no caller is ever the owner");
            report.error(node.at, Code::Owner, message, fix);
        }
    };
    let owner = match (path, lookup, field, header) {
        (Some(name), None, None, None) => {
            unknown(name);
            Some(Owner::Segment(name.into()))
        }
        // Exactly one form: with two, it would be open which one decides.
        (None, Some(target), Some(pointer), None) if pointer.starts_with('/') => {
            lookup_owner(target, Field::Pointer(pointer.into()), cache, &mut unknown)
        }
        (None, Some(target), None, Some(header)) if !header.is_empty() => {
            lookup_owner(target, Field::Header(header.to_ascii_lowercase().into()), cache, &mut unknown)
        }
        _ => None,
    };
    owner.unwrap_or_else(|| {
        let message = match field.filter(|pointer| !pointer.starts_with('/')) {
            Some(field) => format!("`{field}` in `owner.field` is not a JSON pointer: it begins with `/`"),
            None => "`owner` is none of its forms".to_owned(),
        };
        let fix = "write `{\"path\": NAME}`, `{\"lookup\": \"/…\", \"field\": \"/…\"}` or `{\"lookup\": \"/…\", \"header\": NAME}`";
        report.error(node.at, Code::Owner, message, Some(fix.into()));
        Owner::None
    })
}

fn lookup_owner(
    target: &str,
    reading: Field,
    cache: Option<Duration>,
    unknown: &mut impl FnMut(&str),
) -> Option<Owner> {
    let target = template(target)?;
    for part in &target.0 {
        if let Part::Capture(name) = part {
            unknown(name);
        }
    }
    Some(Owner::Lookup { target, reading, cache })
}

/// Parses a target with placeholders such as `/invoices/{id}.json`.
fn template(target: &str) -> Option<Template> {
    let is_plain =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'\\' | b'}'));
    // A target of two slashes would name another host, and servers resolve dot segments to another path.
    let path = target.split('?').next().unwrap_or_default();
    let has_tricks = target.starts_with("//") || path.split('/').any(|segment| matches!(segment, "." | ".."));
    if !target.starts_with('/') || has_tricks {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = target;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        if !is_plain(before) || name.is_empty() {
            return None;
        }
        parts.push(Part::Text(before.into()));
        parts.push(Part::Capture(name.into()));
        rest = after;
    }
    parts.push(Part::Text(rest.into()));
    is_plain(rest).then_some(Template(parts))
}

fn duration(word: &str) -> Option<Duration> {
    let unit = word.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = word.split_at_checked(unit)?;
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}

fn known_keys(node: &Node, known: &[&str], report: &mut Report<'_>) {
    for member in node.members().iter().filter(|member| !known.contains(&&*member.key)) {
        let fix = key_typos::meant(&member.key, known);
        report.error(member.at, Code::UnknownKey, format!("the key `{}` is not known here", member.key), fix);
    }
}

fn string<'n>(node: &'n Node, key: &str, report: &mut Report<'_>) -> Option<&'n str> {
    let value = node.get(key).filter(|value| !value.is_null())?;
    if value.text().is_none() {
        wrong_type(value, key, "a text", report);
    }
    value.text()
}

fn flag(node: &Node, key: &str, report: &mut Report<'_>) -> bool {
    match node.get(key).map(|value| (&value.value, value)) {
        Some((Json::Bool(value), _)) => *value,
        None => false,
        Some((_, value)) => {
            wrong_type(value, key, "`true` or `false`", report);
            false
        }
    }
}

fn wrong_type(node: &Node, key: &str, wanted: &str, report: &mut Report<'_>) {
    let message = format!("`{key}` holds {}", node.kind());
    report.error(node.at, Code::WrongType, message, Some(format!("write {wanted}")));
}
