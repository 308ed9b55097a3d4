//! The account model as the policy files define it.

use serde_json::Value;

use crate::policy::{
    AccountMethod,
    app_collections::{AppCollections, Key},
};

/// The account model of a file. A setting that the file does not have is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountModel {
    /// The model's name. Error messages contain it, and an import looks for it.
    pub name: String,
    /// Whether it is LoopBack's `User`, because no file defines another account model.
    pub built_in: bool,
    /// The path below the API root, without slashes at its ends.
    pub plural: String,
    /// The primary key.
    pub key: Key,
    /// The principal type of the users: the model's name if the app has several user models, else `USER`.
    pub principal_type: String,
    /// The app's names of the collections that belong to the accounts.
    pub collections: AppCollections,
    /// The memory connector's name for the collection of the accounts.
    pub collection: String,
    /// Properties that are left out of every answer.
    pub hidden: Vec<String>,
    /// The properties, in the order of the definition.
    pub properties: Vec<Property>,
    /// Lifetime of a token, in seconds; -1 = no end.
    pub ttl: Option<f64>,
    /// The longest lifetime of a token, in seconds.
    pub max_ttl: Option<f64>,
    /// Lifetime of a token that resets a password, in seconds.
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
    /// Length of a token's id in characters. It is a setting of the access token model, not of this one.
    pub access_token_id_length: Option<usize>,
    /// Whether properties are dropped that the definition does not name.
    pub strict: Option<bool>,
    /// The routes that the User API serves, in the order of the methods.
    pub routes: Vec<AccountRoute>,
}

/// A route that the User API serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRoute {
    /// Upper case. `ALL` = every verb that no other route of this path has.
    pub verb: String,
    /// The whole path in LoopBack's notation: `/api/users/:id`.
    pub path: String,
    /// The method that it calls.
    pub method: AccountMethod,
}

/// A property of the account model.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The name, as written.
    pub name: String,
    /// The type in lower case: `string`, `number`, `boolean`, `date`, `object`, `array` or `any`.
    pub kind: String,
    /// The type of a list's items, if the definition names it: `["string"]`.
    pub items: Option<String>,
    /// Whether a value is required.
    pub required: bool,
    /// The default value.
    pub default: Option<Value>,
    /// What it is, for people; several lines in one.
    pub description: Option<String>,
}
