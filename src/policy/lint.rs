//! Warnings that need the whole set: rules that never decide, rules that decide more than they seem to, routes
//! without rules. All classes of callers are compared exactly, so there are no guesses.

mod evasion;
mod overlapping_paths;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use super::{
    Code, Finding, Source,
    acl::{EXECUTE, Entry, Mismatch, Property, Who, access_type},
    analysis::Analysis,
    finding::{Place, Report},
};

/// The effect of a rule over all routes.
#[derive(Debug, Default)]
struct RuleUsage {
    /// Some method has a name that the rule covers.
    named: bool,
    /// The rule matches some request.
    matched: bool,
    /// Some request that it matches names a row that can have an owner.
    ownable: bool,
    /// It decides for some caller.
    wins: bool,
    /// The rules that decide in its place.
    shadowed_by: BTreeSet<String>,
    /// Routes that it decides although its access type is `EXECUTE`.
    beyond_execute: BTreeSet<String>,
}

/// The number of names in a message.
const MAX_NAMES: usize = 4;

/// All warnings in the order of the files.
pub(super) fn lint(analysis: &Analysis, sources: &[Source]) -> Vec<Finding> {
    let mut report = Report::new(sources);
    let (usages, open) = rule_usages(analysis);
    // Models that inherit a rule repeat it; it is reported once, where it is defined.
    let mut seen: HashSet<&str> = HashSet::new();
    for (index, model) in analysis.plan.models.iter().enumerate() {
        for entry in model.entries.iter().filter(|entry| !entry.is_built_in()) {
            if seen.insert(&entry.reference) {
                let owner_is_undeclared =
                    analysis.set.table.models.get(index).is_some_and(|model| {
                        matches!(model.owner, super::owner::Owner::None) && !model.loopback
                    });
                judge_entry(
                    entry,
                    &analysis.plan.user_type,
                    usages.get(&entry.reference),
                    owner_is_undeclared,
                    &mut report,
                );
            }
        }
        for row in &model.rows {
            let reference = super::acl::stored_reference(row);
            let usage = usages.get(&reference).filter(|usage| usage.matched && !usage.wins);
            if let Some(usage) = usage.filter(|_| !seen.contains(&*row.id)) {
                seen.insert(&row.id);
                let message = format!("the stored rule `{}` never decides: {}", row.id, usage.deciders());
                report.warn(Place::STORE, Code::Shadowed, message, Some("delete it".into()));
            }
        }
        if let Some(routes) = open.get(&index).filter(|_| model.at.file != Place::NOWHERE.file) {
            let default = analysis.set.table.models.get(index).is_some_and(|model| model.default_allow);
            let word = if default { "every caller may" } else { "no caller may" };
            let message = format!("no rule covers {}: by default {word}", list(routes));
            let fix = Some("add a rule for `$everyone` that covers the whole model".into());
            report.warn(model.at, Code::UnmentionedRoute, message, fix);
        }
    }
    overlapping_paths::check(analysis, &mut report, sources);
    evasion::check(analysis, &mut report);
    report.finish().1
}

/// Warns of rules that depend on the request's method, for an app that takes the method from `_method`.
pub(super) fn lint_overrides(analysis: &Analysis, sources: &[Source]) -> Vec<Finding> {
    let mut report = Report::new(sources);
    evasion::check_overrides(analysis, &mut report);
    report.finish().1
}

