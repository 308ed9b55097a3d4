//! The question of `explain` and the data for its answer.

use anyhow::Context;

use crate::{
    app::{self, OwnerAnswer},
    cli::args::{Explain, YesNo},
    config::Config,
    policy::{self, Analysis, Severity, Stored},
};

/// The caller, from the store or the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) user: Option<String>,
    /// The roles, sorted.
    pub(super) roles: Vec<Box<str>>,
    /// The subject of the certificate that the client shows.
    pub(super) certificate: Option<String>,
    pub(super) scopes: Vec<String>,
    /// Whether the account is disabled.
    pub(super) disabled: bool,
}

/// The question, for the head of the answer.
#[derive(Debug)]
pub(super) struct Question<'q> {
    /// The app, where there are several.
    pub(super) app: Option<&'q str>,
    pub(super) method: &'q str,
    pub(super) target: &'q str,
    pub(super) person: &'q Person,
    /// The source of the decision; `None` if it is printed elsewhere.
    pub(super) source: Option<&'q str>,
    pub(super) told: Option<&'q OwnerAnswer>,
    /// The difference between the files on disk and those in force.
    pub(super) differs: Option<&'q str>,
}

/// The data of a decision.
pub(super) struct Situation {
    pub(super) analysis: Analysis,
    /// The configuration of the app that takes the request.
    pub(super) config: Config,
    pub(super) person: Person,
    pub(super) owner: Option<bool>,
    /// The owner that the running gate has determined; `None` = the files on disk are used because no gate runs.
    pub(super) told: Option<OwnerAnswer>,
    /// The difference between the files on disk and those in force.
    pub(super) differs: Option<String>,
}

/// The owner according to the command line.
pub(super) fn said(explain: &Explain) -> Option<bool> {
    explain.owner.map(|owner| owner == YesNo::Yes)
}

/// Compiles the policies on disk with the rows of the store.
pub(super) fn analyze(config: &Config, stored: &Stored) -> anyhow::Result<Analysis> {
    let sources = app::read_policies(&config.policies.dir)?;
    let (analysis, findings) = policy::analyze(&app::policy_settings(config), &sources, stored);
    analysis.with_context(|| {
        let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
        let lines: Vec<String> = errors.map(|finding| format!("\n  {finding}")).collect();
        format!("the policies have mistakes:{}", lines.concat())
    })
}
