//! The sources of a set. `explain` and similar commands need them; a gate drops them before it serves.

use std::sync::Arc;

use super::{
    StoredRule,
    acl::{Entry, Mismatch, Rule, Target, Who, all_rules, describe_stored, stored_reference, stored_rule},
    finding::Place,
    trie::Piece,
};

/// The rules of each model and the patterns of each route, in the order of the set's table.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The principal type of the accounts.
    pub(super) user_type: Box<str>,
    pub(super) models: Vec<ModelPlan>,
    pub(super) routes: Vec<RoutePlan>,
}

/// A model, or a `routes` file.
#[derive(Debug)]
pub(super) struct ModelPlan {
    pub(super) name: Box<str>,
    pub(super) at: Place,
    pub(super) entries: Vec<Entry>,
    pub(super) rows: Vec<StoredRule>,
}

/// One route.
#[derive(Debug)]
pub(super) struct RoutePlan {
    pub(super) model: usize,
    pub(super) at: Place,
    pub(super) property: Box<str>,
    pub(super) aliases: Vec<Box<str>>,
    pub(super) alias_counts: bool,
    /// The access types under which it is judged: two if `GET` reads and all other verbs write.
    pub(super) access: Vec<&'static str>,
    /// Verbs and patterns from the root of the host; `ALL` = any verb.
    pub(super) ends: Vec<(Box<str>, Vec<Piece>)>,
    pub(super) ignore_case: bool,
}

/// A rule for a route: compiled, or why it does not match.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) reference: Arc<str>,
    /// Principal and permission in one line.
    pub(super) text: String,
    pub(super) fit: Result<Rule, Mismatch>,
}

impl Plan {
    /// The target of a route that rules are matched against.
    pub(super) fn target<'p>(&'p self, route: &'p RoutePlan, access: &'static str) -> Target<'p> {
        let model = self.models.get(route.model).map_or("", |model| &*model.name);
        Target {
            model,
            property: &route.property,
            aliases: &route.aliases,
            access,
            alias_counts: route.alias_counts,
            user_type: &self.user_type,
        }
    }
}

impl ModelPlan {
    /// Every rule of the model, compiled for a target.
    pub(super) fn candidates(&self, target: &Target<'_>) -> Vec<Candidate> {
        let rows = self.rows.iter().map(|row| Candidate {
            reference: stored_reference(row),
            text: describe_stored(row),
            fit: stored_rule(row, target),
        });
        let entries = self.entries.iter().map(|entry| Candidate {
            reference: Arc::clone(&entry.reference),
            text: entry.describe(),
            fit: entry.fit(target),
        });
        // Stored rules come first, as in the compiled list.
        rows.chain(entries).collect()
    }

    /// The matching rules by score, the highest first, with those that are never reached.
    pub(super) fn rules(&self, target: &Target<'_>) -> Vec<Rule> {
        all_rules(&self.entries, self.rows.iter(), target)
    }

    /// The principals of the rules, each once.
    pub(super) fn principals(&self, user_type: &str) -> Vec<Who> {
        let rows = self.rows.iter().filter_map(|row| {
            super::acl::who(row.principal_type.as_deref(), row.principal_id.as_deref(), user_type)
        });
        let mut all: Vec<Who> = Vec::new();
        for who in self.entries.iter().filter_map(|entry| entry.who(user_type)).chain(rows) {
            if !all.contains(&who) {
                all.push(who);
            }
        }
        all
    }
}
