//! The link that confirms an address, and the form that sends it again.

use std::time::Duration;

use super::{
    answer::Answer,
    cookies::Browser,
    form_key::Bound,
    input::Visit,
    login,
    notice::{Notice, Notices},
    state::{ACCOUNT, LOGIN, Pages},
    view::View,
};
use crate::{accounts::Fault, policy::AccountMethod};

/// How long the login page may send the link again, after the right password.
const RESEND_LIFE: Duration = Duration::from_secs(900);

impl Pages {
    /// `GET confirm`. Says at once if the link is no good, in the same words for a user that does not exist.
    pub(super) async fn show_confirm(&self, visit: &Visit<'_>) -> Answer {
        let address = match (visit.param("uid"), visit.param("token")) {
            (Some(uid), Some(token)) => self.accounts.address_to_confirm(&uid, &token).await,
            _ => Ok(None),
        };
        match address {
            Ok(Some(address)) => self.confirm_view(visit, &address).render("confirm.html"),
            Ok(None) => self.dead_link(visit, "bad_confirm"),
            Err(fault) => self.notices(visit, &fault).on(self.dead_link(visit, "bad_confirm")),
        }
    }

    fn confirm_view<'p, 'v>(&'p self, visit: &'p Visit<'v>, address: &str) -> View<'p, 'v> {
        View::new(self, visit).with("address", address)
    }

    /// `POST confirm`.
    pub(super) async fn confirm(&self, visit: &Visit<'_>) -> Answer {
        let (Some(uid), Some(token)) = (visit.param("uid"), visit.param("token")) else {
            return self.dead_link(visit, "bad_confirm");
        };
        let (_, refused) = self.form_or(visit, Bound::Browser);
        let confirmed = match (refused, visit.actor_for(AccountMethod::Confirm, None)) {
            (Some(notices), _) => Err(notices),
            (None, None) => return self.dead_link(visit, "bad_confirm"),
            (None, Some(actor)) => match self.accounts.confirm(actor, &uid, &token).await {
                Ok(()) => Ok(()),
                Err(Fault::WrongVerification(_) | Fault::NoUserToConfirm(_)) => {
                    return self.dead_link(visit, "bad_confirm");
                }
                Err(fault) => Err(self.notices(visit, &fault)),
            },
        };
        let target = self.next(visit);
        match confirmed {
            Ok(()) if visit.session.is_some() && target == "/" => Answer::redirect(ACCOUNT),
            Ok(()) if visit.session.is_some() => Answer::redirect(&target),
            Ok(()) => Answer::redirect(&login::noting_before("confirmed", &target)),
            Err(notices) => match self.accounts.address_to_confirm(&uid, &token).await {
                Ok(Some(address)) => {
                    notices.on(self.confirm_view(visit, &address).errors(&notices).render("confirm.html"))
                }
                _ => notices.on(self.dead_link(visit, "bad_confirm")),
            },
        }
    }

    /// What lets this browser have the link sent again, after the right password of an account whose address is not
    /// confirmed: the account, sealed. The password is not in the page.
    pub(super) fn resend_key(&self, visit: &Visit<'_>, notices: &Notices) -> Option<String> {
        let account = notices.unconfirmed().filter(|_| self.settings.sends_confirm)?;
        let browser = Browser::read(visit)?;
        Some(self.shared.key.seal(&browser, &account.to_string(), visit.now.plus(RESEND_LIFE)))
    }

    /// `POST resend`: sends the link again that confirms an address. The answer is the same whatever became of the
    /// account meanwhile.
    pub(super) async fn resend(&self, visit: &Visit<'_>) -> Answer {
        let target = match self.entry(visit) {
            Ok(target) => target,
            Err(answer) => return answer,
        };
        let (form, refused) = self.form_or(visit, Bound::Browser);
        let sent = match refused {
            Some(notices) => Err(notices),
            None => self.resent(visit, form.text("account"), &target).await,
        };
        match sent {
            Ok(()) => self.told(visit, "resent", &login::beside(visit, LOGIN, &target)),
            Err(notices) => notices.on(self.login_view(visit, &target).errors(&notices).render("login.html")),
        }
    }

    async fn resent(&self, visit: &Visit<'_>, sealed: &str, target: &str) -> Result<(), Notices> {
        let browser = Browser::read(visit);
        let account = browser.and_then(|browser| self.shared.key.open(&browser, sealed, visit.now));
        let account = account.ok_or_else(|| Notices::from(Notice::new(403, "error.stale")))?;
        // By the right of a registration, which sends the same mail: the password has proven the account.
        let visitor = Visit { session: None, ..*visit };
        let reader = self.reader(visit, target);
        match self.accounts.request_verification_of(visitor.actor(), account, &reader).await {
            Ok(()) | Err(Fault::NoInstance(_) | Fault::NoEmail) => Ok(()),
            Err(fault) => Err(self.notices(visit, &fault)),
        }
    }
}
