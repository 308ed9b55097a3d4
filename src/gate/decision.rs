//! The decision about a request.

mod caller;

use std::{borrow::Cow, cell::Cell};

use crate::{
    credential,
    observe::metrics::Decision as Counted,
    policy::{Action, CurrentUser, Decision, OwnerVerdict, Permit},
    refusal::Refusal,
    wire::RequestHead,
};

use super::{
    link,
    request::{JudgedRequest, Request},
    session::Known,
};
use caller::caller;

pub(super) use caller::ANONYMOUS;

/// Refuses `%2f` unless the route allows it.
pub(super) fn check_slashes(head: &RequestHead, action: &Action<'_, '_>) -> Result<(), Refusal> {
    if !head.encoded_slash() || action.encoded_slash {
        return Ok(());
    }
    let message = if action.is_ambiguous() {
        "the path holds an encoded slash, and is another route where it counts as a slash (encoded-slash)"
    } else {
        "the path holds an encoded slash; send `/`, or allow it in the route with `encodedSlash` (encoded-slash)"
    };
    Err(Refusal::BadRequest { status: 400, message: message.to_owned() })
}

impl<'r> Request<'r> {
    /// The head that is judged: with the caller's id in place of the current-user literal, and without credentials
    /// inside its parameters. Pairs that are credentials themselves are removed later, because nothing else reads
    /// them.
    pub(super) fn judged_head(&self, session: Option<&Known>) -> Result<&'r RequestHead, Refusal> {
        let caller = session.map(|known| &*known.subject.id_text);
        let target = match self.rules.set.current_user(self.head.target(), caller) {
            CurrentUser::AsSent => Cow::Borrowed(self.head.target()),
            CurrentUser::Anonymous => {
                return Err(Refusal::Denied { status: 401, model: String::new(), model_id: None });
            }
            CurrentUser::Replaced(target) => Cow::Owned(target),
        };
        let target = self.without_nested(&target).map_or(target, Cow::Owned);
        if matches!(target, Cow::Borrowed(_)) {
            return Ok(self.head);
        }
        let judged = self.head.with_target(&target).map_err(|reject| Refusal::from(&reject))?;
        // An id in the place of the literal must not lead to another app than the one that was found.
        if !self.core.apps.is_same(self.app, judged.host(), judged.path()) {
            return Err(Refusal::NothingHere);
        }
        Ok(self.rewritten.get_or_init(|| Box::new(judged)))
    }

    /// The target without credentials inside of its parameters, if there are any.
    fn without_nested(&self, target: &str) -> Option<String> {
        let settings = &self.gate.settings;
        let (path, query) = target.split_once('?').filter(|_| !settings.forward_credentials)?;
        match credential::strip_nested(&settings.credentials, query) {
            Cow::Borrowed(_) => None,
            Cow::Owned(query) => Some(format!("{path}?{query}")),
        }
    }

    /// Decides. Asks the app for the owner if the rules need it.
    pub(super) async fn decide(
        &self,
        reading: &JudgedRequest<'_, 'r>,
        known_owner: &Cell<Option<OwnerVerdict>>,
    ) -> Result<Permit<'r>, Refusal> {
        let JudgedRequest { action, session, .. } = *reading;
        let Self { rules, record, .. } = self;
        let caller = caller(session, self.client.certificate.as_deref());
        loop {
            match rules.set.decide(action, caller, known_owner.get()) {
                Decision::Permit(permit) => {
                    record.decision.set(Some((Counted::Allow, Some(permit.rule))));
                    return Ok(permit);
                }
                Decision::Denial(denial) => {
                    // A token must not close a page that is open without any.
                    if denial.lacks_scope()
                        && let Some(permit) = link::open_page(
                            &rules.set,
                            action,
                            session.map(|known| known.place),
                            caller.certificate,
                        )
                    {
                        record.as_anonymous.set(true);
                        record.decision.set(Some((Counted::Allow, Some(permit.rule))));
                        return Ok(permit);
                    }
                    record.decision.set(Some((Counted::Deny, Some(denial.rule))));
                    let model_id = action.model_id.as_deref().map(Into::into);
                    return Err(Refusal::Denied {
                        status: denial.status,
                        model: denial.model.to_owned(),
                        model_id,
                    });
                }
                Decision::Ask(question) => {
                    // Set before the look-up, so that a request whose look-up fails is counted as an error.
                    record.decision.set(Some((Counted::Error, None)));
                    // The rules ask for one owner only; a second question must not loop.
                    if known_owner.get().is_some() {
                        return Err(Refusal::OwnerUnknown);
                    }
                    // A session may outlive its user's row, which then has neither (docs/loopback-3.28.md
                    // section 1.3).
                    let exists = session.is_some_and(|known| {
                        known.subject.email.is_some() || known.subject.username.is_some()
                    });
                    let answer = Box::pin(self.ask_app(&question)).await?;
                    known_owner.set(Some(question.verdict(&answer, caller, exists)));
                }
            }
        }
    }
}
