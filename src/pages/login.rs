//! The login page.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    cookies::{Browser, Keep},
    device,
    form::{Form, Refused},
    form_key::Bound,
    input::{Transport, Visit},
    notice::{Notice, Notices},
    state::{LOGIN, Pages},
    view::View,
};
use crate::{
    accounts::{Fault, IssuedToken, Login, may_lead_to},
    observe::metrics::LoginResult,
    policy::AccountMethod,
};

/// The life of a login that is not to be remembered, in seconds: a working day.
pub(super) const SHORT_LIFE: f64 = 43_200.0;

/// The longest that browsers keep a cookie, in seconds: 400 days.
pub(super) const LONGEST_COOKIE: f64 = 34_560_000.0;

/// The longest target that is remembered. Longer ones are not worth a header line.
pub(super) const MAX_TARGET: usize = 4096;

/// What a query leaves as it is, so that the address stays readable.
const IN_QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of the login page that leads back to `target`.
pub(super) fn address(target: &str) -> String {
    leading_back(LOGIN, target)
}

/// The address of a page that leads back to `target`.
pub(super) fn leading_back(page: &str, target: &str) -> String {
    if target == "/" || target.len() > MAX_TARGET {
        return page.to_owned();
    }
    format!("{page}?to={}", utf8_percent_encode(target, IN_QUERY))
}

impl Pages {
    /// `GET login`.
    pub(super) fn show_login(&self, visit: &Visit<'_>) -> Answer {
        let target = match self.entry(visit) {
            Ok(target) => target,
            Err(answer) => return answer,
        };
        if let Some(answer) = self.to_central(visit, LOGIN, &target) {
            return answer;
        }
        let note = note(visit);
        // With a note the page is shown: a logout is not followed by a login without a word.
        if let Some(session) = visit.session.filter(|_| note.is_none())
            && let Some(next) = self.handed_over(visit, session, &target)
        {
            return Answer::redirect(&next);
        }
        let view = self.login_view(visit, &target);
        let browser = Browser::read(visit);
        let notice = if visit.session.is_some() {
            None
        } else if let Some((_, key)) = note {
            Some(key)
        } else if browser.is_some_and(|browser| browser.was_just_here(visit.now)) && !visit.has_cookie {
            // The browser was logged in, and comes back without the cookie: without a word it would go round for ever.
            Some("login.loop")
        } else {
            visit.has_cookie.then_some("login.ended")
        };
        view.with("notice", notice).render("login.html")
    }

    /// `POST login`.
    pub(super) async fn log_in(&self, visit: &Visit<'_>) -> (Answer, Option<LoginResult>) {
        let target = match self.entry(visit) {
            Ok(target) => target,
            Err(answer) => return (answer, Some(LoginResult::Invalid)),
        };
        let (form, refused) = self.form_or(visit, Bound::Browser);
        let issued = match refused {
            // Its cookie may be missing because there is none yet; the page that says so brings one.
            Some(notices) => Err(notices),
            None => self.checked_login(visit, form.text("name").trim(), &form).await,
        };
        match issued {
            Ok(issued) => {
                (self.logged_in(visit, &target, &form, &issued).await, Some(LoginResult::Succeeded))
            }
            Err(notices) => {
                let view = self.login_view(visit, &target).with("name", shown(form.text("name")));
                let view =
                    view.with("realm", shown(form.text("realm"))).with("remember", form.is_on("remember"));
                let view = view.with("resend", self.resend_key(visit, &notices));
                let answer = view.errors(&notices).render("login.html");
                (notices.on(answer), Some(notices.login_result()))
            }
        }
    }

    /// What the pages before a login have in common: where it leads to, or the page that says why nothing is asked for.
    pub(super) fn entry(&self, visit: &Visit<'_>) -> Result<String, Answer> {
        let Ok(target) = self.target(visit) else { return Err(self.message(visit, "target")) };
        if visit.transport == Transport::Clear { Err(self.message(visit, "clear")) } else { Ok(target) }
    }

    pub(super) async fn checked_login(
        &self,
        visit: &Visit<'_>,
        name: &str,
        form: &Form<'_>,
    ) -> Result<IssuedToken, Notices> {
        let settings = self.accounts.settings();
        if name.is_empty() {
            return Err(Notice::of("name", "error.name_required").into());
        }
        if form.text("password").is_empty() {
            return Err(Notice::of("password", "error.password_required").into());
        }
        let mut fields = Map::new();
        let key = if name.contains('@') { "email" } else { "username" };
        fields.insert(key.to_owned(), name.into());
        fields.insert("password".to_owned(), form.text("password").into());
        if !form.text("realm").is_empty() {
            fields.insert("realm".to_owned(), form.text("realm").into());
        }
        if !form.is_on("remember") {
            let is_longer = settings.ttl < 0.0 || settings.ttl > SHORT_LIFE;
            fields.insert("ttl".to_owned(), json!(if is_longer { SHORT_LIFE } else { settings.ttl }));
        }
        let login = Login::read(settings, &fields).map_err(|fault| self.notices(visit, &fault))?;
        let agent = visit.header(&http::header::USER_AGENT).unwrap_or_default();
        let login = login.named(device::name(agent, &device::new_group()));
        // Without the caller's session: a new login does not depend on the old one.
        let actor = visit.actor_for(AccountMethod::Login, None);
        let actor = actor.ok_or_else(|| self.notices(visit, &Fault::LoginFailed))?;
        self.accounts.login(actor, login).await.map_err(|fault| self.notices(visit, &fault))
    }

