//! ACL entries: read, checked, scored, and compiled into the rules of one route (docs/loopback-3.28.md sections 8.3 to
//! 8.5).

mod read;
mod rule;
mod stored;

use std::sync::Arc;

use super::{
    Code, StoredRule,
    finding::{Place, Report},
    json::Node,
    key_typos,
};
use read::{read_access, read_permission, read_principal_id, read_principal_type, read_property};
use rule::{access_weight, effect, principal, score};

pub(super) use rule::{
    CERTIFICATE, EXECUTE, Effect, Mismatch, Property, READ, REPLICATE, Rule, Target, USER, WRITE, Who,
    access_type, who,
};
pub(super) use stored::{describe_stored, stored_reference, stored_rule};

/// A static rule of a file, or a stored rule in the same form.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The rule's name in decisions: `order.json#/acls/2`.
    pub(super) reference: Arc<str>,
    /// The position in the file.
    pub(super) at: Place,
    pub(super) property: Property,
    /// `None` = any.
    pub(super) access: Option<Box<str>>,
    pub(super) effect: Effect,
    pub(super) principal_type: Option<Box<str>>,
    /// The position of the principal type.
    pub(super) type_at: Place,
    pub(super) principal_id: Option<Box<str>>,
    /// The four keys that model-config compares when it replaces a rule.
    identity: [Option<serde_json::Value>; 4],
}

pub(super) const KEYS: [&str; 6] =
    ["principalType", "principalId", "permission", "accessType", "property", "model"];

impl Entry {
    /// Reads a list of rules. `prefix` is the first part of their references: `order.json#/acls`.
    pub(super) fn read_all(list: &Node, prefix: &str, report: &mut Report<'_>) -> Vec<Self> {
        if !list.is_list() {
            let fix = Some("write a list of rules".into());
            // LoopBack takes a falsy value for no rules. Any other one may be meant to contain some.
            if list.is_truthy() {
                report.error(list.at, Code::WrongType, format!("`acls` is {}", list.kind()), fix);
            } else if !list.is_null() {
                let message = format!("`acls` is {}, which LoopBack takes for no rules", list.kind());
                report.warn(list.at, Code::WrongType, message, fix);
            }
            return Vec::new();
        }
        let entries = list.items().iter().enumerate();
        entries.filter_map(|(index, node)| Self::read(node, format!("{prefix}/{index}"), report)).collect()
    }

    /// Whether an entry of model-config replaces this one: the four keys are equal; absent equals only absent.
    pub(super) fn is_replaced_by(&self, other: &Self) -> bool {
        // Two lists or objects are never the same value in JavaScript.
        let is_list = |value: &Option<serde_json::Value>| {
            value.as_ref().is_some_and(|value| value.is_array() || value.is_object())
        };
        self.identity == other.identity && !self.identity.iter().any(is_list)
    }

    /// The same rule for one method, whatever its own property is. Entries of model-config never replace it.
    pub(super) fn only_about(self, property: &str) -> Self {
        let identity = [Some(serde_json::Value::Array(Vec::new())), None, None, None];
        Self { property: Property::One(property.into()), identity, ..self }
    }

