//! The account model, as the policies say it.

use serde_json::Value;

use crate::policy::{
    AccountMethod,
    app_collections::{AppCollections, Key},
};

/// The account model as its file has it. A setting that the file leaves open is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountModel {
    /// Its name: error texts show it, and an import looks for it.
    pub name: String,
    /// Its path below the API root, without slashes at its ends.
    pub plural: String,
    /// Its key.
    pub key: Key,
    /// The principal type of its users: its name where the app's users are in several models, else `USER`.
    pub principal_type: String,
    /// What the app calls the collections that belong to the accounts.
    pub collections: AppCollections,
    /// What the memory connector calls the accounts' rows.
    pub collection: String,
    /// Properties that no answer shows.
    pub hidden: Vec<String>,
    /// Its properties, in the order of the definition.
    pub properties: Vec<Property>,
    /// Seconds.
    pub ttl: Option<f64>,
    /// Seconds.
    pub max_ttl: Option<f64>,
    /// Seconds.
    pub reset_password_token_ttl: Option<f64>,
    /// See `[users]` in docs/settings.md.
    pub allow_eternal_tokens: Option<bool>,
    /// See `[users]` in docs/settings.md.
    pub restrict_reset_password_token_scope: Option<bool>,
    /// See `[users]` in docs/settings.md.
    pub email_verification_required: Option<bool>,
    /// See `[users]` in docs/settings.md.
    pub realm_required: Option<bool>,
    /// See `[users]` in docs/settings.md.
    pub realm_delimiter: Option<String>,
    /// See `[users]` in docs/settings.md.
    pub case_sensitive_email: Option<bool>,
    /// See `[users]` in docs/settings.md.
    pub reject_password_changes_via_patch_or_replace: Option<bool>,
    /// How many characters a token's id has: a setting of the model of its access tokens.
    pub access_token_id_length: Option<usize>,
    /// Whether properties that the definition does not name are dropped.
    pub strict: Option<bool>,
    /// The routes that the User API serves, in the order of the methods.
    pub routes: Vec<AccountRoute>,
}

/// A route that the User API serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRoute {
    /// Upper case; `ALL` = any that no other route of this path takes.
    pub verb: String,
    /// From the root of the host, as LoopBack writes it: `/api/users/:id`.
    pub path: String,
    /// What it calls.
    pub method: AccountMethod,
}

/// A property of the account model.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// Its type as the file has it, in lower case: `string`, `number`, `boolean`, `date`, `object`, `array`, `any`.
    pub kind: String,
    /// Of a list that says it, the type of its items: `["string"]`.
    pub items: Option<String>,
    /// Whether it must be there.
    pub required: bool,
    /// What it is when it is not given.
    pub default: Option<Value>,
}
