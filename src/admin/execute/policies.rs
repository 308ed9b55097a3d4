//! The policies against which a change is checked: those in force, or those on disk.

use crate::{
    admin::services::Services,
    app,
    config::Config,
    policy::{self, Analysis, Finding, Settings, Source, Stored},
};

/// The inputs of a ruleset.
pub(super) struct Policies {
    /// The name of the app, if there are several.
    pub(super) app: Option<String>,
    settings: Settings,
    sources: Vec<Source>,
    pub(super) stored: Stored,
}

impl Policies {
    /// Reads the policies of each app; `None` if that fails, which `check` explains.
    pub(super) async fn of_each(services: &Services) -> Option<Vec<Self>> {
        if let Some(live) = &services.live {
            let one = |of: app::InputsOfApp| Self {
                app: of.app,
                settings: of.settings,
                sources: of.sources,
                stored: of.stored,
            };
            return Some(live.sources().await.ok()?.into_iter().map(one).collect());
        }
        let config = services.config.as_ref()?;
        let stored = app::stored_rules(&*services.store).await.ok()?;
        let one = |app: &Config| {
            let sources = app::read_policies(&app.policies.dir).ok()?;
            Some(Self {
                app: app.app_name().map(str::to_owned),
                settings: app::policy_settings(app),
                sources,
                stored: stored.clone(),
            })
        };
        config.each_app().iter().map(one).collect()
    }

    /// The compiled ruleset and its warnings; `None` if there are errors.
    pub(super) fn analyze(&self) -> Option<(Analysis, Vec<Finding>)> {
        let (analysis, mut findings) = policy::analyze(&self.settings, &self.sources, &self.stored);
        let analysis = analysis?;
        findings.extend(analysis.lint(&self.sources));
        Some((analysis, findings))
    }
}
