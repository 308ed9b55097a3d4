//! Warnings about static rules that have less effect than they seem to.

use super::{Assembly, subject::Subject};
use crate::policy::Code;
use crate::policy::{
    acl::{CERTIFICATE, Entry, Property, USER, Who},
    finding::{Place, did_you_mean},
    json::Member,
    method::{self, Method},
};

impl Assembly<'_, '_> {
    /// Warns of rules that have less effect than they seem to.
    pub(super) fn check_rules(
        &mut self,
        Subject { name, at, settings, is_plain }: Subject<'_>,
        acls: &[Entry],
        methods: &[Method],
    ) {
        // A model without methods has no requests and needs no rules: LoopBack's `Email`.
        if acls.is_empty() && self.rows_of(name).is_empty() && !methods.is_empty() {
            self.warn_of_no_rules(name, at, settings);
        }
        // Built-in rules are LoopBack's; their findings could not be fixed.
        for entry in acls.iter().filter(|entry| entry.at.file != Place::NOWHERE.file) {
            self.check_principal_type(entry);
            self.check_principal(entry, is_plain);
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

    /// Warns of a model without rules, with the default that applies.
    fn warn_of_no_rules(&mut self, name: &str, at: Place, settings: &[Member]) {
        let said = super::said_default(settings).is_some();
        let source = if said { "its `defaultPermission`" } else { "`policies.default_permission`" };
        let (word, fix) = if self.default_allow(settings) {
            ("every caller may do everything with it", "add `acls`, first a DENY for `$everyone`")
        } else {
            ("no caller may do anything with it", "add `acls` that say who may")
        };
        let message = format!("`{name}` has no rules: by {source}, {word}");
        self.report.warn(at, Code::NoRules, message, Some(fix.into()));
    }

    /// Warns of a principal type that no caller has. The type of the accounts depends on the models.
    fn check_principal_type(&mut self, entry: &Entry) {
        let Some(word) = entry.principal_type.as_deref() else { return };
        let user_type = self.user_type();
        let known = ["ROLE", user_type, "APP", CERTIFICATE];
        if known.contains(&word) {
            return;
        }
        let message = if word == USER {
            format!(
                "the app has several user models: the principal type of `{user_type}` is its name, and a rule of type `USER` never applies"
            )
        } else {
            format!("`{word}` is not a principal type, so the rule never applies")
        };
        let fix = match word {
            USER => Some(format!("write `\"principalType\": \"{user_type}\"`")),
            _ => did_you_mean(word, known).or_else(|| Some(format!("write one of {}", known.join(", ")))),
        };
        self.report.warn(entry.type_at, Code::PrincipalType, message, fix);
    }

    fn check_principal(&mut self, entry: &Entry, is_plain: bool) {
        match entry.who(self.user_type()) {
            Some(Who::Role(name)) => self.check_role(entry, &name, is_plain),
            Some(Who::User(id)) if is_a_name(&id) => {
                let message = format!("a USER rule names an id, and `{id}` looks like a name");
                let fix =
                    Some(format!("write the id, which `portcullis user show {id}` tells, or use a role"));
                self.report.warn(entry.at, Code::UserId, message, fix);
            }
            _ => {}
        }
    }

    fn check_role(&mut self, entry: &Entry, name: &str, is_plain: bool) {
        // A stored role may have any name, also one that looks misspelt.
        if self.stored.roles.iter().any(|role| *role == name) {
            return;
        }
        if let Some(meant) = built_in_role(name) {
            let message =
                format!("`{name}` is not a built-in role, so only users who are granted it have it");
            let fix = Some(format!("did you mean `{meant}`?"));
            // An error only in `routes` files. A LoopBack app may have a resolver for such a role, so a warning
            // must do there.
            if is_plain && name.starts_with('$') {
                self.report.error(entry.at, Code::MisspeltRole, message, fix);
            } else {
                self.report.warn(entry.at, Code::MisspeltRole, message, fix);
            }
            return;
        }
        let fix = self.role_fix(name);
        self.report.warn(entry.at, Code::UnknownRole, format!("there is no role `{name}`"), Some(fix));
    }

    fn check_property(&mut self, entry: &Entry, word: &str, methods: &[Method]) {
        if methods.iter().any(|method| method.name == word) {
            return;
        }
        let by_alias = methods.iter().find(|method| method.aliases.iter().any(|alias| **alias == *word));
        if let Some(method) = by_alias {
            // The same rule is inert in one profile and in force in the other.
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
            self.report.warn(entry.at, Code::Alias, message, Some(format!("write `{}`", method.name)));
            return;
        }
        let names = methods.iter().map(|method| method.name.as_str());
        let fix = match method::canonical(word) {
            Some(name) => Some(format!("write `{name}`")),
            None => did_you_mean(word, names),
        };
        self.report.warn(entry.at, Code::UnknownProperty, format!("no route has the property `{word}`"), fix);
    }
}

/// Whether an id looks like a user's name. Ids are numbers, or imported ones: hex digits or a UUID.
pub(super) fn is_a_name(id: &str) -> bool {
    // A guess, so the finding is a warning: an id without a digit is possible.
    id.contains('@') || !id.bytes().any(|byte| byte.is_ascii_digit())
}

/// Roles that are not granted.
pub(super) const BUILT_IN_ROLES: [&str; 4] = ["$everyone", "$authenticated", "$unauthenticated", "$owner"];

/// The built-in role that a misspelt name probably means.
pub(super) fn built_in_role(name: &str) -> Option<&'static str> {
    let word = name.strip_prefix('$').unwrap_or(name).to_ascii_lowercase().replace(['-', '_', ' '], "");
    match &*word {
        "everyone" | "everybody" | "anyone" | "anybody" | "all" | "any" | "public" | "*" => Some("$everyone"),
        "authenticated" | "loggedin" | "authed" => Some("$authenticated"),
        "unauthenticated" | "anonymous" | "anon" => Some("$unauthenticated"),
        "owner" | "self" => Some("$owner"),
        _ if name.starts_with('$') => BUILT_IN_ROLES
            .into_iter()
            .map(|role| (strsim::damerau_levenshtein(name, role), role))
            .filter(|(distance, _)| *distance <= 4)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, role)| role),
        _ => None,
    }
}
