//! `explain` in the running gate: returns the facts by which it would decide a request.

use super::{error::ExecuteError, users};
use crate::{
    admin::{
        output::{ExplainedView, Output},
        services::Services,
        who::Who,
    },
    app::{HypotheticalCaller, HypotheticalRequest},
};

/// `who`: `None` = anonymous. `roles`: in addition to those in the store.
pub(super) async fn explain(
    services: &Services,
    who: Option<&Who>,
    roles: Vec<String>,
    request: HypotheticalRequest,
) -> Result<Output, ExecuteError> {
    let Some(live) = &services.live else { return Err(ExecuteError::NotReady) };
    let mut user = None;
    if let Some(who) = who
        && let Output::User(found) = users::show(services, who).await?
    {
        user = Some(found);
    }
    let mut asker = HypotheticalCaller { user: None, roles, named: false };
    if let Some(user) = &user {
        asker.user = Some(user.id.to_string());
        asker.named = user.email.is_some() || user.username.is_some();
        asker.roles.extend(user.roles.iter().cloned());
        asker.roles.sort();
        asker.roles.dedup();
    }
    let disabled = user.is_some_and(|user| user.disabled);
    let in_force = live.decision_inputs(request, asker.clone()).await.map_err(ExecuteError::Explain)?;
    Ok(Output::Explained(Box::new(ExplainedView {
        user: asker.user,
        roles: asker.roles,
        disabled,
        in_force,
    })))
}
