//! Changes that would reverse a verdict: one fact about the caller or one rule. Each is tried before it is
//! named.

use super::ExplainContext;
use crate::policy::{
    Action, StoredRule,
    acl::{Effect, Entry, Property, Rule, Who, all_rules, describe_stored, stored_reference},
    action::{NO_METHOD, Target, UNMATCHED},
    analysis::{Analysis, Mutation},
    caller_classes::{CallerClass, RuleList},
    finding::Place,
    plan::ModelPlan,
};

/// A change that reverses the verdict.
struct Counterfactual {
    text: String,
    /// Whether rules change. Changes of facts are listed first.
    in_files: bool,
    /// The number of other verdicts that it reverses, too.
    others: usize,
}

/// The number of changes that are named besides the smallest.
const MAX_FURTHER: usize = 4;

impl Analysis {
    /// The smallest change as a text, and further ones.
    pub(super) fn counterfactuals(
        &self,
        action: &Action<'_, '_>,
        context: Option<&ExplainContext<'_>>,
        rule: &str,
    ) -> (String, Vec<String>) {
        if let Some(fixed) = without_rules(action, rule) {
            return (fixed, Vec::new());
        }
        let Some(context) = context else { return (NOTHING.to_owned(), Vec::new()) };
        let mut counterfactuals = self.caller_counterfactuals(context);
        counterfactuals.extend(self.rule_counterfactuals(context));
        counterfactuals.sort_by_key(|one| (one.in_files, one.others));
        let mut texts = counterfactuals.into_iter().map(|one| match one.others {
            0 => one.text,
            1 => format!("{} (this turns 1 other verdict, too)", one.text),
            more => format!("{} (this turns {more} other verdicts, too)", one.text),
        });
        let flip = texts.next().unwrap_or_else(|| NOTHING.to_owned());
        (flip, texts.take(MAX_FURTHER).collect())
    }

    /// Changes of the caller: another one, or the same with one role more or less.
    fn caller_counterfactuals(&self, context: &ExplainContext<'_>) -> Vec<Counterfactual> {
        let Some(model) = self.plan.models.get(context.plan.model) else { return Vec::new() };
        let rules = model.rules(&self.plan.target(context.plan, context.access));
        let rule_list = self.rule_list(context.plan, &rules);
        let now = rule_list.allows(&context.class);
        let mut counterfactuals = Vec::new();
        // Each change is judged like a request, so that no advice is wrong.
        for (text, class) in others_like(&context.class, &rules, rule_list.ownable) {
            if rule_list.allows(&class) == now {
                continue;
            }
            let decider = rule_list.decider(&class);
            let word = if now { "denies" } else { "allows" };
            // Ownership concerns this row only.
            let others =
                if class.owner == context.class.owner { self.routes_turned(context, &class) } else { 0 };
            counterfactuals.push(Counterfactual {
                text: format!("{text}: `{decider}` then {word} it"),
                in_files: false,
                others,
            });
        }
        counterfactuals
    }

    /// The number of other routes that decide differently for the changed caller.
    fn routes_turned(&self, context: &ExplainContext<'_>, class: &CallerClass) -> usize {
        // Without ownership: other routes are about other rows.
        let without = |class: &CallerClass| CallerClass { owner: false, ..class.clone() };
        let (before, after) = (without(&context.class), without(class));
        let routes = self.plan.routes.iter().zip(&self.set.table.routes);
        let judges = routes.flat_map(|(plan, route)| route.judges().map(move |judge| (plan, judge)));
        judges
            .filter(|(plan, judge)| {
                let is_here = std::ptr::eq(*plan, context.plan) && judge.access == context.access;
                let rule_list = self.rule_list(plan, &judge.rules);
                !is_here && !plan.ends.is_empty() && rule_list.allows(&before) != rule_list.allows(&after)
            })
            .count()
    }

