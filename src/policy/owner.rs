//! Ownership of rows: the question to the app, and the evaluation of its answer (docs/loopback-3.28.md section
//! 8.6, docs/policies.md).

mod declared;

use std::time::Duration;

use serde_json::Value;

use super::{Action, Caller, path};
use crate::javascript;

pub(super) use declared::{Field, Owner, Part, RowOwner, Template};

/// A question to the app about the owner of a row.
#[derive(Clone, Debug)]
pub struct Question<'s> {
    /// The target of the GET, in origin-form.
    pub target: String,
    /// `Some(name)`: only this response header is wanted; `None`: the JSON body.
    pub header: Option<&'s str>,
    /// How long the answer may be cached; `None` = for this request only.
    pub cache: Option<Duration>,
    reading: Reading<'s>,
}

/// The part of an answer that contains the owner.
#[derive(Clone, Copy, Debug)]
enum Reading<'s> {
    Row(&'s RowOwner),
    Pointer(&'s str),
    Header,
}

/// The app's answer.
#[derive(Debug)]
pub enum OwnerAnswer {
    /// The row does not exist.
    Missing,
    /// The row's JSON.
    Row(Value),
    /// The header's value.
    Header(Option<String>),
    /// The owner's id from a cached answer to the same question. See [`Question::owner`].
    Owner(Box<str>),
}

/// Whether the caller owns the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnerVerdict {
    /// Yes.
    Owner,
    /// No, or there is no such row.
    NotOwner,
}

/// The ownership as far as it is known without the app.
pub(super) enum Ownership<'s> {
    Known(bool),
    Ask(Question<'s>),
}

impl Owner {
    /// Whether the rows of a route that captures these segments can have an owner. `is_open`: the row's id may
    /// also come from the body or the query.
    pub(super) fn is_possible(&self, captures: &[&str], is_open: bool) -> bool {
        let has = |name: &str| captures.contains(&name) || (is_open && name == "id");
        match self {
            Self::None => false,
            Self::Account => has("id"),
            Self::Segment(name) => has(name),
            Self::Row { row, .. } => has("id") && (row.legacy || !row.keys.is_empty()),
            Self::Lookup { target, .. } => target.0.iter().all(|part| match part {
                Part::Text(_) => true,
                Part::Capture(name) => has(name),
            }),
        }
    }

    /// Whether `user` owns the row of `action`, or the question to the app.
    pub(super) fn ownership<'s>(&'s self, action: &Action<'s, '_>, user: &str) -> Ownership<'s> {
        let id = action.model_id.as_deref().filter(|id| !id.is_empty());
        let question = match self {
            Self::None => None,
            // An empty user id never owns a row: an empty segment or property would make every such row its
            // own.
            Self::Account => return Ownership::Known(!user.is_empty() && id == Some(user)),
            Self::Segment(name) => {
                // The path contains the owner's id, so the app need not be asked.
                let owner = action.capture(name);
                return Ownership::Known(!user.is_empty() && owner.as_deref() == Some(user));
            }
            Self::Row { prefix, row } => {
                id.and_then(path::encode).filter(|id| action.reads_row(id)).map(|id| Question {
                    target: format!("{prefix}{id}"),
                    header: None,
                    // LoopBack's own way: only `owner` in a file can allow a cache.
                    cache: None,
                    reading: Reading::Row(row),
                })
            }
            Self::Lookup { target, reading, cache } => target.render(action).map(|target| {
                let (header, reading) = match reading {
                    Field::Pointer(pointer) => (None, Reading::Pointer(pointer)),
                    Field::Header(name) => (Some(&**name), Reading::Header),
                };
                Question { target, header, cache: *cache, reading }
            }),
        };
        question.map_or(Ownership::Known(false), Ownership::Ask)
    }
}

impl Template {
    /// The target for an action; `None` if a value is missing or cannot be encoded safely.
    fn render(&self, action: &Action<'_, '_>) -> Option<String> {
        let mut target = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => target.push_str(text),
                Part::Capture(name) => target.push_str(&path::encode(&action.capture(name)?)?),
            }
        }
        Some(target)
    }
}

