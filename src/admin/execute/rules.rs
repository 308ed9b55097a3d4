//! Stored rules: rows of LoopBack's ACL model.

use super::{
    error::ExecuteError,
    find::{called, resolve},
    near,
    policies::Policies,
};
use crate::{
    accounts::Actor,
    admin::{
        output::{Output, RuleView},
        services::Services,
        who::Who,
    },
    identity::UserId,
    policy::{self, StoredRule},
    store::AclRow,
};

pub(super) async fn add(services: &Services, rule: StoredRule) -> Result<Output, ExecuteError> {
    let rule = complete(rule)?;
    let rows = services.store.acl_rows().await?;
    let says = |row: &AclRow| view(&AclRow { id: String::new(), ..row.clone() });
    let row = |id: String| AclRow {
        id,
        model: rule.model.clone(),
        property: rule.property.clone(),
        access_type: rule.access_type.clone(),
        permission: rule.permission.clone(),
        principal_type: rule.principal_type.clone(),
        principal_id: rule.principal_id.clone(),
    };
    let new = row(String::new());
    if let Some(known) = rows.iter().find(|known| says(known) == says(&new)) {
        return Ok(Output::Done { message: format!("there is such a rule already: `{}`", known.id) });
    }
    // Imported ids may be any text; only numbers are counted on.
    let last = rows.iter().filter_map(|row| row.id.parse::<u64>().ok()).max().unwrap_or(0);
    let id = last.saturating_add(1).to_string();
    let mut warnings: Vec<String> = user_of(services, &rule).await?.into_iter().collect();
    warnings.extend(warnings_about(services, StoredRule { id: id.clone(), ..rule.clone() }).await?);
    // Stored first: if the gate cannot compile it now, the next reload or start will report it.
    services.accounts().add_rule(Actor::Operator, row(id.clone())).await?;
    apply_rules(services).await?;
    let mut message = format!("the rule `{id}` is stored; `portcullis acl remove {id}` removes it");
    for doubt in warnings {
        message.push_str(&format!("\nwarning: {doubt}"));
    }
    Ok(Output::Done { message })
}

/// Refuses a USER rule that does not name an id. Returns a warning if no user has the id.
async fn user_of(services: &Services, rule: &StoredRule) -> Result<Option<String>, ExecuteError> {
    // Other types are roles, apps, or user models (in an app with several, the type is the model's name).
    let Some(id) = rule.principal_id.as_deref().filter(|_| rule.principal_type.as_deref() == Some("USER"))
    else {
        return Ok(None);
    };
    match resolve(services, &Who::Bare(id.to_owned())).await {
        Ok(user) if user.id == UserId::parse(id) => Ok(None),
        Ok(user) => Err(ExecuteError::Rule(format!(
            "a USER rule names an id; {} is `--principal-id {}`",
            called(&user),
            user.id
        ))),
        Err(ExecuteError::NoSuchUser { .. }) if id.contains('@') => Err(ExecuteError::Rule(format!(
            "a USER rule names an id, and no one has the address `{id}`; `portcullis user list` shows all ids"
        ))),
        Err(ExecuteError::NoSuchUser { .. } | ExecuteError::Ambiguous(_)) => {
            Ok(Some(format!("no user has the id `{id}`; `portcullis user list` shows all ids")))
        }
        Err(error) => Err(error),
    }
}

/// The warnings about the ruleset with a new rule. A rule for an unknown model or an unknown `$` role is refused.
async fn warnings_about(services: &Services, rule: StoredRule) -> Result<Vec<String>, ExecuteError> {
    let Some(mut policies) = Policies::of_each(services).await else { return Ok(Vec::new()) };
    let head = format!("the stored rule `{}` ", rule.id);
    let is_special = rule.principal_id.as_deref().is_some_and(|name| name.starts_with('$'));
    let mut of_apps = Vec::new();
    for policies in &mut policies {
        policies.stored.rules.push(rule.clone());
        let Some((_, findings)) = policies.analyze() else { return Ok(Vec::new()) };
        of_apps.push((policies.app.clone(), findings));
    }
    let mut warnings = Vec::new();
    for finding in policy::of_stored_rules(&of_apps) {
        let Some(what) = finding.message.strip_prefix(&head) else { continue };
        let fix = finding.fix.map_or_else(String::new, |fix| format!("; {fix}"));
        match finding.code {
            "unknown-model" => return Err(ExecuteError::Rule(format!("it {what}{fix}"))),
            // It cannot be granted, so a DENY rule for it would protect nothing.
            "misspelt-role" | "unknown-role" if is_special => {
                return Err(ExecuteError::Rule(format!("it {what}{fix}")));
            }
            // `user_of` has reported this.
            "user-id" => {}
            _ => warnings.push(format!("it {what}{fix}")),
        }
    }
    Ok(warnings)
}

