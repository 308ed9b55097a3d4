//! The compiled set.

use crate::policy::{AccountModel, Settings, table::Table};

/// A complete, checked set of policies. It is immutable: a reload compiles a new one.
///
/// ```
/// use portcullis::policy::{Caller, Decision, Settings, Source, Stored, Unmatched, compile};
///
/// let settings = Settings {
///     api_root: "/api".to_owned(),
///     users_plural: None,
///     user_model: None,
///     is_one_of_several: false,
///     unmatched: Unmatched::Deny,
///     default_allow: false,
///     acl_error_status: None,
///     loopback: false,
///     short_routes: false,
///     restrict_reset_scope: None,
///     set_users_keys: Vec::new(),
///     serves_accounts: true,
///     current_user_literal: None,
/// };
/// let notes = Source {
///     name: "notes.json".to_owned(),
///     text: r#"{
///         "name": "Notes",
///         "routes": [{"path": "/notes", "methods": ["GET"]}],
///         "acls": [{"principalType": "ROLE", "principalId": "$authenticated", "permission": "ALLOW"}]
///     }"#
///     .to_owned(),
/// };
/// let (set, findings) = compile(&settings, &[notes], &Stored::default());
/// let set = set.ok_or_else(|| format!("{findings:?}"))?;
///
/// let action = set.action("GET", "/notes", None);
/// let anonymous = Caller { user: None, roles: &[], certificate: None, scopes: &[] };
/// assert!(matches!(set.decide(&action, anonymous, None), Decision::Denial(denial) if denial.status == 401));
/// let ann = Caller { user: Some("7"), ..anonymous };
/// assert!(matches!(set.decide(&action, ann, None), Decision::Permit(permit) if permit.rule == "notes.json#/acls/0"));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug)]
pub struct PolicySet {
    /// SHA-256 over settings, files and stored rules, in hex.
    pub digest: String,
    pub(in crate::policy) settings: Settings,
    pub(in crate::policy) table: Table,
    pub(super) account: Option<AccountModel>,
}
