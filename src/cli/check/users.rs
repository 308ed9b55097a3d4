//! Checks that the users whom rules name exist.

use tokio::runtime::Builder;

use crate::{
    admin::{AdminCommand, Output, UserView, Who},
    cli::backend::{Backend, Site},
    config::Config,
    identity::UserId,
    policy::{Code, Finding, Severity, UserRule},
};

/// The findings with what the store says of each rule's user in place of what the looks of the id say. They stay as
/// they are where the store cannot be asked.
pub(super) fn told(
    config: &Config,
    rules: &[UserRule],
    mut findings: Vec<Finding>,
) -> anyhow::Result<Vec<Finding>> {
    if rules.is_empty() {
        return Ok(findings);
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    if let Ok(told) = runtime.block_on(ask(config, rules)) {
        findings.retain(|finding| finding.code != USER_ID);
        findings.extend(told);
    }
    Ok(findings)
}

async fn ask(config: &Config, rules: &[UserRule]) -> anyhow::Result<Vec<Finding>> {
    let mut backend = Backend::open(&Site::from(config.clone())).await?;
    let mut found = Vec::new();
    for rule in rules.iter().take(MOST) {
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

/// No answer is not a user: whether the store answers at all has been seen.
async fn user(backend: &mut Backend, who: Who) -> Option<UserView> {
    match backend.call(AdminCommand::UserShow { who }).await {
        Ok(Output::User(user)) => Some(user),
        _ => None,
    }
}

/// This many rules for one user are looked up.
const MOST: usize = 200;

const USER_ID: &str = Code::UserId.name();

/// What findings call the rows of the store.
const STORE: &str = "store";