    /// Changes of rules: one is dropped, flipped or added, in a file or in the store.
    fn rule_counterfactuals(&self, context: &ExplainContext<'_>) -> Vec<Counterfactual> {
        let Some(model) = self.plan.models.get(context.plan.model) else { return Vec::new() };
        let rules = model.rules(&self.plan.target(context.plan, context.access));
        let now = self.rule_list(context.plan, &rules).allows(&context.class);
        let fits = |reference: &str| rules.iter().any(|rule| *rule.reference == *reference);
        let mut counterfactuals = Vec::new();
        let user_type = &self.plan.user_type;
        let offered = model.entries.iter().filter(|entry| !entry.is_built_in() && !entry.closes(user_type));
        for entry in offered.filter(|entry| fits(&entry.reference)) {
            let reference = &entry.reference;
            for mutation in [Mutation::Flip, Mutation::Drop] {
                let text = match mutation {
                    Mutation::Flip => format!("let `{reference}` say {}", entry.effect.flipped().word()),
                    Mutation::Drop => format!("remove `{reference}`"),
                };
                let change = |changed: &mut Changed| mutation.apply(&mut changed.entries, reference);
                counterfactuals.extend(self.rule_counterfactual(context, now, text, change));
            }
        }
        for row in model.rows.iter().filter(|row| fits(&stored_reference(row))) {
            let says = describe_stored(row);
            let flipped = flipped_row(row);
            let word = flipped.permission.as_deref().unwrap_or_default();
            let text = format!("let the stored rule `{}` ({says}) say {word}", row.id);
            let flip = |changed: &mut Changed| {
                for known in changed.rows.iter_mut().filter(|known| known.id == row.id) {
                    known.clone_from(&flipped);
                }
            };
            counterfactuals.extend(self.rule_counterfactual(context, now, text, flip));
            let text =
                format!("delete the stored rule `{}` ({says}): `portcullis acl remove {}`", row.id, row.id);
            let drop = |changed: &mut Changed| changed.rows.retain(|known| known.id != row.id);
            counterfactuals.extend(self.rule_counterfactual(context, now, text, drop));
        }
        counterfactuals.extend(self.added_rule(context, now, &model.name));
        counterfactuals
    }

    /// The narrowest new rule that reverses the verdict: in the model's file, or in the store for a built-in
    /// model, which has no file.
    fn added_rule(&self, context: &ExplainContext<'_>, now: bool, model: &str) -> Option<Counterfactual> {
        let plan = self.plan.models.get(context.plan.model)?;
        let property = &*context.plan.property;
        let effect = if now { Effect::Deny } else { Effect::Allow { weight: 0 } };
        let user = context.class.user.as_deref();
        let added = Entry::narrow(&self.plan.user_type, user, property, context.access, effect);
        if plan.at.file == Place::NOWHERE.file {
            let row = added.to_row(model);
            let text = format!("store a rule: `portcullis acl add {}`", shell_quoted(&row_json(&row)));
            return self.rule_counterfactual(context, now, text, |changed| {
                if changed.is_here {
                    changed.rows.push(row.clone());
                }
            });
        }
        let place = if property.is_empty() { "every route without a property" } else { "this" };
        let text = format!("add to `{model}`, for {place}: {}", added.to_json(model));
        self.rule_counterfactual(context, now, text, |changed| {
            // The new rule counts for this model only.
            if changed.is_here {
                changed.entries.push(added.clone());
            }
        })
    }

    /// A change of rules, if it reverses the verdict.
    fn rule_counterfactual(
        &self,
        context: &ExplainContext<'_>,
        now: bool,
        text: String,
        change: impl Fn(&mut Changed),
    ) -> Option<Counterfactual> {
        let changed = |index: usize| {
            let model = self.plan.models.get(index)?;
            let is_here = index == context.plan.model;
            let mut changed = Changed { entries: model.entries.clone(), rows: model.rows.clone(), is_here };
            change(&mut changed);
            Some((model, changed))
        };
        let (_, here) = changed(context.plan.model)?;
        let target = self.plan.target(context.plan, context.access);
        let rules = all_rules(&here.entries, here.rows.iter(), &target);
        if self.rule_list(context.plan, &rules).allows(&context.class) == now {
            return None;
        }
        // An inherited rule, and a stored rule for every model, change the verdicts of other models as well.
        let turned: usize = (0..self.plan.models.len())
            .filter_map(|index| {
                let (model, changed) = changed(index)?;
                (changed.entries.len() != model.entries.len()
                    || changed.rows != model.rows
                    || changed.entries.iter().zip(&model.entries).any(|(new, old)| new.effect != old.effect))
                .then(|| self.turned_in(context, index, model, &changed))
            })
            .sum();
        // Without the verdict of the inquiry itself.
        Some(Counterfactual { text, in_files: true, others: turned.saturating_sub(1) })
    }

    /// The number of verdicts of a model that a change reverses.
    fn turned_in(
        &self,
        context: &ExplainContext<'_>,
        index: usize,
        model: &ModelPlan,
        changed: &Changed,
    ) -> usize {
        let mut classes = representatives(model, &self.plan.user_type);
        if index == context.plan.model && !classes.contains(&context.class) {
            classes.push(context.class.clone());
        }
        let mut turned = 0;
        for plan in self.plan.routes.iter().filter(|plan| plan.model == index && !plan.ends.is_empty()) {
            for access in &plan.access {
                let target = self.plan.target(plan, access);
                let (old, new) =
                    (model.rules(&target), all_rules(&changed.entries, changed.rows.iter(), &target));
                let (old, new): (RuleList<'_>, RuleList<'_>) =
                    (self.rule_list(plan, &old), self.rule_list(plan, &new));
                turned += classes.iter().filter(|class| old.allows(class) != new.allows(class)).count();
            }
        }
        turned
    }
}

