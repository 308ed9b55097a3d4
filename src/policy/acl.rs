//! ACL entries: read, checked, scored, and compiled into the rules of one route (loopback3.md sections 8.3 to 8.5).

use std::sync::Arc;

use super::{
    StoredRule,
    finding::{Place, Report, did_you_mean},
    json::{Json, Node},
};

/// `READ`
pub(super) const READ: &str = "READ";
/// `WRITE`
pub(super) const WRITE: &str = "WRITE";
/// `EXECUTE`
pub(super) const EXECUTE: &str = "EXECUTE";
/// `REPLICATE`
pub(super) const REPLICATE: &str = "REPLICATE";

/// The access type that `word` spells.
pub(super) fn access_type(word: &str) -> Option<&'static str> {
    [READ, WRITE, EXECUTE, REPLICATE].into_iter().find(|known| *known == word)
}

/// One static rule as a file has it, or a stored row in the same form.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// How decisions name it: `order.json#/acls/2`.
    pub(super) reference: Arc<str>,
    /// Where it stands.
    pub(super) at: Place,
    pub(super) property: Property,
    /// `None` = any.
    pub(super) access: Option<Box<str>>,
    pub(super) effect: Effect,
    pub(super) principal_type: Option<Box<str>>,
    pub(super) principal_id: Option<Box<str>>,
    /// What model-config compares when it replaces a rule.
    identity: [Option<serde_json::Value>; 4],
}

/// Which methods an entry is about.
#[derive(Clone, Debug)]
pub(super) enum Property {
    Any,
    One(Box<str>),
    /// LoopBack wants the canonical name in the list; not even `["*"]` is a wildcard.
    List(Vec<Box<str>>),
}

/// What a winning rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// `ALLOW`, `ALARM` and `AUDIT`.
    Allow {
        weight: i32,
    },
    Deny,
    /// No permission, or `DEFAULT`: the model's default decides.
    Default {
        weight: i32,
    },
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Everyone,
    Authenticated,
    Unauthenticated,
    Owner,
    Role(Box<str>),
    User(Box<str>),
}

/// A rule of one route. The higher score comes first.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) who: Who,
    pub(super) effect: Effect,
    pub(super) score: i32,
    pub(super) reference: Arc<str>,
}

/// What rules are matched with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'m> {
    pub(super) model: &'m str,
    /// The canonical name; `""` = a route without a property.
    pub(super) property: &'m str,
    pub(super) aliases: &'m [Box<str>],
    pub(super) access: &'static str,
    /// LoopBack's static rules do not know aliases; profile `standard` counts them.
    pub(super) alias_counts: bool,
}

const KEYS: [&str; 6] = ["principalType", "principalId", "permission", "accessType", "property", "model"];
const PERMISSIONS: [&str; 5] = ["ALLOW", "DENY", "ALARM", "AUDIT", "DEFAULT"];

impl Entry {
    /// Reads a list of entries. `prefix` is what their references begin with: `order.json#/acls`.
    pub(super) fn read_all(list: &Node, prefix: &str, report: &mut Report<'_>) -> Vec<Self> {
        if !list.is_list() {
            if !list.is_null() {
                let message = format!("`acls` is {}", list.kind());
                report.error(list.at, "wrong-type", message, Some("write a list of rules".into()));
            }
            return Vec::new();
        }
        let entries = list.items().iter().enumerate();
        entries.filter_map(|(index, node)| Self::read(node, format!("{prefix}/{index}"), report)).collect()
    }

    /// Whether model-config's `other` takes this one's place: the four keys are the same, absent only equals absent.
    pub(super) fn is_replaced_by(&self, other: &Self) -> bool {
        let is_list = |value: &Option<serde_json::Value>| {
            value.as_ref().is_some_and(|value| value.is_array() || value.is_object())
        };
        self.identity == other.identity && !self.identity.iter().any(is_list)
    }

    fn read(node: &Node, reference: String, report: &mut Report<'_>) -> Option<Self> {
        if !node.is_object() {
            let message = format!("a rule is {}", node.kind());
            report.error(node.at, "wrong-type", message, Some("write an object".into()));
            return None;
        }
        for member in node.members().iter().filter(|member| !KEYS.contains(&&*member.key)) {
            let message = format!("`{}` is no key of a rule", member.key);
            report.error(member.at, "unknown-key", message, did_you_mean(&member.key, KEYS));
        }
        let identity = ["property", "accessType", "principalType", "principalId"]
            .map(|key| node.get(key).map(Node::plain));
        Some(Self {
            reference: reference.into(),
            at: node.at,
            property: read_property(node, report),
            access: read_access(node, report),
            effect: read_permission(node, report),
            principal_type: read_principal_type(node, report),
            principal_id: read_principal_id(node, report),
            identity,
        })
    }

