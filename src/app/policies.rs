//! Builds a [`Ruleset`] of policy files and stored rows.

mod error;

use std::sync::Arc;

use tokio::sync::Notify;

use super::{folder, translate};
use crate::{
    accounts::Accounts,
    api::{Api, Reached},
    clock::Clock,
    config::{Config, Listen},
    gate::Ruleset,
    hasher::Hasher,
    limit::Limits,
    observe::metrics::Metrics,
    policy::{self, AccountModel, Source, Stored, StoredRule},
    store::{Store, StoreError},
};

pub use error::PolicyError;

/// The inputs of a ruleset besides files and rows.
pub(super) struct RulesetBuilder {
    pub(super) config: Config,
    pub(super) store: Arc<dyn Store>,
    pub(super) hasher: Hasher,
    pub(super) limits: Arc<Limits>,
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    /// The prefix of links.
    pub(super) link_base: String,
    /// Notified when there is an event to deliver.
    pub(super) wake_up: Arc<Notify>,
}

impl RulesetBuilder {
    /// Whether the prefix of links is known and not a guess.
    fn has_address(&self) -> bool {
        self.config.server.public_url.is_some() || matches!(self.config.server.http, Listen::Tcp(_))
    }

    /// Compiles a ruleset, with the User API of its account model.
    pub(super) fn make(&self, sources: &[Source], stored: &Stored) -> Result<Ruleset, PolicyError> {
        let (set, findings) = policy::compile(&translate::policy(&self.config), sources, stored);
        let Some(set) = set else { return Err(PolicyError::ConfigErrors(findings)) };
        // Reported with the findings: a policy that is not read opens or closes routes unnoticed.
        let passed_over = folder::passed_over(&self.config.policies.dir);
        for finding in findings.iter().chain(&passed_over) {
            tracing::warn!(file = finding.file, line = finding.line, column = finding.column, "{finding}");
        }
        let routes: Vec<&str> = set.routes().collect();
        // Metrics are labelled by route and not by path: a client could otherwise create any number of series.
        let labels = self.metrics.register_routes(&routes);
        tracing::info!(routes = routes.len(), digest = set.digest, "policies are in force");
        let model = set.account();
        let mut settings = translate::accounts(&self.config, model);
        settings.links.base.clone_from(&self.link_base);
        // The index of names must follow the new folding before a request can use the new rules.
        self.store.fold_names(settings.keys())?;
        let accounts = Accounts::new(
            Arc::clone(&self.store),
            self.hasher.clone(),
            Arc::clone(&self.limits),
            self.clock.clone(),
            settings,
        );
        let accounts = accounts.with_wake_up(Arc::clone(&self.wake_up));
        let mut api = Api::new(accounts, translate::api(&self.config));
        if self.config.api.openapi {
            api = api.described(Reached {
                credentials: translate::credentials(&self.config),
                url: if self.has_address() { self.link_base.clone() } else { String::new() },
                is_public: self.config.server.public_url.is_some(),
            });
        }
        Ok(Ruleset { set, labels, api })
    }
}

/// Checks the policies before the store is created, so that a start that fails on them leaves no store behind.
///
/// # Errors
/// [`PolicyError`].
pub(super) fn check_before_store_creation(config: &Config) -> Result<(), PolicyError> {
    let sources = folder::read(&config.policies.dir)?;
    // With a store the rules of its rows are needed to compile, and these can only be read when it is open.
    if config.store.engine.has_files() {
        return Ok(());
    }
    let (set, findings) = policy::compile(&translate::policy(config), &sources, &Stored::default());
    set.map(|_| ()).ok_or(PolicyError::ConfigErrors(findings))
}

/// The account model in the policies, as far as they can be read. Errors are reported when they are loaded.
#[must_use]
pub fn account_model(config: &Config) -> Option<AccountModel> {
    let sources = folder::read(&config.policies.dir).ok()?;
    let (set, _) = policy::compile(&translate::policy(config), &sources, &Stored::default());
    set?.account().cloned()
}

/// The rows of the store that a ruleset is compiled with.
///
/// # Errors
/// When the store cannot answer.
pub async fn stored(store: &dyn Store) -> Result<Stored, StoreError> {
    let roles = store.roles().await?.into_iter().map(|role| role.name).collect();
    let rule = |row: crate::store::AclRow| StoredRule {
        id: row.id,
        model: row.model,
        property: row.property,
        access_type: row.access_type,
        permission: row.permission,
        principal_type: row.principal_type,
        principal_id: row.principal_id,
    };
    let rules = store.acl_rows().await?.into_iter().map(rule).collect();
    Ok(Stored { roles, rules })
}
