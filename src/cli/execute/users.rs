//! Accounts.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::{ATTEMPTS, ExecuteError, called, resolve, roles};
use crate::{
    cli::{
        admin::{Hidden, NewUser, Services},
        output::{Output, UserView},
        who::Who,
    },
    identity::{PasswordHash, UserId, is_email},
    store::{Change, CommitError, Outcome, User, UserDraft},
};

pub(super) async fn add(services: &Services, draft: NewUser) -> Result<Output, ExecuteError> {
    if !is_email(&draft.email) {
        return Err(ExecuteError::Email(draft.email));
    }
    let known: HashSet<String> = services.store.roles().await?.into_iter().map(|role| role.name).collect();
    if let Some(missing) = draft.roles.iter().find(|name| !known.contains(*name)) {
        return Err(ExecuteError::NoSuchRole(missing.clone()));
    }
    if let Some(id) = draft.id {
        // Raised first: from here on nobody who registers can be given this id.
        services.store.commit(vec![Change::RaiseNextUserId(id.saturating_add(1))]).await?;
        if services.store.user(&UserId::Number(id)).await?.is_some() {
            return Err(ExecuteError::IdTaken(id));
        }
    }
    let password = Some(hash(services, draft.password).await?);
    let email =
        if services.settings.keys.fold_email_case { draft.email.to_lowercase() } else { draft.email };
    let named = [("realm", draft.realm), ("username", draft.username), ("email", Some(email))];
    let properties: Map<String, Value> = named
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name.to_owned(), Value::String(value))))
        .collect();
    let user = create(services, draft.id, UserDraft { properties, password, verification: None }).await?;
    let grants: Vec<Change> = draft
        .roles
        .iter()
        .map(|role| Change::Grant { role: role.clone(), user: user.id.clone() })
        .collect();
    if !grants.is_empty() {
        services.store.commit(grants).await?;
    }
    tracing::info!(target: "audit", event = "user.registered", user.id = %user.id, by = "admin");
    Ok(Output::User(view(services, user).await?))
}

pub(super) async fn list(
    services: &Services,
    after: Option<&UserId>,
    limit: usize,
) -> Result<Output, ExecuteError> {
    let users = services.store.users(after, limit).await?;
    let holders = roles_by_user(services).await?;
    Ok(Output::Users(users.into_iter().map(|user| shaped(user, &holders)).collect()))
}

pub(super) async fn show(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let user = resolve(services, who).await?;
    Ok(Output::User(view(services, user).await?))
}

pub(super) async fn set_password(
    services: &Services,
    who: &Who,
    password: Hidden,
) -> Result<Output, ExecuteError> {
    // Looked up first: a password for nobody costs no hash.
    resolve(services, who).await?;
    let hash = hash(services, password).await?;
    let user = change(services, who, |user| {
        user.password = Some(hash.clone());
        Some(Change::RevokeTokens { user: user.id.clone(), except: None })
    })
    .await?;
    tracing::info!(target: "audit", event = "password.changed", user.id = %user.id, by = "admin");
    Ok(Output::Done { message: format!("the password of {} is set, their sessions have ended", called(&user)) })
}

pub(super) async fn switch(services: &Services, who: &Who, disabled: bool) -> Result<Output, ExecuteError> {
    let user = change(services, who, |user| {
        user.disabled = disabled;
        None
    })
    .await?;
    tracing::info!(target: "audit", event = "user.changed", user.id = %user.id, disabled, by = "admin");
    let word = if disabled { "off: no login, and their tokens are refused" } else { "on" };
    Ok(Output::Done { message: format!("{} is switched {word}", called(&user)) })
}

pub(super) async fn delete(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let user = resolve(services, who).await?;
    services.store.commit(vec![Change::DeleteUser(user.id.clone())]).await?;
    tracing::info!(target: "audit", event = "user.deleted", user.id = %user.id, by = "admin");
    Ok(Output::Done { message: format!("{} is deleted, with their tokens and roles", called(&user)) })
}

async fn create(services: &Services, id: Option<i64>, draft: UserDraft) -> Result<User, ExecuteError> {
    let change = match id {
        None => Change::CreateUser(draft),
        Some(id) => Change::PutUser(User {
            id: UserId::Number(id),
            properties: draft.properties,
            password: draft.password,
            verification: None,
            epoch: 0,
            // Not 0: that is the mark of an account that an import brought and nobody has changed since.
            revision: 1,
            disabled: false,
        }),
    };
    let outcomes = services.store.commit(vec![change]).await.map_err(taken)?;
    if let Some(Outcome::User(user)) = outcomes.into_iter().next() {
        return Ok(*user);
    }
    let id = UserId::Number(id.unwrap_or_default());
    services.store.user(&id).await?.ok_or(ExecuteError::NoSuchUser(Who::Id(id)))
}

/// Changes a user's row, and again when somebody else changed it in between.
async fn change(
    services: &Services,
    who: &Who,
    edit: impl Fn(&mut User) -> Option<Change>,
) -> Result<User, ExecuteError> {
    let mut attempt = 1;
    loop {
        let mut user = resolve(services, who).await?;
        let further = edit(&mut user);
        let batch = std::iter::once(Change::UpdateUser(user.clone())).chain(further).collect();
        match services.store.commit(batch).await {
            Ok(_) => return Ok(user),
            Err(CommitError::Stale { .. }) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(taken(error)),
        }
    }
}

async fn hash(services: &Services, password: Hidden) -> Result<PasswordHash, ExecuteError> {
    let (min, max) = (services.settings.min_password_length, services.settings.max_password_bytes);
    let text = password.expose();
    if text.is_empty() || text.chars().count() < min || text.len() > max {
        return Err(ExecuteError::PasswordLength { min: min.max(1), max });
    }
    Ok(services.hasher.hash(password.into_password()).await?)
}

fn taken(error: CommitError) -> ExecuteError {
    match error {
        CommitError::Taken { keys, .. } => ExecuteError::Taken(keys),
        error => error.into(),
    }
}

async fn view(services: &Services, user: User) -> Result<UserView, ExecuteError> {
    Ok(shaped(user, &roles_by_user(services).await?))
}

fn shaped(user: User, holders: &HashMap<String, Vec<String>>) -> UserView {
    UserView {
        email: user.email().map(str::to_owned),
        username: user.username().map(str::to_owned),
        realm: user.realm().map(str::to_owned),
        email_verified: user.email_verified(),
        disabled: user.disabled,
        has_password: user.password.is_some(),
        roles: holders.get(&user.id.to_string()).cloned().unwrap_or_default(),
        id: user.id,
    }
}

/// The names of the roles of each user, by the id's text.
async fn roles_by_user(services: &Services) -> Result<HashMap<String, Vec<String>>, ExecuteError> {
    let mut holders: HashMap<String, Vec<String>> = HashMap::new();
    for (role, user) in roles::held(services).await? {
        holders.entry(user).or_default().push(role);
    }
    for roles in holders.values_mut() {
        roles.sort_unstable();
        roles.dedup();
    }
    Ok(holders)
}
