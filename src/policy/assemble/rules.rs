//! Warnings about rules that say less than they seem to.

use super::Assembly;
use crate::policy::{
    acl::{Entry, Property, USER, Who},
    finding::{Place, did_you_mean},
    json::Member,
    method::{self, Method},
};

impl Assembly<'_, '_> {
    /// Warnings about rules that say less than they seem to.
    pub(super) fn check_rules(
        &mut self,
        (name, at, settings): (&str, Place, &[Member]),
        acls: &[Entry],
        methods: &[Method],
    ) {
        if acls.is_empty() && self.rows_of(name).is_empty() {
            self.warn_of_no_rules(name, at, settings);
        }
        for entry in acls.iter().filter(|entry| entry.at.file != Place::NOWHERE.file) {
            self.check_principal_type(entry);
            self.check_role(entry);
            let names: Vec<&str> = match &entry.property {
                Property::Any => continue,
                Property::One(name) => vec![name],
                Property::List(names) => {
                    names.iter().map(|name| &**name).filter(|name| *name != "*").collect()
                }
            };
            for word in names {
                self.check_property(entry, word, methods);
            }
        }
    }

    /// Says what holds where no rule does.
    fn warn_of_no_rules(&mut self, name: &str, at: Place, settings: &[Member]) {
        let said = super::said_default(settings).is_some();
        let source = if said { "its `defaultPermission`" } else { "`policies.default_permission`" };
        let (word, fix) = if self.default_allow(settings) {
            ("everybody may do everything with it", "add `acls`, first a DENY for `$everyone`")
        } else {
            ("nobody may do anything with it", "add `acls` that say who may")
        };
        let message = format!("`{name}` has no rules: by {source}, {word}");
        self.report.warn(at, "no-rules", message, Some(fix.into()));
    }

    /// A principal type that nobody has. Which one the accounts have depends on the models.
    fn check_principal_type(&mut self, entry: &Entry) {
        let Some(word) = entry.principal_type.as_deref() else { return };
        let user_type = self.user_type();
        let known = ["ROLE", user_type, "APP"];
        if known.contains(&word) {
            return;
        }
        let message = if word == USER {
            format!(
                "the app has several user models: the principal type of `{user_type}` is its name, and a rule of type `USER` never applies"
            )
        } else {
            format!("`{word}` is no principal type, so the rule never applies")
        };
        let fix = match word {
            USER => Some(format!("write `\"principalType\": \"{user_type}\"`")),
            _ => did_you_mean(word, known).or_else(|| Some(format!("write one of {}", known.join(", ")))),
        };
        self.report.warn(entry.type_at, "principal-type", message, fix);
    }

    fn check_role(&mut self, entry: &Entry) {
        let Some(Who::Role(name)) = entry.who(self.user_type()) else { return };
        if self.stored.roles.iter().any(|role| **role == *name) {
            return;
        }
        let built_in = ["$everyone", "$authenticated", "$unauthenticated", "$owner"];
        let known = built_in.into_iter().chain(self.stored.roles.iter().map(String::as_str));
        let fix =
            did_you_mean(&name, known).unwrap_or_else(|| format!("create it: `portcullis role add {name}`"));
        self.report.warn(entry.at, "unknown-role", format!("there is no role `{name}`"), Some(fix));
    }

    fn check_property(&mut self, entry: &Entry, word: &str, methods: &[Method]) {
        if methods.iter().any(|method| method.name == word) {
            return;
        }
        let by_alias = methods.iter().find(|method| method.aliases.iter().any(|alias| **alias == *word));
        if let Some(method) = by_alias {
            let message = if self.settings.loopback {
                format!(
                    "`{word}` is an alias, and LoopBack's static rules do not know aliases: the rule never applies"
                )
            } else {
                format!(
                    "`{word}` is an alias, which LoopBack's static rules do not know; here it counts as `{}`",
                    method.name
                )
            };
            self.report.warn(entry.at, "alias", message, Some(format!("write `{}`", method.name)));
            return;
        }
        let names = methods.iter().map(|method| method.name.as_str());
        let fix = match method::canonical(word) {
            Some(name) => Some(format!("write `{name}`")),
            None => did_you_mean(word, names),
        };
        self.report.warn(entry.at, "unknown-property", format!("no route has the property `{word}`"), fix);
    }
}
