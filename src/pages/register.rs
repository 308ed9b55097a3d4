//! Registration.

use serde_json::Map;

use super::{
    answer::Answer,
    challenge::GuardedForm,
    form::Form,
    form_key::Bound,
    input::Visit,
    login::{self, shown},
    notice::{Notice, Notices},
    properties,
    state::{LOGIN, Pages, REGISTER},
    view::View,
};
use crate::{
    accounts::{Fault, Property, Registration, ValidationRule},
    observe::metrics::LoginResult,
    policy::{AccountMethod, Reach},
};

/// What follows a registration.
enum Created {
    /// The address must be confirmed before a login.
    ToConfirm,
    /// The user can log in.
    Ready,
}

impl Pages {
    /// Whether a visitor may create an account on the page: by `[pages] register`, by `[users] registration` and by the
    /// rules.
    pub(super) fn may_register(&self, visit: &Visit<'_>) -> bool {
        let is_open = self.accounts.settings().registration == Registration::Open;
        let reach = visit.reach(AccountMethod::Create, None);
        self.settings.register && reach.is_some_and(|reach| is_open || reach > Reach::Everyone)
    }

    /// `GET register`.
    pub(super) fn show_register(&self, visit: &Visit<'_>) -> Answer {
        match self.entry(visit) {
            Ok(_) if !self.may_register(visit) => self.message(visit, "closed"),
            Ok(target) => match self.to_central(visit, REGISTER, &target) {
                Some(answer) => answer,
                None => self.register_view(visit, &target, None).render("register.html"),
            },
            Err(answer) => answer,
        }
    }

    /// `POST register`.
    pub(super) async fn register(&self, visit: &Visit<'_>) -> (Answer, Option<LoginResult>) {
        let target = match self.entry(visit) {
            Ok(_) if !self.may_register(visit) => return (self.message(visit, "closed"), None),
            Ok(target) => target,
            Err(answer) => return (answer, None),
        };
        let (form, refused) = self.form_or(visit, Bound::Browser);
        let created = match refused {
            Some(notices) => Err(notices),
            None => self.registered(visit, &form, &target).await,
        };
        match created {
            Ok(Created::ToConfirm) => {
                let next = login::beside(visit, LOGIN, &target);
                (self.mailed(visit, "registered", &next, form.text("email").trim()), None)
            }
            Ok(Created::Ready) => {
                match self.first_login(visit, &target, form.text("email").trim(), &form).await {
                    Ok(answer) => (answer, Some(LoginResult::Succeeded)),
                    // The account is there; the login page says what is missing.
                    Err(result) => (Answer::redirect(&login::beside(visit, LOGIN, &target)), Some(result)),
                }
            }
            Err(notices) => {
                let view = self.register_view(visit, &target, Some(&form));
                let view = view.with("email", shown(form.text("email")));
                let view = view.with("username", shown(form.text("username")));
                let view = view.with("realm", shown(form.text("realm")));
                (notices.on(view.errors(&notices).render("register.html")), None)
            }
        }
    }

    /// Logs in by the password that a form has just given an account.
    pub(super) async fn first_login(
        &self,
        visit: &Visit<'_>,
        target: &str,
        name: &str,
        form: &Form<'_>,
    ) -> Result<Answer, LoginResult> {
        let issued = self.checked_login(visit, name, form).await.map_err(|notices| notices.login_result())?;
        Ok(self.logged_in(visit, target, form, &issued).await)
    }

    async fn registered(&self, visit: &Visit<'_>, form: &Form<'_>, target: &str) -> Result<Created, Notices> {
        let (email, username) = (form.text("email").trim(), form.text("username").trim());
        let missing = email.is_empty().then(|| Notice::of("email", "error.email_required"));
        let mut wrong: Vec<_> = missing.into_iter().collect();
        if username.is_empty() && self.requires("username") {
            wrong.push(Notice::of("username", "error.username_required"));
        }
        let mut data = Map::new();
        for property in self.own_properties() {
            match properties::read(property, form) {
                Ok(value) => drop(data.insert(property.name.clone(), value)),
                Err(notice) => wrong.push(notice),
            }
        }
        wrong.extend(new_password(form).err());
        if !wrong.is_empty() {
            return Err(Notices(wrong));
        }
        self.spend_challenge(visit, GuardedForm::Register, form)?;
        data.insert("email".to_owned(), email.into());
        data.insert("password".to_owned(), form.text("password").into());
        for (name, text) in [("username", username), ("realm", form.text("realm"))] {
            if !text.is_empty() {
                data.insert(name.to_owned(), text.into());
            }
        }
        let actor = visit.actor_for(AccountMethod::Create, None);
        let actor = actor.ok_or_else(|| self.notices(visit, &Fault::RegistrationClosed))?;
        let told = |fault: Fault| {
            let notices = self.notices(visit, &fault).0.into_iter();
            Notices(notices.map(|notice| properties::at_field(self.own_properties(), notice)).collect())
        };
        if !self.accounts.settings().email_verification_required {
            let registered = self.accounts.register(actor, data).await;
            return registered.map(|_| Created::Ready).map_err(told);
        }
        // The page says the same to everyone, so it does not tell who has an account.
        let registered = self.accounts.register_to_confirm(actor, data, self.reader(visit, target)).await;
        match registered.err().and_then(beyond_address) {
            None => Ok(Created::ToConfirm),
            Some(fault) => Err(told(fault)),
        }
    }

    /// Whether a new user must have a property.
    fn requires(&self, name: &str) -> bool {
        let mut all = self.accounts.settings().properties.iter();
        all.any(|property| property.name == name && property.required && property.default.is_none())
    }

    /// The app's own properties that the page asks for.
    fn own_properties(&self) -> impl Iterator<Item = &Property> {
        let settings = self.accounts.settings();
        let own = settings.properties.iter().filter(|property| property.is_own_required(&settings.key));
        own.filter(|property| properties::can_be_asked(property))
    }

    fn register_view<'p, 'v>(
        &'p self,
        visit: &'p Visit<'v>,
        target: &str,
        form: Option<&Form<'_>>,
    ) -> View<'p, 'v> {
        let own: Vec<_> = self.own_properties().map(|property| properties::field(property, form)).collect();
        View::new(self, visit)
            .leading(target)
            .guarded(GuardedForm::Register, form)
            .with("login", login::beside(visit, LOGIN, target))
            .with("asks_realm", self.asks_realm() || self.requires("realm"))
            .with("username_required", self.requires("username"))
            .with("properties", own)
            .with("min_length", self.accounts.settings().min_length)
            .with("email", "")
            .with("username", "")
            .with("realm", "")
    }
}

/// The new password of a form, which is typed twice: it is not shown while it is typed.
pub(super) fn new_password<'f>(form: &'f Form<'_>) -> Result<&'f str, Notice> {
    let (password, repeated) = (form.text("password"), form.text("repeat"));
    if password.is_empty() {
        return Err(Notice::of("password", "error.password_required"));
    }
    if password == repeated { Ok(password) } else { Err(Notice::of("repeat", "error.password_differs")) }
}

/// The fault without the violation that a taken address is; `None` if nothing else is wrong.
fn beyond_address(fault: Fault) -> Option<Fault> {
    let Fault::Invalid(mut violations) = fault else { return Some(fault) };
    violations.list.retain(|violation| violation.rule != ValidationRule::EmailTaken);
    (!violations.list.is_empty()).then_some(Fault::Invalid(violations))
}
