//! Rows of the store as rules.

use std::sync::Arc;

use super::{Effect, Mismatch, REPLICATE, Rule, Target, WRITE, effect, principal, score, who};
use crate::policy::StoredRule;

/// The compiled rule of a stored row for `target`. Unlike static rules, rows match aliases, match every model
/// by `*`, and match nothing if the property or the access type is absent (docs/loopback-3.28.md section 8.3).
pub(in crate::policy) fn stored_rule(row: &StoredRule, target: &Target<'_>) -> Result<Rule, Mismatch> {
    let model = match row.model.as_deref() {
        Some("*") => 2,
        Some(name) if name == target.model => 3,
        _ => return Err(Mismatch::Property),
    };
    let property = match row.property.as_deref() {
        Some("*") => 2,
        None | Some("") => return Err(Mismatch::Property),
        Some(name) if name == target.property || target.aliases.iter().any(|alias| **alias == *name) => 3,
        Some(_) => return Err(Mismatch::Property),
    };
    let access = match row.access_type.as_deref() {
        Some("*") => 2,
        Some(word) if word == target.access => 3,
        Some(WRITE) if target.access == REPLICATE => 3,
        _ => return Err(Mismatch::Access),
    };
    let effect = stored_effect(row.permission.as_deref());
    let who = who(row.principal_type.as_deref(), row.principal_id.as_deref(), target.user_type);
    let who = who.ok_or(Mismatch::Principal)?;
    let score = score(&[model, property, access], &who, effect, target.user_type);
    Ok(Rule { who, effect, score, reference: stored_reference(row), is_built_in: false })
}

/// The name of a stored row in decisions.
pub(in crate::policy) fn stored_reference(row: &StoredRule) -> Arc<str> {
    format!("store#/ACL/{}", row.id).into()
}

/// A row's effect. An unknown permission breaks LoopBack's sorting; here such a row denies, because a mistake
/// must not open a route.
fn stored_effect(permission: Option<&str>) -> Effect {
    match permission {
        None | Some("") => Effect::Default { weight: 0 },
        Some(word) => effect(word).unwrap_or(Effect::Deny),
    }
}

/// Principal, permission and scope of a stored row in one line.
pub(in crate::policy) fn describe_stored(row: &StoredRule) -> String {
    let who = principal(row.principal_type.as_deref(), row.principal_id.as_deref());
    let words = [&row.permission, &row.property, &row.access_type].map(|word| word.as_deref().unwrap_or("?"));
    format!("{who} {}", words.join(" "))
}
