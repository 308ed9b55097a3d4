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
    state::Pages,
    view::View,
};
use crate::{
    accounts::Fault,
    store::{Session, Token},
};

impl Pages {
    /// Ends a login: its session here, and those of other hosts that it was handed over to.
    pub(super) async fn end_login(&self, visit: &Visit<'_>, session: &Session) -> Result<(), Fault> {
        let tokens = self.accounts.tokens(&session.subject.load().id).await?;
        let group = |token: &Token| token.name.as_deref().and_then(device::group).map(str::to_owned);
        let own = tokens.iter().find(|token| token.hash == session.hash).and_then(group);
        self.accounts.logout(visit.actor(), session).await?;
        for token in tokens.iter().filter(|token| own.is_some() && group(token) == own) {
            if token.hash != session.hash {
                self.accounts.revoke(visit.actor(), token).await?;
            }
        }
        Ok(())
    }

    /// `GET logout`.
    pub(super) fn show_logout(&self, visit: &Visit<'_>) -> Answer {
        if visit.session.is_none() {
            return Answer::redirect(login::address("/"));
        }
        View::new(self, visit).render("logout.html")
    }

    /// `POST logout`. With `?to=` the browser goes on to the login page, and from there back.
    pub(super) async fn log_out(&self, visit: &Visit<'_>) -> Answer {
        let Ok(target) = self.target(visit) else { return self.message(visit, "target") };
        match self.form(visit, Bound::Browser) {
            Ok(_) => {}
            // Without a session there is nothing that a forged request could end.
            Err(Refused::Stale | Refused::NoCookie) if visit.session.is_none() => {}
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
        let goes_on = visit.param("to").is_some();
        let next = if goes_on { login::address(&target) } else { login::noting("out") };
        let browser = Browser::read(visit).map(|browser| browser.at_login(None));
        Answer::redirect(next)
            .cookie(visit.transport.session_cookie("", Keep::Remove))
            .cookie(browser.and_then(|browser| browser.cookie(visit.transport)))
            // Pages that the next person could see with the back button (W3C Clear Site Data).
            .with(http::HeaderName::from_static("clear-site-data"), "\"cache\"")
    }
}
