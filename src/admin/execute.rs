//! Executes a command on the store, in the gate or in a process that has opened the store itself.

mod error;
mod explain;
mod find;
mod import;
mod near;
mod policies;
mod roles;
mod rules;
mod tokens;
mod users;

use std::sync::atomic::Ordering;

use super::{
    command::AdminCommand,
    output::{Output, StatusView},
    services::Services,
};
use crate::{accounts::TokenRequest, app, store::Loader};

pub use error::ExecuteError;

/// Executes a command. Commands that write run one after another, because a command may read, decide and write.
///
/// # Errors
/// [`ExecuteError`]. Nothing was changed then, unless the error says so.
pub async fn execute(command: AdminCommand, services: &Services) -> Result<Output, ExecuteError> {
    // These two wait for the app or a reload and write nothing. They must not block other commands meanwhile.
    if matches!(command, AdminCommand::Status) {
        return status(services).await;
    }
    if let AdminCommand::Explain { who, roles, request } = command {
        return explain::explain(services, who.as_ref(), roles, request).await;
    }
    // Held until the command is done: a grant, say, must see the role that it has just checked.
    let _guard = services.command_lock.lock().await;
    match command {
        AdminCommand::Explain { .. } | AdminCommand::Status => Err(ExecuteError::NotReady),
        AdminCommand::Health => health(services).await,
        AdminCommand::UserAdd(draft) => users::add(services, draft).await,
        AdminCommand::UserInvite { email, roles } => users::invite(services, &email, &roles).await,
        AdminCommand::UserList { after, limit } => users::list(services, after.as_ref(), limit).await,
        AdminCommand::UserShow { who } => users::show(services, &who).await,
        AdminCommand::UserSetPassword { who, password } => {
            users::set_password(services, &who, &password).await
        }
        AdminCommand::UserSwitch { who, disabled: true } => users::disable(services, &who).await,
        AdminCommand::UserSwitch { who, disabled: false } => users::enable(services, &who).await,
        AdminCommand::UserUnlock { who } => users::unlock(services, &who).await,
        AdminCommand::UserVerify { who } => users::verify(services, &who).await,
        AdminCommand::UserDelete { who } => users::delete(services, &who).await,
        AdminCommand::RoleAdd { name } => roles::add(services, name).await,
        AdminCommand::RoleList => roles::list(services).await,
        AdminCommand::RoleUses { name } => roles::uses(services, &name).await,
        AdminCommand::RoleDelete { name } => roles::delete(services, &name).await,
        AdminCommand::AclAdd { rule } => rules::add(services, rule).await,
        AdminCommand::AclList => rules::list(services).await,
        AdminCommand::AclRemove { ids } => rules::remove(services, &ids).await,
        AdminCommand::StoredRules => Ok(Output::Rules(app::stored_rules(&*services.store).await?)),
        AdminCommand::RoleGrant { name, who } => roles::grant(services, name, &who).await,
        AdminCommand::RoleRevoke { name, who } => roles::revoke(services, name, &who).await,
        AdminCommand::TokenIssue { who, ttl, name, scopes } => {
            tokens::issue(services, &who, TokenRequest { ttl, scopes, name, fixed: true, host: None }).await
        }
        AdminCommand::TokenList { user } => tokens::list(services, user.as_ref()).await,
        AdminCommand::TokenPage { after, limit } => tokens::page(services, after, limit).await,
        AdminCommand::TokenRevoke { handle } => tokens::revoke(services, &handle).await,
        AdminCommand::TokenRevokeAll { who } => tokens::revoke_all(services, &who).await,
        AdminCommand::ImportStart => import::start(services).await,
        AdminCommand::Import { run, rows } => import::store_rows(services, run, rows).await,
    }
}

/// Executes a command of an import in a store that was opened for it.
///
/// # Errors
/// [`ExecuteError::ImportAlone`] for any other command, or an error of the store.
pub fn execute_import(command: AdminCommand, loader: &mut Loader) -> Result<Output, ExecuteError> {
    match command {
        AdminCommand::ImportStart => import::start_here(loader),
        AdminCommand::Import { run, rows } => import::store_rows_here(loader, run, rows),
        _ => Err(ExecuteError::ImportAlone),
    }
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

#[cfg(test)]
mod tests;
