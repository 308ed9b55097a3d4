//! The account of the user who is logged in: an overview, and a page for each change.
//!
//! What a stolen session must not do asks for the password: a change of the address, a token, the end of the account.

mod sessions;
mod tokens;
mod username;

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    form::Form,
    form_key::Bound,
    input::{Transport, Visit},
    login::{self, noting, shown},
    logout::signed_out,
    notice::{Notice, Notices},
    register::new_password,
    state::{ACCOUNT, Pages},
    view::View,
};
use crate::{
    accounts::{Fault, PasswordChange},
    policy::AccountMethod,
    store::{Session, User},
};

/// The account pages: their paths without `account`.
pub(super) const PAGES: [&str; 8] =
    ["", "/verify", "/password", "/email", "/username", "/sessions", "/tokens", "/delete"];

/// The user of an account page.
pub(super) struct Owner<'v> {
    session: &'v Arc<Session>,
    user: User,
}

impl Pages {
    /// The list of account pages: `name` without `account`.
    pub(super) async fn account(&self, visit: &Visit<'_>, name: &str) -> Answer {
        let owner = match self.owner(visit).await {
            Ok(owner) => owner,
            Err(answer) => return answer,
        };
        match (name, visit.method) {
            ("", "GET" | "HEAD") => self.show_account(visit, &owner),
            ("/verify", "POST") => self.verify_again(visit, &owner).await,
            ("/password", "GET" | "HEAD") => {
                self.password_view(visit, &owner).render("account_password.html")
            }
            ("/password", "POST") => self.change_password(visit, &owner).await,
            ("/email", "GET" | "HEAD") => self.email_view(visit, &owner).render("account_email.html"),
            ("/email", "POST") => self.change_email(visit, &owner).await,
            ("/username", "GET" | "HEAD") => {
                self.username_view(visit, &owner).render("account_username.html")
            }
            ("/username", "POST") => self.change_username(visit, &owner).await,
            ("/sessions", "GET" | "HEAD") => self.show_sessions(visit, &owner, None).await,
            ("/sessions", "POST") => self.end_sessions(visit, &owner).await,
            ("/tokens", "GET" | "HEAD") => self.show_tokens(visit, &owner, None).await,
            ("/tokens", "POST") => self.change_tokens(visit, &owner).await,
            ("/delete", "GET" | "HEAD") => self.owned(visit, &owner).render("account_delete.html"),
            ("/delete", "POST") => self.delete_account(visit, &owner).await,
            (
                "" | "/verify" | "/password" | "/email" | "/username" | "/sessions" | "/tokens" | "/delete",
                _,
            ) => self.message(visit, "method").allowing("GET, HEAD, POST"),
            _ => self.message(visit, "nothing"),
        }
    }

