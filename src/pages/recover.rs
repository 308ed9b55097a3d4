//! Links of mails that set a password. Opening one changes nothing: mail scanners open them, too.

use std::sync::Arc;

use serde_json::Map;

use super::{
    answer::Answer,
    challenge::GuardedForm,
    form::Form,
    form_key::Bound,
    input::{Transport, Visit},
    login::{self, shown},
    notice::{Notice, Notices},
    register::new_password,
    state::{LOGIN, Pages},
    view::View,
};
use crate::{
    accounts::{Fault, Reset},
    observe::metrics::LoginResult,
    policy::AccountMethod,
    store::Session,
};

/// The page of a link that sets a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// A password that was forgotten.
    Reset,
    /// The first password of an invited user.
    Invite,
}

impl Link {
    /// The key of the page about one that is no good.
    const fn dead(self) -> &'static str {
        match self {
            Self::Reset => "bad_reset",
            Self::Invite => "bad_invite",
        }
    }
}

impl Pages {
    /// Whether a visitor can ask for a link that sets a new password.
    pub(super) fn can_reset(&self, visit: &Visit<'_>) -> bool {
        self.settings.sends_reset && visit.reach(AccountMethod::ResetPassword, None).is_some()
    }

    /// `GET forgot`.
    pub(super) fn show_forgot(&self, visit: &Visit<'_>) -> Answer {
        if !self.can_reset(visit) {
            return self.message(visit, "no_reset");
        }
        self.forgot_view(visit, None).render("forgot.html")
    }

    /// `POST forgot`.
    pub(super) async fn forgot(&self, visit: &Visit<'_>) -> Answer {
        if !self.can_reset(visit) {
            return self.message(visit, "no_reset");
        }
        let (form, refused) = self.form_or(visit, Bound::Browser);
        let asked = match refused {
            Some(notices) => Err(notices),
            None => self.asked(visit, &form).await,
        };
        match asked {
            Ok(()) => {
                let next = login::beside(visit, LOGIN, &self.next(visit));
                self.mailed(visit, "reset_sent", &next, form.text("email").trim())
            }
            Err(notices) => {
                let view = self.forgot_view(visit, Some(&form)).with("email", shown(form.text("email")));
                let view = view.with("realm", shown(form.text("realm")));
                notices.on(view.errors(&notices).render("forgot.html"))
            }
        }
    }

    async fn asked(&self, visit: &Visit<'_>, form: &Form<'_>) -> Result<(), Notices> {
        let (email, realm) = (form.text("email").trim(), form.text("realm"));
        if email.is_empty() {
            return Err(Notice::of("email", "error.email_required").into());
        }
        let mut fields = Map::new();
        fields.insert("email".to_owned(), email.into());
        if !realm.is_empty() {
            fields.insert("realm".to_owned(), realm.into());
        }
        let told = |fault: Fault| self.notices(visit, &fault);
        let reset = Reset::read(&self.accounts, &fields).map_err(told)?;
        let reset = reset.of_page(self.reader(visit, &self.next(visit)));
        let actor = visit.actor_for(AccountMethod::ResetPassword, None);
        let Some(actor) = actor else { return Err(Notice::new(403, "error.closed").into()) };
        self.spend_challenge(visit, GuardedForm::Reset, form)?;
        match self.accounts.request_reset(actor, reset).await {
            // Profile `loopback3` tells its clients; a page says the same to everyone.
            Ok(()) | Err(Fault::EmailNotFound) => Ok(()),
            Err(fault) => Err(told(fault)),
        }
    }

    fn forgot_view<'p, 'v>(&'p self, visit: &'p Visit<'v>, form: Option<&Form<'_>>) -> View<'p, 'v> {
        let login = login::beside(visit, LOGIN, &self.next(visit));
        let view = View::new(self, visit).guarded(GuardedForm::Reset, form).with("login", login);
        view.with("email", "").with("realm", "").with("asks_realm", self.asks_realm())
    }

    /// Where a link leads to in the end: `?to=`, or the root. A mailed link may be of another setting, so a target that
    /// is no longer good is left out.
    pub(super) fn next(&self, visit: &Visit<'_>) -> String {
        self.target(visit).unwrap_or_else(|_| "/".to_owned())
    }

