//! Roles and their assignment.

use std::collections::{HashMap, HashSet};

use super::{
    error::ExecuteError,
    find::{called, resolve},
    near,
    policies::Policies,
};
use crate::{
    accounts::Actor,
    admin::{
        output::{Output, RoleView},
        services::Services,
        who::Who,
    },
    store::{RoleMapping, User},
};

pub(super) async fn add(services: &Services, name: String) -> Result<Output, ExecuteError> {
    // A name with `$` would be taken for one of LoopBack's dynamic roles. A comma would split the list in a header.
    if name.trim().is_empty() || name.starts_with('$') || name.contains([',', '\r', '\n', '\0']) {
        return Err(ExecuteError::RoleName(name));
    }
    let message = if services.accounts().add_role(Actor::Operator, &name).await? {
        format!("role `{name}` is added")
    } else {
        format!("there is a role `{name}` already")
    };
    Ok(Output::Done { message })
}

pub(super) async fn list(services: &Services) -> Result<Output, ExecuteError> {
    let mut holders: HashMap<String, HashSet<String>> = HashMap::new();
    for (role, user) in held(services).await? {
        holders.entry(role).or_default().insert(user);
    }
    let mut roles = services.store.roles().await?;
    roles.sort_by(|a, b| a.name.cmp(&b.name));
    let shaped = roles.into_iter().map(|role| RoleView {
        users: holders.get(&role.name).map_or(0, HashSet::len),
        id: role.id,
        name: role.name,
    });
    Ok(Output::Roles(shaped.collect()))
}

pub(super) async fn grant(services: &Services, name: String, who: &Who) -> Result<Output, ExecuteError> {
    let user = holder(services, "grant", &name, who).await?;
    services.accounts().grant(Actor::Operator, &user, &name).await?;
    Ok(Output::Done { message: format!("{} has the role `{name}`", called(&user)) })
}

pub(super) async fn revoke(services: &Services, name: String, who: &Who) -> Result<Output, ExecuteError> {
    let user = holder(services, "revoke", &name, who).await?;
    if !services.accounts().revoke_role(Actor::Operator, &user, &name).await? {
        return Ok(Output::Done { message: format!("{} did not have the role `{name}`", called(&user)) });
    }
    Ok(Output::Done { message: format!("{} no longer has the role `{name}`", called(&user)) })
}

/// The users with a role, and the rules that name it.
pub(super) async fn uses(services: &Services, name: &str) -> Result<Output, ExecuteError> {
    let (users, rules) = users_and_rules(services, name).await?;
    let verb = if users == 1 { "user has" } else { "users have" };
    Ok(Output::Done { message: format!("{users} {verb} it; {rules}") })
}

pub(super) async fn delete(services: &Services, name: &str) -> Result<Output, ExecuteError> {
    // Before the deletion, because the answer reports what depended on the role.
    let (users, rules) = users_and_rules(services, name).await?;
    services.accounts().delete_role(Actor::Operator, name).await?;
    let noun = if users == 1 { "user" } else { "users" };
    Ok(Output::Done {
        message: format!("role `{name}` is deleted; it was taken from {users} {noun}; {rules}"),
    })
}

/// The number of users with a role, and a sentence about the rules that name it.
async fn users_and_rules(services: &Services, name: &str) -> Result<(usize, String), ExecuteError> {
    must_exist(services, name).await?;
    let users = held(services).await?.iter().filter(|(role, _)| role == name).count();
    let rules = match rules_about(services, name).await {
        None => "the policies cannot be read, so rules may name it".to_owned(),
        Some(rules) if rules.is_empty() => "no rule names it".to_owned(),
        Some(rules) if rules.len() == 1 => format!("1 rule names it: {}", rules.join(", ")),
        Some(rules) => format!("{} rules name it: {}", rules.len(), rules.join(", ")),
    };
    Ok((users, rules))
}

/// The rules that name a role; `None` if the policies cannot be read.
async fn rules_about(services: &Services, name: &str) -> Option<Vec<String>> {
    let mut all = Vec::new();
    for policies in Policies::of_each(services).await? {
        let (analysis, _) = policies.analyze()?;
        let rules = analysis.naming_role(name).into_iter();
        all.extend(rules.filter(|rule| !all.contains(rule)).collect::<Vec<_>>());
    }
    Some(all)
}

/// Pairs of a role's name and the id (as text) of a user who has it.
pub(super) async fn held(services: &Services) -> Result<Vec<(String, String)>, ExecuteError> {
    let roles = services.store.roles().await?;
    let names: HashMap<&str, &str> = roles.iter().map(|role| (&*role.id, &*role.name)).collect();
    let mappings = services.store.role_mappings().await?;
    let pair = |mapping: RoleMapping| {
        let name = (*names.get(&*mapping.role_id)?).to_owned();
        (mapping.principal_type.0 == "USER").then_some((name, mapping.principal_id))
    };
    Ok(mappings.into_iter().filter_map(pair).collect())
}

/// The user of a grant or a revocation. The role must exist.
async fn holder(
    services: &Services,
    verb: &'static str,
    name: &str,
    who: &Who,
) -> Result<User, ExecuteError> {
    let user = match resolve(services, who).await {
        // The arguments were swapped: `role grant ann editor`.
        Err(ExecuteError::NoSuchUser { who, near }) => {
            let as_user: Result<Who, _> = name.parse();
            let is_role = services.store.roles().await?.iter().any(|role| role.name == who.to_string());
            if let Ok(as_user) = as_user
                && is_role
                && resolve(services, &as_user).await.is_ok()
            {
                return Err(ExecuteError::Swapped { verb, role: name.to_owned(), who });
            }
            return Err(ExecuteError::NoSuchUser { who, near });
        }
        user => user?,
    };
    must_exist(services, name).await?;
    Ok(user)
}

pub(super) async fn must_exist(services: &Services, name: &str) -> Result<(), ExecuteError> {
    let roles = services.store.roles().await?;
    if roles.iter().any(|role| role.name == name) {
        return Ok(());
    }
    let near = near::name(name, roles.iter().map(|role| &*role.name));
    Err(ExecuteError::NoSuchRole { name: name.to_owned(), near })
}