impl<'s> Question<'s> {
    /// The part of the answer that is read: a JSON pointer, or a header's name; empty for LoopBack's own rules.
    #[must_use]
    pub fn field(&self) -> &'s str {
        match self.reading {
            Reading::Pointer(pointer) => pointer,
            Reading::Header => self.header.unwrap_or_default(),
            Reading::Row(_) => "",
        }
    }

    /// The owner's id in an answer, which a cache stores instead of the row. `None` if there is none, and for
    /// LoopBack's own rules, which depend on more than an id.
    #[must_use]
    pub fn owner(&self, answer: &OwnerAnswer) -> Option<Box<str>> {
        let owner = match (self.reading, answer) {
            (Reading::Pointer(pointer), OwnerAnswer::Row(value)) => {
                value.pointer(pointer).and_then(scalar)?
            }
            // Blanks around a header's value do not belong to it (RFC 9110 section 5.5).
            (Reading::Header, OwnerAnswer::Header(Some(value))) => value.trim().to_owned(),
            _ => return None,
        };
        (!owner.is_empty()).then(|| owner.into())
    }

    /// Evaluates the app's answer. `user_exists`: whether the caller's account exists, because the user of a
    /// belongsTo relation has to (docs/loopback-3.28.md section 8.6, step 3).
    #[must_use]
    pub fn verdict(&self, answer: &OwnerAnswer, caller: Caller<'_>, user_exists: bool) -> OwnerVerdict {
        // An answer without an owner and a caller without an id must not match.
        let Some(user) = caller.user.filter(|user| !user.is_empty()) else { return OwnerVerdict::NotOwner };
        let owns = match (self.reading, answer) {
            (Reading::Row(row), OwnerAnswer::Row(value)) => row.is_owned_by(value, user, user_exists),
            (Reading::Pointer(_) | Reading::Header, OwnerAnswer::Owner(owner)) => **owner == *user,
            // An answer of the wrong kind has no owner, so it denies.
            _ => self.owner(answer).is_some_and(|owner| *owner == *user),
        };
        if owns { OwnerVerdict::Owner } else { OwnerVerdict::NotOwner }
    }
}

impl RowOwner {
    fn is_owned_by(&self, row: &Value, user: &str, user_exists: bool) -> bool {
        // A list or a text has no properties; such an answer is no row.
        if !row.is_object() {
            return false;
        }
        let by_key = |key: &str| user_exists && row.get(key).is_some_and(|owner| is_id(owner, user));
        if !self.legacy {
            return self.keys.iter().any(|key| by_key(key));
        }
        match self.owner_property(row) {
            // A mismatch decides; LoopBack does not go on to the relations.
            Some(owner) => is_id(owner, user),
            None => self.keys.first().is_some_and(|key| by_key(key)),
        }
    }

    /// The first truthy one of `userId` and `owner`. A relation of that name is a function in LoopBack: truthy,
    /// but no id.
    fn owner_property<'r>(&self, row: &'r Value) -> Option<&'r Value> {
        if self.user_id_is_relation {
            return None;
        }
        let property = |name| row.get(name).filter(|value| javascript::truthy(value));
        property("userId").or_else(|| if self.owner_is_relation { None } else { property("owner") })
    }
}

/// Whether a value equals this id as a string.
fn is_id(value: &Value, user: &str) -> bool {
    scalar(value).is_some_and(|id| !id.is_empty() && id == user)
}

