//! `import check-app`: reads a LoopBack 3 project and lists what is covered without changes, and what needs a setting
//! or a decision. No code of the project is run.

mod code;
mod hooks;
mod literal;
mod methods;
mod models;
mod project;
mod remark;
mod script;
mod server;
mod token;

use std::{fmt::Write, path::Path};

use serde_json::Value;

use super::{Exit, print, print_json, printable::printable};
use crate::config::{self, Config, ConfigErrors, Profile, Sources};

use remark::{Kind, Place, Remark, Remarks};

/// The result of the check.
#[derive(Debug)]
struct Checked {
    remarks: Vec<Remark>,
    /// Whether the gate would start with the project's files, as `check` decides it.
    starts: bool,
}

/// The configuration for the check. If it names no profile, `loopback3` is assumed, because a project is moved to that
/// profile.
///
/// # Errors
/// If the configuration has errors.
pub(super) fn config(sources: &Sources) -> Result<Config, ConfigErrors> {
    let config = config::load(sources)?.config;
    if config.is_set(PROFILE) {
        return Ok(config);
    }
    let mut flags = sources.flags.clone();
    flags.push((PROFILE.to_owned(), "loopback3".to_owned()));
    let sources = Sources { file: sources.file.clone(), env: sources.env.clone(), flags };
    Ok(config::load(&sources)?.config)
}

/// Checks the project in `folder` and prints the remarks.
pub(super) fn run(sources: &Sources, folder: &Path, json: bool) -> anyhow::Result<Exit> {
    let is_said = config::load(sources)?.config.is_set(PROFILE);
    let checked = check(&config(sources)?, is_said, folder)?;
    if json {
        print_json(&serde_json::to_value(&checked.remarks)?)?;
    } else {
        print(&text(&checked))?;
    }
    Ok(if checked.starts { Exit::Done } else { Exit::Failed })
}

fn check(config: &Config, profile_is_said: bool, folder: &Path) -> anyhow::Result<Checked> {
    let project = project::Project::read(folder)?;
    let mut remarks = Remarks::default();
    profile(config, profile_is_said, &mut remarks);
    let models = models::check(config, &project, &mut remarks);
    server::check(&project, &mut remarks);
    code::check(&project, &models, &mut remarks);
    hooks::check(&project, &models, &mut remarks);
    methods::check(&project, &models, &mut remarks);
    token::check(&project, &mut remarks);
    for (file, why) in &project.skipped {
        remarks.decide("not-read", Place::file(file), format!("not read: {why}"), "look at it yourself");
    }
    let Remarks(mut remarks) = remarks;
    let order = |a: &Remark, b: &Remark| {
        (a.kind, &a.file, a.line, a.code, &a.message).cmp(&(b.kind, &b.file, b.line, b.code, &b.message))
    };
    remarks.sort_by(order);
    // Several searches may find the same place.
    remarks.dedup();
    Ok(Checked { remarks, starts: models.starts })
}

/// Remarks on the profile of the check.
fn profile(config: &Config, is_said: bool, remarks: &mut Remarks) {
    let name = match config.profile {
        Profile::Loopback3 => "loopback3",
        Profile::Standard => "standard",
    };
    let message = format!("this is judged by the profile `{name}`");
    if is_said {
        remarks.covered("profile", "portcullis.toml", format!("{message}, as the configuration says"));
    } else {
        let fix = "set `profile = \"loopback3\"`, or start with `PORTCULLIS_PROFILE=loopback3`";
        remarks.set("profile", Place::file("portcullis.toml"), message, fix);
    }
}

fn text(Checked { remarks, starts }: &Checked) -> String {
    let mut text = String::new();
    for (kind, title) in [
        (Kind::Decision, "needs a decision"),
        (Kind::Setting, "needs a setting"),
        (Kind::Covered, "covered as it is"),
    ] {
        let mut of_kind = remarks.iter().filter(|remark| remark.kind == kind).peekable();
        if of_kind.peek().is_some() {
            let _ = writeln!(text, "{title}:");
        }
        for remark in of_kind {
            let line = remark.line.map(|line| format!(":{line}")).unwrap_or_default();
            let place = if remark.file.is_empty() { "code" } else { &*remark.file };
            let _ = write!(text, "  {}{line}: {}", printable(place), printable(&remark.message));
            if let Some(fix) = &remark.fix {
                let _ = write!(text, "; {}", printable(fix));
            }
            text.push('\n');
            for (name, entry) in remark.stub.iter().filter_map(Value::as_object).flatten() {
                let _ =
                    writeln!(text, "      {}: {}", Value::from(name.as_str()), printable(&entry.to_string()));
            }
        }
    }
    let count = |kind| remarks.iter().filter(|remark| remark.kind == kind).count();
    let (decisions, settings) = (count(Kind::Decision), count(Kind::Setting));
    let several = |count: usize| if count == 1 { "" } else { "s" };
    let _ =
        writeln!(text, "{decisions} decision{}, {settings} setting{}", several(decisions), several(settings));
    if !starts {
        text.push_str("the gate would not start with these files as they are\n");
    }
    text
}

/// The key of the profile.
const PROFILE: &str = "profile";

#[cfg(test)]
mod tests;
