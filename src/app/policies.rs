//! Builds a [`Ruleset`] of policy files and stored rows.

mod error;

use std::sync::Arc;

use tokio::sync::Notify;

use super::{folder, translate};
use crate::{
    accounts::{self, Accounts},
    api::{Api, Reached},
    clock::Clock,
    config::{Config, Listen},
    gate::Ruleset,
    hasher::Hasher,
    limit::Limits,
    observe::metrics::Metrics,
    policy::{self, AccountModel, Finding, PolicySet, Source, Stored, StoredRule},
    store::{Store, StoreError},
};

pub use error::PolicyError;

/// The place of findings about stored rules.
const STORE: &str = "store";

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

    /// Compiles the policies of an app.
    pub(super) fn compile(
        &self,
        app: &Config,
        sources: &[Source],
        stored: &Stored,
    ) -> Result<PolicySet, PolicyError> {
        let (set, findings) = policy::compile(&translate::policy(app), sources, stored);
        let Some(set) = set else { return Err(PolicyError::ConfigErrors(findings)) };
        // Reported with the findings: a policy that is not read opens or closes routes unnoticed.
        let passed_over = folder::passed_over(&app.policies.dir);
        // A stored rule is for the models of all apps: that one app has no such model is no mistake. `check` knows all.
        let is_told = |finding: &&Finding| {
            app.app.is_none() || finding.code != policy::Code::UnknownModel.name() || finding.file != STORE
        };
        for finding in findings.iter().chain(&passed_over).filter(is_told) {
            let (file, line, column) = (&finding.file, finding.line, finding.column);
            tracing::warn!(app = app.app_name(), file, line, column, "{finding}");
        }
        Ok(set)
    }

    /// Adds the User API to compiled policies. `model`: that of the accounts of all apps.
    pub(super) fn ruleset(
        &self,
        app: &Config,
        set: PolicySet,
        model: Option<&AccountModel>,
    ) -> Result<Ruleset, PolicyError> {
        let routes: Vec<&str> = set.routes().collect();
        // Metrics are labelled by route and not by path: a client could otherwise create any number of series.
        let labels = self.metrics.register_routes(app.app_name(), &routes);
        tracing::info!(
            app = app.app_name(),
            routes = routes.len(),
            digest = set.digest,
            "policies are in force"
        );
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
        let is_only = app.app.is_none();
        if self.config.api.openapi && app.serves_accounts() {
            api = api.described(Reached {
                credentials: translate::credentials(&self.config),
                // One of several apps is where its description is; the public URL may be another's.
                url: if self.has_address() && is_only { self.link_base.clone() } else { String::new() },
                is_public: self.config.server.public_url.is_some() && is_only,
            });
        }
        Ok(Ruleset { set, labels, api })
    }
}

/// The account model of all apps: the only one that is not LoopBack's `User`, else that. `models`: of each app.
///
/// # Errors
/// When two apps define accounts differently: a user is the same in all.
pub(super) fn shared_model(
    config: &Config,
    models: &[Option<&AccountModel>],
) -> Result<Option<AccountModel>, PolicyError> {
    let settings = |model| {
        let settings = translate::accounts(config, Some(model));
        // Only links depend on the path.
        accounts::Settings { links: accounts::Links::default(), ..settings }
    };
    let apps = config.each_app();
    let of_apps = || apps.iter().zip(models).filter(|(app, _)| app.serves_accounts());
    let found = || of_apps().filter_map(|(app, model)| Some((app, (*model)?)));
    let Some((first, model)) = found().find(|(_, model)| !model.built_in) else {
        return Ok(found().next().map(|(_, model)| model.clone()));
    };
    for (app, other) in found().filter(|(_, other)| !other.built_in) {
        if settings(other) != settings(model) {
            let name = |app: &Config| app.app_name().unwrap_or_default().to_owned();
            return Err(PolicyError::TwoAccountModels {
                model: other.name.clone(),
                app: name(app),
                other: model.name.clone(),
                of: name(first),
            });
        }
    }
    Ok(Some(model.clone()))
}

/// Checks the policies before the store is created, so that a start that fails on them leaves no store behind.
///
/// # Errors
/// [`PolicyError`].
pub(super) fn check_before_store_creation(config: &Config) -> Result<(), PolicyError> {
    for app in &config.each_app() {
        let check = || {
            let sources = folder::read(&app.policies.dir)?;
            // With a store the rules of its rows are needed to compile, and these can only be read when it is open.
            if config.store.engine.has_files() {
                return Ok(());
            }
            let (set, findings) = policy::compile(&translate::policy(app), &sources, &Stored::default());
            set.map(|_| ()).ok_or(PolicyError::ConfigErrors(findings))
        };
        check().map_err(|error: PolicyError| error.of_app(app.app_name()))?;
    }
    Ok(())
}

/// The account model in the policies, as far as they can be read. Errors are reported when they are loaded.
#[must_use]
pub fn account_model(config: &Config) -> Option<AccountModel> {
    account_model_of_all(config).ok().flatten()
}

/// The same, with the error of apps that disagree.
///
/// # Errors
/// [`PolicyError::TwoAccountModels`].
pub fn account_model_of_all(config: &Config) -> Result<Option<AccountModel>, PolicyError> {
    let model = |app: &Config| {
        let sources = folder::read(&app.policies.dir).ok()?;
        let (set, _) = policy::compile(&translate::policy(app), &sources, &Stored::default());
        set?.account().cloned()
    };
    let models: Vec<_> = config.each_app().iter().map(model).collect();
    shared_model(config, &models.iter().map(Option::as_ref).collect::<Vec<_>>())
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