/// The effect of each rule, and the routes of each model that no rule matches.
fn rule_usages(analysis: &Analysis) -> (HashMap<Arc<str>, RuleUsage>, HashMap<usize, BTreeSet<String>>) {
    let mut usages: HashMap<Arc<str>, RuleUsage> = HashMap::new();
    let mut open: HashMap<usize, BTreeSet<String>> = HashMap::new();
    for (plan, route) in analysis.plan.routes.iter().zip(&analysis.set.table.routes) {
        let Some(model) = analysis.plan.models.get(plan.model).filter(|_| !plan.ends.is_empty()) else {
            continue;
        };
        for access in &plan.access {
            let target = analysis.plan.target(plan, access);
            for candidate in model.candidates(&target) {
                let is_named = candidate.fit.is_ok() || candidate.fit.err() == Some(Mismatch::Access);
                usages.entry(candidate.reference).or_default().named |= is_named;
            }
            let rules = model.rules(&target);
            let rule_list = analysis.rule_list(plan, &rules);
            let has_rules = !model.entries.is_empty() || !model.rows.is_empty();
            // A model without any rules has a finding of its own.
            if rules.is_empty() && has_rules {
                open.entry(plan.model).or_default().insert(route.name.to_string());
            }
            for (place, rule) in rules.iter().enumerate() {
                let usage = usages.entry(Arc::clone(&rule.reference)).or_default();
                usage.matched = true;
                usage.ownable |= rule_list.ownable;
                if !rule_list.can_win(place) {
                    usage.shadowed_by.extend(rule_list.shadowed_by(place).into_iter().map(str::to_owned));
                    continue;
                }
                usage.wins = true;
                // Only these are a surprise: a rule for EXECUTE also decides reads and writes.
                if *access != EXECUTE {
                    usage.beyond_execute.insert(route.name.to_string());
                }
            }
        }
    }
    (usages, open)
}

fn judge_entry(
    entry: &Entry,
    user_type: &str,
    usage: Option<&RuleUsage>,
    owner_is_undeclared: bool,
    report: &mut Report<'_>,
) {
    let remove = Some("remove it, or say what it is for".to_owned());
    let mut never = |why: &str| {
        report.warn(entry.at, Code::NeverWins, format!("the rule can never decide: {why}"), remove.clone());
    };
    let Some(who) = entry.who(user_type) else {
        if entry.is_related() {
            never("LoopBack has no resolver for `$related`, so no caller has it");
        }
        return;
    };
    match usage.filter(|usage| usage.matched) {
        // A rule without a known method or access type was reported when it was read.
        // One finding for each cause: these rules have one from the reader.
        None if entry.is_reported() || usage.is_none_or(|usage| !usage.named) => {}
        None => never(&format!("no request is about {}", entry.subject())),
        Some(usage) if who == Who::Owner && !usage.ownable => {
            // A file without `owner` was reported as a whole.
            if !owner_is_undeclared {
                never("no request that it covers names a row, so no caller is the owner");
            }
        }
        Some(usage) if !usage.wins => {
            let message = format!("the rule never decides: {}", usage.deciders());
            let fix = Some("remove it, or make it more specific".into());
            report.warn(entry.at, Code::Shadowed, message, fix);
        }
        Some(usage) if entry.access.as_deref() == Some(EXECUTE) && !usage.beyond_execute.is_empty() => {
            let message = format!(
                "an `EXECUTE` rule governs every request: it also decides {}",
                list(&usage.beyond_execute)
            );
            let fix = Some("name the methods that are meant in `property`".into());
            report.warn(entry.at, Code::ExecuteGovernsAll, message, fix);
        }
        Some(_) => {}
    }
}

impl RuleUsage {
    /// The rules that decide in place of this one.
    fn deciders(&self) -> String {
        format!("for every caller that it names, {} comes first", list(&self.shadowed_by))
    }
}

impl Entry {
    /// The subject of a rule in a message.
    fn subject(&self) -> String {
        let names: Vec<String> = match &self.property {
            Property::Any => vec!["the model".to_owned()],
            Property::One(name) => vec![format!("`{name}`")],
            Property::List(names) => names.iter().map(|name| format!("`{name}`")).collect(),
        };
        match &self.access {
            Some(access) => format!("{} and is {access}", names.join(" or ")),
            None => names.join(" or "),
        }
    }

    /// Whether a finding of the reader already says that the rule never applies.
    fn is_reported(&self) -> bool {
        self.access.as_deref().is_some_and(|word| access_type(word).is_none())
    }
}

/// A list such as "`a`, `b` and 3 more".
fn list(names: &BTreeSet<String>) -> String {
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
