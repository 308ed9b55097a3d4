//! `policy diff`: what two policy folders decide differently, for all callers, the cases, and a log.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::Context;
use serde::Serialize;
use serde_json::json;

use super::{
    Exit,
    access_line::{AccessLine, Line},
    apps,
    args::PolicyDiff,
    paint::Paint,
    policy_test::{Folder, decide},
    print, print_json,
};
use crate::{
    config::Config,
    policy::{Analysis, Caller, Change, Verdict, compare},
};

/// A change and where it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Seen {
    #[serde(flatten)]
    change: Change,
    /// `rules`, `case NAME`, or `log`.
    from: String,
    /// The number of requests in the log that it affects.
    count: usize,
}

/// The contents of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct LogRead {
    /// Requests that were decided again.
    requests: usize,
    /// Requests without facts: refused before the rules, or on a reserved path.
    without_facts: usize,
    /// Lines that are broken or of another program.
    foreign: usize,
}

/// Compares two folders and prints the changes. A change that opens access is a failure.
pub(super) fn run(config: &Config, diff: &PolicyDiff, json: bool) -> anyhow::Result<Exit> {
    let config = &apps::of_folder(config, &[&diff.old, &diff.new], diff.app.as_deref())?;
    let (old, new) = (Folder::read(config, &diff.old)?, Folder::read(config, &diff.new)?);
    let mut seen = of_rules(&old.analysis, &new.analysis);
    seen.extend(of_cases(&old, &new));
    let log = diff
        .log
        .as_deref()
        .map(|log| of_log(&old.analysis, &new.analysis, config.app_name(), log))
        .transpose()?;
    let read = log.as_ref().map(|(_, read)| *read);
    seen.extend(log.into_iter().flat_map(|(seen, _)| seen));
    seen.sort_by_cached_key(|seen| {
        let change = &seen.change;
        // What opens access comes first, because it fails the command.
        (!change.opens(), change.route.clone(), change.method.clone(), change.who.clone())
    });
    let opens = seen.iter().filter(|seen| seen.change.opens()).count();
    let closes = seen.len() - opens;
    if json {
        let mut answer = json!({"changes": seen, "opens": opens, "closes": closes});
        if let (Some(answer), Some(read)) = (answer.as_object_mut(), read) {
            answer.insert("log".to_owned(), serde_json::to_value(read)?);
        }
        print_json(&answer)?;
    } else {
        let mut text = text(&seen, opens, Paint::of_stdout());
        text.push_str(&read.map(LogRead::text).unwrap_or_default());
        print(&text)?;
    }
    Ok(if opens > 0 { Exit::Failed } else { Exit::Done })
}

/// The changes for every route and every class of callers.
fn of_rules(old: &Analysis, new: &Analysis) -> Vec<Seen> {
    let seen = |change| Seen { change, from: "rules".to_owned(), count: 0 };
    compare(old, new).into_iter().map(seen).collect()
}

/// The changes of the cases of both folders, without duplicates.
fn of_cases(old: &Folder, new: &Folder) -> Vec<Seen> {
    let mut cases = old.cases.clone();
    // A case of one folder alone counts, too: it may have been removed together with the rule that it protects.
    let further = new.cases.iter().filter(|(_, case)| old.cases.iter().all(|(_, known)| known != case));
    cases.extend(further.cloned());
    let mut seen = Vec::new();
    for (name, case) in &cases {
        let (before, after) = (decide(&old.analysis, case), decide(&new.analysis, case));
        if before.verdict == after.verdict {
            continue;
        }
        let change = Change {
            route: route(&old.analysis, &new.analysis, &case.method, &case.target),
            method: case.method.clone(),
            target: case.target.clone(),
            who: case.caller(),
            old: before.verdict,
            old_rule: before.rule,
            new: after.verdict,
            new_rule: after.rule,
        };
        seen.push(Seen { change, from: format!("case {name}"), count: 1 });
    }
    seen
}

