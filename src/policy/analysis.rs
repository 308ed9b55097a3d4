//! Questions about a whole policy set, for `check`, `explain`, `policy test` and `policy diff`.

mod set;

use super::{
    Finding, PolicySet, Settings, Source, Stored,
    acl::{Effect, Entry, Rule, Who, stored_reference, who},
    caller_classes::RuleList,
    compile::build,
    finding::{Place, Report},
    lint,
    plan::RoutePlan,
    table::Judge,
    trie::captures,
};

pub use set::Analysis;

/// A rule in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleName {
    /// The rule's name, such as `order.json#/acls/2`.
    pub reference: String,
    /// Principal and permission: `clerk ALLOW`.
    pub text: String,
}

/// A rule for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRule {
    /// The rule's name, such as `order.json#/acls/2`.
    pub reference: String,
    /// The user id that it names.
    pub id: String,
    /// File, line and column.
    pub at: (String, usize, usize),
}

/// A change of one rule, to test whether a case notices it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// The rule is removed.
    Drop,
    /// `ALLOW` becomes `DENY`; every other effect becomes `ALLOW`.
    Flip,
}

/// Compiles a set as [`super::compile`] does, and keeps its sources.
#[must_use]
pub fn analyze(settings: &Settings, sources: &[Source], stored: &Stored) -> (Option<Analysis>, Vec<Finding>) {
    let (made, findings) = build(settings, sources, stored);
    (made.map(|(set, plan)| Analysis { set, plan }), findings)
}

impl Analysis {
    /// The compiled set.
    #[must_use]
    pub fn set(&self) -> &PolicySet {
        &self.set
    }

    /// Warnings that only the whole set shows. `sources`: the sources that the set was compiled from.
    #[must_use]
    pub fn lint(&self, sources: &[Source]) -> Vec<Finding> {
        lint::lint(self, sources)
    }

    /// Warns of rules that depend on the method while the gate does not check overrides of it (`_method`),
    /// which the app may apply.
    #[must_use]
    pub fn lint_overrides(&self, sources: &[Source]) -> Vec<Finding> {
        lint::lint_overrides(self, sources)
    }

