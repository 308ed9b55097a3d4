//! A decision of the gate that runs: its set, its roles, and what the app tells it of the owner.

use anyhow::Context;

use super::{Person, Situation};
use crate::{
    app::{Imagined, OwnerTold},
    cli::Exit,
    cli::{
        admin::AdminCommand,
        args::{Asker, Explain},
        backend::Backend,
        known, on_runtime,
        output::{ExplainedView, Output},
    },
    config::Config,
    policy,
};

/// Asks the gate; `None` where none runs.
pub(super) fn ask(
    config: &Config,
    asker: &Asker,
    explain: &Explain,
    (method, target, body): (&str, &str, Option<serde_json::Value>),
) -> anyhow::Result<Option<Situation>> {
    if !known::has_store(config) {
        return Ok(None);
    }
    let command = AdminCommand::Explain {
        who: match asker {
            Asker::Anonymous => None,
            Asker::Who(who) => Some(who.clone()),
        },
        roles: explain.roles.clone(),
        request: Imagined {
            method: method.to_owned(),
            target: target.to_owned(),
            body,
            scopes: explain.scopes.clone(),
            owner: super::said(explain),
        },
    };
    let mut answer = None;
    on_runtime(async {
        if let Some(mut gate) = Backend::of_a_gate(config).await? {
            answer = Some(gate.call(command).await?);
        }
        Ok(Exit::Done)
    })?;
    match answer {
        None => Ok(None),
        Some(Output::Explained(view)) => situation(*view, explain).map(Some),
        Some(_) => {
            anyhow::bail!("the gate gave another answer than was asked for; is it of the same version?")
        }
    }
}

/// The gate's set, compiled here once more to be looked into.
fn situation(view: ExplainedView, explain: &Explain) -> anyhow::Result<Situation> {
    let in_force = view.in_force;
    let (study, _) = policy::study(&in_force.settings, &in_force.sources, &in_force.stored);
    let study = study.context("the gate's policies cannot be compiled here; is it of the same version?")?;
    if study.set().digest != in_force.digest {
        anyhow::bail!("the gate's policies read differently here; is it of the same version?");
    }
    let roles = view.roles.into_iter().map(String::into_boxed_str).collect();
    let person = Person { user: view.user, roles, scopes: explain.scopes.clone(), disabled: view.disabled };
    let owner = match &in_force.owner {
        OwnerTold::Said { owner, .. } => Some(*owner),
        OwnerTold::NotAsked | OwnerTold::Failed { .. } => super::said(explain),
    };
    Ok(Situation { study, person, owner, told: Some(in_force.owner) })
}
