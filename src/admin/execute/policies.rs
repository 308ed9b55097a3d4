//! The policies that a command's change is checked against: those in force at the running gate, or those on disk.

use crate::{
    admin::services::Services,
    app,
    policy::{self, Analysis, Finding, Settings, Source, Stored},
};

/// What a set is made of.
pub(super) struct Policies {
    settings: Settings,
    sources: Vec<Source>,
    pub(super) stored: Stored,
}

impl Policies {
    /// `None` where they cannot be read: `check` tells why.
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

    /// The set, and what is doubtful about it; `None` where it has mistakes.
    pub(super) fn analyze(&self) -> Option<(Analysis, Vec<Finding>)> {
        let (analysis, mut findings) = policy::analyze(&self.settings, &self.sources, &self.stored);
        let analysis = analysis?;
        findings.extend(analysis.lint(&self.sources));
        Some((analysis, findings))
    }
}
