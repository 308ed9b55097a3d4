//! Links with a token in the query that lead to public pages.

use crate::{
    credential::Place,
    policy::{Action, Decision, Permit, PolicySet, Served},
    refusal::Refusal,
};

use super::{decision::ANONYMOUS, session::Known};

/// The permit of a request whose token in the query has expired: only for pages of the app that are public.
pub(super) fn without_stale<'r>(
    permit: Result<Permit<'r>, Refusal>,
    stale: Option<Refusal>,
    action: &Action<'_, '_>,
) -> Result<Permit<'r>, Refusal> {
    match stale {
        Some(stale) if permit.is_err() || action.served != Served::App => Err(stale),
        _ => permit,
    }
}

/// Falls back to an anonymous caller if the token of a link lacks the scope (a reset token, say) and the page
/// is public. Methods of LoopBack models stay closed in profile `loopback3`.
pub(super) fn open_page<'s>(
    set: &'s PolicySet,
    action: &Action<'s, '_>,
    session: Option<&Known>,
) -> Option<Permit<'s>> {
    let by_link = session.is_some_and(|known| known.place == Place::Param);
    if !by_link || action.served != Served::App || action.takes.is_some() {
        return None;
    }
    match set.decide(action, ANONYMOUS, None) {
        Decision::Permit(permit) => Some(permit),
        Decision::Denial(_) | Decision::Ask(_) => None,
    }
}
