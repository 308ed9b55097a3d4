//! Denials that another spelling of the same request avoids: a path in another letter case, a path without its
//! remainder, a path below one without a remainder, a path with an ending that names a format, a method that the app takes
//! from a parameter.

use std::collections::HashSet;

use super::overlapping_paths::text;
use crate::policy::Code;
use crate::policy::{
    Unmatched,
    acl::{Effect, Rule, Who},
    action::is_safe,
    analysis::Analysis,
    caller_classes::{CallerClass, RuleList},
    finding::Report,
    plan::RoutePlan,
    table::{Found, Route},
    trie::Piece,
};

/// The kind of another spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Spelling {
    Case,
    Bare,
    Below,
    Ending,
}

/// The target of another spelling: a route's index and name, or no route.
struct End {
    route: Option<usize>,
    name: String,
    who: CallerClass,
}

/// The request line of a request.
#[derive(Clone, Copy)]
struct Sent<'e> {
    method: &'e str,
    path: &'e str,
}

/// A request that avoids a denial.
struct Evasion<'e> {
    spelling: Spelling,
    sent: Sent<'e>,
    end: &'e End,
}

/// Warns of each route of a `routes` file that denies what another spelling of its path allows.
pub(super) fn check(analysis: &Analysis, report: &mut Report<'_>) {
    let mut reported: HashSet<(usize, Spelling, Option<usize>)> = HashSet::new();
    for (route, plan) in analysis.plan.routes.iter().enumerate() {
        if analysis.set.table.models.get(plan.model).is_none_or(|model| model.loopback) {
            continue;
        }
        for (verb, pattern) in &plan.ends {
            for (spelling, path) in spellings(pattern, plan.ignore_case) {
                for method in methods(verb) {
                    let sent = Sent { method, path: &path };
                    let Some(end) = find_evasion(analysis, route, method, sent) else { continue };
                    // A path below is another resource. It counts only if no rule covers it and uncovered paths
                    // are open.
                    let counts = match spelling {
                        Spelling::Case | Spelling::Bare => true,
                        Spelling::Below => {
                            end.route.is_none() && analysis.set.settings.unmatched == Unmatched::Allow
                        }
                        // Not every app has formats: it counts only where a wider route is there on purpose.
                        Spelling::Ending => end.route.is_some(),
                    };
                    // One finding for each file and target; a file often has many such routes. An ending has to be closed
                    // at each route.
                    let by = if spelling == Spelling::Ending { route } else { plan.model };
                    if counts && reported.insert((by, spelling, end.route)) {
                        let found = Evasion { spelling, sent, end: &end };
                        report_evasion(plan, pattern, &found, report);
                    }
                }
            }
        }
    }
}

/// Warns, once for each file, of a denied method that a permitted one may request by `_method`.
pub(super) fn check_overrides(analysis: &Analysis, report: &mut Report<'_>) {
    let mut reported: HashSet<usize> = HashSet::new();
    for (route, plan) in analysis.plan.routes.iter().enumerate() {
        // The User API does not read `_method`.
        // The app never sees these requests.
        let is_ours = |route: &Route| route.operation.account.is_some();
        if analysis.set.table.routes.get(route).is_none_or(is_ours) {
            continue;
        }
        for (verb, pattern) in &plan.ends {
            if matches!(&**verb, "GET" | "HEAD" | "POST" | "OPTIONS" | "ALL")
                || reported.contains(&plan.model)
            {
                continue;
            }
            let path = sample(pattern, |literal| literal.to_owned());
            let sent = Sent { method: "POST", path: &path };
            let Some(end) = find_evasion(analysis, route, verb, sent) else { continue };
            reported.insert(plan.model);
            let message = format!(
                "{} may send `POST {path}`, and not `{verb}`: an app that reads `_method` takes the one for the other",
                end.who.describe()
            );
            let fix = "if the app does, set `upstream.method_override` to `\"refuse\"` or `\"judge\"`";
            report.warn(plan.at, Code::MethodOverride, message, Some(fix.to_owned()));
        }
    }
}

