//! The input of a compilation: settings, files, and the store's roles and rules.

use serde::{Deserialize, Serialize};

/// The settings that affect decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// LoopBack's `restApiRoot`: `/api`.
    pub api_root: String,
    /// `api.users`, if it is set: the plural of the account model, unless its file has one.
    pub users_plural: Option<String>,
    /// The name of the account model; `None` = `User`, or the only public model with base `User`.
    pub user_model: Option<String>,
    /// Whether there are other apps, one of which may define `user_model` instead.
    #[serde(default)]
    pub is_one_of_several: bool,
    /// The verdict for requests that no model and no route covers.
    pub unmatched: Unmatched,
    /// Whether a request is allowed if no rule applies to it.
    pub default_allow: bool,
    /// Status of denials for callers with a token: 401, 403 or 404; `None` = 403. Anonymous callers always get
    /// 401.
    pub acl_error_status: Option<u16>,
    /// `true`: exactly as LoopBack 3.28 (`id` from body and query, static rules do not match aliases). `false`:
    /// profile `standard` (docs/interface.md, "Profiles").
    pub loopback: bool,
    /// `api.short_routes`: `/login` and the like at the root.
    pub short_routes: bool,
    /// `users.restrict_reset_password_token_scope`, if it is set. It overrides the account model's file.
    pub restrict_reset_scope: Option<bool>,
    /// The keys of `[users]` that are set. They override the account model's file.
    pub set_users_keys: Vec<String>,
    /// Whether the User API is served here. If not, its paths are the app's: see `accounts` of `[[apps]]`.
    pub serves_accounts: bool,
    /// `users.current_user_literal`: the path segment that is replaced by the caller's id.
    pub current_user_literal: Option<String>,
}

/// `policies.unmatched`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unmatched {
    /// Every caller is allowed.
    Allow,
    /// Callers with a valid token are allowed.
    Authenticated,
    /// No caller is allowed.
    Deny,
}

/// A file of the policies folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The name in findings and rule references: `order.json`.
    pub name: String,
    /// The content.
    pub text: String,
}

/// A stored ACL row (LoopBack's ACL model). Absent fields match nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRule {
    /// The row's id, which is part of the rule reference.
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
    /// A user id, an app id or the name of a role.
    pub principal_id: Option<String>,
}

/// The data of the store that a set is compiled with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// The names of all roles. A rule with another name gets a warning.
    pub roles: Vec<String>,
    /// The ACL rows.
    pub rules: Vec<StoredRule>,
}
