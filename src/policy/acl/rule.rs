//! A rule with its score, and what it applies to.

use std::sync::Arc;

/// `READ`
pub(in crate::policy) const READ: &str = "READ";

/// `WRITE`
pub(in crate::policy) const WRITE: &str = "WRITE";

/// `EXECUTE`
pub(in crate::policy) const EXECUTE: &str = "EXECUTE";

/// `REPLICATE`
pub(in crate::policy) const REPLICATE: &str = "REPLICATE";

/// The principal type of the accounts. In an app with several user models it is the name of the account model, and
/// `USER` matches nothing.
pub(in crate::policy) const USER: &str = "USER";

/// The access type that `word` spells.
pub(in crate::policy) fn access_type(word: &str) -> Option<&'static str> {
    [READ, WRITE, EXECUTE, REPLICATE].into_iter().find(|known| *known == word)
}

/// Which methods an entry is about.
#[derive(Clone, Debug)]
pub(in crate::policy) enum Property {
    Any,
    One(Box<str>),
    /// LoopBack wants the canonical name in the list; not even `["*"]` is a wildcard.
    List(Vec<Box<str>>),
}

/// What a winning rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Effect {
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
pub(in crate::policy) enum Who {
    Everyone,
    Authenticated,
    Unauthenticated,
    Owner,
    Role(Box<str>),
    User(Box<str>),
}

/// A rule of one route. The higher score comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Rule {
    pub(in crate::policy) who: Who,
    pub(in crate::policy) effect: Effect,
    pub(in crate::policy) score: i32,
    pub(in crate::policy) reference: Arc<str>,
}

/// Why an entry says nothing of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Miss {
    /// It is about other methods.
    Property,
    /// It is about other access types.
    Access,
    /// It is about no caller, as LoopBack sees it.
    Nobody,
}

/// What rules are matched with.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Target<'m> {
    pub(in crate::policy) model: &'m str,
    /// The canonical name; `""` = a route without a property.
    pub(in crate::policy) property: &'m str,
    pub(in crate::policy) aliases: &'m [Box<str>],
    pub(in crate::policy) access: &'static str,
    /// LoopBack's static rules do not know aliases; profile `standard` counts them.
    pub(in crate::policy) alias_counts: bool,
    /// The principal type of the accounts: see [`USER`].
    pub(in crate::policy) user_type: &'m str,
}

pub(super) fn effect(word: &str) -> Option<Effect> {
    match word {
        "ALLOW" => Some(Effect::Allow { weight: 0 }),
        "ALARM" => Some(Effect::Allow { weight: 1 }),
        "AUDIT" => Some(Effect::Allow { weight: 2 }),
        "DENY" => Some(Effect::Deny),
        "DEFAULT" => Some(Effect::Default { weight: -1 }),
        _ => None,
    }
}

/// How people call a principal.
pub(super) fn principal(kind: Option<&str>, id: Option<&str>) -> String {
    match (kind, id) {
        (Some("USER"), Some(id)) => format!("user {id}"),
        (Some("ROLE"), Some(id)) => id.to_owned(),
        (kind, id) => format!("{} {}", kind.unwrap_or("?"), id.unwrap_or("?")),
    }
}

/// Whom a principal's type and id mean; `None` = no caller, as LoopBack sees it.
pub(in crate::policy) fn who(principal_type: Option<&str>, id: Option<&str>, user_type: &str) -> Option<Who> {
    match (principal_type?, id?) {
        (kind, id) if kind == user_type => Some(Who::User(id.into())).filter(|_| !id.is_empty()),
        ("ROLE", "" | "$related") => None,
        ("ROLE", "$everyone") => Some(Who::Everyone),
        ("ROLE", "$authenticated") => Some(Who::Authenticated),
        ("ROLE", "$unauthenticated") => Some(Who::Unauthenticated),
        ("ROLE", "$owner") => Some(Who::Owner),
        ("ROLE", name) => Some(Who::Role(name.into())),
        _ => None,
    }
}

/// 3 = exact, 2 = wildcard, `None` = no match. A static `EXECUTE` rule governs every request.
pub(super) fn access_weight(rule: Option<&str>, request: &str) -> Option<i32> {
    match rule {
        None | Some("*") => Some(2),
        Some(EXECUTE) => Some(3),
        Some(WRITE) if request == REPLICATE => Some(3),
        Some(word) if word == request => Some(3),
        Some(_) => None,
    }
}

/// LoopBack's score: model, property, access type, principal, role and permission, in this order of weight. That a
/// `USER` principal weighs 4 in a field of 4 is LoopBack's: it carries into the access type. A principal of a type that
/// is a model's name weighs 1.
pub(super) fn score(parts: &[i32; 3], who: &Who, effect: Effect, user_type: &str) -> i32 {
    let (principal, role) = match who {
        Who::User(_) if user_type == USER => (4, 0),
        Who::User(_) => (1, 0),
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