fn report_evasion(plan: &RoutePlan, pattern: &[Piece], found: &Evasion<'_>, report: &mut Report<'_>) {
    let Evasion { spelling, sent: Sent { method, path }, end } = found;
    let route = text(pattern);
    let who = end.who.describe();
    let (message, fix) = match spelling {
        Spelling::Case => (
            format!(
                "an app that ignores letter case serves `{path}` as `{route}`; here it is {}, where {who} may {method} it",
                end.name
            ),
            "set `\"ignoreCase\": true` in this file, or make the app case-sensitive".to_owned(),
        ),
        Spelling::Bare => (
            format!("`{route}` does not cover `{path}`, which is {}, where {who} may {method} it", end.name),
            format!("add the route `{{ \"path\": \"{path}\" }}`"),
        ),
        Spelling::Below => (
            format!(
                "`{route}` does not cover what lies below, such as `{path}`, where {who} may {method} it"
            ),
            format!(
                "add the route `{{ \"path\": \"{}/{{*rest}}\" }}`, or set `policies.unmatched = \"deny\"`",
                route.trim_end_matches('/')
            ),
        ),
        Spelling::Ending => (
            format!(
                "an app with formats (datasette, Rails, Express) serves `{path}` as `{route}`; here it is {}, where {who} may {method} it",
                end.name
            ),
            format!(
                "if the app does, add a route for each ending, such as `{{ \"path\": \"{path}\" }}`, or name what is open in place of \
                 the wide path"
            ),
        ),
    };
    let code = if *spelling == Spelling::Ending { Code::FormatEnding } else { Code::WalkAround };
    report.warn(plan.at, code, message, Some(fix));
}

/// The target of a request that admits a caller whom the route denies. `meant` is the method that the route is
/// judged by.
fn find_evasion(analysis: &Analysis, route: usize, meant: &str, sent: Sent<'_>) -> Option<End> {
    let Sent { method, path } = sent;
    let table = &analysis.set.table;
    let judge = table.routes.get(route)?.judge(is_safe(meant));
    let here = analysis.rule_list(analysis.plan.routes.get(route)?, &judge.rules);
    let authenticated = [Rule {
        who: Who::Authenticated,
        effect: Effect::Allow { weight: 0 },
        score: 0,
        reference: "unmatched".into(),
        is_built_in: false,
    }];
    let (index, name, there) = match table.find(method, path) {
        // The same route again is no evasion.
        Found::Route(hit) if hit.index != route => {
            let plan = analysis.plan.routes.get(hit.index)?;
            let rules = &hit.route.judge(is_safe(method)).rules;
            (Some(hit.index), format!("`{}`", hit.route.name), analysis.rule_list(plan, rules))
        }
        Found::Unmatched => {
            let unmatched = analysis.set.settings.unmatched;
            let rules: &[Rule] = if unmatched == Unmatched::Authenticated { &authenticated } else { &[] };
            let default_allow = unmatched == Unmatched::Allow;
            let name = "covered by no route (`policies.unmatched`)".to_owned();
            (None, name, RuleList { rules, default_allow, ownable: false })
        }
        _ => return None,
    };
    let gains = |class: &CallerClass| there.allows(class) && !here.allows(class);
    let who = there.differences(&here).into_iter().find(gains)?;
    Some(End { route: index, name, who })
}

/// Other spellings of a request that matches a pattern.
fn spellings(pattern: &[Piece], ignore_case: bool) -> Vec<(Spelling, String)> {
    let mut found = Vec::new();
    let has_letters = |piece: &Piece| matches!(piece, Piece::Literal(text) if flipped(text) != **text);
    if !ignore_case && pattern.iter().any(has_letters) {
        found.push((Spelling::Case, sample(pattern, flipped)));
    }
    match pattern.split_last() {
        Some((Piece::Rest(_), [])) => {}
        Some((Piece::Rest(_), before)) => found.push((Spelling::Bare, sample(before, str::to_owned))),
        _ => {
            let path = sample(pattern, str::to_owned);
            found.push((Spelling::Below, format!("{}/x", path.trim_end_matches('/'))));
            // A file with an ending of its own has no formats.
            if matches!(pattern.last(), Some(Piece::Literal(name)) if !name.is_empty() && !name.contains('.'))
            {
                found.push((Spelling::Ending, format!("{path}.json")));
            }
        }
    }
    found
}

/// Verbs that represent the verb of a pattern.
fn methods(verb: &str) -> Vec<&str> {
    // One that reads, one that writes, and one that forms cannot send.
    if verb == "ALL" { vec!["GET", "POST", "DELETE"] } else { vec![verb] }
}

/// A path that matches a pattern, with its literals changed.
fn sample(pattern: &[Piece], word: impl Fn(&str) -> String) -> String {
    let segments: Vec<String> = pattern
        .iter()
        .map(|piece| match piece {
            Piece::Literal(text) => word(text),
            Piece::Capture(_) | Piece::Rest(_) => "x".to_owned(),
        })
        .collect();
    format!("/{}", segments.join("/"))
}

/// The word in another letter case.
fn flipped(word: &str) -> String {
    let upper = word.to_ascii_uppercase();
    if upper == word { word.to_ascii_lowercase() } else { upper }
}
