//! Explains a decision: every rule of the route, the one that decides, and the smallest change that reverses
//! it.
//!
//! The verdict is that of [`PolicySet::decide`]. The details are derived from the same rules.

mod counterfactual;

use serde::Serialize;
use serde_json::Value;

use super::{
    Action, Caller, Decision, OwnerVerdict, Served,
    acl::{Mismatch, Rule, Who},
    action::{FIXED_ROUTES, Target},
    analysis::Analysis,
    body_id,
    caller_classes::CallerClass,
    decide::has_scope,
    owner::Ownership,
    plan::{Candidate, RoutePlan},
};

/// A request with its caller.
#[derive(Clone, Copy, Debug)]
pub struct Inquiry<'i> {
    /// The verb.
    pub method: &'i str,
    /// The raw path.
    pub path: &'i str,
    /// The query, without the `?`.
    pub query: Option<&'i str>,
    /// The body, if it is known.
    pub body: Option<&'i Value>,
    /// The row's id from a log. Used only if path, body and query have none.
    pub model_id: Option<&'i str>,
    /// The caller.
    pub caller: Caller<'i>,
    /// Whether the caller owns the row; `None` = unknown.
    pub owner: Option<bool>,
}

/// A decision with its reasons. Serialized, it is the output of `explain --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Allow or deny.
    pub verdict: Verdict,
    /// The status of the refusal; `None` if the app or the User API answers.
    pub status: Option<u16>,
    /// The route's name, `Order.findById`.
    pub route: String,
    /// The model's name.
    pub model: String,
    /// The method's canonical name, or the route's property.
    pub property: String,
    /// `READ`, `WRITE`, `EXECUTE` or `REPLICATE`.
    pub access_type: &'static str,
    /// The row's id, if the request has one.
    pub model_id: Option<String>,
    /// How often each caller may call the route, such as `60/minute`. It is counted apart from the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// All rules of the model: those that match this request by score, the highest first, then the others.
    pub rules: Vec<RuleLine>,
    /// The rule that decided; `default`, `unmatched`, `scope`, `ambiguous` or `no-such-method` if none did.
    pub winner: String,
    /// The rule, or `default`, that would decide without the winner.
    pub runner_up: Option<String>,
    /// The smallest change that would reverse the verdict.
    pub flip: String,
    /// The question that the gate would ask, if the verdict depends on the owner and the inquiry does not name
    /// one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asks: Option<Asks>,
    /// Further changes that would reverse the verdict, the smallest first.
    #[serde(skip)]
    pub turns: Vec<String>,
}

/// The question about the owner that the gate would ask. The verdict beside it is that for a caller who is not
/// the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asks {
    /// The target of the owner look-up.
    pub target: String,
    /// The verdict if the caller is the owner.
    pub if_owner: Verdict,
}

/// A rule in the explanation of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RuleLine {
    /// The rule's name, such as `order.json#/acls/2`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The score; `None` if the rule does not match the request.
    pub score: Option<i32>,
    /// Whether the rule matches the request and the caller.
    pub applied: bool,
    /// Why it applies or does not.
    pub reason: String,
    /// Principal and permission in one line.
    #[serde(skip)]
    pub text: String,
}

/// The verdict about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The request is allowed.
    Allow,
    /// It is refused.
    Deny,
}

/// A verdict without its reasons, for reports about many requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// The rule that decided, or what took its place.
    pub rule: String,
    /// The route's name.
    pub route: String,
}

/// A decision that does not prove anything, so that it cannot be used to serve a request.
pub(super) struct Decided {
    pub(super) verdict: Verdict,
    pub(super) status: Option<u16>,
    pub(super) rule: String,
    /// The target of the owner look-up, if the inquiry leaves the owner open.
    pub(super) asks: Option<String>,
}

/// The route, the caller and the ownership of an inquiry.
struct ExplainContext<'s> {
    plan: &'s RoutePlan,
    access: &'static str,
    class: CallerClass,
    /// Whether the caller owns the row; `None` = unknown.
    owner: Option<bool>,
    /// Whether the verdict depends on the owner.
    asks: bool,
}

