//! What changes from one set to another: every route of both, and every caller that their rules can tell apart.

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

/// A verdict that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The route's name in the new set; in the old one, where the new one has none.
    pub route: String,
    /// A request for it.
    pub method: String,
    /// Its target.
    pub target: String,
    /// Who it is for: the fewest facts.
    pub who: String,
    /// The verdict so far.
    pub old: Verdict,
    /// The rule behind it.
    pub old_rule: String,
    /// The verdict from now on.
    pub new: Verdict,
    /// The rule behind it.
    pub new_rule: String,
}

/// One set's rules for a request.
struct Side<'s> {
    route: &'s str,
    matched: bool,
    rules: Vec<Rule>,
    default_allow: bool,
    default_name: &'s str,
    ownable: bool,
    scopes: &'s [Box<str>],
}

/// What stands for a captured segment: no file has it as a literal.
const SEGMENT: &str = "q7z";

/// Every verdict that differs, those that open first.
#[must_use]
pub fn compare(old: &Analysis, new: &Analysis) -> Vec<Change> {
    let probes: BTreeSet<(String, String)> = probes(old).chain(probes(new)).collect();
    let mut seen: HashSet<(String, String, Verdict)> = HashSet::new();
    let mut changes: Vec<Change> = Vec::new();
    for (method, target) in &probes {
        let (before, after) = (old.side(method, target), new.side(method, target));
        let scopes: BTreeSet<&str> = std::iter::once("DEFAULT")
            .chain(before.scopes.iter().chain(after.scopes).map(|scope| &**scope))
            .collect();
        for scope in scopes {
            let (a, b) = (before.under(scope), after.under(scope));
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
                // One route may have several paths; one of them is enough to see it by.
                if seen.insert((format!("{method} {route}"), change.who.clone(), change.new)) {
                    changes.push(change);
                }
            }
        }
    }
    changes.sort_by(|a, b| {
        let key = |change: &Change| (change.new, change.route.clone(), change.method.clone());
        key(a).cmp(&key(b))
    });
    changes
}

impl Change {
    /// Whether it allows what was denied.
    #[must_use]
    pub fn opens(&self) -> bool {
        self.new == Verdict::Allow && self.old == Verdict::Deny
    }
}

impl Analysis {
    /// What this set says of a request, for every caller.
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
            let rules = match (action.target, self.set.settings.unmatched) {
                (Target::Unmatched, Unmatched::Authenticated) => vec![Rule {
                    who: Who::Authenticated,
                    effect: Effect::Allow { weight: 0 },
                    score: 0,
                    reference: "unmatched".into(),
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
        let ruled = self.ruled(plan, &judge.rules);
        Side {
            matched: true,
            ownable: ruled.ownable,
            scopes: &route.operation.scopes,
            ..side(judge.rules.to_vec(), ruled.default_allow, "default")
        }
    }
}

impl Side<'_> {
    /// The rules for a token with this scope.
    fn under(&self, scope: &str) -> RuleList<'_> {
        if has_scope(&[scope.to_owned()], self.scopes) {
            RuleList { rules: &self.rules, default_allow: self.default_allow, ownable: self.ownable }
        } else {
            RuleList { rules: &[], default_allow: false, ownable: false }
        }
    }

    fn named(&self, decider: &str) -> String {
        if decider == "default" { self.default_name.to_owned() } else { decider.to_owned() }
    }
}

/// A request for each route and verb of a set.
fn probes(analysis: &Analysis) -> impl Iterator<Item = (String, String)> {
    analysis.plan.routes.iter().flat_map(|route| &route.ends).flat_map(|(verb, pattern)| {
        let verbs: &[&str] = match &**verb {
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
