//! Reads the roles and rules of the store, which the policies are compiled with.

use super::backend::{Backend, Site};
use crate::{
    admin::{AdminCommand, Output, UserView, Who},
    config::Config,
    policy::Stored,
    store::Engine,
};

/// Whether a store exists. Opening a missing one would create it.
pub(super) fn has_store(config: &Config) -> bool {
    match &config.store.engine {
        Engine::Sled(_) => config.store.engine.has_files(),
        Engine::Memory => config.server.data_dir.join(crate::admin::SOCKET_NAME).exists(),
    }
}

/// The roles and rules of the store, and the requested user.
///
/// # Errors
/// If the store cannot be reached, or the user does not exist.
pub(super) async fn ask(site: &Site, who: Option<&Who>) -> anyhow::Result<(Stored, Option<UserView>)> {
    let mut backend = Backend::open(site).await?;
    let answers = both(&mut backend, who).await;
    backend.close().await?;
    answers
}

async fn both(backend: &mut Backend, who: Option<&Who>) -> anyhow::Result<(Stored, Option<UserView>)> {
    let Output::Rules(stored) = backend.call(AdminCommand::StoredRules).await? else {
        anyhow::bail!("the gate gave another answer than was asked for; is it of the same version?")
    };
    let user = match who {
        None => None,
        Some(who) => match backend.call(AdminCommand::UserShow { who: who.clone() }).await? {
            Output::User(user) => Some(user),
            _ => None,
        },
    };
    Ok((stored, user))
}