pub(super) async fn list(services: &Services) -> Result<Output, ExecuteError> {
    let mut rows = services.store.acl_rows().await?;
    rows.sort_by_key(|row| (row.id.parse::<u64>().unwrap_or(u64::MAX), row.id.clone()));
    Ok(Output::Acls(rows.iter().map(view).collect()))
}

pub(super) async fn remove(services: &Services, ids: &[String]) -> Result<Output, ExecuteError> {
    let rows = services.store.acl_rows().await?;
    // Checked before anything is removed, so that a misspelled id removes nothing.
    if let Some(missing) = ids.iter().find(|id| rows.iter().all(|row| row.id != **id)) {
        return Err(ExecuteError::NoSuchRule(missing.clone()));
    }
    for id in ids {
        services.accounts().remove_rule(Actor::Operator, id).await?;
    }
    apply_rules(services).await?;
    let several = if ids.len() == 1 { ("rule", "is") } else { ("rules", "are") };
    Ok(Output::Done { message: format!("the {} `{}` {} removed", several.0, ids.join("`, `"), several.1) })
}

/// Compiles the stored rules into the ruleset of a running gate.
async fn apply_rules(services: &Services) -> Result<(), ExecuteError> {
    match &services.live {
        Some(live) => live.apply_rows(&*services.store).await.map_err(ExecuteError::NotInForce),
        None => Ok(()),
    }
}

/// Completes a rule; refuses one that can never apply.
fn complete(rule: StoredRule) -> Result<StoredRule, ExecuteError> {
    let none = |what: &str| ExecuteError::Rule(what.to_owned());
    let filled = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    if !filled(&rule.model) {
        return Err(none("it names no model; write `--model NAME`, or `*` for every model"));
    }
    if !filled(&rule.principal_id) {
        return Err(none("it names no principal; write `--principal-id` with a role's name or a user's id"));
    }
    known("permission", rule.permission.as_deref(), &PERMISSIONS)?;
    known("principal type", rule.principal_type.as_deref(), &PRINCIPALS)?;
    let access_type = rule.access_type.filter(|text| !text.is_empty()).unwrap_or_else(|| "*".to_owned());
    known("access type", Some(&access_type), &ACCESS)?;
    let property = rule.property.filter(|text| !text.is_empty()).unwrap_or_else(|| "*".to_owned());
    Ok(StoredRule { property: Some(property), access_type: Some(access_type), ..rule })
}

/// Refuses a word that LoopBack would ignore. With several user models, a model's name is a principal type, too.
fn known(what: &str, word: Option<&str>, words: &[&str]) -> Result<(), ExecuteError> {
    let all = words.join(", ");
    let Some(word) = word.filter(|word| !word.is_empty()) else {
        return Err(ExecuteError::Rule(format!("it has no {what}; write one of {all}")));
    };
    let near = near::name(word, words.iter().copied());
    let is_model = what == "principal type" && near.is_none() && word.contains(char::is_lowercase);
    if words.contains(&word) || is_model {
        return Ok(());
    }
    let near = near.map_or_else(
        || format!("write one of {all}"),
        |near| format!("did you mean `{near}`? There are {all}"),
    );
    Err(ExecuteError::Rule(format!("`{word}` is not a valid {what}; {near}")))
}

fn view(row: &AclRow) -> RuleView {
    RuleView {
        id: row.id.clone(),
        model: row.model.clone(),
        property: row.property.clone(),
        access_type: row.access_type.clone(),
        permission: row.permission.clone(),
        principal_type: row.principal_type.clone(),
        principal_id: row.principal_id.clone(),
    }
}

const PERMISSIONS: [&str; 4] = ["ALLOW", "DENY", "ALARM", "AUDIT"];

const PRINCIPALS: [&str; 4] = ["ROLE", "USER", "APP", "CERTIFICATE"];

const ACCESS: [&str; 5] = ["READ", "WRITE", "EXECUTE", "REPLICATE", "*"];
