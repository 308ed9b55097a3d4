//! The decision.

mod caller;

use super::{
    Action, OwnerVerdict, PolicySet, Question, Unmatched,
    acl::{Effect, Rule, Who},
    action::Target,
    owner::Ownership,
    table::ModelPolicy,
};

pub use caller::Caller;

/// What was decided.
#[derive(Debug)]
pub enum Decision<'s> {
    /// Go on.
    Permit(Permit<'s>),
    /// No.
    Denial(Denial<'s>),
    /// The walk reached `$owner`: ask the app, then call [`PolicySet::decide`] again with the verdict.
    Ask(Question<'s>),
}

/// The proof that a request was allowed. Only this module makes one.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::manual_non_exhaustive, reason = "this crate's other modules must not make one either")]
pub struct Permit<'s> {
    /// The rule that won, `order.json#/acls/2`; `default`, `unmatched` or `no-such-method` when none did.
    pub rule: &'s str,
    /// Whom that rule lets in.
    pub reach: Reach,
    _proof: (),
}

/// How many callers a rule lets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// `$everyone`; also where no rule applies.
    #[default]
    Everyone,
    /// Every caller who is logged in.
    Authenticated,
    /// The row's owner.
    Owner,
    /// The members of a role, or one user.
    Named,
}

/// A refusal by rule.
#[derive(Clone, Debug)]
pub struct Denial<'s> {
    /// 401, 403 or 404.
    pub status: u16,
    /// The rule that won; `default`, `unmatched` or `scope` when none did, `ambiguous` for a path that means two
    /// routes.
    pub rule: &'s str,
    /// For the 404's text, together with the action's row: the model.
    pub model: &'s str,
}

impl Denial<'_> {
    /// Whether it is for the token's scopes alone, before any rule.
    #[must_use]
    pub fn lacks_scope(&self) -> bool {
        self.rule == LACKS_SCOPE
    }
}

/// What a denial for the token's scopes names in place of a rule.
const LACKS_SCOPE: &str = "scope";

/// The scope of a token without scopes, and of a method without any.
const DEFAULT_SCOPE: &str = "DEFAULT";

/// Where a walk over the rules ended.
#[derive(Clone, Copy, Debug)]
struct Outcome<'s> {
    allowed: bool,
    rule: &'s str,
    reach: Reach,
}

impl PolicySet {
    /// Decides. `owner` is `None` until a [`Question`] was answered.
    #[must_use]
    pub fn decide<'s>(
        &'s self,
        action: &Action<'s, '_>,
        caller: Caller<'_>,
        owner: Option<OwnerVerdict>,
    ) -> Decision<'s> {
        let (route, judge, model) = match action.target {
            Target::Route { route, judge, model, .. } => (route, judge, model),
            // LoopBack's 404 tells nothing that a client does not know.
            Target::NoMethod => {
                return Decision::Permit(Permit::new(super::action::NO_METHOD.name, Reach::Everyone));
            }
            Target::Unmatched => return self.unmatched(action, caller),
            Target::Ambiguous => return self.deny(action, caller, None, "ambiguous"),
        };
        if !has_scope(caller.scopes, &route.operation.scopes) {
            return self.deny(action, caller, Some(model), LACKS_SCOPE);
        }
        let outcome = match walk(&judge.rules, action, caller, owner, model) {
            Ok(outcome) => outcome,
            Err(question) => return Decision::Ask(question),
        };
        if outcome.allowed {
            Decision::Permit(Permit::new(outcome.rule, outcome.reach))
        } else {
            self.deny(action, caller, Some(model), outcome.rule)
        }
    }

    fn unmatched<'s>(&'s self, action: &Action<'s, '_>, caller: Caller<'_>) -> Decision<'s> {
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
        let set = model.and_then(|model| model.error_status).or(self.settings.acl_error_status);
        let status = if caller.user.is_some() { set.unwrap_or(403) } else { 401 };
        Decision::Denial(Denial { status, rule, model: action.model })
    }
}

/// The first rule whose principal the caller is. `Err` when only the app can tell, and its answer would change the
/// outcome.
fn walk<'s>(
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
    };
    let mut stranger = Outcome { allowed: model.default_allow, rule: "default", reach: Reach::Everyone };
    // What holds for the owner, where an owner's rule stands before a stranger's.
    let mut owned = None;
    for rule in rules {
        if rule.who == Who::Owner {
            owned = owned.or_else(|| Some(outcome(rule)));
        } else if rule.who.is(caller, false) {
            stranger = outcome(rule);
            break;
        }
    }
    let (Some(user), Some(owned)) = (caller.user, owned) else { return Ok(stranger) };
    match (model.owner.ownership(action, user), owner) {
        (Ownership::Known(true), _) | (Ownership::Ask(_), Some(OwnerVerdict::Owner)) => Ok(owned),
        (Ownership::Known(false), _) | (Ownership::Ask(_), Some(OwnerVerdict::NotOwner)) => Ok(stranger),
        (Ownership::Ask(_), None) if owned.allowed == stranger.allowed => Ok(stranger),
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
            Self::Role(_) | Self::User(_) => Reach::Named,
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

/// Whether a token has one of the scopes that a route wants (docs/loopback-3.28.md section 1.5).
pub(super) fn has_scope(scopes: &[String], wanted: &[Box<str>]) -> bool {
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
