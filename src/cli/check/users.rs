//! Checks that the users in rules exist.

use tokio::runtime::Builder;

use crate::{
    admin::{AdminCommand, Output, UserView, Who},
    cli::backend::{Backend, Site},
    config::Config,
    identity::UserId,
    policy::{Code, Finding, Severity, UserRule},
};

/// Replaces the findings about the form of ids by what the store says about each user. They stay if the store cannot be
/// asked.
pub(super) fn with_unknown_users(
    config: &Config,
    rules: &[UserRule],
    mut findings: Vec<Finding>,
) -> anyhow::Result<Vec<Finding>> {
    if rules.is_empty() {
        return Ok(findings);
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    // `check` must also work on a machine without the store.
    if let Ok(unknown_users) = runtime.block_on(ask(config, rules)) {
        findings.retain(|finding| finding.code != USER_ID);
        findings.extend(unknown_users);
    }
    Ok(findings)
}

async fn ask(config: &Config, rules: &[UserRule]) -> anyhow::Result<Vec<Finding>> {
    let mut backend = Backend::open(&Site::from(config.clone())).await?;
    let mut found = Vec::new();
    for rule in rules.iter().take(MAX_LOOKUPS) {
        found.extend(doubt(&mut backend, rule).await);
    }
    backend.close().await?;
    Ok(found)
}

async fn doubt(backend: &mut Backend, rule: &UserRule) -> Option<Finding> {
    let id = &rule.id;
    if user(backend, Who::Id(UserId::parse(id))).await.is_some() {
        return None;
    }
    let (message, fix) = match user(backend, Who::Bare(id.clone())).await {
        Some(user) => {
            (format!("a USER rule names an id, and `{id}` is a name"), format!("write `{}`", user.id))
        }
        None => (
            format!("a USER rule names an id, and no user has the id `{id}`"),
            "`portcullis user list` shows all ids".to_owned(),
        ),
    };
    let (file, line, column) = rule.at.clone();
    let message = if file == STORE { format!("{}: {message}", rule.reference) } else { message };
    Some(Finding { file, line, column, severity: Severity::Warning, code: USER_ID, message, fix: Some(fix) })
}

/// An error counts as "no such user": the store has been asked before, so it answers.
async fn user(backend: &mut Backend, who: Who) -> Option<UserView> {
    match backend.call(AdminCommand::UserShow { who }).await {
        Ok(Output::User(user)) => Some(user),
        _ => None,
    }
}

/// Maximum number of rules whose users are looked up.
const MAX_LOOKUPS: usize = 200;

const USER_ID: &str = Code::UserId.name();

/// The name of the store in findings.
const STORE: &str = "store";
