//! `policy diff`: who may do what by one folder and not by the other; over all callers, the cases, and a log.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::Context;
use serde::Serialize;
use serde_json::json;

use super::{
    Exit,
    access_line::AccessLine,
    args::PolicyDiff,
    output::table,
    paint::Paint,
    policy_test::{Folder, decide},
    print, print_json,
};
use crate::{
    config::Config,
    policy::{Caller, Change, Inquiry, Study, Verdict, compare},
};

/// A change and where it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Seen {
    #[serde(flatten)]
    change: Change,
    /// `rules`, `case NAME`, or `log`.
    from: String,
    /// Requests of the log that it would have touched.
    count: usize,
}

/// Compares two folders and prints what changes. Opening is a failure.
pub(super) fn run(config: &Config, diff: &PolicyDiff, json: bool) -> anyhow::Result<Exit> {
    let (old, new) = (Folder::read(config, &diff.old)?, Folder::read(config, &diff.new)?);
    let mut seen = of_rules(&old.study, &new.study);
    seen.extend(of_cases(&old, &new));
    if let Some(log) = &diff.log {
        seen.extend(of_log(&old.study, &new.study, log)?);
    }
    seen.sort_by_key(|seen| !seen.change.opens());
    let opens = seen.iter().filter(|seen| seen.change.opens()).count();
    let closes = seen.len() - opens;
    if json {
        print_json(&json!({"changes": seen, "opens": opens, "closes": closes}))?;
    } else {
        print(&text(&seen, (opens, closes), Paint::of_stdout()))?;
    }
    Ok(if opens > 0 { Exit::Failed } else { Exit::Done })
}

/// Every route and every caller that rules can tell apart.
fn of_rules(old: &Study, new: &Study) -> Vec<Seen> {
    let seen = |change| Seen { change, from: "rules".to_owned(), count: 0 };
    compare(old, new).into_iter().map(seen).collect()
}

/// The cases of both folders, each once.
fn of_cases(old: &Folder, new: &Folder) -> Vec<Seen> {
    let mut cases = old.cases.clone();
    let further = new.cases.iter().filter(|(_, case)| old.cases.iter().all(|(_, known)| known != case));
    cases.extend(further.cloned());
    let mut seen = Vec::new();
    for (name, case) in &cases {
        let (before, after) = (decide(&old.study, case), decide(&new.study, case));
        if before.verdict == after.verdict {
            continue;
        }
        let change = Change {
            route: route(&old.study, &new.study, &case.method, &case.target),
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

/// The requests of a log, those that are alike once. Where the log does not say whose a row is, both is tried.
fn of_log(old: &Study, new: &Study, log: &Path) -> anyhow::Result<Vec<Seen>> {
    let unreadable = || format!("cannot read `{}`", log.display());
    let mut found: BTreeMap<(String, String, String, bool), Seen> = BTreeMap::new();
    for line in BufReader::new(File::open(log).with_context(unreadable)?).split(b'\n') {
        let Some(line) = AccessLine::read(&line.with_context(unreadable)?) else { continue };
        for change in of_line(old, new, &line) {
            let key = (change.method.clone(), change.route.clone(), change.who.clone(), change.opens());
            let seen = Seen { change, from: "log".to_owned(), count: 0 };
            found.entry(key).or_insert(seen).count += 1;
        }
    }
    Ok(found.into_values().collect())
}

fn of_line(old: &Study, new: &Study, line: &AccessLine) -> Vec<Change> {
    let Some(facts) = &line.facts else { return Vec::new() };
    let roles: Vec<Box<str>> = facts.roles.iter().map(|role| role.as_str().into()).collect();
    let mut changes: Vec<Change> = Vec::new();
    let owners = facts.owner.map_or_else(|| vec![false, true], |owner| vec![owner]);
    for owner in owners {
        let inquiry = Inquiry {
            method: &line.method,
            path: &line.path,
            query: None,
            body: None,
            model_id: facts.model_id.as_deref(),
            caller: Caller { user: line.user.as_deref(), roles: &roles, scopes: &facts.scopes },
            owner: Some(owner),
        };
        let (before, after) = (old.explain(&inquiry), new.explain(&inquiry));
        if before.verdict == after.verdict {
            continue;
        }
        let mut who = match &line.user {
            None => "anonymous".to_owned(),
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
            old_rule: before.winner,
            new: after.verdict,
            new_rule: after.winner,
        };
        // Where it makes no difference whose the row is, once is enough.
        if changes.iter().all(|known| (known.old, known.new) != (change.old, change.new)) {
            changes.push(change);
        }
    }
    changes
}

fn route(old: &Study, new: &Study, method: &str, target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let after = new.set().action(method, path, query).route;
    let name = if after == "unmatched" { old.set().action(method, path, query).route } else { after };
    name.to_owned()
}

fn text(seen: &[Seen], (opens, closes): (usize, usize), paint: Paint) -> String {
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
        let plain = table(["", "ROUTE", "WHO", "OLD", "NEW", "SEEN IN"], rows);
        for (index, line) in plain.lines().enumerate() {
            let change = index.checked_sub(1).and_then(|at| seen.get(at));
            let line = change.map_or_else(|| paint.dim(line), |seen| paint.good(!seen.change.opens(), line));
            text.push_str(&line);
            text.push('\n');
        }
    }
    text.push_str(&format!("{opens} open, {closes} close\n"));
    text
}

#[cfg(test)]
mod tests;
