//! The apps behind the gate, as the wiring sees them.

use std::sync::Arc;

use super::translate;
use crate::{
    config::Config,
    forward::{self, Instance},
    gate::{self, Location, Router, Rules},
};

/// What each core makes an app of.
#[derive(Clone)]
pub(super) struct AppParts {
    pub(super) settings: Arc<gate::AppSettings>,
    pub(super) forward: forward::Settings,
    pub(super) rules: Arc<Rules>,
}

/// All apps, at least one.
#[derive(Clone)]
pub(super) struct Apps {
    pub(super) first: AppParts,
    pub(super) others: Vec<AppParts>,
    /// `None` = there is one app.
    pub(super) router: Option<Arc<Router>>,
}

impl Apps {
    /// `rules`: of each app.
    pub(super) fn new(config: &Config, instance: Instance, rules: Vec<Arc<Rules>>) -> anyhow::Result<Self> {
        let router = router(config).map(Arc::new);
        let mut parts = Vec::new();
        for (index, (app, rules)) in config.each_app().iter().zip(rules).enumerate() {
            let is_its = |host: &str| router.as_ref().is_none_or(|router| router.leads_to(host, index));
            let settings = Arc::new(translate::app(app, is_its));
            parts.push(AppParts { settings, forward: translate::forward(app, instance)?, rules });
        }
        let mut parts = parts.into_iter();
        let first = parts.next().ok_or_else(|| anyhow::anyhow!("there is no app"))?;
        Ok(Self { first, others: parts.collect(), router })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &AppParts> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

/// Finds the app of a request; `None` = there is one app.
#[must_use]
pub fn router(config: &Config) -> Option<Router> {
    let location =
        |app: &crate::config::AppSettings| Location { hosts: app.hosts.clone(), path: app.path.clone() };
    let locations: Vec<Location> = config.apps.iter().map(location).collect();
    (!locations.is_empty()).then(|| Router::new(&locations))
}

/// The name of an app before a message about it.
pub(super) fn named(app: Option<&str>, message: &str) -> String {
    app.map_or_else(|| message.to_owned(), |app| format!("app `{app}`: {message}"))
}
