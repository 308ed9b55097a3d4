//! What a set is made of: settings, files, and what the store knows.

use serde::{Deserialize, Serialize};

/// What the files leave open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// LoopBack's `restApiRoot`: `/api`.
    pub api_root: String,
    /// `api.users`, where it is set: the plural of the account model, unless its file says it.
    pub users_plural: Option<String>,
    /// The name of the account model; `None` = `User`, or the only public model with base `User`.
    pub user_model: Option<String>,
    /// What becomes of a request that no model and no route covers.
    pub unmatched: Unmatched,
    /// Whether a request is allowed that no rule applies to.
    pub default_allow: bool,
    /// 401, 403 or 404 for every denial of a known caller; `None` = 403. A denial of an anonymous one is a 401.
    pub acl_error_status: Option<u16>,
    /// `true`: exactly LoopBack 3.28 (`id` from body and query, aliases inert in static rules). `false`:
    /// profile `standard` (docs/interface.md, "Profiles").
    pub loopback: bool,
    /// `api.short_routes`: `/login` and its kin.
    pub short_routes: bool,
    /// `users.restrict_reset_password_token_scope`, where it is set: then it wins over the account model's file.
    pub restrict_reset_scope: Option<bool>,
    /// The keys of `[users]` that are set: they win over the account model's file.
    pub set_users_keys: Vec<String>,
    /// `users.current_user_literal`: the segment that stands for the caller's id.
    pub current_user_literal: Option<String>,
}

/// `policies.unmatched`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unmatched {
    /// All may.
    Allow,
    /// Callers with a valid token may.
    Authenticated,
    /// None may.
    Deny,
}

/// One file of the policies folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name, as findings and rule references show it: `order.json`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// A stored ACL row (LoopBack's ACL model). Absent fields match nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRule {
    /// The row's id, for the rule reference.
    pub id: String,
    /// The model's name or `*`.
    pub model: Option<String>,
    /// A method's name, an alias, or `*`.
    pub property: Option<String>,
    /// `READ`, `WRITE`, `EXECUTE`, `REPLICATE` or `*`.
    pub access_type: Option<String>,
    /// `ALLOW`, `DENY`, `ALARM` or `AUDIT`.
    pub permission: Option<String>,
    /// `USER`, `APP` or `ROLE`.
    pub principal_type: Option<String>,
    /// Who.
    pub principal_id: Option<String>,
}

/// What the store knows that a set is compiled with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The names of all roles: a rule naming another one gets a warning.
    pub roles: Vec<String>,
    /// The ACL rows.
    pub rules: Vec<StoredRule>,
}