    /// Every rule of the files once, in their order.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleName> {
        // A model inherits its base's entries, and references repeat: each is shown once.
        let mut entries: Vec<&Entry> = self.plan.models.iter().flat_map(|model| &model.entries).collect();
        entries.retain(|entry| !entry.is_built_in());
        entries.sort_by_key(|entry| (entry.at.file, entry.at.offset));
        entries.dedup_by(|a, b| a.reference == b.reference);
        entries
            .into_iter()
            .map(|entry| RuleName { reference: entry.reference.to_string(), text: entry.describe() })
            .collect()
    }

    /// Every rule that names a user.
    #[must_use]
    pub fn user_rules(&self, sources: &[Source]) -> Vec<UserRule> {
        let mut found: Vec<UserRule> = Vec::new();
        let report = Report::new(sources);
        let user_type = &*self.plan.user_type;
        for model in &self.plan.models {
            let of_entries = model.entries.iter().map(|entry| {
                let (file, line, column) = report.located(entry.at);
                (entry.who(user_type), entry.reference.to_string(), (file, line, column))
            });
            let of_rows = model.rows.iter().map(|row| {
                let who = who(row.principal_type.as_deref(), row.principal_id.as_deref(), user_type);
                (who, stored_reference(row).to_string(), report.located(Place::STORE))
            });
            for (who, reference, at) in of_entries.chain(of_rows) {
                if let Some(Who::User(id)) = who
                    && found.iter().all(|rule| rule.reference != reference)
                {
                    found.push(UserRule { reference, id: id.into(), at });
                }
            }
        }
        found
    }

    /// References of the rules that name a role.
    #[must_use]
    pub fn naming_role(&self, name: &str) -> Vec<String> {
        let is_it = |who: Option<Who>| who == Some(Who::Role(name.into()));
        let user_type = &*self.plan.user_type;
        let mut found: Vec<String> = Vec::new();
        for model in &self.plan.models {
            let entries = model.entries.iter().filter(|entry| is_it(entry.who(user_type)));
            let rows = model.rows.iter().filter(|row| {
                is_it(who(row.principal_type.as_deref(), row.principal_id.as_deref(), user_type))
            });
            found.extend(entries.map(|entry| entry.reference.to_string()));
            found.extend(rows.map(|row| stored_reference(row).to_string()));
        }
        found.sort();
        found.dedup();
        found
    }

    /// Changes one rule, calls `visit` with the changed set, and restores it. `None` if the change affects no
    /// verdict: no case could notice it.
    pub fn mutated<T>(
        &mut self,
        reference: &str,
        mutation: Mutation,
        visit: impl FnOnce(&Self) -> T,
    ) -> Option<T> {
        let touched: Vec<usize> = (0..self.plan.models.len())
            .filter(|model| {
                self.plan
                    .models
                    .get(*model)
                    .is_some_and(|model| model.entries.iter().any(|entry| *entry.reference == *reference))
            })
            .collect();
        // The rules are restored below, so that mutations do not add up.
        let mut before = Vec::new();
        for index in &touched {
            if let Some(model) = self.plan.models.get_mut(*index) {
                before.push(model.entries.clone());
                mutation.apply(&mut model.entries, reference);
            }
        }
        let differs = self.rejudge(&touched);
        let answer = differs.then(|| visit(self));
        for (index, entries) in touched.iter().zip(before) {
            if let Some(model) = self.plan.models.get_mut(*index) {
                model.entries = entries;
            }
        }
        self.rejudge(&touched);
        answer
    }

    /// Whether the rows of a route can have an owner.
    pub(super) fn is_ownable(&self, route: &RoutePlan) -> bool {
        let Some(model) = self.set.table.models.get(route.model) else { return false };
        let is_open = self.set.settings.loopback && model.loopback;
        route.ends.iter().any(|(_, pattern)| {
            let names: Vec<&str> = captures(pattern).collect();
            model.owner.is_possible(&names, is_open)
        })
    }

    /// The rules of a route in the form that can be compared for all callers.
    pub(super) fn rule_list<'r>(&self, route: &RoutePlan, rules: &'r [Rule]) -> RuleList<'r> {
        let default_allow = self.set.table.models.get(route.model).is_some_and(|model| model.default_allow);
        RuleList { rules, default_allow, ownable: self.is_ownable(route) }
    }

    /// Recompiles the rules of these models' routes. Whether any verdict differs from before.
    // Only the rules, because routes and owners do not depend on them.
    fn rejudge(&mut self, models: &[usize]) -> bool {
        let mut differs = false;
        for index in 0..self.plan.routes.len() {
            // Routes of other models keep their rules.
            let Some(plan) = self.plan.routes.get(index).filter(|plan| models.contains(&plan.model)) else {
                continue;
            };
            let Some(model) = self.plan.models.get(plan.model) else { continue };
            let fresh: Vec<Judge> = plan
                .access
                .iter()
                .map(|access| {
                    let target = self.plan.target(plan, access);
                    Judge { access, rules: model.rules(&target).into() }
                })
                .collect();
            let Some(route) = self.set.table.routes.get(index) else { continue };
            differs |= route.judges().zip(&fresh).any(|(old, new)| {
                !self.rule_list(plan, &old.rules).differences(&self.rule_list(plan, &new.rules)).is_empty()
            });
            let mut fresh = fresh.into_iter();
            if let (Some(route), Some(judge)) = (self.set.table.routes.get_mut(index), fresh.next()) {
                route.judge = judge;
                route.safe = fresh.next().map(Box::new);
            }
        }
        differs
    }
}

impl Mutation {
    /// Changes the entry with this reference.
    pub(super) fn apply(self, entries: &mut Vec<Entry>, reference: &str) {
        match self {
            Self::Drop => entries.retain(|entry| *entry.reference != *reference),
            Self::Flip => {
                for entry in entries.iter_mut().filter(|entry| *entry.reference == *reference) {
                    entry.effect = entry.effect.flipped();
                }
            }
        }
    }

    /// The participle in a message: `dropped`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Drop => "dropped",
            Self::Flip => "flipped",
        }
    }
}

impl Effect {
    pub(super) fn flipped(self) -> Self {
        match self {
            Self::Allow { .. } => Self::Deny,
            Self::Deny | Self::Default { .. } => Self::Allow { weight: 0 },
        }
    }

    /// The permission as files write it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Allow { weight: 0 } => "ALLOW",
            Self::Allow { weight: 1 } => "ALARM",
            Self::Allow { .. } => "AUDIT",
            Self::Deny => "DENY",
            Self::Default { .. } => "DEFAULT",
        }
    }
}