impl Analysis {
    /// Explains one decision.
    #[must_use]
    pub fn explain(&self, inquiry: &Inquiry<'_>) -> Explanation {
        let action = self.action(inquiry);
        let decided = self.decide(&action, inquiry.caller, inquiry.owner);
        let context = self.context(&action, inquiry, decided.asks.is_some());
        let asks = decided.asks.map(|target| {
            let owner = self.decide(&action, inquiry.caller, Some(true));
            Asks { target, if_owner: owner.verdict }
        });
        let lines =
            context.as_ref().map_or_else(Vec::new, |context| self.lines(context, &action, inquiry.caller));
        // None, if the default or a scope decided.
        let winner = lines.iter().position(|line| line.applied && line.reference == decided.rule);
        let next = winner.and_then(|at| lines.iter().skip(at + 1).find(|line| line.applied));
        let runner_up = winner.map(|_| next.map_or("default", |line| &line.reference).to_owned());
        let (flip, turns) = self.counterfactuals(&action, context.as_ref(), &decided.rule);
        Explanation {
            verdict: decided.verdict,
            status: decided.status,
            route: action.route.to_owned(),
            model: action.model.to_owned(),
            property: action.property.to_owned(),
            access_type: action.access_type,
            model_id: action.model_id.as_deref().filter(|id| !id.is_empty()).map(str::to_owned),
            limit: match action.target {
                Target::Route { route, .. } => {
                    route.operation.limit.as_ref().map(|limit| limit.rate.to_string())
                }
                _ => None,
            },
            rules: lines,
            winner: decided.rule,
            runner_up,
            flip,
            asks,
            turns,
        }
    }

    /// The same decision without the reasons.
    #[must_use]
    pub fn judge(&self, inquiry: &Inquiry<'_>) -> Judged {
        let action = self.action(inquiry);
        let decided = self.decide(&action, inquiry.caller, inquiry.owner);
        Judged { verdict: decided.verdict, rule: decided.rule, route: action.route.to_owned() }
    }

