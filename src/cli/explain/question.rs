//! What is asked, and what it is decided by.

use anyhow::Context;

use crate::{
    app::{self, OwnerTold},
    cli::args::{Explain, YesNo},
    config::Config,
    policy::{self, Analysis, Severity, Stored},
};

/// Who asks, as the store or the command line knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) user: Option<String>,
    /// Sorted.
    pub(super) roles: Vec<Box<str>>,
    pub(super) scopes: Vec<String>,
    /// Whether the account is switched off.
    pub(super) disabled: bool,
}

/// What was asked, for the head of the answer.
#[derive(Debug)]
pub(super) struct Question<'q> {
    pub(super) method: &'q str,
    pub(super) target: &'q str,
    pub(super) person: &'q Person,
    /// Who decided, and by what; `None` where that is said elsewhere.
    pub(super) source: Option<&'q str>,
    pub(super) told: Option<&'q OwnerTold>,
    /// How the files on disk differ from the set in force.
    pub(super) differs: Option<&'q str>,
}

/// What a request is decided by.
pub(super) struct Situation {
    pub(super) analysis: Analysis,
    pub(super) person: Person,
    pub(super) owner: Option<bool>,
    /// What the running gate learnt of the app; `None` = no gate runs, and the files on disk were read.
    pub(super) told: Option<OwnerTold>,
    /// How the files on disk differ from the set in force.
    pub(super) differs: Option<String>,
}

/// What the command line says of the owner.
pub(super) fn said(explain: &Explain) -> Option<bool> {
    explain.owner.map(|owner| owner == YesNo::Yes)
}

/// The policies on disk, compiled with what the store has.
pub(super) fn analyze(config: &Config, stored: &Stored) -> anyhow::Result<Analysis> {
    let sources = app::read_policies(&config.policies.dir)?;
    let (analysis, findings) = policy::analyze(&app::policy_settings(config), &sources, stored);
    analysis.with_context(|| {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        let lines: Vec<String> = errors.map(|finding| format!("\n  {finding}")).collect();
        format!("the policies have mistakes:{}", lines.concat())
    })
}
