//! Builds a [`Ruleset`] of policy files and stored rows.

mod error;

use std::sync::Arc;

use super::{apps::router, folder, pages, translate};
use crate::{
    accounts::{self, Accounts, WakeUps},
    api::{Api, Reached},
    clock::Clock,
    config::{Config, Listen},
    gate::Ruleset,
    hasher::Hasher,
    limit::{Limits, RouteLimit},
    mail::Mailer,
    observe::metrics::Metrics,
    pages::Shared,
    policy::{self, AccountModel, Finding, PolicySet, RouteRate, Source, Stored, StoredRule},
    store::{Store, StoreError},
    tls,
};

pub use error::PolicyError;

/// The account model of all apps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SharedModel {
    pub(super) model: Option<AccountModel>,
    /// That of the app that links lead to: its path is part of them.
    pub(super) linked: Option<AccountModel>,
}

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
    /// What the pages of all apps share.
    pub(super) pages: Shared,
    /// Notified when there is something to deliver.
    pub(super) wake_up: Arc<WakeUps>,
}

impl RulesetBuilder {
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
        // A stored rule is for the models of all apps: that it has no effect in one is no mistake. `check` knows all.
        let is_told = |finding: &&Finding| app.app.is_none() || !finding.is_of_no_effect();
        for finding in findings.iter().chain(&passed_over).filter(is_told) {
            let (file, line, column) = (&finding.file, finding.line, finding.column);
            tracing::warn!(app = app.app_name(), file, line, column, "{finding}");
        }
        Ok(set)
    }

    /// The account model of all apps. `models`: of each.
    pub(super) fn shared_model(
        &self,
        apps: &[Config],
        models: &[Option<&AccountModel>],
    ) -> Result<SharedModel, PolicyError> {
        let model = shared_model(apps, models)?;
        let leads_to = apps.first().and_then(|app| {
            let router = router(app)?;
            let root = if app.api.root.is_empty() { "/" } else { &app.api.root };
            router.find(tls::host_of(&self.link_base), root).ok()
        });
        let linked = leads_to.and_then(|index| apps.iter().zip(models).nth(index));
        let linked = linked.filter(|(app, _)| app.serves_accounts()).and_then(|(_, model)| (*model).cloned());
        Ok(SharedModel { linked: linked.or_else(|| model.clone()), model })
    }

    /// For each route, its limit; empty if none has one.
    fn route_limits(&self, app: &Config, set: &PolicySet) -> Box<[Option<RouteLimit>]> {
        let of = |limit: &RouteRate| self.limits.of_route(app.app_name(), &limit.route, limit.rate);
        let limits: Vec<_> = set.limits().map(|limit| limit.and_then(of)).collect();
        if limits.iter().any(Option::is_some) { limits.into() } else { Box::default() }
    }

    /// Adds the User API to compiled policies.
    pub(super) fn ruleset(
        &self,
        app: &Config,
        set: PolicySet,
        model: &SharedModel,
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
        let mut settings = translate::accounts(app, model.model.as_ref());
        settings.links = translate::links(app, model.linked.as_ref());
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
        let mail = translate::mail(app, &self.link_base)?.map(Mailer::new).transpose()?;
        let accounts = accounts.with_wake_up(Arc::clone(&self.wake_up)).with_mailer(mail.map(Arc::new));
        let pages = pages::pages(app, accounts.clone(), self.pages.clone())?;
        let mut api = Api::new(accounts, translate::api(app));
        let is_only = app.app.is_none();
        if app.api.openapi && app.serves_accounts() {
            // Whether the prefix of links is known and not a guess.
            let has_address = app.server.public_url.is_some() || matches!(app.server.http, Listen::Tcp(_));
            api = api.described(Reached {
                credentials: translate::credentials(app),
                // One of several apps is where its description is; the public URL may be another's.
                url: if has_address && is_only { self.link_base.clone() } else { String::new() },
                is_public: app.server.public_url.is_some() && is_only,
            });
        }
        let limits = self.route_limits(app, &set);
        Ok(Ruleset { set, labels, limits, api, pages })
    }
}

/// The account model of all apps: the only one that is not LoopBack's `User`, else that. `apps` and `models`: of each app.
///
/// # Errors
/// When two apps define accounts differently: a user is the same in all. When none defines the model that the configuration
/// names.
fn shared_model(
    apps: &[Config],
    models: &[Option<&AccountModel>],
) -> Result<Option<AccountModel>, PolicyError> {
    let settings = |app, model| {
        let settings = translate::accounts(app, Some(model));
        // Only links depend on the path.
        accounts::Settings { links: accounts::Links::default(), ..settings }
    };
    let of_apps = || apps.iter().zip(models).filter(|(app, _)| app.serves_accounts());
    let found = || of_apps().filter_map(|(app, model)| Some((app, (*model)?)));
    if let Some(name) = apps.iter().find_map(|app| app.api.user_model.as_ref().filter(|_| app.app.is_some()))
        && !found().any(|(_, model)| model.name == *name)
    {
        return Err(PolicyError::NoAccountModel { model: name.clone() });
    }
    let Some((first, model)) = found().find(|(_, model)| !model.built_in) else {
        return Ok(found().next().map(|(_, model)| model.clone()));
    };
    for (app, other) in found().filter(|(_, other)| !other.built_in) {
        if settings(app, other) != settings(first, model) {
            let name = |app: &Config| app.app_name().unwrap_or_default().to_owned();
            return Err(PolicyError::TwoAccountModels {
                first_app: name(first),
                first_model: model.name.clone(),
                second_app: name(app),
                second_model: other.name.clone(),
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
    account_model_of_all(config).map(|_| ())
}

/// The account model in the policies, as far as they can be read. Errors are reported when they are loaded.
#[must_use]
pub fn account_model(config: &Config) -> Option<AccountModel> {
    account_model_of_all(config).ok().flatten()
}

/// The same, with the error of apps that disagree.
///
/// # Errors
/// [`PolicyError::TwoAccountModels`] and [`PolicyError::NoAccountModel`].
pub fn account_model_of_all(config: &Config) -> Result<Option<AccountModel>, PolicyError> {
    let set = |app: &Config| {
        let sources = folder::read(&app.policies.dir).ok()?;
        policy::compile(&translate::policy(app), &sources, &Stored::default()).0
    };
    let apps = config.each_app();
    let sets: Vec<Option<PolicySet>> = apps.iter().map(set).collect();
    let models: Vec<_> = sets.iter().map(|set| set.as_ref()?.account()).collect();
    match shared_model(&apps, &models) {
        // A folder that cannot be read may have it.
        Err(PolicyError::NoAccountModel { .. }) if sets.iter().any(Option::is_none) => Ok(None),
        result => result,
    }
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
