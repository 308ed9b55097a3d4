//! Access rules: JSON ACL files compiled into a [`PolicySet`], and the decision about a request.
//!
//! A decision is a pure function of the set, the action, the caller and the app's answer about the row's owner
//! (docs/loopback-3.28.md section 8, docs/policies.md). All work that does not depend on the caller is done at
//! load: a route holds its rules sorted by LoopBack's score, without those that cannot apply, and the first
//! rule that matches the caller decides.

mod account;
mod account_method;
mod acl;
mod action;
mod analysis;
mod app_collections;
mod argument;
mod assemble;
mod caller_classes;
mod cases;
mod code;
mod compile;
mod current_user;
mod decide;
mod diff;
mod explain;
mod finding;
mod input;
mod json;
mod key_typos;
mod lint;
mod method;
mod model;
mod owner;
mod path;
mod pattern;
mod plan;
mod plural;
mod remote;
mod routes_file;
mod schema;
mod scopes;
mod segment_table;
mod settings;
mod stored_findings;
mod table;
mod trie;
mod verb;

use serde_json::Value;

use crate::javascript;

pub use account::{AccountModel, AccountRoute, Property};
pub use account_method::AccountMethod;
#[cfg(test)]
pub(crate) use account_method::of_loopback;
pub use action::{Action, Served};
pub use analysis::{Analysis, Mutation, RuleName, UserRule, analyze};
pub use app_collections::{AppCollections, Collection, Key};
pub use argument::{Argument, Item, Kind as ArgumentKind, Source as ArgumentSource};
pub use caller_classes::CallerClass;
pub use cases::{Anonymous, As, AsUser, Case, Expect, Id, Outcome};
pub use code::Severity;
pub(crate) use code::{Code, EITHER, ERROR, WARNING, codes};
pub use compile::{PolicySet, compile};
pub use current_user::CurrentUser;
pub use decide::{Caller, Decision, Denial, Permit, Reach};
pub use diff::{Change, compare};
pub use explain::{Asks, Explanation, Inquiry, Judged, RuleLine, Verdict};
pub use finding::Finding;
pub use input::{Settings, Source, Stored, StoredRule, Unmatched};
pub use owner::{OwnerAnswer, OwnerVerdict, Question};
pub use path::readings;
pub use schema::schema;
pub use stored_findings::of_stored_rules;
pub use table::RouteRate;

/// The `id` of a request's body, the only part of it that a decision needs. `None` if the body has none. An
/// empty text if its value cannot be a row's id (`null`, `0`, a list): LoopBack takes the first `id` that is
/// defined, so the query's must not be used in its place.
#[must_use]
pub fn body_id(body: &Value) -> Option<String> {
    // LoopBack's truth decides: `0`, `""` and `null` are no ids (docs/loopback-3.28.md section 8.6).
    let id = body.get("id")?;
    Some(if javascript::truthy(id) { owner::scalar(id).unwrap_or_default() } else { String::new() })
}

#[cfg(test)]
mod tests;
