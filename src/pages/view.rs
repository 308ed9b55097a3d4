//! Renders a page: its own variables, and those that every page has.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    answer::Answer,
    challenge::GuardedForm,
    cookies::Browser,
    form::Form,
    form_key::Bound,
    guard::CHALLENGE,
    input::{Visit, display_name},
    notice::{Notice, Notices},
    sample,
    state::Pages,
};
use crate::{
    accounts::Reader,
    templates::{Language, TemplateError},
};

/// The longest target that a mailed link leads to, in bytes: some mail programs cut long addresses.
const MAX_MAILED_TARGET: usize = 512;

/// A page under construction.
pub(super) struct View<'p, 'v> {
    pages: &'p Pages,
    visit: &'p Visit<'v>,
    values: Map<String, Value>,
    bound: Bound<'p>,
    /// The form that may have a challenge, and the challenge that was sent.
    guarded: Option<(GuardedForm, String)>,
    errors: Vec<Value>,
    target: Option<String>,
}

impl<'p, 'v> View<'p, 'v> {
    pub(super) fn new(pages: &'p Pages, visit: &'p Visit<'v>) -> Self {
        let (values, errors) = (Map::new(), Vec::new());
        Self { pages, visit, values, bound: Bound::Browser, guarded: None, errors, target: None }
    }

    /// With a variable.
    pub(super) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.values.insert(name.to_owned(), json!(value));
        self
    }

    /// With forms of the user who is logged in.
    pub(super) fn bound(self, bound: Bound<'p>) -> Self {
        Self { bound, ..self }
    }

    /// With forms that lead to this target in the end.
    pub(super) fn leading(self, target: &str) -> Self {
        Self { target: Some(target.to_owned()), ..self }
    }

    /// With a form that has a challenge if it has to. `form` is what was sent.
    pub(super) fn guarded(self, guarded: GuardedForm, form: Option<&Form<'_>>) -> Self {
        let sent = form.map(|form| form.text(CHALLENGE).to_owned()).unwrap_or_default();
        Self { guarded: Some((guarded, sent)), ..self }
    }

    /// With errors above the form.
    pub(super) fn errors(mut self, notices: &Notices) -> Self {
        let language = self.pages.language(self.visit);
        let shown = |notice: &Notice| json!({ "text": notice.text(language), "field": notice.field });
        self.errors.extend(notices.0.iter().map(shown));
        self
    }

    /// The page.
    pub(super) fn render(self, template: &str) -> Answer {
        let Self { pages, visit, mut values, bound, guarded, errors, target } = self;
        let known = Browser::read(visit);
        let is_new = known.is_none();
        // Browsers keep the cookie back from a form of another site (`SameSite=Lax`). A new one would replace it, and
        // the forms that are open in other tabs would no longer be taken.
        let is_hidden = visit.is_cross_site && !matches!(visit.method, "GET" | "HEAD");
        let Some(browser) = known.or_else(Browser::random) else {
            return Answer::page(String::new()).status(503);
        };
        debug_assert!(
            sample::describes(template, &values),
            "`{template}` has variables that `pages/sample.rs` does not list"
        );
        let subject = visit.subject();
        let challenge = guarded.and_then(|(guarded, sent)| pages.challenge(visit, guarded, &browser, &sent));
        let has_script = challenge.as_ref().is_some_and(|challenge| challenge["wait"] != 0);
        values.insert("challenge".to_owned(), challenge.into());
        values.insert("errors".to_owned(), errors.into());
        values.insert("form_token".to_owned(), pages.shared.key.token(&browser, bound).into());
        values.insert("logout_token".to_owned(), pages.shared.key.token(&browser, Bound::Browser).into());
        values.insert("user".to_owned(), json!(subject.as_deref().map(display_name)));
        values.insert("brand".to_owned(), json!(pages.brand(visit)));
        values.insert("has_logo".to_owned(), pages.settings.logo.is_some().into());
        values.insert("style".to_owned(), Value::Null);
        values.insert("has_color".to_owned(), pages.settings.color.is_some().into());
        values.insert("request_id".to_owned(), visit.request_id.into());
        values.insert("now".to_owned(), visit.now.0.into());
        match pages.templates.render(template, pages.language(visit), &values) {
            Ok(html) => {
                let page = Answer::page(html)
                    .leading_to(&pages.form_origins(visit, target.as_deref()))
                    .cookie(browser.cookie(visit.transport).filter(|_| is_new && !is_hidden));
                if has_script { page.with_script() } else { page }
            }
            Err(error) => pages.broken(visit, &error),
        }
    }
}

impl Pages {
    pub(super) fn language(&self, visit: &Visit<'_>) -> Language {
        Language::choose(visit.header(&http::header::ACCEPT_LANGUAGE), &self.settings.languages)
    }

    /// The reader of a mail that this visit asks for. `target`: where the person wants to go in the end.
    pub(super) fn reader(&self, visit: &Visit<'_>, target: &str) -> Reader {
        let next = Some(target).filter(|target| *target != "/" && target.len() <= MAX_MAILED_TARGET);
        Reader { language: Some(self.language(visit).code()), next: next.map(str::to_owned) }
    }

    /// The name of the site.
    pub(super) fn brand<'a>(&'a self, visit: &Visit<'a>) -> &'a str {
        self.settings.title.as_deref().unwrap_or_else(|| named(visit.host))
    }

    /// The answer if a template of the operator's folder fails: the log says why.
    pub(super) fn broken(&self, visit: &Visit<'_>, error: &TemplateError) -> Answer {
        if let Some(more) = self.failures.say(visit.now) {
            tracing::error!(%error, more, "a page could not be rendered");
        }
        Answer::page("<!doctype html><title>500</title><p>Internal Server Error</p>\n".to_owned()).status(500)
    }
}

/// A host without its port, which says nothing to a person.
pub(super) fn named(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => host,
    }
}