    /// Whom it is about; `None` when that is nobody, as LoopBack sees it.
    pub(super) fn who(&self) -> Option<Who> {
        who(self.principal_type.as_deref(), self.principal_id.as_deref())
    }

    fn rule(&self, target: &Target<'_>) -> Option<Rule> {
        let known = |name: &str| {
            !name.is_empty()
                && (name == target.property
                    || (target.alias_counts && target.aliases.iter().any(|alias| **alias == *name)))
        };
        let property = match &self.property {
            Property::Any => 2,
            Property::One(name) if known(name) => 3,
            Property::List(names) if names.iter().any(|name| known(name)) => 3,
            Property::One(_) | Property::List(_) => return None,
        };
        let access = access_weight(self.access.as_deref(), target.access)?;
        let who = self.who()?;
        let score = score(&[3, property, access], &who, self.effect);
        Some(Rule { who, effect: self.effect, score, reference: Arc::clone(&self.reference) })
    }
}

/// The rules of one route: those that can apply, the highest score first.
///
/// Equal scores keep LoopBack's order: stored rows, then static ones. What stands behind a rule for `$everyone` is never
/// reached, and cut off.
pub(super) fn rules(entries: &[Entry], stored: &[&StoredRule], target: &Target<'_>) -> Box<[Rule]> {
    let mut rules: Vec<Rule> = stored.iter().filter_map(|row| stored_rule(row, target)).collect();
    rules.extend(entries.iter().filter_map(|entry| entry.rule(target)));
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.score));
    if let Some(last) = rules.iter().position(|rule| rule.who == Who::Everyone) {
        rules.truncate(last + 1);
    }
    rules.into_boxed_slice()
}

/// The rule that a stored row is for `target`. Unlike static ones, rows know aliases, may name any model by `*`, and an
/// absent property or access type matches nothing.
fn stored_rule(row: &StoredRule, target: &Target<'_>) -> Option<Rule> {
    let model = match row.model.as_deref()? {
        "*" => 2,
        name if name == target.model => 3,
        _ => return None,
    };
    let property = match row.property.as_deref()? {
        "*" => 2,
        "" => return None,
        name if name == target.property || target.aliases.iter().any(|alias| **alias == *name) => 3,
        _ => return None,
    };
    let access = match row.access_type.as_deref()? {
        "*" => 2,
        word if word == target.access => 3,
        WRITE if target.access == REPLICATE => 3,
        _ => return None,
    };
    let effect = stored_effect(row.permission.as_deref());
    let who = who(row.principal_type.as_deref(), row.principal_id.as_deref())?;
    let score = score(&[model, property, access], &who, effect);
    Some(Rule { who, effect, score, reference: format!("store#/ACL/{}", row.id).into() })
}

/// A row's effect. A word that LoopBack does not know breaks its sorting; here such a row denies.
fn stored_effect(permission: Option<&str>) -> Effect {
    match permission {
        None | Some("") => Effect::Default { weight: 0 },
        Some(word) => effect(word).unwrap_or(Effect::Deny),
    }
}

/// Whether a stored row's permission is one that LoopBack knows.
pub(super) fn is_permission(word: &str) -> bool {
    word.is_empty() || effect(word).is_some()
}

fn effect(word: &str) -> Option<Effect> {
    match word {
        "ALLOW" => Some(Effect::Allow { weight: 0 }),
        "ALARM" => Some(Effect::Allow { weight: 1 }),
        "AUDIT" => Some(Effect::Allow { weight: 2 }),
        "DENY" => Some(Effect::Deny),
        "DEFAULT" => Some(Effect::Default { weight: -1 }),
        _ => None,
    }
}

fn who(principal_type: Option<&str>, id: Option<&str>) -> Option<Who> {
    match (principal_type?, id?) {
        ("USER", "") | ("ROLE", "" | "$related") => None,
        ("USER", id) => Some(Who::User(id.into())),
        ("ROLE", "$everyone") => Some(Who::Everyone),
        ("ROLE", "$authenticated") => Some(Who::Authenticated),
        ("ROLE", "$unauthenticated") => Some(Who::Unauthenticated),
        ("ROLE", "$owner") => Some(Who::Owner),
        ("ROLE", name) => Some(Who::Role(name.into())),
        _ => None,
    }
}

/// 3 = exact, 2 = wildcard, `None` = no match. A static `EXECUTE` rule governs every request.
fn access_weight(rule: Option<&str>, request: &str) -> Option<i32> {
    match rule {
        None | Some("*") => Some(2),
        Some(EXECUTE) => Some(3),
        Some(WRITE) if request == REPLICATE => Some(3),
        Some(word) if word == request => Some(3),
        Some(_) => None,
    }
}

