//! A compiled rule with its score, and the target that it is matched against.

use std::sync::Arc;

/// `READ`
pub(in crate::policy) const READ: &str = "READ";

/// `WRITE`
pub(in crate::policy) const WRITE: &str = "WRITE";

/// `EXECUTE`
pub(in crate::policy) const EXECUTE: &str = "EXECUTE";

/// `REPLICATE`
pub(in crate::policy) const REPLICATE: &str = "REPLICATE";

/// The principal type of the accounts. In an app with several user models the type is the name of the account
/// model, and `USER` matches no caller.
pub(in crate::policy) const USER: &str = "USER";

/// The principal type of clients that have shown a certificate (docs/tls.md, "Certificates of clients"). LoopBack has
/// nothing like it.
pub(in crate::policy) const CERTIFICATE: &str = "CERTIFICATE";

/// The access type with this name.
pub(in crate::policy) fn access_type(word: &str) -> Option<&'static str> {
    [READ, WRITE, EXECUTE, REPLICATE].into_iter().find(|known| *known == word)
}

/// The methods that a rule covers.
#[derive(Clone, Debug)]
pub(in crate::policy) enum Property {
    Any,
    One(Box<str>),
    /// LoopBack compares the canonical name with the items. Not even `["*"]` is a wildcard.
    List(Vec<Box<str>>),
}

/// The effect of a rule that decides.
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

/// The principal of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Who {
    Everyone,
    Authenticated,
    Unauthenticated,
    Owner,
    Role(Box<str>),
    User(Box<str>),
    /// A client that has shown a certificate with this subject, logged in or not.
    Certificate(Box<str>),
}

impl Who {
    /// The subject of a rule for a certificate.
    pub(in crate::policy) fn certificate(&self) -> Option<&str> {
        match self {
            Self::Certificate(subject) => Some(subject),
            _ => None,
        }
    }
}

/// A compiled rule of one route. The highest score is first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::policy) struct Rule {
    pub(in crate::policy) who: Who,
    pub(in crate::policy) effect: Effect,
    pub(in crate::policy) score: i32,
    pub(in crate::policy) reference: Arc<str>,
    /// Whether it comes with LoopBack.
    pub(in crate::policy) is_built_in: bool,
}

/// Why a rule does not match a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Mismatch {
    /// It covers other methods.
    Property,
    /// It covers other access types.
    Access,
    /// LoopBack matches no caller with its principal.
    Principal,
}

/// The request's side of a match.
#[derive(Clone, Copy, Debug)]
pub(in crate::policy) struct Target<'m> {
    pub(in crate::policy) model: &'m str,
    /// The canonical name. Empty for a route without a property.
    pub(in crate::policy) property: &'m str,
    pub(in crate::policy) aliases: &'m [Box<str>],
    pub(in crate::policy) access: &'static str,
    /// Whether static rules match aliases, too: not in LoopBack, but in profile `standard`.
    pub(in crate::policy) alias_counts: bool,
    /// The principal type of the accounts: see [`USER`].
    pub(in crate::policy) user_type: &'m str,
}

pub(super) fn effect(word: &str) -> Option<Effect> {
    match word {
        "ALLOW" => Some(Effect::Allow { weight: 0 }),
        // These two allow as ALLOW does, with a higher weight (docs/loopback-3.28.md section 8.5).
        "ALARM" => Some(Effect::Allow { weight: 1 }),
        "AUDIT" => Some(Effect::Allow { weight: 2 }),
        "DENY" => Some(Effect::Deny),
        "DEFAULT" => Some(Effect::Default { weight: -1 }),
        _ => None,
    }
}

/// A readable form of a principal.
pub(super) fn principal(kind: Option<&str>, id: Option<&str>) -> String {
    match (kind, id) {
        (Some("USER"), Some(id)) => format!("user {id}"),
        (Some("ROLE"), Some(id)) => id.to_owned(),
        (Some(CERTIFICATE), Some(id)) => format!("certificate {id}"),
        (kind, id) => format!("{} {}", kind.unwrap_or("?"), id.unwrap_or("?")),
    }
}

/// The principal of a type and an id; `None` if LoopBack matches no caller with it.
pub(in crate::policy) fn who(principal_type: Option<&str>, id: Option<&str>, user_type: &str) -> Option<Who> {
    match (principal_type?, id?) {
        // An empty id is no user's.
        (kind, id) if kind == user_type => Some(Who::User(id.into())).filter(|_| !id.is_empty()),
        // LoopBack has no resolver for `$related`, so it never matches.
        ("ROLE", "" | "$related") => None,
        ("ROLE", "$everyone") => Some(Who::Everyone),
        ("ROLE", "$authenticated") => Some(Who::Authenticated),
        ("ROLE", "$unauthenticated") => Some(Who::Unauthenticated),
        ("ROLE", "$owner") => Some(Who::Owner),
        ("ROLE", name) => Some(Who::Role(name.into())),
        (CERTIFICATE, subject) => Some(Who::Certificate(subject.into())).filter(|_| !subject.is_empty()),
        _ => None,
    }
}

/// 3 = exact, 2 = wildcard, `None` = no match. A static `EXECUTE` rule matches every request
/// (docs/loopback-3.28.md section 8.5).
pub(super) fn access_weight(rule: Option<&str>, request: &str) -> Option<i32> {
    match rule {
        None | Some("*") => Some(2),
        Some(EXECUTE) => Some(3),
        // A WRITE rule matches REPLICATE requests (docs/loopback-3.28.md section 8.5).
        Some(WRITE) if request == REPLICATE => Some(3),
        Some(word) if word == request => Some(3),
        Some(_) => None,
    }
}

/// LoopBack's score: model, property, access type, principal, role and permission, in this order of weight
/// (docs/loopback-3.28.md section 8.5).
pub(super) fn score(parts: &[i32; 3], who: &Who, effect: Effect, user_type: &str) -> i32 {
    let (principal, role) = match who {
        // 4 in a field of 2 bits, as in LoopBack: it carries into the access type.
        // Only `USER` has this weight; a model's name counts as an unknown type.
        Who::User(_) if user_type == USER => (4, 0),
        // With several user models the type is a model's name, to which LoopBack gives the weight of unknown
        // types.
        Who::User(_) => (1, 0),
        // As LoopBack's `APP`: between a user and a role.
        Who::Certificate(_) => (3, 0),
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
