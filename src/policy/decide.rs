//! The decision about an action.

mod caller;

use super::{
    Action, OwnerVerdict, PolicySet, Question, Unmatched,
    acl::{Effect, Rule, Who},
    action::Target,
    owner::Ownership,
    table::ModelPolicy,
};

pub use caller::Caller;

/// The result of a decision.
#[derive(Debug)]
pub enum Decision<'s> {
    /// The request is allowed.
    Permit(Permit<'s>),
    /// The request is refused.
    Denial(Denial<'s>),
    /// A rule for `$owner` may decide. Ask the app, then call [`PolicySet::decide`] again with the verdict.
    Ask(Question<'s>),
}

/// The proof that a request was allowed. Only this module creates one, so that unchecked code does not compile.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::manual_non_exhaustive, reason = "this crate's other modules must not make one either")]
pub struct Permit<'s> {
    /// The rule that decided, `order.json#/acls/2`; `default`, `unmatched` or `no-such-method` if none did.
    pub rule: &'s str,
    /// The audience of that rule.
    pub reach: Reach,
    _proof: (),
}

/// The audience of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// `$everyone`, also if no rule applies.
    #[default]
    Everyone,
    /// Every caller who is logged in.
    Authenticated,
    /// The row's owner.
    Owner,
    /// The members of a role, one user, or the clients with one certificate.
    Named,
}

/// A refusal by the rules.
#[derive(Clone, Debug)]
pub struct Denial<'s> {
    /// 401, 403 or 404.
    pub status: u16,
    /// The rule that decided; `default`, `unmatched` or `scope` if none did, `ambiguous` if servers read the
    /// path as different routes.
    pub rule: &'s str,
    /// Whether that rule comes with LoopBack: no file and no row of the store has it.
    pub is_built_in: bool,
    /// The model, which the text of a 404 names together with the action's row.
    pub model: &'s str,
}

impl Denial<'_> {
    /// Whether the reason is the token's scopes, before any rule.
    #[must_use]
    pub fn lacks_scope(&self) -> bool {
        self.rule == LACKS_SCOPE
    }
}

/// Takes the place of a rule in a denial for the token's scopes.
const LACKS_SCOPE: &str = "scope";

/// The scope of a token without scopes, and of a method that names none.
const DEFAULT_SCOPE: &str = "DEFAULT";

/// The result of a search through the rules.
#[derive(Clone, Copy, Debug)]
struct Outcome<'s> {
    allowed: bool,
    rule: &'s str,
    reach: Reach,
    is_built_in: bool,
}

impl PolicySet {
    /// Decides about an action. `owner` is `None` until a [`Question`] was answered.
    #[must_use]
    pub fn decide<'s>(
        &'s self,
        action: &Action<'s, '_>,
        caller: Caller<'_>,
        owner: Option<OwnerVerdict>,
    ) -> Decision<'s> {
        let (route, judge, model) = match action.target {
            Target::Route { route, judge, model, .. } => (route, judge, model),
            // A permit, because LoopBack answers 404 for a method that does not exist before it asks any rule
            // (docs/loopback-3.28.md section 0). The answer is the same for every caller and reveals nothing.
            Target::NoMethod => {
                return Decision::Permit(Permit::new(super::action::NO_METHOD.name, Reach::Everyone));
            }
            // No model and no file covers the path, so the setting decides.
            Target::Unmatched => return self.unmatched(action, caller),
            Target::Ambiguous => return self.deny(action, caller, None, "ambiguous"),
        };
        // Before the rules, as in LoopBack: a method for `$everyone` also requires the scope
        // (docs/loopback-3.28.md section 8.2).
        if !has_scope(caller.scopes, &route.operation.scopes) {
            return self.deny(action, caller, Some(model), LACKS_SCOPE);
        }
        let outcome = match first_match(&judge.rules, action, caller, owner, model) {
            Ok(outcome) => outcome,
            Err(question) => return Decision::Ask(question),
        };
        if outcome.allowed {
            Decision::Permit(Permit::new(outcome.rule, outcome.reach))
        } else {
            let denial = self.denial(action, caller, Some(model), outcome.rule);
            Decision::Denial(Denial { is_built_in: outcome.is_built_in, ..denial })
        }
    }

    fn unmatched<'s>(&'s self, action: &Action<'s, '_>, caller: Caller<'_>) -> Decision<'s> {
        // A token that is limited to a scope (a reset token, say) must not open what no rule mentions.
        if !has_scope(caller.scopes, &[]) {
            return self.deny(action, caller, None, LACKS_SCOPE);
        }
        let allowed = match self.settings.unmatched {
            Unmatched::Allow => true,
            Unmatched::Authenticated => caller.user.is_some(),
            Unmatched::Deny => false,
        };
        if allowed {
            return Decision::Permit(Permit::new(super::action::UNMATCHED.name, Reach::Everyone));
        }
        self.deny(action, caller, None, super::action::UNMATCHED.name)
    }

    fn deny<'s>(
        &'s self,
        action: &Action<'s, '_>,
        caller: Caller<'_>,
        model: Option<&ModelPolicy>,
        rule: &'s str,
    ) -> Decision<'s> {
        Decision::Denial(self.denial(action, caller, model, rule))
    }

    fn denial<'s>(
        &'s self,
        action: &Action<'s, '_>,
        caller: Caller<'_>,
        model: Option<&ModelPolicy>,
        rule: &'s str,
    ) -> Denial<'s> {
        let set = model.and_then(|model| model.error_status).or(self.settings.acl_error_status);
        // Always 401 without a valid token, as in LoopBack (docs/loopback-3.28.md section 8.8).
        let status = if caller.user.is_some() { set.unwrap_or(403) } else { 401 };
        Denial { status, rule, is_built_in: false, model: action.model }
    }
}

