//! Explains a decision of the running gate: its ruleset, its roles, and the owner that the app returns.

use anyhow::Context;

use super::{Person, Situation};
use crate::{
    admin::{AdminCommand, ExplainedView, Output, whole_chain},
    app::{self, HypotheticalRequest, InForce, OwnerAnswer},
    cli::{
        Exit, apps,
        args::{CallerArg, Explain},
        backend::{Backend, Site},
        known, on_runtime,
    },
    config::Config,
    policy::{self, Severity},
};

/// Asks the gate; `None` if none is running.
pub(super) fn ask(
    site: &Site,
    asker: &CallerArg,
    request: HypotheticalRequest,
    explain: &Explain,
) -> anyhow::Result<Option<Situation>> {
    if site.whole().is_ok_and(|config| !known::has_store(config)) {
        return Ok(None);
    }
    let command = AdminCommand::Explain {
        who: match asker {
            CallerArg::Anonymous => None,
            CallerArg::Who(who) => Some(who.clone()),
        },
        roles: explain.roles.clone(),
        request,
    };
    let mut answer = None;
    on_runtime(async {
        if let Some(mut gate) = Backend::running_gate(site).await? {
            answer = Some(gate.call(command).await?);
        }
        Ok(Exit::Done)
    })?;
    match answer {
        None => Ok(None),
        Some(Output::Explained(view)) => situation(site, *view, explain).map(Some),
        Some(_) => {
            anyhow::bail!("the gate gave another answer than was asked for; is it of the same version?")
        }
    }
}

/// Compiles the gate's ruleset in this process, to analyze it.
fn situation(site: &Site, view: ExplainedView, explain: &Explain) -> anyhow::Result<Situation> {
    let in_force = view.in_force;
    let (analysis, _) = policy::analyze(&in_force.settings, &in_force.sources, &in_force.stored);
    let analysis =
        analysis.context("the gate's policies cannot be compiled here; is it of the same version?")?;
    // Another version of the program may compile the same files differently; its explanation would be wrong.
    if analysis.set().digest != in_force.digest {
        anyhow::bail!("the gate's policies read differently here; is it of the same version?");
    }
    let roles = view.roles.into_iter().map(String::into_boxed_str).collect();
    let person = Person {
        user: view.user,
        roles,
        certificate: explain.certificate.clone(),
        scopes: explain.scopes.clone(),
        disabled: view.disabled,
    };
    let owner = match &in_force.owner {
        OwnerAnswer::Said { owner, .. } => Some(*owner),
        OwnerAnswer::NotAsked | OwnerAnswer::Failed { .. } => super::said(explain),
    };
    // The app may be gone from the file that the gate has read.
    let config = apps::named(site.config(), in_force.app.as_deref());
    let config = config.unwrap_or_else(|_| site.config().clone());
    let differs = match site.whole() {
        Ok(_) => differs(&config, &in_force),
        // The location of the files may be in the unreadable part.
        Err(_) => in_force.refused.as_ref().map(|why| format!("the last reload was refused: {why}")),
    };
    Ok(Situation { analysis, config, person, owner, told: Some(in_force.owner), differs })
}

/// Whether the files on disk differ from those in force, and why they are not in force.
fn differs(config: &Config, in_force: &InForce) -> Option<String> {
    let dir = config.policies.dir.display();
    let head = format!("the files in {dir} are not those in force");
    let sources = match app::read_policies(&config.policies.dir) {
        Ok(sources) if sources == in_force.sources => {
            // The configuration may have been refused, with unchanged policies.
            return in_force.refused.as_ref().map(|why| format!("the last reload was refused: {why}"));
        }
        Ok(sources) => sources,
        Err(error) => return Some(format!("{head}, and cannot be: {}", one_line(&whole_chain(&error)))),
    };
    let (analysis, findings) = policy::analyze(&in_force.settings, &sources, &in_force.stored);
    let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    Some(match (analysis, &*errors) {
        (Some(_), _) => {
            format!("{head} yet; a gate takes a change up when the files have been still for a moment")
        }
        (None, [first, more @ ..]) if !more.is_empty() => {
            format!("{head}: they are refused: {first} (and {} more)", more.len())
        }
        (None, [only, ..]) => format!("{head}: they are refused: {only}"),
        (None, []) => format!("{head}: they are refused; `portcullis check` says why"),
    })
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}