/// The changes of the requests in a log, grouped. If the log does not record the owner, both answers are tried. Other
/// lines are counted. `app`: whose requests count, if there are several.
fn of_log(
    old: &Analysis,
    new: &Analysis,
    app: Option<&str>,
    log: &Path,
) -> anyhow::Result<(Vec<Seen>, LogRead)> {
    let unreadable = || format!("cannot read `{}`", log.display());
    let mut found: BTreeMap<(bool, String, String, String), Seen> = BTreeMap::new();
    let mut read = LogRead::default();
    for line in BufReader::new(File::open(log).with_context(unreadable)?).split(b'\n') {
        let line = match Line::read(&line.with_context(unreadable)?) {
            Line::Access(line) if app.is_some_and(|app| line.app.as_deref() != Some(app)) => continue,
            Line::Access(line) => line,
            Line::Other => continue,
            Line::Foreign => {
                read.foreign += 1;
                continue;
            }
        };
        *(if line.facts.is_some() { &mut read.requests } else { &mut read.without_facts }) += 1;
        for change in of_line(old, new, &line) {
            let key = (!change.opens(), change.route.clone(), change.method.clone(), change.who.clone());
            let seen = Seen { change, from: "log".to_owned(), count: 0 };
            found.entry(key).or_insert(seen).count += 1;
        }
    }
    // A log in text format would otherwise look like a log without changes.
    if read.foreign > 0 && read.requests + read.without_facts == 0 {
        anyhow::bail!("`{}` has no JSON line of a request; is `log.format` json there?", log.display());
    }
    Ok((found.into_values().collect(), read))
}

impl LogRead {
    fn text(self) -> String {
        let mut text = format!("{} of the log decided again", several(self.requests, "request"));
        if self.without_facts > 0 {
            let _ = write!(
                text,
                "; {} refused before any rule was asked",
                several(self.without_facts, "request")
            );
        }
        if self.foreign > 0 {
            let _ = write!(text, "; {} passed over: no access log, or broken", several(self.foreign, "line"));
        }
        text.push('\n');
        text
    }
}

/// `1 line`, `2 lines`
fn several(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn of_line(old: &Analysis, new: &Analysis, line: &AccessLine) -> Vec<Change> {
    let Some(facts) = &line.facts else { return Vec::new() };
    let roles: Vec<Box<str>> = facts.roles.iter().map(|role| role.as_str().into()).collect();
    let mut changes: Vec<Change> = Vec::new();
    // The log records the owner only if the old rules asked for it; the new ones may depend on it.
    let owners = facts.owner.map_or_else(|| vec![false, true], |owner| vec![owner]);
    for owner in owners {
        let caller = Caller {
            user: line.user.as_deref(),
            roles: &roles,
            certificate: facts.certificate.as_deref(),
            scopes: &facts.scopes,
        };
        let inquiry = line.inquiry(facts, caller, Some(owner));
        let (before, after) = (old.judge(&inquiry), new.judge(&inquiry));
        if before.verdict == after.verdict {
            continue;
        }
        let mut who = match &line.user {
            None => match &facts.certificate {
                Some(subject) => format!("certificate {subject}"),
                None => "anonymous".to_owned(),
            },
            Some(_) if facts.roles.is_empty() => "users without a role".to_owned(),
            Some(_) => format!("role {}", facts.roles.join(" + role ")),
        };
        if owner {
            who.push_str(if facts.owner.is_some() { " + the owner" } else { " + if they own the row" });
        }
        let change = Change {
            route: if after.route == "unmatched" { before.route } else { after.route },
            method: line.method.clone(),
            target: line.path.clone(),
            who,
            old: before.verdict,
            old_rule: before.rule,
            new: after.verdict,
            new_rule: after.rule,
        };
        // If the owner makes no difference, the change is listed once.
        if changes.iter().all(|known| (known.old, known.new) != (change.old, change.new)) {
            changes.push(change);
        }
    }
    changes
}

fn route(old: &Analysis, new: &Analysis, method: &str, target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let after = new.set().action(method, path, query).route;
    let name = if after == "unmatched" { old.set().action(method, path, query).route } else { after };
    name.to_owned()
}

/// The table of the changes, and how many open and close access.
fn text(seen: &[Seen], opens: usize, paint: Paint) -> String {
    let rows = seen.iter().map(|seen| {
        let change = &seen.change;
        let side = |verdict: Verdict, rule: &str| format!("{} by {rule}", verdict.word());
        let from = match seen.count {
            1 if seen.from == "log" => "log, 1 request".to_owned(),
            count if seen.from == "log" => format!("log, {count} requests"),
            _ => seen.from.clone(),
        };
        [
            if change.opens() { "opens" } else { "closes" }.to_owned(),
            format!("{} {}", change.method, change.route),
            change.who.clone(),
            side(change.old, &change.old_rule),
            side(change.new, &change.new_rule),
            from,
        ]
    });
    let mut text = String::new();
    if !seen.is_empty() {
        let rows = paint.table(["", "ROUTE", "WHO", "OLD", "NEW", "SEEN IN"], rows);
        for (index, row) in rows.iter().enumerate() {
            let change = index.checked_sub(1).and_then(|at| seen.get(at));
            text.push_str(
                &change.map_or_else(|| paint.dim(row), |seen| paint.good(!seen.change.opens(), row)),
            );
        }
    }
    text.push_str(&format!("{opens} open, {} close\n", seen.len() - opens));
    text
}

#[cfg(test)]
mod tests;
