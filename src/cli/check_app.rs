//! `import check-app`: reads a LoopBack 3 project and lists what is covered as it is, and what needs a setting or a
//! decision. Nothing of the project is run.

mod code;
mod models;
mod project;
mod script;
mod server;

use std::{fmt::Write, path::Path};

use serde::Serialize;

use super::{Exit, output::printable, print, print_json};
use crate::config::Config;

/// One thing that is worth knowing before the move. Sorted as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Remark {
    kind: Kind,
    file: String,
    line: Option<usize>,
    code: &'static str,
    message: String,
    fix: Option<String>,
}

/// What it asks of whoever moves the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// Somebody has to decide, or to change the app.
    Decision,
    /// A line in `portcullis.toml` or a file beside the policies does it.
    Setting,
    /// Nothing.
    Covered,
}

/// The remarks, in the order in which they are found.
#[derive(Debug, Default)]
struct Remarks(Vec<Remark>);

/// Reads the project in `folder` and prints what there is to know.
pub(super) fn run(config: &Config, folder: &Path, json: bool) -> anyhow::Result<Exit> {
    let remarks = check(config, folder)?;
    if json {
        print_json(&serde_json::to_value(&remarks)?)?;
    } else {
        print(&text(&remarks))?;
    }
    Ok(Exit::Done)
}

fn check(config: &Config, folder: &Path) -> anyhow::Result<Vec<Remark>> {
    let project = project::Project::read(folder)?;
    let mut remarks = Remarks::default();
    let models = models::check(config, &project, &mut remarks);
    server::check(&project, &mut remarks);
    code::check(&project, &models, &mut remarks);
    for (file, why) in &project.skipped {
        remarks.decide("not-read", (file, None), format!("not read: {why}"), "look at it yourself");
    }
    let Remarks(mut remarks) = remarks;
    remarks.sort();
    remarks.dedup();
    Ok(remarks)
}

impl Remarks {
    fn decide(&mut self, code: &'static str, at: (&str, Option<usize>), message: String, fix: &str) {
        self.add(Kind::Decision, code, at, message, Some(fix));
    }

    fn set(&mut self, code: &'static str, at: (&str, Option<usize>), message: String, fix: &str) {
        self.add(Kind::Setting, code, at, message, Some(fix));
    }

    fn covered(&mut self, code: &'static str, file: &str, message: String) {
        self.add(Kind::Covered, code, (file, None), message, None);
    }

    fn add(
        &mut self,
        kind: Kind,
        code: &'static str,
        (file, line): (&str, Option<usize>),
        message: String,
        fix: Option<&str>,
    ) {
        let (file, fix) = (file.to_owned(), fix.map(str::to_owned));
        self.0.push(Remark { kind, code, file, line, message, fix });
    }
}

fn text(remarks: &[Remark]) -> String {
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
        }
    }
    let count = |kind| remarks.iter().filter(|remark| remark.kind == kind).count();
    let (decisions, settings) = (count(Kind::Decision), count(Kind::Setting));
    let several = |count: usize| if count == 1 { "" } else { "s" };
    let _ =
        writeln!(text, "{decisions} decision{}, {settings} setting{}", several(decisions), several(settings));
    text
}

#[cfg(test)]
mod tests;
