//! Runs a command on the store: inside the gate, or in a process that opened the store itself.

mod explain;
pub(crate) mod import;
mod near;
mod policies;
mod roles;
mod rules;
mod tokens;
mod users;

use std::{error::Error, sync::atomic::Ordering};

use super::{
    AdminCommand, Services,
    output::{Output, StatusView},
    who::Who,
};
use crate::{
    accounts::{Fault, TokenRequest},
    identity::UserId,
    store::{CommitError, StoreError, User},
};

/// How many rows one look into the store reads, where all are needed.
const PAGE: usize = 1_000;

/// How often a change is tried again when the row was changed at the same moment.
const ATTEMPTS: usize = 8;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No account has this id or name.
    #[error("there is no user `{who}`; {}`portcullis user list` shows them all", or_near(.near.as_deref()))]
    NoSuchUser {
        /// Who was named.
        who: Who,
        /// Whose name is nearly that.
        near: Option<String>,
    },
    /// The role stands where the user belongs.
    #[error(
        "`{role}` is a user and `{who}` is a role; write the role first: `portcullis role {verb} {who} {role}`"
    )]
    Swapped {
        /// `grant` or `revoke`.
        verb: &'static str,
        /// What was given as the role.
        role: String,
        /// What was given as the user.
        who: Who,
    },
    /// The same name in several realms.
    #[error("several users are called `{0}`; name one by its id, as in `id:7`")]
    Ambiguous(Who),
    /// No role has this name.
    #[error("there is no role `{name}`; {}{}", or_near(.near.as_deref()), or_add(.name))]
    NoSuchRole {
        /// The name.
        name: String,
        /// The role whose name is nearly that.
        near: Option<String>,
    },
    /// A stored rule that means nothing.
    #[error("this rule would never apply: {0}")]
    Rule(String),
    /// No stored rule has this id.
    #[error("there is no stored rule `{0}`; `portcullis acl list` shows them")]
    NoSuchRule(String),
    /// The rule is stored, and the gate keeps its old set.
    #[error("it is stored, but the gate keeps its old rules: {0}")]
    NotInForce(String),
    /// Only a gate can tell.
    #[error("no gate runs here")]
    NoGate,
    /// A role's name is empty or a built-in one.
    #[error(
        "`{0}` cannot be a role's name: it is empty, has a comma or a line break, or is one of LoopBack's own ($owner and the like)"
    )]
    RoleName(String),
    /// No token has this handle.
    #[error("there is no token with the handle `{}`; `portcullis token list` shows the handles", shortened(.0))]
    NoSuchToken(String),
    /// The id is in use, or was.
    #[error("the id `{0}` is in use, or was: no id is given twice; leave `--id` out to get a new one")]
    IdTaken(i64),
    /// The lifetime means nothing.
    #[error(
        "`{0}` is no lifetime: write a number of seconds above 0, or -1 for ever where `users.allow_eternal_tokens` is on"
    )]
    Ttl(f64),
    /// The lifetime is longer than any may be.
    #[error(
        "`{ttl}` seconds are more than `users.max_ttl` allows, which is {most}; write less, or raise that setting"
    )]
    TtlTooLong {
        /// What was asked for, in seconds.
        ttl: f64,
        /// The most, in seconds.
        most: f64,
    },
    /// The accounts' rules say no.
    #[error(transparent)]
    Account(#[from] Fault),
    /// The gate is stopping.
    #[error("the gate is stopping")]
    NotReady,
    /// The rules in force cannot be told.
    #[error("the gate cannot explain it")]
    Explain(#[source] anyhow::Error),
    /// What runs cannot be told.
    #[error("the gate cannot tell")]
    Status(#[source] anyhow::Error),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not write.
    #[error("nothing was changed")]
    Commit(#[from] CommitError),
}

/// Runs a command. Commands run one after another, so that one may read, decide and write.
///
/// # Errors
/// [`ExecuteError`]: nothing was changed then, but where it is said.
pub async fn execute(command: AdminCommand, services: &Services) -> Result<Output, ExecuteError> {
    // Neither the app nor a reload is waited for with the turn in hand, and nothing is written.
    if matches!(command, AdminCommand::Status) {
        return status(services).await;
    }
    if let AdminCommand::Explain { who, roles, request } = command {
        return explain::explain(services, who.as_ref(), roles, request).await;
    }
    let _turn = services.turn.lock().await;
    match command {
        AdminCommand::Explain { .. } | AdminCommand::Status => Err(ExecuteError::NotReady),
        AdminCommand::Health => health(services).await,
        AdminCommand::UserAdd(draft) => users::add(services, draft).await,
        AdminCommand::UserList { after, limit } => users::list(services, after.as_ref(), limit).await,
        AdminCommand::UserShow { who } => users::show(services, &who).await,
        AdminCommand::UserSetPassword { who, password } => {
            users::set_password(services, &who, &password).await
        }
        AdminCommand::UserSwitch { who, disabled } => users::switch(services, &who, disabled).await,
        AdminCommand::UserVerify { who } => users::verify(services, &who).await,
        AdminCommand::UserDelete { who } => users::delete(services, &who).await,
        AdminCommand::RoleAdd { name } => roles::add(services, name).await,
        AdminCommand::RoleList => roles::list(services).await,
        AdminCommand::RoleUses { name } => roles::uses(services, &name).await,
        AdminCommand::RoleDelete { name } => roles::delete(services, &name).await,
        AdminCommand::AclAdd { rule } => rules::add(services, rule).await,
        AdminCommand::AclList => rules::list(services).await,
        AdminCommand::AclRemove { ids } => rules::remove(services, &ids).await,
        AdminCommand::StoredRules => Ok(Output::Rules(crate::app::stored_rules(&*services.store).await?)),
        AdminCommand::RoleGrant { name, who } => roles::grant(services, name, &who).await,
        AdminCommand::RoleRevoke { name, who } => roles::revoke(services, name, &who).await,
        AdminCommand::TokenIssue { who, ttl, name, scopes } => {
            tokens::issue(services, &who, TokenRequest { ttl, scopes, name, fixed: true }).await
        }
        AdminCommand::TokenList { user } => tokens::list(services, user.as_ref()).await,
        AdminCommand::TokenPage { after, limit } => tokens::page(services, after, limit).await,
        AdminCommand::TokenRevoke { handle } => tokens::revoke(services, &handle).await,
        AdminCommand::TokenRevokeAll { who } => tokens::revoke_all(services, &who).await,
        AdminCommand::ImportStart => import::start(services).await,
        AdminCommand::Import { run, rows } => import::store_rows(services, run, rows).await,
    }
}

/// An error and its causes on one line.
#[must_use]
pub fn whole_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

async fn health(services: &Services) -> Result<Output, ExecuteError> {
    services.store.health().await?;
    if services.ready.load(Ordering::Acquire) {
        Ok(Output::Done { message: "ready".into() })
    } else {
        Err(ExecuteError::NotReady)
    }
}

async fn status(services: &Services) -> Result<Output, ExecuteError> {
    let live = services.live.as_ref().ok_or(ExecuteError::NoGate)?;
    let ready = services.ready.load(Ordering::Acquire);
    let gate = live.status(&*services.store).await.map_err(ExecuteError::Status)?;
    Ok(Output::Status(Box::new(StatusView { ready, store_name: services.store_name.clone(), gate })))
}

/// `did you mean …? ` in front of what else may help.
fn or_near(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("did you mean `{near}`? "))
}

/// What may be a token itself is not shown whole.
fn shortened(handle: &str) -> String {
    let mut short: String = handle.chars().take(SHOWN).collect();
    if short.len() < handle.len() {
        short.push('…');
    }
    short
}

/// So much of a handle tells it from others.
const SHOWN: usize = 8;

/// How a role comes to be. Those with a `$` hold by themselves.
fn or_add(name: &str) -> String {
    if name.starts_with('$') {
        return "a role with a `$` holds by itself: no one is given it, and a rule names it".to_owned();
    }
    format!("`portcullis role add {name}` adds it")
}

/// The user that a command names.
async fn resolve(services: &Services, who: &Who) -> Result<User, ExecuteError> {
    let found = match who {
        Who::Id(id) => services.store.user(id).await?,
        Who::Email(email) => by_email(services, who, email).await?,
        Who::Username(name) => by_username(services, who, name).await?,
        Who::Bare(text) => match services.store.user(&UserId::parse(text)).await? {
            Some(user) => Some(user),
            None => match by_email(services, who, text).await? {
                Some(user) => Some(user),
                None => by_username(services, who, text).await?,
            },
        },
    };
    match found {
        Some(user) => Ok(user),
        None => Err(ExecuteError::NoSuchUser { who: who.clone(), near: near::user(services, who).await? }),
    }
}

async fn by_email(services: &Services, who: &Who, email: &str) -> Result<Option<User>, ExecuteError> {
    let keys = services.accounts().settings().keys();
    if !keys.per_realm {
        return Ok(services.store.find_user(&keys.email(None, email)).await?);
    }
    let wanted = keys.email(None, email);
    only(services, who, |user| user.email().is_some_and(|email| keys.email(None, email) == wanted)).await
}

async fn by_username(services: &Services, who: &Who, name: &str) -> Result<Option<User>, ExecuteError> {
    let keys = services.accounts().settings().keys();
    if !keys.per_realm {
        return Ok(services.store.find_user(&keys.username(None, name)).await?);
    }
    only(services, who, |user| user.username() == Some(name)).await
}

/// The one user that `fits`, in whatever realm.
async fn only(
    services: &Services,
    who: &Who,
    fits: impl Fn(&User) -> bool,
) -> Result<Option<User>, ExecuteError> {
    let mut found: Option<User> = None;
    let mut after = None;
    loop {
        let page = services.store.users(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.id.clone());
        for user in page.into_iter().filter(|user| fits(user)) {
            if found.replace(user).is_some() {
                return Err(ExecuteError::Ambiguous(who.clone()));
            }
        }
    }
}

/// How a user is called in answers: the email, else the username, and the id.
fn called(user: &User) -> String {
    match user.email().or_else(|| user.username()) {
        Some(name) => format!("user {} ({name})", user.id),
        None => format!("user {}", user.id),
    }
}

/// A key that is unique in its realm carries the realm before the last NUL.
fn without_realm(key: &str) -> &str {
    key.rsplit('\0').next().unwrap_or(key)
}

#[cfg(test)]
mod tests;
