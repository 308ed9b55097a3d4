//! What would turn a verdict: one change of the caller's facts or of one rule, each tried before it is named.

use super::Scene;
use crate::policy::{
    Action,
    acl::{Entry, Rule, Who, all_rules},
    action::{NO_METHOD, Target, UNMATCHED},
    lattice::{Kind, Ruled},
    plan::{ModelPlan, RoutePlan},
    study::{Mutation, Study},
};

/// A change that turns the verdict.
struct Turn {
    text: String,
    /// Changes of facts come before changes of rules.
    in_files: bool,
    /// How many other verdicts it turns as well.
    others: usize,
}

/// How many changes are named besides the smallest.
const SHOWN: usize = 4;

impl Study {
    /// The smallest change as a text, and further ones.
    pub(super) fn turns(
        &self,
        action: &Action<'_, '_>,
        scene: Option<&Scene<'_>>,
        rule: &str,
    ) -> (String, Vec<String>) {
        if let Some(fixed) = without_rules(action, rule) {
            return (fixed, Vec::new());
        }
        let Some(scene) = scene else { return (NOTHING.to_owned(), Vec::new()) };
        let mut turns = self.caller_turns(scene);
        turns.extend(self.rule_turns(scene));
        turns.sort_by_key(|turn| (turn.in_files, turn.others));
        let mut texts = turns.into_iter().map(|turn| match turn.others {
            0 => turn.text,
            1 => format!("{} (this turns 1 other verdict, too)", turn.text),
            more => format!("{} (this turns {more} other verdicts, too)", turn.text),
        });
        let flip = texts.next().unwrap_or_else(|| NOTHING.to_owned());
        (flip, texts.take(SHOWN).collect())
    }

    /// Another caller, or the same one with a role more or less.
    fn caller_turns(&self, scene: &Scene<'_>) -> Vec<Turn> {
        let Some(model) = self.plan.models.get(scene.plan.model) else { return Vec::new() };
        let rules = model.rules(&self.plan.target(scene.plan, scene.access));
        let ruled = self.ruled(scene.plan, &rules);
        let now = ruled.allows(&scene.kind);
        let mut turns = Vec::new();
        for (text, kind) in others_like(&scene.kind, &rules, ruled.ownable) {
            if ruled.allows(&kind) == now {
                continue;
            }
            let decider = ruled.decider(&kind);
            let word = if now { "denies" } else { "allows" };
            // To own a row is a fact of that row alone.
            let others = if kind.owner == scene.kind.owner { self.routes_turned(scene, &kind) } else { 0 };
            turns.push(Turn { text: format!("{text}: `{decider}` then {word} it"), in_files: false, others });
        }
        turns
    }

    /// How many other routes decide differently for the new caller.
    fn routes_turned(&self, scene: &Scene<'_>, kind: &Kind) -> usize {
        let without = |kind: &Kind| Kind { owner: false, ..kind.clone() };
        let (before, after) = (without(&scene.kind), without(kind));
        let routes = self.plan.routes.iter().zip(&self.set.table.routes);
        let judges = routes.flat_map(|(plan, route)| route.judges().map(move |judge| (plan, judge)));
        judges
            .filter(|(plan, judge)| {
                let is_here = std::ptr::eq(*plan, scene.plan) && judge.access == scene.access;
                let ruled = self.ruled(plan, &judge.rules);
                !is_here && !plan.ends.is_empty() && ruled.allows(&before) != ruled.allows(&after)
            })
            .count()
    }

    /// A rule dropped, flipped or added.
    fn rule_turns(&self, scene: &Scene<'_>) -> Vec<Turn> {
        let Some(model) = self.plan.models.get(scene.plan.model) else { return Vec::new() };
        let target = self.plan.target(scene.plan, scene.access);
        let rules = model.rules(&target);
        let now = self.ruled(scene.plan, &rules).allows(&scene.kind);
        let mut turns = Vec::new();
        for entry in &model.entries {
            let fits = rules.iter().any(|rule| rule.reference == entry.reference);
            if !fits || entry.is_built_in() {
                continue;
            }
            for mutation in [Mutation::Flip, Mutation::Drop] {
                let text = match mutation {
                    Mutation::Flip => {
                        format!("let `{}` say {}", entry.reference, entry.effect.flipped().word())
                    }
                    Mutation::Drop => format!("remove `{}`", entry.reference),
                };
                let change = |entries: &mut Vec<Entry>| mutation.apply(entries, &entry.reference);
                turns.extend(self.rule_turn(scene, now, text, change));
            }
        }
        let added = Entry::narrow(scene.kind.user.as_deref(), &scene.plan.property, scene.access, !now);
        let place = if scene.plan.property.is_empty() { "every route without a property" } else { "this" };
        let text = format!("add to `{}`, for {place}: {}", model.name, added.to_json());
        turns.extend(self.rule_turn(scene, now, text, |entries| entries.push(added.clone())));
        turns
    }