    /// The browser gets its cookie and goes on. The token that it had ends.
    pub(super) async fn logged_in(
        &self,
        visit: &Visit<'_>,
        target: &str,
        form: &Form<'_>,
        issued: &IssuedToken,
    ) -> Answer {
        if let Some(before) = visit.session {
            // It may have ended meanwhile, which is as good.
            let _ = self.end_login(visit, before).await;
        }
        let keep = if form.is_on("remember") { lasting(issued.ttl) } else { Keep::Session };
        let session = self.accounts.session(issued.id.expose()).await.ok();
        let next = session.and_then(|session| self.handed_over(visit, &session, target));
        let browser = Browser::read(visit).map(|browser| browser.at_login(Some(visit.now)));
        Answer::redirect(next.as_deref().unwrap_or(target))
            .cookie(visit.transport.session_cookie(issued.id.expose(), keep))
            .cookie(browser.and_then(|browser| browser.cookie(visit.transport)))
    }

    pub(super) fn login_view<'p, 'v>(&'p self, visit: &'p Visit<'v>, target: &str) -> View<'p, 'v> {
        let register = self.may_register(visit).then(|| beside(visit, super::state::REGISTER, target));
        View::new(self, visit)
            .leading(target)
            .with("target", target)
            .with("asks_realm", self.asks_realm())
            .with("name", "")
            .with("realm", "")
            .with("remember", false)
            .with("register", register)
            .with("can_reset", self.can_reset(visit))
            .with("forgot", beside(visit, super::state::FORGOT, target))
            .with("resend", Value::Null)
            .with("resend_to", beside(visit, super::state::RESEND, target))
            .with("notice", Value::Null)
    }

    /// Whether a name alone says who is meant.
    pub(super) fn asks_realm(&self) -> bool {
        let settings = self.accounts.settings();
        settings.realm_required && settings.realm_delimiter.is_none()
    }

    /// Where a login leads to: `?to=`, or the root.
    pub(super) fn target(&self, visit: &Visit<'_>) -> Result<String, Refused> {
        let Some(target) = visit.param("to") else { return Ok("/".to_owned()) };
        // What a page of another site has put there must not lead away from here (docs/pages.md, "Where a login leads").
        let is_site = || self.settings.sites.as_ref().is_some_and(|sites| sites.lead_to(&target));
        let is_known = may_lead_to(&target, &self.settings.redirect_hosts) || is_site();
        let is_good = is_known && target.len() <= MAX_TARGET;
        if is_good { Ok(target.into_owned()) } else { Err(Refused::CrossSite) }
    }
}

/// What other pages let the login page say.
const NOTES: [(&str, &str); 5] = [
    ("out", "login.out"),
    ("password", "login.password"),
    ("confirmed", "login.confirmed"),
    ("deleted", "login.deleted"),
    ("address", "login.address"),
];

/// The address of the login page with a note.
pub(super) fn noting(note: &str) -> String {
    format!("{LOGIN}?note={note}")
}

/// The same, for a login that leads to `target`.
pub(super) fn noting_before(note: &str, target: &str) -> String {
    let page = address(target);
    let sign = if page.contains('?') { '&' } else { '?' };
    format!("{page}{sign}note={note}")
}

/// What another page lets the login page say: the note and the key of its text.
pub(super) fn note(visit: &Visit<'_>) -> Option<(&'static str, &'static str)> {
    let note = visit.param("note")?;
    NOTES.into_iter().find(|(own, _)| *own == note)
}

/// The address of another page before a login that leads where this one does, for the same browser of another host.
pub(super) fn beside(visit: &Visit<'_>, page: &str, target: &str) -> String {
    let back = leading_back(page, target);
    match visit.asked_by().filter(|_| back.contains('?')) {
        Some(proof) => format!("{back}&for={proof}"),
        None => back,
    }
}

/// What was typed into a field, as far as a person would type. The rest would only make the page heavy.
pub(super) fn shown(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_SHOWN).map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

const MAX_SHOWN: usize = 320;

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the longest cookie"
)]
pub(super) fn lasting(ttl: Option<f64>) -> Keep {
    match ttl {
        Some(ttl) if ttl < 0.0 => Keep::Seconds(LONGEST_COOKIE as u64),
        Some(ttl) => Keep::Seconds(ttl.min(LONGEST_COOKIE) as u64),
        None => Keep::Session,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_back() {
        for (target, expected) in [
            ("/", LOGIN.to_owned()),
            ("/a/b", format!("{LOGIN}?to=/a/b")),
            ("/a?b=c&d=é", format!("{LOGIN}?to=/a%3Fb%3Dc%26d%3D%C3%A9")),
            (&"/x".repeat(MAX_TARGET), LOGIN.to_owned()),
        ] {
            assert_eq!(address(target), expected);
        }
    }

    #[test]
    fn cookies_last_as_long_as_the_token() {
        for (ttl, keep) in [
            (Some(60.5), Keep::Seconds(60)),
            (Some(-1.0), Keep::Seconds(34_560_000)),
            (Some(1e18), Keep::Seconds(34_560_000)),
            (None, Keep::Session),
        ] {
            assert_eq!(lasting(ttl), keep);
        }
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        assert_eq!(shown(&"é".repeat(10_000)), "é".repeat(MAX_SHOWN));
        assert_eq!(shown("ann"), "ann");
    }
}
