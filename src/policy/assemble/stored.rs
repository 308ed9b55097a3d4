//! Warnings about stored rules that have less effect than they seem to.

use std::collections::BTreeSet;

use super::{
    Assembly,
    rules::{BUILT_IN_ROLES, built_in_role, is_a_name},
};
use crate::policy::Code;
use crate::policy::{
    StoredRule,
    acl::{Who, is_permission, who},
    finding::{Place, did_you_mean},
};

impl Assembly<'_, '_> {
    /// Warns of stored rules that never apply. All models have been added before.
    pub(crate) fn check_stored(&mut self) {
        for row in &self.stored.rules {
            self.check_row(row);
        }
    }

    fn check_row(&mut self, row: &StoredRule) {
        let head = format!("the stored rule `{}`", row.id);
        if let Some(word) = row.permission.as_deref().filter(|word| !is_permission(word)) {
            // Warnings only: the row is in the store already, and an unknown permission in it denies.
            let message = format!("{head} has the unknown permission `{word}` and denies");
            self.report.warn(
                Place::STORE,
                Code::UnknownPermission,
                message,
                did_you_mean(word, ["ALLOW", "DENY"]),
            );
        }
        self.check_stored_model(row, &head);
        match who(row.principal_type.as_deref(), row.principal_id.as_deref(), self.user_type()) {
            Some(Who::Role(name)) => self.check_stored_role(&name, &head),
            Some(Who::User(id)) if is_a_name(&id) => {
                let message = format!("{head} is for a user and names an id, and `{id}` looks like a name");
                let fix = format!("store it with the id, which `portcullis user show {id}` tells");
                self.report.warn(Place::STORE, Code::UserId, message, Some(fix));
            }
            _ => {}
        }
    }

    fn check_stored_model(&mut self, row: &StoredRule, head: &str) {
        let Some(name) = row.model.as_deref() else { return };
        let in_plan = self.plan.models.iter().map(|model| &*model.name);
        let names: BTreeSet<&str> =
            self.models.list.iter().map(|model| &*model.name).chain(in_plan).collect();
        // Rows may also name `routes` files, so these are known names, too.
        if name != "*" && !names.contains(name) {
            let message = format!("{head} is for the unknown model `{name}`");
            let known: Vec<&str> = names.iter().copied().take(MAX_NAMES).collect();
            let fix =
                did_you_mean(name, names).unwrap_or_else(|| format!("there are `{}`", known.join("`, `")));
            self.report.warn(Place::STORE, Code::UnknownModel, message, Some(fix));
            return;
        }
        let Some(word) = row.property.as_deref().filter(|word| !word.is_empty() && *word != "*") else {
            return;
        };
        let is_of = |index: usize| {
            name == "*" || self.plan.models.get(index).is_some_and(|model| *model.name == *name)
        };
        let routes = self.plan.routes.iter().filter(|route| is_of(route.model));
        let properties: BTreeSet<&str> = routes
            .flat_map(|route| {
                std::iter::once(&*route.property).chain(route.aliases.iter().map(|alias| &**alias))
            })
            .filter(|property| !property.is_empty())
            .collect();
        if properties.contains(word) {
            return;
        }
        let of = if name == "*" { String::new() } else { format!(" of `{name}`") };
        let message = format!("{head} never applies: no route{of} has the property `{word}`");
        self.report.warn(Place::STORE, Code::UnknownProperty, message, did_you_mean(word, properties));
    }

    fn check_stored_role(&mut self, name: &str, head: &str) {
        if self.stored.roles.iter().any(|role| *role == name) {
            return;
        }
        let (code, fix) = match built_in_role(name) {
            Some(meant) => (Code::MisspeltRole, format!("did you mean `{meant}`?")),
            None => (Code::UnknownRole, self.role_fix(name)),
        };
        self.report.warn(
            Place::STORE,
            code,
            format!("{head} is for the role `{name}`, which does not exist"),
            Some(fix),
        );
    }

    /// A suggestion for an unknown role.
    pub(super) fn role_fix(&self, name: &str) -> String {
        let known = BUILT_IN_ROLES.into_iter().chain(self.stored.roles.iter().map(String::as_str));
        did_you_mean(name, known).unwrap_or_else(|| match name.strip_prefix('$') {
            Some(_) => format!("those with a `$` are {}", BUILT_IN_ROLES.join(", ")),
            None => format!("create it: `portcullis role add {name}`"),
        })
    }
}

/// The number of model names in a message; an app may have thousands.
const MAX_NAMES: usize = 8;