    /// `GET reset` and `GET invite`.
    pub(super) async fn show_link(&self, visit: &Visit<'_>, link: Link) -> Answer {
        match self.link_session(visit, link).await {
            Ok(session) => self.link_view(visit, link, &session).render("reset.html"),
            Err(answer) => answer,
        }
    }

    /// `POST reset` and `POST invite`.
    pub(super) async fn follow_link(&self, visit: &Visit<'_>, link: Link) -> (Answer, Option<LoginResult>) {
        let session = match self.link_session(visit, link).await {
            Ok(session) => session,
            Err(answer) => return (answer, None),
        };
        let (form, refused) = self.form_or(visit, Bound::Browser);
        let set = match refused {
            Some(notices) => Err(notices),
            None => match new_password(&form) {
                Ok(password) => self.set_password(visit, &session, password).await,
                Err(notice) => Err(notice.into()),
            },
        };
        match set {
            Ok(()) => self.after_link(visit, link, &session, &form).await,
            Err(notices) if notices.0.iter().any(|notice| notice.key == "error.link") => {
                (self.dead_link(visit, link.dead()), None)
            }
            Err(notices) => {
                let view = self.link_view(visit, link, &session).errors(&notices);
                (notices.on(view.render("reset.html")), None)
            }
        }
    }

    /// Who accepts an invitation is logged in. After a reset the login page asks for the new password.
    async fn after_link(
        &self,
        visit: &Visit<'_>,
        link: Link,
        session: &Session,
        form: &Form<'_>,
    ) -> (Answer, Option<LoginResult>) {
        let target = self.next(visit);
        let login = || Answer::redirect(&login::noting_before("password", &target));
        if link == Link::Reset {
            return (login(), None);
        }
        let subject = session.subject.load_full();
        let name = subject.email.as_deref().or(subject.username.as_deref()).unwrap_or_default();
        match self.first_login(visit, &target, name, form).await {
            Ok(answer) => (answer, Some(LoginResult::Succeeded)),
            Err(result) => (login(), Some(result)),
        }
    }

    async fn set_password(
        &self,
        visit: &Visit<'_>,
        session: &Session,
        password: &str,
    ) -> Result<(), Notices> {
        let bad_link = || Notices::from(Notice::new(403, "error.link"));
        // The visitor is the one who has the link, whichever user is logged in.
        let visitor = Visit { session: None, ..*visit };
        let actor = visitor.actor_for(AccountMethod::SetPassword, Some(session)).ok_or_else(bad_link)?;
        match self.accounts.follow_link(actor, session, password).await {
            Ok(()) => Ok(()),
            Err(Fault::SessionEnded | Fault::SessionUserGone(_) | Fault::ResetTokenRequired) => {
                Err(bad_link())
            }
            Err(fault) => Err(self.notices(visit, &fault)),
        }
    }

    /// The session of the token in a link, if it is good for a new password.
    async fn link_session(&self, visit: &Visit<'_>, link: Link) -> Result<Arc<Session>, Answer> {
        if visit.transport == Transport::Clear {
            return Err(self.message(visit, "clear"));
        }
        let token = visit.param("token").unwrap_or_default();
        match self.accounts.session(&token).await {
            Ok(session) if visit.reach(AccountMethod::SetPassword, Some(&session)).is_some() => {
                // The token of a login or of a script in a link is none that was mailed.
                if !self.accounts.takes_for_reset(&session) {
                    return Err(self.dead_link(visit, link.dead()));
                }
                Ok(session)
            }
            Ok(_) | Err(Fault::TokenRequired | Fault::TokenExpired) => {
                Err(self.dead_link(visit, link.dead()))
            }
            Err(fault) => {
                let notices = self.notices(visit, &fault);
                Err(notices.on(self.dead_link(visit, link.dead())))
            }
        }
    }

    fn link_view<'p, 'v>(&'p self, visit: &'p Visit<'v>, link: Link, session: &Session) -> View<'p, 'v> {
        let subject = session.subject.load();
        let name = subject.email.as_deref().or(subject.username.as_deref()).unwrap_or_default();
        View::new(self, visit)
            .with("key", if link == Link::Invite { "invite" } else { "reset" })
            .with("account", name)
            .with("min_length", self.accounts.settings().min_length)
    }
}
