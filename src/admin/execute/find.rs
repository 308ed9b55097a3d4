//! Finds the user that a command names.

mod page;

use super::{error::ExecuteError, near};
use crate::{
    admin::{services::Services, who::Who},
    identity::UserId,
    store::User,
};

pub(super) use page::{ATTEMPTS, PAGE, without_realm};

/// The user that a command names.
pub(super) async fn resolve(services: &Services, who: &Who) -> Result<User, ExecuteError> {
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
    // Without realms the index answers; with them it is keyed by the realm, which the command does not name.
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

/// The only user that `fits`, in any realm.
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

/// The display name of a user: the email or username, and the id.
pub(super) fn called(user: &User) -> String {
    match user.email().or_else(|| user.username()) {
        Some(name) => format!("user {} ({name})", user.id),
        None => format!("user {}", user.id),
    }
}