    /// The user who is logged in; otherwise the way to the login page.
    async fn owner<'v>(&self, visit: &Visit<'v>) -> Result<Owner<'v>, Answer> {
        if visit.transport == Transport::Clear {
            return Err(self.message(visit, "clear"));
        }
        let Some(session) = visit.session else { return Err(Answer::redirect(&login::address(visit.path))) };
        let id = session.subject.load().id.clone();
        match self.accounts.user(&id).await {
            Ok(user) => Ok(Owner { session, user }),
            // Deleted meanwhile.
            Err(Fault::UnknownUser(_)) => Err(Answer::redirect(&login::address(visit.path))),
            Err(fault) => {
                let notices = self.notices(visit, &fault);
                Err(notices.on(self.told(visit, "nothing", ACCOUNT)))
            }
        }
    }

    /// A page with forms of this user.
    fn owned<'p, 'v>(&'p self, visit: &'p Visit<'v>, owner: &'p Owner<'_>) -> View<'p, 'v> {
        View::new(self, visit).bound(Bound::Session(owner.session))
    }

    /// The form of a page of this user.
    fn owned_form<'v>(&self, visit: &Visit<'v>, owner: &Owner<'_>) -> Result<Form<'v>, Notices> {
        let (form, refused) = self.form_or(visit, Bound::Session(owner.session));
        refused.map_or(Ok(form), Err)
    }

    fn show_account(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Answer {
        let session = Some(&**owner.session);
        let may = |method| visit.reach(method, session).is_some();
        let user = &owner.user;
        let roles: Vec<_> = owner.session.subject.load().roles.iter().map(ToString::to_string).collect();
        let note = visit.param("note");
        let note = note.and_then(|note| {
            ["password", "email", "address", "username", "sent"].into_iter().find(|own| *own == note)
        });
        let is_unconfirmed = user.email().is_some() && !user.email_verified();
        self.owned(visit, owner)
            .with("note", note)
            .with("email", user.email())
            .with("username", user.username())
            .with("verified", user.email_verified())
            .with("can_verify", is_unconfirmed && self.settings.sends_confirm && may(AccountMethod::Verify))
            .with("roles", roles)
            .with("can_password", may(AccountMethod::ChangePassword))
            .with("can_email", self.accounts.settings().rename && may(AccountMethod::PatchAttributes))
            .with("can_tokens", may(AccountMethod::ListTokens))
            .with("can_delete", may(AccountMethod::DeleteById))
            .render("account.html")
    }

    async fn verify_again(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Answer {
        let asked = match (self.owned_form(visit, owner), actor(visit, owner, AccountMethod::Verify)) {
            (Err(notices), _) => Err(notices),
            (Ok(_), None) => Err(Notice::new(403, "error.denied").into()),
            (Ok(_), Some(actor)) => {
                let (id, reader) = (owner.user.id.to_string(), self.reader(visit, "/"));
                let asked = self.accounts.request_verification_of(actor, &id, &reader).await;
                asked.map_err(|fault| self.notices(visit, &fault))
            }
        };
        match asked {
            Ok(()) => Answer::redirect(&format!("{ACCOUNT}?note=sent")),
            Err(notices) => {
                notices.on(self.owned(visit, owner).errors(&notices).render("account_error.html"))
            }
        }
    }

    fn password_view<'p, 'v>(&'p self, visit: &'p Visit<'v>, owner: &'p Owner<'_>) -> View<'p, 'v> {
        let name = owner.user.email().or(owner.user.username()).unwrap_or_default().to_owned();
        let min_length = self.accounts.settings().min_length;
        self.owned(visit, owner).with("account", name).with("min_length", min_length)
    }

    async fn change_password(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Answer {
        match self.changed_password(visit, owner).await {
            Ok(()) => Answer::redirect(&format!("{ACCOUNT}?note=password")),
            Err(notices) => {
                notices.on(self.password_view(visit, owner).errors(&notices).render("account_password.html"))
            }
        }
    }

    async fn changed_password(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Result<(), Notices> {
        let form = self.owned_form(visit, owner)?;
        let new = new_password(&form)?;
        let actor = actor(visit, owner, AccountMethod::ChangePassword).ok_or_else(denied)?;
        let change = PasswordChange { old: form.text("current"), new };
        let changed = self.accounts.change_password(actor, owner.session, change).await;
        changed.map_err(|fault| self.notices(visit, &fault))
    }

    fn email_view<'p, 'v>(&'p self, visit: &'p Visit<'v>, owner: &'p Owner<'_>) -> View<'p, 'v> {
        let view = self.owned(visit, owner).with("known", owner.user.email()).with("email", "");
        view.with("sent", Value::Null).with("by_link", self.accounts.confirms_new_addresses())
    }

    async fn change_email(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Answer {
        match self.changed_email(visit, owner).await {
            Ok(Some(sent)) => {
                self.email_view(visit, owner).with("sent", shown(&sent)).render("account_email.html")
            }
            Ok(None) => Answer::redirect(&format!("{ACCOUNT}?note=email")),
            Err(notices) => {
                let form = Form::read(visit).unwrap_or_default();
                let view = self.email_view(visit, owner).with("email", shown(form.text("email")));
                notices.on(view.errors(&notices).render("account_email.html"))
            }
        }
    }

    /// The address that a link was sent to, if the change waits for it.
    async fn changed_email(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Result<Option<String>, Notices> {
        let form = self.owned_form(visit, owner)?;
        let email = form.text("email").trim();
        if email.is_empty() {
            return Err(Notice::of("email", "error.email_required").into());
        }
        let actor = actor(visit, owner, AccountMethod::PatchAttributes).ok_or_else(denied)?;
        let user = self.proven(visit, owner, &form).await?;
        let told = |fault: Fault| self.notices(visit, &fault);
        let reader = self.reader(visit, "/");
        if self.accounts.confirms_new_addresses() {
            let asked = self.accounts.request_address(actor, &user, email, &reader).await;
            return asked.map(|()| Some(email.to_owned())).map_err(told);
        }
        let data = Map::from_iter([("email".to_owned(), json!(email))]);
        let user = self.accounts.patch(actor, user, data).await.map_err(told)?;
        if !self.settings.sends_confirm || user.email_verified() {
            return Ok(None);
        }
        let Some(actor) = self::actor(visit, owner, AccountMethod::Verify) else { return Ok(None) };
        let asked = self.accounts.request_verification_of(actor, &user.id.to_string(), &reader).await;
        asked.map(|()| None).map_err(told)
    }

    /// The user, if the form has their password.
    async fn proven(&self, visit: &Visit<'_>, owner: &Owner<'_>, form: &Form<'_>) -> Result<User, Notices> {
        let proven = self.accounts.prove(visit.actor(), owner.session, form.text("current")).await;
        proven.map_err(|fault| self.notices(visit, &fault))
    }

    async fn delete_account(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Answer {
        match self.deleted_account(visit, owner).await {
            Ok(()) => signed_out(visit, &noting("deleted")),
            Err(notices) => {
                notices.on(self.owned(visit, owner).errors(&notices).render("account_delete.html"))
            }
        }
    }

    async fn deleted_account(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Result<(), Notices> {
        let form = self.owned_form(visit, owner)?;
        let actor = actor(visit, owner, AccountMethod::DeleteById).ok_or_else(denied)?;
        let user = self.proven(visit, owner, &form).await?;
        let deleted = self.accounts.delete(actor, &user.id.to_string()).await;
        deleted.map(|_| ()).map_err(|fault| self.notices(visit, &fault))
    }
}

/// The owner as the actor of a method, if the rules allow it.
fn actor<'a>(
    visit: &Visit<'a>,
    owner: &'a Owner<'_>,
    method: AccountMethod,
) -> Option<crate::accounts::Actor<'a>> {
    visit.actor_for(method, Some(owner.session))
}

fn denied() -> Notices {
    Notice::new(403, "error.denied").into()
}
