//! Logging out: a page with one button, because a GET changes nothing.

use super::{
    answer::Answer,
    cookies::{Browser, Keep},
    device,
    form::Refused,
    form_key::Bound,
    input::Visit,
    login,
    notice::Notices,
    state::{LOGIN, Pages},
    view::View,
};
use crate::{accounts::Fault, store::Session};

impl Pages {
    /// Ends a login: its session here, and those of other hosts that it was handed over to.
    pub(super) async fn end_login(&self, visit: &Visit<'_>, session: &Session) -> Result<(), Fault> {
        let tokens = self.accounts.tokens(&session.subject.load().id).await?;
        let own = tokens.iter().find(|token| token.hash == session.hash).and_then(device::group_of);
        self.accounts.logout(visit.actor(), session).await?;
        for token in tokens.iter().filter(|token| own.is_some() && device::group_of(token) == own) {
            if token.hash != session.hash {
                self.accounts.revoke(visit.actor(), token).await?;
            }
        }
        Ok(())
    }

    /// `GET logout`.
    pub(super) fn show_logout(&self, visit: &Visit<'_>) -> Answer {
        if visit.session.is_none() {
            return Answer::redirect(LOGIN);
        }
        View::new(self, visit).render("logout.html")
    }

    /// `POST logout`. With `?to=` the browser goes on to the login page, and from there back.
    pub(super) async fn log_out(&self, visit: &Visit<'_>) -> Answer {
        let Ok(target) = self.target(visit) else { return self.message(visit, "target") };
        let goes_on = visit.param("to").is_some();
        let next = if goes_on { login::address(&target) } else { login::noting("out") };
        match self.form(visit, Bound::Browser) {
            Ok(_) => {}
            // There is no session to end, or a page of another site has sent this, without our cookies: they stay.
            Err(Refused::Stale | Refused::NoCookie) if visit.session.is_none() => {
                return Answer::redirect(&next);
            }
            Err(refused) => {
                let notices = Notices::from(refused);
                return notices.on(View::new(self, visit).errors(&notices).render("logout.html"));
            }
        }
        if let Some(session) = visit.session {
            match self.end_login(visit, session).await {
                // It ended in another tab.
                Ok(()) | Err(Fault::TokenRequired) => {}
                Err(fault) => {
                    let notices = self.notices(visit, &fault);
                    return notices.on(View::new(self, visit).errors(&notices).render("logout.html"));
                }
            }
        }
        signed_out(visit, &next)
    }
}

/// The answer after the end of a login: the browser forgets its cookie, and goes on.
pub(super) fn signed_out(visit: &Visit<'_>, next: &str) -> Answer {
    let browser = Browser::read(visit).map(|browser| browser.at_login(None));
    Answer::redirect(next)
        .cookie(visit.transport.session_cookie("", Keep::Remove))
        .cookie(browser.and_then(|browser| browser.cookie(visit.transport)))
        // Pages that the next person could see with the back button (W3C Clear Site Data).
        .with(http::HeaderName::from_static("clear-site-data"), "\"cache\"")
}