    /// The action of the request.
    pub(super) fn action<'s>(&'s self, inquiry: &Inquiry<'s>) -> Action<'s, 's> {
        let mut action = self.set.action(inquiry.method, inquiry.path, inquiry.query);
        action = action.with_body_id(inquiry.body.and_then(body_id));
        // In the same order as a request: an id from a log only fills a gap.
        if action.model_id.is_none() {
            action.model_id = inquiry.model_id.map(Into::into);
        }
        action
    }

    /// Decides as the gate does. An unknown owner counts as another user, the answer that grants less.
    pub(super) fn decide(&self, action: &Action<'_, '_>, caller: Caller<'_>, owner: Option<bool>) -> Decided {
        let verdict = |owner: bool| if owner { OwnerVerdict::Owner } else { OwnerVerdict::NotOwner };
        let mut asks = None;
        let mut decision = self.set.decide(action, caller, owner.map(verdict));
        if let Decision::Ask(question) = decision {
            asks = Some(question.target);
            decision = self.set.decide(action, caller, Some(OwnerVerdict::NotOwner));
        }
        match decision {
            Decision::Permit(permit) => Decided {
                verdict: Verdict::Allow,
                status: (action.served == Served::NoSuchMethod).then_some(404),
                rule: permit.rule.to_owned(),
                asks,
            },
            Decision::Denial(denial) => Decided {
                verdict: Verdict::Deny,
                status: Some(denial.status),
                rule: denial.rule.to_owned(),
                asks,
            },
            Decision::Ask(_) => {
                // The second decision has an owner and does not ask again. If it did, the gate would refuse.
                Decided { verdict: Verdict::Deny, status: Some(503), rule: "owner".to_owned(), asks }
            }
        }
    }

    fn context<'s>(
        &'s self,
        action: &Action<'s, '_>,
        inquiry: &Inquiry<'_>,
        asks: bool,
    ) -> Option<ExplainContext<'s>> {
        let Target::Route { judge, model, .. } = action.target else { return None };
        let index = usize::try_from(action.route_index).ok()?.checked_sub(FIXED_ROUTES)?;
        // What the path shows overrides what the inquiry says.
        let owner = match inquiry.caller.user.map(|user| model.owner.ownership(action, user)) {
            None => Some(false),
            Some(Ownership::Known(is)) => Some(is),
            Some(Ownership::Ask(_)) => inquiry.owner,
        };
        // `CallerClass` requires sorted roles.
        let mut roles = inquiry.caller.roles.to_vec();
        roles.sort();
        let class = CallerClass {
            known: inquiry.caller.user.is_some(),
            user: inquiry.caller.user.map(Into::into),
            roles,
            owner: owner == Some(true),
            certificate: inquiry.caller.certificate.map(Into::into),
        };
        Some(ExplainContext { plan: self.plan.routes.get(index)?, access: judge.access, class, owner, asks })
    }

    /// All rules of the model in the order in which the decision tries them: matching ones first.
    fn lines(
        &self,
        context: &ExplainContext<'_>,
        action: &Action<'_, '_>,
        caller: Caller<'_>,
    ) -> Vec<RuleLine> {
        let Some(model) = self.plan.models.get(context.plan.model) else { return Vec::new() };
        let mut candidates = model.candidates(&self.plan.target(context.plan, context.access));
        candidates.sort_by_key(|candidate| {
            std::cmp::Reverse(candidate.fit.as_ref().map_or(i32::MIN, |rule| rule.score))
        });
        // Scopes are checked before the rules, so without one no rule applies.
        let covered = match action.target {
            Target::Route { route, .. } => has_scope(caller.scopes, &route.operation.scopes),
            _ => false,
        };
        let mut winner: Option<(String, i32)> = None;
        let mut lines = Vec::new();
        for candidate in candidates {
            let applied = covered && candidate.fit.as_ref().is_ok_and(|rule| context.matches(rule));
            let reason = match (&candidate.fit, &winner) {
                (Ok(_), _) if !covered => "not asked: the token's scopes do not cover this route".to_owned(),
                (Ok(rule), None) if applied => {
                    winner = Some((rule.reference.to_string(), rule.score));
                    "decides".to_owned()
                }
                (Ok(rule), Some((first, score))) if applied && rule.score == *score => {
                    format!("applies, but `{first}` has the same score and stands first")
                }
                (Ok(_), Some((first, _))) if applied => format!("applies, but `{first}` has a higher score"),
                (Ok(rule), _) => context.why_not(&rule.who),
                (Err(mismatch), _) => why_no_match(*mismatch, context, action),
            };
            lines.push(line(candidate, applied, reason));
        }
        lines
    }
}

impl ExplainContext<'_> {
    fn matches(&self, rule: &Rule) -> bool {
        rule.who.is(self.class.caller(), self.class.owner)
    }

    /// Why a rule does not match the caller.
    fn why_not(&self, who: &Who) -> String {
        match who {
            Who::Unauthenticated => "the caller is logged in".to_owned(),
            Who::User(id) => format!("the caller is not user {id}"),
            Who::Certificate(subject) => format!("the client has shown no certificate of `{subject}`"),
            _ if !self.class.known => "the caller is anonymous".to_owned(),
            Who::Role(name) => format!("the caller has no role `{name}`"),
            Who::Owner if self.owner.is_none() && !self.asks => {
                "not asked: the verdict does not depend on the owner".to_owned()
            }
            Who::Owner if self.owner.is_none() => {
                "the owner of the row is not given: the caller is taken not to be the owner".to_owned()
            }
            Who::Owner => "the caller does not own the row".to_owned(),
            Who::Everyone | Who::Authenticated => "it does not speak of the caller".to_owned(),
        }
    }
}

fn why_no_match(mismatch: Mismatch, context: &ExplainContext<'_>, action: &Action<'_, '_>) -> String {
    match mismatch {
        Mismatch::Property if action.property.is_empty() => {
            "it names properties, and this route has none".to_owned()
        }
        Mismatch::Property => format!("it is not about `{}`", action.property),
        Mismatch::Access => format!("it is not about {} requests", context.access),
        Mismatch::Principal => "it matches no caller: its principal is unknown".to_owned(),
    }
}

fn line(candidate: Candidate, applied: bool, reason: String) -> RuleLine {
    RuleLine {
        reference: candidate.reference.to_string(),
        score: candidate.fit.ok().map(|rule| rule.score),
        applied,
        reason,
        text: candidate.text,
    }
}
