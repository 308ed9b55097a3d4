//! Compares two sets: every route of both, and every class of callers that their rules distinguish.

use std::collections::{BTreeSet, HashSet};

use serde::Serialize;

use super::{
    Unmatched, Verdict,
    acl::{Effect, Rule, Who},
    action::{FIXED_ROUTES, Target},
    analysis::Analysis,
    caller_classes::RuleList,
    decide::has_scope,
    path,
    trie::Piece,
};

/// A verdict that differs between the two sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The route's name in the new set, or in the old one if the new one does not have it.
    pub route: String,
    /// The verb of a request for the route.
    pub method: String,
    /// The target of that request.
    pub target: String,
    /// The class of callers, with the fewest facts.
    pub who: String,
    /// The verdict of the old set.
    pub old: Verdict,
    /// The rule that decides there.
    pub old_rule: String,
    /// The verdict of the new set.
    pub new: Verdict,
    /// The rule that decides there.
    pub new_rule: String,
}

/// The rules of one set for a request.
struct Side<'s> {
    route: &'s str,
    matched: bool,
    rules: Vec<Rule>,
    default_allow: bool,
    default_name: &'s str,
    ownable: bool,
    scopes: &'s [Box<str>],
}

/// The value of captured segments in sample requests. Unlikely as a literal of a file.
const SEGMENT: &str = "q7z";

/// All verdicts that differ, newly allowed requests first.
#[must_use]
pub fn compare(old: &Analysis, new: &Analysis) -> Vec<Change> {
    let probes: BTreeSet<(String, String)> = probes(old).chain(probes(new)).collect();
    let mut seen: HashSet<(String, String, Verdict)> = HashSet::new();
    let mut changes: Vec<Change> = Vec::new();
    for (method, target) in &probes {
        let (before, after) = (old.side(method, target), new.side(method, target));
        // A change of a route's scopes changes verdicts although all rules are equal.
        let scopes: BTreeSet<&str> = std::iter::once("DEFAULT")
            .chain(before.scopes.iter().chain(after.scopes).map(|scope| &**scope))
            .collect();
        for scope in scopes {
            let (a, b) = (before.under(scope), after.under(scope));
            // Exact, so that no change is missed and none is reported for nothing.
            for class in a.differences(&b) {
                let route = if after.matched { after.route } else { before.route };
                let mut who = class.describe();
                if scope != "DEFAULT" {
                    who.push_str(&format!(" + token for {scope}"));
                }
                let verdict = |allows| if allows { Verdict::Allow } else { Verdict::Deny };
                let change = Change {
                    route: route.to_owned(),
                    method: method.clone(),
                    target: target.clone(),
                    who,
                    old: verdict(a.allows(&class)),
                    old_rule: before.named(a.decider(&class)),
                    new: verdict(b.allows(&class)),
                    new_rule: after.named(b.decider(&class)),
                };
                // A route may have several paths with the same change; one example is enough.
                if seen.insert((format!("{method} {route}"), change.who.clone(), change.new)) {
                    changes.push(change);
                }
            }
        }
    }
    // `Verdict::Allow` sorts first: what opens matters most.
    changes.sort_by(|a, b| {
        let key = |change: &Change| (change.new, change.route.clone(), change.method.clone());
        key(a).cmp(&key(b))
    });
    changes
}

impl Change {
    /// Whether the change allows a request that was denied.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.new == Verdict::Allow && self.old == Verdict::Deny
    }
}

impl Analysis {
    /// The rules of this set for a request.
    fn side<'s>(&'s self, method: &str, path: &'s str) -> Side<'s> {
        let action = self.set.action(method, path, None);
        let side = |rules, default_allow, default_name| Side {
            route: action.route,
            matched: false,
            rules,
            default_allow,
            default_name,
            ownable: false,
            scopes: &[],
        };
        let Target::Route { route, judge, .. } = action.target else {
            // Written as a rule, so that the comparison of classes covers unmatched paths as well.
            let rules = match (action.target, self.set.settings.unmatched) {
                (Target::Unmatched, Unmatched::Authenticated) => vec![Rule {
                    who: Who::Authenticated,
                    effect: Effect::Allow { weight: 0 },
                    score: 0,
                    reference: "unmatched".into(),
                    is_built_in: false,
                }],
                _ => Vec::new(),
            };
            let open =
                matches!(action.target, Target::Unmatched) && self.set.settings.unmatched == Unmatched::Allow;
            return side(rules, open, action.route);
        };
        let plan = usize::try_from(action.route_index).ok().and_then(|index| index.checked_sub(FIXED_ROUTES));
        let Some(plan) = plan.and_then(|index| self.plan.routes.get(index)) else {
            return side(Vec::new(), false, "default");
        };
        let rule_list = self.rule_list(plan, &judge.rules);
        Side {
            matched: true,
            ownable: rule_list.ownable,
            scopes: &route.operation.scopes,
            ..side(judge.rules.to_vec(), rule_list.default_allow, "default")
        }
    }
}

impl Side<'_> {
    /// The rules for a token with this scope.
    fn under(&self, scope: &str) -> RuleList<'_> {
        if has_scope(&[scope.to_owned()], self.scopes) {
            RuleList { rules: &self.rules, default_allow: self.default_allow, ownable: self.ownable }
        } else {
            // Without the scope no rule is asked.
            RuleList { rules: &[], default_allow: false, ownable: false }
        }
    }

    fn named(&self, decider: &str) -> String {
        if decider == "default" { self.default_name.to_owned() } else { decider.to_owned() }
    }
}

/// A sample request for each route and verb of a set.
fn probes(analysis: &Analysis) -> impl Iterator<Item = (String, String)> {
    analysis.plan.routes.iter().flat_map(|route| &route.ends).flat_map(|(verb, pattern)| {
        let verbs: &[&str] = match &**verb {
            // One verb that reads and one that writes: the access type may depend on it.
            "ALL" => &["GET", "POST"],
            verb => &[verb],
        };
        let target = sample(pattern);
        verbs.iter().map(|verb| ((*verb).to_owned(), target.clone())).collect::<Vec<_>>()
    })
}

fn sample(pattern: &[Piece]) -> String {
    if pattern.is_empty() {
        return "/".to_owned();
    }
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => format!("/{}", path::encode(text).unwrap_or_else(|| text.to_string())),
        Piece::Capture(_) | Piece::Rest(_) => format!("/{SEGMENT}"),
    };
    pattern.iter().map(piece).collect()
}
