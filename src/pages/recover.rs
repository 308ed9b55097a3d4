//! Links of mails: a new password, a confirmed address. Opening one changes nothing: mail scanners open them, too.

use std::sync::Arc;

use serde_json::Map;

use super::{
    answer::Answer,
    challenge::GuardedForm,
    form::Form,
    form_key::Bound,
    input::{Transport, Visit},
    login::{noting, shown},
    notice::{Notice, Notices},
    register::new_password,
    state::Pages,
    view::View,
};
use crate::{
    accounts::{Fault, Reset},
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

impl Pages {
    /// Whether a visitor can ask for a link that sets a new password.
    pub(super) fn can_reset(&self, visit: &Visit<'_>) -> bool {
        self.settings.sends_mail && visit.reach(AccountMethod::ResetPassword, None).is_some()
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
            Ok(()) => self.told(visit, "reset_sent", super::state::LOGIN),
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
        let actor = visit.actor_for(AccountMethod::ResetPassword, None);
        let Some(actor) = actor else { return Err(Notice::new(403, "error.closed").into()) };
        self.spend_challenge(visit, GuardedForm::Reset, form)?;
        match self.accounts.request_reset(actor, reset).await {
            // Profile `loopback3` tells its clients; a page says the same to everyone.
            Ok(()) | Err(Fault::EmailNotFound | Fault::ResetNotVerified) => Ok(()),
            Err(fault) => Err(told(fault)),
        }
    }

    fn forgot_view<'p, 'v>(&'p self, visit: &'p Visit<'v>, form: Option<&Form<'_>>) -> View<'p, 'v> {
        let view = View::new(self, visit).guarded(GuardedForm::Reset, form);
        view.with("email", "").with("realm", "").with("asks_realm", self.asks_realm())
    }

    /// `GET reset` and `GET invite`.
    pub(super) async fn show_link(&self, visit: &Visit<'_>, link: Link) -> Answer {
        match self.link_session(visit).await {
            Ok(session) => self.link_view(visit, link, &session).render("reset.html"),
            Err(answer) => answer,
        }
    }

    /// `POST reset` and `POST invite`.
    pub(super) async fn follow_link(&self, visit: &Visit<'_>, link: Link) -> Answer {
        let session = match self.link_session(visit).await {
            Ok(session) => session,
            Err(answer) => return answer,
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
            Ok(()) => Answer::redirect(&noting("password")),
            Err(notices) if notices.0.iter().any(|notice| notice.key == "error.link") => {
                self.message(visit, "bad_link")
            }
            Err(notices) => {
                notices.on(self.link_view(visit, link, &session).errors(&notices).render("reset.html"))
            }
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
        match self.accounts.reset_password(actor, session, password).await {
            Ok(()) => Ok(()),
            Err(Fault::SessionEnded | Fault::SessionUserGone(_) | Fault::ResetTokenRequired) => {
                Err(bad_link())
            }
            Err(fault) => Err(self.notices(visit, &fault)),
        }
    }

    /// The session of the token in a link, if it is good for a new password.
    async fn link_session(&self, visit: &Visit<'_>) -> Result<Arc<Session>, Answer> {
        if visit.transport == Transport::Clear {
            return Err(self.message(visit, "clear"));
        }
        let token = visit.param("token").unwrap_or_default();
        match self.accounts.session(&token).await {
            Ok(session) if visit.reach(AccountMethod::SetPassword, Some(&session)).is_some() => {
                // A login token in a link is none that was mailed.
                if session.scopes.is_empty() && !self.accounts.settings().loopback {
                    return Err(self.message(visit, "bad_link"));
                }
                Ok(session)
            }
            Ok(_) | Err(Fault::TokenRequired | Fault::TokenExpired) => Err(self.message(visit, "bad_link")),
            Err(fault) => {
                let notices = self.notices(visit, &fault);
                Err(notices.on(self.told(visit, "bad_link", super::state::LOGIN)))
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

    /// `GET confirm`.
    pub(super) fn show_confirm(&self, visit: &Visit<'_>) -> Answer {
        if visit.param("uid").is_none() || visit.param("token").is_none() {
            return self.message(visit, "bad_link");
        }
        View::new(self, visit).render("confirm.html")
    }

    /// `POST confirm`.
    pub(super) async fn confirm(&self, visit: &Visit<'_>) -> Answer {
        let (Some(uid), Some(token)) = (visit.param("uid"), visit.param("token")) else {
            return self.message(visit, "bad_link");
        };
        let (_, refused) = self.form_or(visit, Bound::Browser);
        let confirmed = match (refused, visit.actor_for(AccountMethod::Confirm, None)) {
            (Some(notices), _) => Err(notices),
            (None, None) => return self.message(visit, "bad_link"),
            (None, Some(actor)) => match self.accounts.confirm(actor, &uid, &token).await {
                Ok(()) => Ok(()),
                Err(Fault::WrongVerification(_) | Fault::NoUserToConfirm(_)) => {
                    return self.message(visit, "bad_link");
                }
                Err(fault) => Err(self.notices(visit, &fault)),
            },
        };
        match confirmed {
            Ok(()) if visit.session.is_some() => Answer::redirect(super::state::ACCOUNT),
            Ok(()) => Answer::redirect(&noting("confirmed")),
            Err(notices) => notices.on(View::new(self, visit).errors(&notices).render("confirm.html")),
        }
    }
}