    fn read(node: &Node, reference: String, report: &mut Report<'_>) -> Option<Self> {
        if !node.is_object() {
            let message = format!("a rule is {}", node.kind());
            report.error(node.at, Code::WrongType, message, Some("write an object".into()));
            return None;
        }
        // A misspelt key would make the rule wider than it is meant: an absent one often matches everything.
        for member in node.members().iter().filter(|member| !KEYS.contains(&&*member.key)) {
            let message = format!("`{}` is not a key of a rule", member.key);
            report.error(member.at, Code::UnknownKey, message, key_typos::meant(&member.key, &KEYS));
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
            type_at: node.get("principalType").map_or(node.at, |value| value.at),
            principal_id: read_principal_id(node, report),
            identity,
        })
    }

    /// The narrowest rule for one user, or for all callers without a token, and one method.
    pub(super) fn narrow(
        user_type: &str,
        user: Option<&str>,
        property: &str,
        access: &str,
        effect: Effect,
    ) -> Self {
        // A rule for one user has the greatest weight among principals (docs/loopback-3.28.md section 8.5).
        let (kind, id) = user.map_or(("ROLE", "$unauthenticated"), |user| (user_type, user));
        Self {
            reference: "new".into(),
            at: Place::NOWHERE,
            property: if property.is_empty() { Property::Any } else { Property::One(property.into()) },
            access: Some(access.into()),
            effect,
            principal_type: Some(kind.into()),
            type_at: Place::NOWHERE,
            principal_id: Some(id.into()),
            identity: [const { None }; 4],
        }
    }

    /// The rule as a file or `acl add` would have it. Files ignore the key `model`.
    pub(super) fn to_json(&self, model: &str) -> String {
        let mut rule = serde_json::json!({
            "model": model, "principalType": self.principal_type, "principalId": self.principal_id,
            "permission": self.effect.word(), "accessType": self.access,
        });
        if let (Property::One(name), Some(rule)) = (&self.property, rule.as_object_mut()) {
            rule.insert("property".into(), (&**name).into());
        }
        rule.to_string()
    }

    /// The rule as a row of the store, for a model without a file.
    pub(super) fn to_row(&self, model: &str) -> StoredRule {
        let property = match &self.property {
            Property::One(name) => name.to_string(),
            _ => "*".to_owned(),
        };
        StoredRule {
            id: self.reference.to_string(),
            model: Some(model.to_owned()),
            property: Some(property),
            access_type: Some(self.access.as_deref().unwrap_or("*").to_owned()),
            permission: Some(self.effect.word().to_owned()),
            principal_type: self.principal_type.as_deref().map(str::to_owned),
            principal_id: self.principal_id.as_deref().map(str::to_owned),
        }
    }

    /// Whether the rule comes with LoopBack, so that no file can be edited to change it.
    pub(super) fn is_built_in(&self) -> bool {
        self.at.file == Place::NOWHERE.file
    }

    /// Whether the rule names `$related`, a role that LoopBack lists but never resolves (docs/loopback-3.28.md
    /// section 8.4).
    pub(super) fn is_related(&self) -> bool {
        self.principal_type.as_deref() == Some("ROLE") && self.principal_id.as_deref() == Some("$related")
    }

    /// Principal, permission and scope in one line: `clerk ALLOW create, READ`.
    pub(super) fn describe(&self) -> String {
        let mut text = principal(self.principal_type.as_deref(), self.principal_id.as_deref());
        text.push(' ');
        text.push_str(self.effect.word());
        let names = match &self.property {
            Property::Any => None,
            Property::One(name) => Some(name.to_string()),
            Property::List(names) => Some(names.join(", ")),
        };
        for word in names.iter().map(String::as_str).chain(self.access.as_deref()) {
            text.push(' ');
            text.push_str(word);
        }
        text
    }

    /// The principal; `None` if LoopBack matches no caller with it. `user_type`: see [`USER`].
    pub(super) fn who(&self, user_type: &str) -> Option<Who> {
        who(self.principal_type.as_deref(), self.principal_id.as_deref(), user_type)
    }

    /// The compiled rule for `target`, or why the entry does not match it.
    pub(super) fn fit(&self, target: &Target<'_>) -> Result<Rule, Mismatch> {
        let known = |name: &str| {
            !name.is_empty()
                && (name == target.property
                    || (target.alias_counts && target.aliases.iter().any(|alias| **alias == *name)))
        };
        let property = match &self.property {
            Property::Any => 2,
            Property::One(name) if known(name) => 3,
            Property::List(names) if names.iter().any(|name| known(name)) => 3,
            Property::One(_) | Property::List(_) => return Err(Mismatch::Property),
        };
        let access = access_weight(self.access.as_deref(), target.access).ok_or(Mismatch::Access)?;
        let who = self.who(target.user_type).ok_or(Mismatch::Principal)?;
        // A static rule belongs to its model, so the model part of the score is always exact.
        let score = score(&[3, property, access], &who, self.effect, target.user_type);
        let reference = Arc::clone(&self.reference);
        Ok(Rule { who, effect: self.effect, score, reference, is_built_in: self.is_built_in() })
    }
}

/// The rules of one route: those that can apply, the highest score first.
///
/// Equal scores keep LoopBack's order: stored rules, then static ones. Rules behind one for `$everyone` are
/// never reached and are cut off.
pub(super) fn rules(entries: &[Entry], stored: &[&StoredRule], target: &Target<'_>) -> Box<[Rule]> {
    let mut rules = all_rules(entries, stored.iter().copied(), target);
    if let Some(last) = rules.iter().position(|rule| rule.who == Who::Everyone) {
        rules.truncate(last + 1);
    }
    rules.into_boxed_slice()
}

/// The same with the rules that are never reached, for lints and `explain`.
pub(super) fn all_rules<'r>(
    entries: &[Entry],
    stored: impl Iterator<Item = &'r StoredRule>,
    target: &Target<'_>,
) -> Vec<Rule> {
    let mut rules: Vec<Rule> = stored.filter_map(|row| stored_rule(row, target).ok()).collect();
    rules.extend(entries.iter().filter_map(|entry| entry.fit(target).ok()));
    // A stable sort: rules with equal scores keep their order.
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.score));
    rules
}

/// Whether LoopBack knows the permission of a stored row.
pub(super) fn is_permission(word: &str) -> bool {
    word.is_empty() || effect(word).is_some()
}