/// LoopBack's score: model, property, access type, principal, role and permission, in this order of weight. That a
/// `USER` principal weighs 4 in a field of 4 is LoopBack's: it carries into the access type.
fn score(parts: &[i32; 3], who: &Who, effect: Effect) -> i32 {
    let (principal, role) = match who {
        Who::User(_) => (4, 0),
        Who::Role(_) => (2, 5),
        Who::Owner => (2, 4),
        Who::Authenticated | Who::Unauthenticated => (2, 2),
        Who::Everyone => (2, 1),
    };
    let permission = match effect {
        Effect::Allow { weight } | Effect::Default { weight } => weight,
        Effect::Deny => 3,
    };
    let matched = parts.iter().fold(0, |sum, part| sum * 4 + part);
    ((matched * 4 + principal) * 8 + role) * 4 + permission
}

fn read_property(node: &Node, report: &mut Report<'_>) -> Property {
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
                report.error(item.at, "wrong-type", message, Some("write a text".into()));
            }
            if items.iter().any(|item| item.text() == Some("*")) {
                let message = "`*` in a list matches nothing".to_owned();
                report.warn(value.at, "star-in-list", message, Some("write `\"property\": \"*\"`".into()));
            }
            Property::List(items.iter().filter_map(Node::text).map(Into::into).collect())
        }
        _ => {
            let message = format!("`property` is {}", value.kind());
            report.error(value.at, "wrong-type", message, Some("write a text or a list of texts".into()));
            Property::Any
        }
    }
}

fn read_access(node: &Node, report: &mut Report<'_>) -> Option<Box<str>> {
    let word = text_of(node, "accessType", report)?;
    let value = node.get("accessType")?;
    if word.is_empty() || word == "*" {
        return None;
    }
    if access_type(word).is_none() {
        let fix = did_you_mean(word, [READ, WRITE, EXECUTE, REPLICATE, "*"]);
        let message = format!("`{word}` is no access type, so the rule never applies");
        report.warn(value.at, "access-type", message, fix);
    }
    Some(word.into())
}

fn read_permission(node: &Node, report: &mut Report<'_>) -> Effect {
    let nothing = Effect::Default { weight: 0 };
    let Some(word) = text_of(node, "permission", report).filter(|word| !word.is_empty()) else {
        if node.get("permission").is_none_or(|value| value.is_null() || value.text().is_some()) {
            let message = "the rule has no permission, so the model's default decides".to_owned();
            let fix = Some("write `ALLOW` or `DENY`".into());
            report.warn(node.at, "no-permission", message, fix);
        }
        return nothing;
    };
    effect(word).unwrap_or_else(|| {
        let at = node.get("permission").map_or(node.at, |value| value.at);
        let fix = did_you_mean(word, PERMISSIONS).unwrap_or_else(|| "write `ALLOW` or `DENY`".into());
        report.error(at, "unknown-permission", format!("`{word}` is no permission"), Some(fix));
        Effect::Deny
    })
}

fn read_principal_type(node: &Node, report: &mut Report<'_>) -> Option<Box<str>> {
    let known = ["ROLE", "USER", "APP"];
    let word = text_of(node, "principalType", report);
    match word {
        None if node.get("principalType").is_none_or(Node::is_null) => {
            let fix = Some("write `\"principalType\": \"ROLE\"`".into());
            let message = "the rule has no principalType, so it never applies".to_owned();
            report.warn(node.at, "principal-type", message, fix);
        }
        Some(word) if !known.contains(&word) => {
            let at = node.get("principalType").map_or(node.at, |value| value.at);
            let message = format!("`{word}` is no principal type, so the rule never applies");
            report.warn(at, "principal-type", message, did_you_mean(word, known));
        }
        _ => {}
    }
    word.map(Into::into)
}

fn read_principal_id(node: &Node, report: &mut Report<'_>) -> Option<Box<str>> {
    let value = node.get("principalId")?;
    match &value.value {
        Json::Null => None,
        Json::Text(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string().into()),
        _ => {
            let message = format!("`principalId` is {}", value.kind());
            report.error(value.at, "wrong-type", message, Some("write a text or a number".into()));
            None
        }
    }
}

/// The text of a key; an error where it is neither a text nor null.
fn text_of<'n>(node: &'n Node, key: &str, report: &mut Report<'_>) -> Option<&'n str> {
    let value = node.get(key)?;
    if value.text().is_none() && !value.is_null() {
        let message = format!("`{key}` is {}", value.kind());
        report.error(value.at, "wrong-type", message, Some("write a text".into()));
    }
    value.text()
}