/// A JSON value as JavaScript prints it; `None` for null, lists and objects.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        other => Some(javascript::to_text(other)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn legacy(keys: &[&str]) -> RowOwner {
        RowOwner { legacy: true, keys: keys.iter().map(|key| (*key).into()).collect(), ..RowOwner::default() }
    }

    #[test]
    fn reads_rows_as_loopback_does() {
        let owned_relation = RowOwner { owner_is_relation: true, ..legacy(&["ownerId"]) };
        let shadowed = RowOwner { user_id_is_relation: true, ..legacy(&["k"]) };
        let any = RowOwner { keys: vec!["a".into(), "b".into()], ..RowOwner::default() };
        for (row_owner, row, exists, expected) in [
            (&legacy(&[]), json!({"userId": 7}), false, true),
            (&legacy(&[]), json!({"userId": "7"}), false, true),
            (&legacy(&[]), json!({"userId": 7.0}), false, true),
            (&legacy(&[]), json!({"userId": 70}), true, false),
            (&legacy(&[]), json!({"userId": [7]}), true, false),
            (&legacy(&[]), json!({"userId": null, "owner": 7}), false, true),
            (&legacy(&[]), json!({"userId": 0, "owner": 7}), false, true),
            (&legacy(&[]), json!({"owner": "8"}), true, false),
            // A mismatch ends it.
            (&legacy(&["k"]), json!({"userId": 8, "k": 7}), true, false),
            (&legacy(&["k"]), json!({"k": 7}), true, true),
            (&legacy(&["k"]), json!({"k": 7}), false, false),
            // Only the first relation is followed.
            (&legacy(&["a", "b"]), json!({"a": 8, "b": 7}), true, false),
            (&owned_relation, json!({"owner": 7, "ownerId": 8}), true, false),
            (&owned_relation, json!({"owner": 8, "ownerId": 7}), true, true),
            (&shadowed, json!({"userId": 8, "owner": 8, "k": 7}), true, true),
            (&any, json!({"a": 8, "b": 7, "userId": 9}), true, true),
            (&any, json!({"userId": 7}), true, false),
            (&any, json!({"a": 7}), false, false),
            (&legacy(&["k"]), json!([]), true, false),
            (&legacy(&["k"]), json!("7"), true, false),
        ] {
            assert_eq!(row_owner.is_owned_by(&row, "7", exists), expected, "{row_owner:?} {row}");
        }
    }

    #[test]
    fn prints_as_javascript() {
        for (value, text) in [
            (json!(1), Some("1")),
            (json!(1.0), Some("1")),
            (json!(-0.0), Some("0")),
            (json!(1.5), Some("1.5")),
            (json!(true), Some("true")),
            (json!("x"), Some("x")),
            (json!(null), None),
            (json!([1]), None),
        ] {
            assert_eq!(scalar(&value).as_deref(), text, "{value}");
        }
    }

    #[test]
    fn an_answer_of_the_wrong_kind_is_no_owner() {
        let caller = Caller { user: Some("7"), roles: &[], certificate: None, scopes: &[] };
        let question = |reading| Question { target: "/x".into(), header: None, cache: None, reading };
        let pointer = question(Reading::Pointer("/customer/id"));
        let row = OwnerAnswer::Row(json!({"customer": {"id": 7}}));
        assert_eq!(pointer.verdict(&row, caller, false), OwnerVerdict::Owner);
        for (answer, caller) in [
            (OwnerAnswer::Missing, caller),
            (OwnerAnswer::Header(Some("7".into())), caller),
            (OwnerAnswer::Row(json!({"customer": 7})), caller),
            (OwnerAnswer::Row(json!({"customer": {"id": ""}})), Caller { user: Some(""), ..caller }),
            (OwnerAnswer::Row(json!({"customer": {"id": 7}})), Caller { user: None, ..caller }),
        ] {
            assert_eq!(pointer.verdict(&answer, caller, true), OwnerVerdict::NotOwner, "{answer:?}");
        }
        let header = question(Reading::Header);
        assert_eq!(
            header.verdict(&OwnerAnswer::Header(Some(" 7 ".into())), caller, false),
            OwnerVerdict::Owner
        );
        assert_eq!(header.verdict(&OwnerAnswer::Header(None), caller, false), OwnerVerdict::NotOwner);
        assert_eq!(header.verdict(&row, caller, false), OwnerVerdict::NotOwner);
    }
}