    /// A change of rules, if it turns the verdict.
    fn rule_turn(
        &self,
        scene: &Scene<'_>,
        now: bool,
        text: String,
        change: impl Fn(&mut Vec<Entry>),
    ) -> Option<Turn> {
        let model = self.plan.models.get(scene.plan.model)?;
        let changed = |model: &ModelPlan, plan: &RoutePlan, access| {
            let mut entries = model.entries.clone();
            change(&mut entries);
            all_rules(&entries, model.rows.iter(), &self.plan.target(plan, access))
        };
        let rules = changed(model, scene.plan, scene.access);
        if self.ruled(scene.plan, &rules).allows(&scene.kind) == now {
            return None;
        }
        let mut kinds = representatives(model);
        if !kinds.contains(&scene.kind) {
            kinds.push(scene.kind.clone());
        }
        let mut turned = 0;
        // A rule that others inherit changes them as well; one that is added stays where it is put.
        for plan in
            self.plan.routes.iter().filter(|plan| plan.model == scene.plan.model && !plan.ends.is_empty())
        {
            for access in &plan.access {
                let (old, new) = (model.rules(&self.plan.target(plan, access)), changed(model, plan, access));
                let (old, new): (Ruled<'_>, Ruled<'_>) = (self.ruled(plan, &old), self.ruled(plan, &new));
                turned += kinds.iter().filter(|kind| old.allows(kind) != new.allows(kind)).count();
            }
        }
        Some(Turn { text, in_files: true, others: turned.saturating_sub(1) })
    }
}

/// What to say where no rule was asked.
fn without_rules(action: &Action<'_, '_>, rule: &str) -> Option<String> {
    let text = match rule {
        _ if matches!(action.target, Target::Ambiguous) => {
            "send the path without needless escapes and without `;`: servers read it in two ways".to_owned()
        }
        "scope" => {
            let wanted = match action.target {
                Target::Route { route, .. } => {
                    route.operation.scopes.first().map_or("DEFAULT", |scope| scope)
                }
                _ => "DEFAULT",
            };
            format!("use a token with the scope `{wanted}`")
        }
        name if name == NO_METHOD.1 => "no rule is asked: the account model has no such method".to_owned(),
        name if name == UNMATCHED.1 => {
            "no file covers the path: add a route for it, or set `policies.unmatched`".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

/// Callers who differ from this one in one fact that the rules ask for.
fn others_like(kind: &Kind, rules: &[Rule], ownable: bool) -> Vec<(String, Kind)> {
    let mut others = Vec::new();
    let name = kind.user.as_deref().map_or_else(|| "the caller".to_owned(), |user| format!("user {user}"));
    if !kind.known {
        others.push(("log in".to_owned(), Kind::user()));
    }
    for rule in rules {
        match &rule.who {
            Who::Role(role) if !kind.known => {
                let with = Kind { roles: vec![role.clone()], ..Kind::user() };
                others.push((format!("log in as somebody with the role `{role}`"), with));
            }
            Who::Role(role) if kind.roles.contains(role) => {
                let mut less = kind.clone();
                less.roles.retain(|held| held != role);
                others.push((format!("take the role `{role}` from {name}"), less));
            }
            Who::Role(role) => {
                let mut more = kind.clone();
                more.roles.push(role.clone());
                more.roles.sort();
                others.push((format!("give {name} the role `{role}`"), more));
            }
            Who::User(id) if !kind.known => {
                others
                    .push((format!("log in as user {id}"), Kind { user: Some(id.clone()), ..Kind::user() }));
            }
            Who::Owner if ownable && !kind.known => {
                others.push((
                    "log in as the owner of the row".to_owned(),
                    Kind { owner: true, ..Kind::user() },
                ));
            }
            Who::Owner if ownable => {
                let text =
                    if kind.owner { "let the row be somebody else's" } else { "let the row be theirs" };
                others.push((text.to_owned(), Kind { owner: !kind.owner, ..kind.clone() }));
            }
            _ => {}
        }
    }
    // The same role may stand in several rules.
    let mut seen: Vec<Kind> = Vec::new();
    others.retain(|(_, kind)| {
        let is_new = !seen.contains(kind);
        seen.push(kind.clone());
        is_new
    });
    others
}

/// One caller of each sort that a model's rules speak of.
fn representatives(model: &ModelPlan) -> Vec<Kind> {
    let mut kinds = vec![Kind::anonymous(), Kind::user(), Kind { owner: true, ..Kind::user() }];
    for who in model.principals() {
        kinds.extend(match who {
            Who::Role(role) => Some(Kind { roles: vec![role], ..Kind::user() }),
            Who::User(id) => Some(Kind { user: Some(id), ..Kind::user() }),
            _ => None,
        });
    }
    kinds
}

const NOTHING: &str = "no single change of a rule, a role or the owner turns it";
