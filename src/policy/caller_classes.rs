//! Divides callers into the classes that rules can distinguish, so that questions about all callers get an
//! exact answer without a search.
//!
//! Each fact about a caller (a further role, being the owner) only adds matching rules. So whether a rule can
//! ever win is decided by the caller with the fewest facts that the rule requires, and whether two lists of
//! rules differ by the callers with the fewest facts that one rule of each list requires.

use super::{
    Caller,
    acl::{Rule, Who},
};

/// A caller with the facts that rules require, and no others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallerClass {
    /// Whether the caller has a valid token.
    pub known: bool,
    /// The user's id, if a rule requires a certain user.
    pub user: Option<Box<str>>,
    /// Names of the roles, sorted.
    pub roles: Vec<Box<str>>,
    /// Whether the caller owns the row.
    pub owner: bool,
    /// The subject of the client's certificate. A caller with a token may have one as well as one without.
    pub certificate: Option<Box<str>>,
}

/// The rules of a route with the default for callers that match none.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleList<'r> {
    /// Sorted by score, the highest first.
    pub(super) rules: &'r [Rule],
    pub(super) default_allow: bool,
    /// Whether the rows of the route can have an owner.
    pub(super) ownable: bool,
}

/// The id of a user that no rule names.
const UNNAMED_USER: &str = "\u{0}";

impl CallerClass {
    /// A caller without a token.
    pub(super) fn anonymous() -> Self {
        Self::default()
    }

    /// A user without roles who owns nothing.
    pub(super) fn user() -> Self {
        Self { known: true, ..Self::default() }
    }

    /// The caller as `decide` takes it.
    pub(super) fn caller(&self) -> Caller<'_> {
        let user = self.known.then(|| self.user.as_deref().unwrap_or(UNNAMED_USER));
        Caller { user, roles: &self.roles, certificate: self.certificate.as_deref(), scopes: &[] }
    }

    /// The callers with the fewest facts that match both principals: two at most.
    fn matching_both(a: &Who, b: &Who) -> Vec<Self> {
        let both = [a, b];
        let mut certificates = both.iter().filter_map(|who| who.certificate());
        let certificate: Option<Box<str>> = certificates.next().map(Into::into);
        // A client shows one certificate, so rules for two of them never meet.
        if certificates.next().is_some_and(|other| Some(other) != certificate.as_deref()) {
            return Vec::new();
        }
        // Only these principals match a caller without a token.
        let is_open = |who: &&Who| matches!(who, Who::Everyone | Who::Unauthenticated | Who::Certificate(_));
        let mut found = Vec::new();
        if both.iter().all(is_open) {
            found.push(Self { certificate: certificate.clone(), ..Self::anonymous() });
        }
        // No caller with a token matches `$unauthenticated`.
        if both.contains(&&Who::Unauthenticated) {
            return found;
        }
        let mut class = Self { certificate, ..Self::user() };
        for who in both {
            match who {
                Who::Owner => class.owner = true,
                Who::Role(name) if !class.roles.contains(name) => class.roles.push(name.clone()),
                // A caller is only one user, so rules for two users never meet.
                Who::User(id) if class.user.as_ref().is_some_and(|other| other != id) => return found,
                Who::User(id) => class.user = Some(id.clone()),
                _ => {}
            }
        }
        class.roles.sort();
        found.push(class);
        found
    }

    /// A readable form for reports.
    #[must_use]
    pub fn describe(&self) -> String {
        let certificate = self.certificate.as_ref().map(|subject| format!("certificate {subject}"));
        if !self.known {
            return certificate.unwrap_or_else(|| "anonymous".to_owned());
        }
        let mut words = Vec::from_iter(certificate);
        if let Some(user) = &self.user {
            words.push(format!("user {user}"));
        }
        words.extend(self.roles.iter().map(|role| format!("role {role}")));
        if self.owner {
            words.push("the owner".to_owned());
        }
        if words.is_empty() { "any user".to_owned() } else { words.join(" + ") }
    }
}