/// The outcome of the first rule whose principal matches the caller. `Err` if it depends on the owner, whom
/// only the app knows.
fn first_match<'s>(
    rules: &'s [Rule],
    action: &Action<'s, '_>,
    caller: Caller<'_>,
    owner: Option<OwnerVerdict>,
    model: &'s ModelPolicy,
) -> Result<Outcome<'s>, Question<'s>> {
    let outcome = |rule: &'s Rule| Outcome {
        allowed: rule.effect.allows(model.default_allow),
        rule: &rule.reference,
        reach: rule.who.reach(),
        is_built_in: rule.is_built_in,
    };
    let mut otherwise =
        Outcome { allowed: model.default_allow, rule: "default", reach: Reach::Everyone, is_built_in: false };
    // The outcome for the owner, if a rule for `$owner` precedes the first other match.
    let mut owned = None;
    for rule in rules {
        // The first one only: rules are sorted, so a later one cannot decide.
        if rule.who == Who::Owner {
            owned = owned.or_else(|| Some(outcome(rule)));
        } else if rule.who.is(caller, false) {
            otherwise = outcome(rule);
            break;
        }
    }
    // An anonymous caller owns nothing, so the app is not asked.
    let (Some(user), Some(owned)) = (caller.user, owned) else { return Ok(otherwise) };
    match (model.owner.ownership(action, user), owner) {
        (Ownership::Known(true), _) | (Ownership::Ask(_), Some(OwnerVerdict::Owner)) => Ok(owned),
        (Ownership::Known(false), _) | (Ownership::Ask(_), Some(OwnerVerdict::NotOwner)) => Ok(otherwise),
        // The owner's outcome is the same, so the app need not be asked.
        (Ownership::Ask(_), None) if owned.allowed == otherwise.allowed => Ok(otherwise),
        (Ownership::Ask(question), None) => Err(question),
    }
}

impl<'s> Permit<'s> {
    fn new(rule: &'s str, reach: Reach) -> Self {
        Self { rule, reach, _proof: () }
    }
}

impl Who {
    fn reach(&self) -> Reach {
        match self {
            Self::Everyone | Self::Unauthenticated => Reach::Everyone,
            Self::Authenticated => Reach::Authenticated,
            Self::Owner => Reach::Owner,
            Self::Role(_) | Self::User(_) | Self::Certificate(_) => Reach::Named,
        }
    }

    pub(super) fn is(&self, caller: Caller<'_>, is_owner: bool) -> bool {
        match self {
            Self::Everyone => true,
            Self::Authenticated => caller.user.is_some(),
            Self::Unauthenticated => caller.user.is_none(),
            Self::Owner => is_owner && caller.user.is_some(),
            Self::Role(name) => caller.user.is_some() && caller.roles.iter().any(|role| role == name),
            Self::User(id) => caller.user == Some(id),
            Self::Certificate(subject) => caller.certificate == Some(subject),
        }
    }
}

impl Effect {
    pub(super) fn allows(self, default_allow: bool) -> bool {
        match self {
            Self::Allow { .. } => true,
            Self::Deny => false,
            Self::Default { .. } => default_allow,
        }
    }
}

/// Whether a token has one of the scopes that a route requires (docs/loopback-3.28.md section 1.5).
pub(super) fn has_scope(scopes: &[String], wanted: &[Box<str>]) -> bool {
    // The usual case on the request path.
    if scopes.is_empty() && wanted.is_empty() {
        return true;
    }
    let has = |scope: &str| match scopes {
        [] => scope == DEFAULT_SCOPE,
        scopes => scopes.iter().any(|known| known == scope),
    };
    match wanted {
        [] => has(DEFAULT_SCOPE),
        wanted => wanted.iter().any(|scope| has(scope)),
    }
}
