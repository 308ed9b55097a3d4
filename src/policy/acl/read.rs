//! Reads the keys of an ACL entry and reports the errors in each.

use super::{EXECUTE, Effect, Property, READ, REPLICATE, WRITE, access_type, effect};
use crate::javascript;
use crate::policy::Code;
use crate::policy::{
    finding::{Report, did_you_mean},
    json::{Json, Node},
};

const PERMISSIONS: [&str; 5] = ["ALLOW", "DENY", "ALARM", "AUDIT", "DEFAULT"];

pub(super) fn read_property(node: &Node, report: &mut Report<'_>) -> Property {
    let Some(value) = node.get("property") else { return Property::Any };
    let one = |text: &str| {
        if text.is_empty() || text == "*" { Property::Any } else { Property::One(text.into()) }
    };
    match &value.value {
        Json::Null => Property::Any,
        Json::Text(text) => one(text),
        Json::List(items) => {
            for item in items.iter().filter(|item| item.text().is_none()) {
                let message = format!("a name in `property` is {}", item.kind());
                report.error(item.at, Code::WrongType, message, Some("write a text".into()));
            }
            if items.iter().any(|item| item.text() == Some("*")) {
                // LoopBack compares a list with the method's name only (docs/loopback-3.28.md section 8.3).
                let message = "`*` in a list matches nothing".to_owned();
                report.warn(value.at, Code::StarInList, message, Some("write `\"property\": \"*\"`".into()));
            }
            Property::List(items.iter().filter_map(Node::text).map(Into::into).collect())
        }
        _ => {
            let message = format!("`property` is {}", value.kind());
            report.error(value.at, Code::WrongType, message, Some("write a text or a list of texts".into()));
            Property::Any
        }
    }
}

pub(super) fn read_access(node: &Node, report: &mut Report<'_>) -> Option<Box<str>> {
    let word = text_of(node, "accessType", report)?;
    let value = node.get("accessType")?;
    // Both mean every access type, as an absent key does.
    if word.is_empty() || word == "*" {
        return None;
    }
    if access_type(word).is_none() {
        let fix = did_you_mean(word, [READ, WRITE, EXECUTE, REPLICATE, "*"])
            .or_else(|| Some("write `READ`, `WRITE`, `EXECUTE` or `*`".into()));
        let message = format!("`{word}` is not an access type, so the rule never applies");
        // A warning, because LoopBack accepts the rule. It has no effect there either (docs/loopback-3.28.md
        // section 8.4).
        report.warn(value.at, Code::AccessType, message, fix);
    }
    Some(word.into())
}

pub(super) fn read_permission(node: &Node, report: &mut Report<'_>) -> Effect {
    let nothing = Effect::Default { weight: 0 };
    let Some(word) = text_of(node, "permission", report).filter(|word| !word.is_empty()) else {
        if node.get("permission").is_none_or(|value| value.is_null() || value.text().is_some()) {
            let message = "the rule has no permission, so the model's default decides".to_owned();
            let fix = Some("write `ALLOW` or `DENY`".into());
            report.warn(node.at, Code::NoPermission, message, fix);
        }
        return nothing;
    };
    effect(word).unwrap_or_else(|| {
        let at = node.get("permission").map_or(node.at, |value| value.at);
        let fix = did_you_mean(word, PERMISSIONS).unwrap_or_else(|| "write `ALLOW` or `DENY`".into());
        report.error(at, Code::UnknownPermission, format!("`{word}` is not a permission"), Some(fix));
        // LoopBack's sorting breaks on unknown permissions. The report has an error, so no set is made of this
        // value.
        Effect::Deny
    })
}

pub(super) fn read_principal_type(node: &Node, report: &mut Report<'_>) -> Option<Box<str>> {
    let word = text_of(node, "principalType", report);
    if word.is_none() && node.get("principalType").is_none_or(Node::is_null) {
        let fix = Some("write `\"principalType\": \"ROLE\"`".into());
        let message = "the rule has no principalType, so it never applies".to_owned();
        report.warn(node.at, Code::PrincipalType, message, fix);
    }
    word.map(Into::into)
}

pub(super) fn read_principal_id(node: &Node, report: &mut Report<'_>) -> Option<Box<str>> {
    let value = node.get("principalId")?;
    match &value.value {
        Json::Null => None,
        Json::Text(text) => Some(text.clone()),
        // Ids are compared as strings (docs/loopback-3.28.md section 8.4), and files write numeric ids without
        // quotes.
        Json::Number(_) => Some(javascript::to_text(&value.plain()).into()),
        _ => {
            let text = javascript::to_text(&value.plain());
            let message =
                format!("`principalId` is {}, which LoopBack reads as the text `{text}`", value.kind());
            report.warn(value.at, Code::WrongType, message, Some(format!("write `\"{text}\"`")));
            Some(text.into())
        }
    }
}

/// The text of a key. Any other value but `null` is an error.
fn text_of<'n>(node: &'n Node, key: &str, report: &mut Report<'_>) -> Option<&'n str> {
    let value = node.get(key)?;
    if value.text().is_none() && !value.is_null() {
        let message = format!("`{key}` is {}", value.kind());
        report.error(value.at, Code::WrongType, message, Some("write a text".into()));
    }
    value.text()
}