impl Entry {
    /// Whether it closes the whole model to everyone, so that other rules open what is meant to be open: no advice is to
    /// take it away.
    fn closes(&self, user_type: &str) -> bool {
        self.who(user_type) == Some(Who::Everyone)
            && self.effect == Effect::Deny
            && matches!(self.property, Property::Any)
            && self.access.is_none()
    }
}

/// A model's rules after a change.
struct Changed {
    entries: Vec<Entry>,
    rows: Vec<StoredRule>,
    /// Whether it is the model of the inquiry.
    is_here: bool,
}

/// A stored row with the opposite permission.
fn flipped_row(row: &StoredRule) -> StoredRule {
    // Only `DENY` denies (docs/loopback-3.28.md section 8.5).
    let allows = matches!(row.permission.as_deref(), Some("ALLOW" | "ALARM" | "AUDIT"));
    StoredRule { permission: Some(if allows { "DENY" } else { "ALLOW" }.to_owned()), ..row.clone() }
}

/// A row in the form of `acl add` and of an import.
fn row_json(row: &StoredRule) -> String {
    serde_json::json!({
        "model": row.model, "property": row.property, "accessType": row.access_type,
        "permission": row.permission, "principalType": row.principal_type, "principalId": row.principal_id,
    })
    .to_string()
}

/// A text quoted as one word of a POSIX shell.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The advice for a decision that no rule was part of.
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
        name if name == NO_METHOD.name => "no rule is asked: the account model has no such method".to_owned(),
        name if name == UNMATCHED.name => {
            "no file covers this request: add a route for it, or set `policies.unmatched`".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

/// Callers who differ from this one in one fact that the rules require.
fn others_like(class: &CallerClass, rules: &[Rule], ownable: bool) -> Vec<(String, CallerClass)> {
    let mut others = Vec::new();
    let name = class.user.as_deref().map_or_else(|| "the caller".to_owned(), |user| format!("user {user}"));
    if !class.known {
        others.push(("log in".to_owned(), CallerClass::user()));
    }
    for rule in rules {
        match &rule.who {
            Who::Role(role) if !class.known => {
                let with = CallerClass { roles: vec![role.clone()], ..CallerClass::user() };
                others.push((format!("log in as a user with the role `{role}`"), with));
            }
            Who::Role(role) if class.roles.contains(role) => {
                let mut less = class.clone();
                less.roles.retain(|held| held != role);
                others.push((format!("take the role `{role}` from {name}"), less));
            }
            Who::Role(role) => {
                let mut more = class.clone();
                more.roles.push(role.clone());
                more.roles.sort();
                others.push((format!("give {name} the role `{role}`"), more));
            }
            Who::Certificate(subject) if class.certificate.as_ref() != Some(subject) => {
                let with = CallerClass { certificate: Some(subject.clone()), ..class.clone() };
                others.push((format!("show a certificate of `{subject}`"), with));
            }
            Who::Certificate(subject) => {
                let without = CallerClass { certificate: None, ..class.clone() };
                others.push((format!("show no certificate of `{subject}`"), without));
            }
            Who::User(id) if !class.known => {
                others.push((
                    format!("log in as user {id}"),
                    CallerClass { user: Some(id.clone()), ..CallerClass::user() },
                ));
            }
            Who::Owner if ownable && !class.known => {
                others.push((
                    "log in as the owner of the row".to_owned(),
                    CallerClass { owner: true, ..CallerClass::user() },
                ));
            }
            Who::Owner if ownable => {
                let text =
                    if class.owner { "let another user own the row" } else { "let the caller own the row" };
                others.push((text.to_owned(), CallerClass { owner: !class.owner, ..class.clone() }));
            }
            _ => {}
        }
    }
    // Several rules may require the same role.
    let mut seen: Vec<CallerClass> = Vec::new();
    others.retain(|(_, class)| {
        let is_new = !seen.contains(class);
        seen.push(class.clone());
        is_new
    });
    others
}

/// One caller of each class that the model's rules distinguish by a single fact.
fn representatives(model: &ModelPlan, user_type: &str) -> Vec<CallerClass> {
    let mut classes = vec![
        CallerClass::anonymous(),
        CallerClass::user(),
        CallerClass { owner: true, ..CallerClass::user() },
    ];
    for who in model.principals(user_type) {
        classes.extend(match who {
            Who::Role(role) => Some(CallerClass { roles: vec![role], ..CallerClass::user() }),
            Who::User(id) => Some(CallerClass { user: Some(id), ..CallerClass::user() }),
            Who::Certificate(subject) => {
                Some(CallerClass { certificate: Some(subject), ..CallerClass::anonymous() })
            }
            _ => None,
        });
    }
    classes
}

const NOTHING: &str = "no single change of a rule, a role or the owner turns it";
