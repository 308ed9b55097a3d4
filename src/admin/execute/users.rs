//! Commands on accounts.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    error::ExecuteError,
    find::{ATTEMPTS, called, resolve},
    roles,
};
use crate::{
    accounts::{Actor, Fault, Invitation, ValidationRule, Violation},
    admin::{
        command::NewUser,
        hidden::Hidden,
        output::{InvitedView, Output, UserView},
        services::Services,
        who::Who,
    },
    identity::UserId,
    store::{Change, User},
};

pub(super) async fn add(services: &Services, draft: NewUser) -> Result<Output, ExecuteError> {
    // Before the account is created, because a failure afterwards would leave an account without its roles.
    for role in &draft.roles {
        roles::must_exist(services, role).await?;
    }
    if let Some(id) = draft.id {
        if services.store.user(&UserId::Number(id)).await?.is_some() {
            return Err(ExecuteError::IdTaken(id));
        }
        // The store assigns ids. Its counter is moved to the wanted one, and the result is compared below.
        services.store.commit(vec![Change::RaiseNextUserId(id)]).await?;
    }
    let named = [
        ("realm", draft.realm.as_deref()),
        ("username", draft.username.as_deref()),
        ("email", Some(&*draft.email)),
        ("password", Some(draft.password.expose())),
    ];
    let mut properties: Map<String, Value> =
        named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))).collect();
    // The operator vouches for the address: nothing mails a link to it, and the account could not log in.
    if services.accounts().settings().email_verification_required {
        properties.insert("emailVerified".to_owned(), true.into());
    }
    let user = match services.accounts().register(Actor::Operator, properties).await {
        Ok(user) => user,
        Err(fault) => return Err(about_address(services, &draft.email, fault).await),
    };
    if let Some(id) = draft.id.filter(|id| user.id != UserId::Number(*id)) {
        // The counter was past the id, or another account was registered at the same moment.
        services.accounts().delete(Actor::Operator, &user.id.to_string()).await?;
        return Err(ExecuteError::IdTaken(id));
    }
    for role in &draft.roles {
        services.accounts().grant(Actor::Operator, &user, role).await?;
    }
    Ok(Output::User(view(services, user).await?))
}

pub(super) async fn invite(
    services: &Services,
    email: &str,
    roles: &[String],
) -> Result<Output, ExecuteError> {
    for role in roles {
        roles::must_exist(services, role).await?;
    }
    let invitation = match services.accounts().invite(Actor::Operator, email).await {
        Ok(invitation) => invitation,
        Err(fault) => return Err(about_address(services, email, fault).await),
    };
    for role in roles {
        services.accounts().grant(Actor::Operator, &invitation.user, role).await?;
    }
    let Invitation { user, link, lifetime, mailed } = invitation;
    let user = view(services, user).await?;
    Ok(Output::Invited(Box::new(InvitedView { user, link, lifetime, mailed })))
}

/// A fault in an operator's words, if it is the address alone that is wrong.
async fn about_address(services: &Services, email: &str, fault: Fault) -> ExecuteError {
    let Fault::Invalid(violations) = &fault else { return fault.into() };
    let [Violation { property, rule, .. }] = &*violations.list else { return fault.into() };
    match rule {
        ValidationRule::EmailTaken => match resolve(services, &Who::Email(email.to_owned())).await {
            Ok(user) => ExecuteError::AddressTaken { email: email.to_owned(), user: user.id },
            // Several realms have it, or it has gone meanwhile.
            Err(_) => fault.into(),
        },
        _ if *property == "email" => ExecuteError::AddressInvalid(email.to_owned()),
        _ => fault.into(),
    }
}

pub(super) async fn list(
    services: &Services,
    after: Option<&UserId>,
    limit: usize,
) -> Result<Output, ExecuteError> {
    let users = services.store.users(after, limit).await?;
    let holders = roles_by_user(services).await?;
    Ok(Output::Users(users.into_iter().map(|user| shaped(services, user, &holders)).collect()))
}

pub(super) async fn show(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let user = resolve(services, who).await?;
    Ok(Output::User(view(services, user).await?))
}

pub(super) async fn set_password(
    services: &Services,
    who: &Who,
    password: &Hidden,
) -> Result<Output, ExecuteError> {
    let user = resolve(services, who).await?;
    let mut attempt = 1;
    while let Err(fault) =
        services.accounts().set_password(Actor::Operator, &user.id, password.expose()).await
    {
        if !matches!(fault, Fault::Contended) || attempt == ATTEMPTS {
            return Err(fault.into());
        }
        attempt += 1;
    }
    Ok(Output::Done {
        message: format!("the password of {} is set, their sessions have ended", called(&user)),
    })
}

pub(super) async fn disable(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let known = resolve(services, who).await?;
    let user = services.accounts().disable(Actor::Operator, &known.id).await?;
    let message = format!("{} is switched off: no login, and their tokens are refused", called(&user));
    Ok(Output::Done { message })
}

pub(super) async fn enable(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let known = resolve(services, who).await?;
    let user = services.accounts().enable(Actor::Operator, &known.id).await?;
    Ok(Output::Done { message: format!("{} is switched on", called(&user)) })
}

pub(super) async fn unlock(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let known = resolve(services, who).await?;
    // The counts are in the memory of the gate: here are none.
    services.live.as_ref().ok_or(ExecuteError::NoGate)?;
    let user = services.accounts().unlock(Actor::Operator, &known.id).await?;
    Ok(Output::Done { message: format!("the failed logins of {} are forgotten", called(&user)) })
}

pub(super) async fn verify(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let known = resolve(services, who).await?;
    let user = services.accounts().confirm_email(Actor::Operator, &known.id).await?;
    Ok(Output::Done { message: format!("the email address of {} is confirmed", called(&user)) })
}

pub(super) async fn delete(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let user = resolve(services, who).await?;
    services.accounts().delete(Actor::Operator, &user.id.to_string()).await?;
    Ok(Output::Done { message: format!("{} is deleted, with their tokens and roles", called(&user)) })
}

async fn view(services: &Services, user: User) -> Result<UserView, ExecuteError> {
    Ok(shaped(services, user, &roles_by_user(services).await?))
}

fn shaped(services: &Services, user: User, holders: &HashMap<String, Vec<String>>) -> UserView {
    let is_required = services.accounts().settings().email_verification_required;
    UserView {
        email: user.email().map(str::to_owned),
        username: user.username().map(str::to_owned),
        realm: user.realm().map(str::to_owned),
        email_verified: user.email_verified(),
        unconfirmed: is_required && user.email().is_some() && !user.email_verified(),
        disabled: user.disabled,
        has_password: user.password.is_some(),
        roles: holders.get(&user.id.to_string()).cloned().unwrap_or_default(),
        id: user.id,
    }
}

/// The names of the roles of each user, by the id as text.
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