impl RuleList<'_> {
    /// The index of the deciding rule; `None` = the default decides.
    pub(super) fn first(&self, class: &CallerClass) -> Option<usize> {
        let caller = class.caller();
        self.rules.iter().position(|rule| rule.who.is(caller, class.owner && self.ownable))
    }

    /// Whether this caller is allowed.
    pub(super) fn allows(&self, class: &CallerClass) -> bool {
        self.permits(self.first(class))
    }

    /// The reference of the deciding rule.
    pub(super) fn decider(&self, class: &CallerClass) -> &str {
        self.first(class).and_then(|at| self.rules.get(at)).map_or("default", |rule| &*rule.reference)
    }

    /// Whether the rule at this index decides for any caller.
    pub(super) fn can_win(&self, place: usize) -> bool {
        let Some(rule) = self.rules.get(place) else { return false };
        CallerClass::matching_both(&rule.who, &Who::Everyone)
            .iter()
            .any(|class| self.first(class) == Some(place))
    }

    /// The rules that decide in place of this one, for the callers that it matches.
    pub(super) fn shadowed_by(&self, place: usize) -> Vec<&str> {
        let Some(rule) = self.rules.get(place) else { return Vec::new() };
        let mut names: Vec<&str> = CallerClass::matching_both(&rule.who, &Who::Everyone)
            .iter()
            .map(|class| self.decider(class))
            .collect();
        // Both classes of a principal often have the same deciding rule.
        names.dedup();
        names
    }

    /// The classes of callers for whom the two lists decide differently. Empty if they agree for all callers.
    pub(super) fn differences(&self, other: &RuleList<'_>) -> Vec<CallerClass> {
        let mut found: Vec<CallerClass> = Vec::new();
        for here in self.places() {
            for there in other.places() {
                // Two rules with the same effect make no difference, whichever decides.
                if self.permits(here) == other.permits(there) {
                    continue;
                }
                let classes = CallerClass::matching_both(self.who(here), other.who(there));
                for class in classes {
                    if self.first(&class) == here && other.first(&class) == there && !found.contains(&class) {
                        found.push(class);
                    }
                }
            }
        }
        found.sort();
        found
    }

    fn places(&self) -> impl Iterator<Item = Option<usize>> + use<> {
        (0..self.rules.len()).map(Some).chain([None])
    }

    fn who(&self, place: Option<usize>) -> &Who {
        place.and_then(|place| self.rules.get(place)).map_or(&Who::Everyone, |rule| &rule.who)
    }

    fn permits(&self, place: Option<usize>) -> bool {
        let rule = place.and_then(|place| self.rules.get(place));
        rule.map_or(self.default_allow, |rule| rule.effect.allows(self.default_allow))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select};

    use super::{super::acl::Effect, *};

    fn rule(index: usize, who: Who, allow: bool) -> Rule {
        let effect = if allow { Effect::Allow { weight: 0 } } else { Effect::Deny };
        Rule { who, effect, score: 0, reference: format!("r#/{index}").into(), is_built_in: false }
    }

    fn who() -> impl Strategy<Value = Who> {
        select(vec![
            Who::Everyone,
            Who::Authenticated,
            Who::Unauthenticated,
            Who::Owner,
            Who::Role("a".into()),
            Who::Role("b".into()),
            Who::User("1".into()),
            Who::User("2".into()),
            Who::Certificate("CN=a".into()),
            Who::Certificate("CN=b".into()),
        ])
    }

    fn list() -> impl Strategy<Value = Vec<Rule>> {
        vec((who(), any::<bool>()), 0..6).prop_map(|list| {
            list.into_iter().enumerate().map(|(index, (who, allow))| rule(index, who, allow)).collect()
        })
    }

    /// Every kind of caller: facts in every combination.
    fn all_classes() -> Vec<CallerClass> {
        let mut all = Vec::new();
        for certificate in [None, Some("CN=a".into()), Some("CN=b".into())] {
            all.push(CallerClass { certificate: certificate.clone(), ..CallerClass::anonymous() });
            all.extend(
                all_users().into_iter().map(|user| CallerClass { certificate: certificate.clone(), ..user }),
            );
        }
        all
    }

    fn all_users() -> Vec<CallerClass> {
        let mut all = Vec::new();
        for user in [None, Some("1".into()), Some("2".into())] {
            for roles in [vec![], vec!["a".into()], vec!["b".into()], vec!["a".into(), "b".into()]] {
                for owner in [false, true] {
                    all.push(CallerClass {
                        known: true,
                        user: user.clone(),
                        roles: roles.clone(),
                        owner,
                        certificate: None,
                    });
                }
            }
        }
        all
    }

    proptest! {
        #[test]
        fn a_rule_wins_for_some_class_or_for_none(rules in list(), ownable: bool) {
            let rule_list = RuleList { rules: &rules, default_allow: false, ownable };
            for place in 0..rules.len() {
                let wins = all_classes().iter().any(|class| rule_list.first(class) == Some(place));
                prop_assert_eq!(rule_list.can_win(place), wins, "{}", place);
            }
        }

        #[test]
        fn differences_are_all_there_are(a in list(), b in list(), ownable: bool, default in any::<(bool, bool)>()) {
            let a = RuleList { rules: &a, default_allow: default.0, ownable };
            let b = RuleList { rules: &b, default_allow: default.1, ownable: true };
            let found = a.differences(&b);
            for class in &found {
                prop_assert!(a.allows(class) != b.allows(class), "{class:?}");
            }
            let all: Vec<CallerClass> = all_classes().into_iter().filter(|class| a.allows(class) != b.allows(class)).collect();
            prop_assert_eq!(found.is_empty(), all.is_empty(), "{:?} {:?}", found, all);
            // A caller who differs has the facts of one that was found.
            for class in &all {
                let has = |less: &CallerClass| {
                    less.known == class.known
                        && less.user.as_ref().is_none_or(|user| class.user.as_ref() == Some(user))
                        && less.certificate.as_ref().is_none_or(|one| class.certificate.as_ref() == Some(one))
                        && less.roles.iter().all(|role| class.roles.contains(role))
                        && (class.owner || !less.owner)
                };
                prop_assert!(found.iter().any(has), "{class:?}: {found:?}");
            }
        }
    }

    #[test]
    fn callers_have_names() {
        let clerk = CallerClass { roles: vec!["clerk".into()], owner: true, ..CallerClass::user() };
        assert_eq!(clerk.describe(), "role clerk + the owner");
        assert_eq!(CallerClass::anonymous().describe(), "anonymous");
        assert_eq!(CallerClass::user().describe(), "any user");
        let robot = CallerClass { certificate: Some("CN=robot".into()), ..CallerClass::anonymous() };
        assert_eq!(robot.describe(), "certificate CN=robot");
        assert_eq!(
            CallerClass { certificate: robot.certificate, ..clerk }.describe(),
            "certificate CN=robot + role clerk + the owner"
        );
        assert_eq!(CallerClass { user: Some("7".into()), ..CallerClass::user() }.describe(), "user 7");
    }
}
