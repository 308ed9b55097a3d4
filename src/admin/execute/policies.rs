//! The policies against which a change is checked: those in force, or those on disk.

use crate::{
    admin::services::Services,
    app,
    policy::{self, Analysis, Finding, Settings, Source, Stored},
};

/// The inputs of a ruleset.
pub(super) struct Policies {
    settings: Settings,
    sources: Vec<Source>,
    pub(super) stored: Stored,
}

impl Policies {
    /// Reads the policies; `None` if that fails, which `check` explains.
    pub(super) async fn of(services: &Services) -> Option<Self> {
        if let Some(live) = &services.live {
            let (settings, sources, stored) = live.sources().await.ok()?;
            return Some(Self { settings, sources, stored });
        }
        let config = services.config.as_ref()?;
        let sources = app::read_policies(&config.policies.dir).ok()?;
        let stored = app::stored_rules(&*services.store).await.ok()?;
        Some(Self { settings: app::policy_settings(config), sources, stored })
    }

    /// The compiled ruleset and its warnings; `None` if there are errors.
    pub(super) fn analyze(&self) -> Option<(Analysis, Vec<Finding>)> {
        let (analysis, mut findings) = policy::analyze(&self.settings, &self.sources, &self.stored);
        let analysis = analysis?;
        findings.extend(analysis.lint(&self.sources));
        Some((analysis, findings))
    }
}
