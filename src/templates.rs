//! Templates of pages and mails: built in, overridden by files of a folder, in several languages.
//!
//! A template asks for its texts with `t("key", name=value)`. [`Catalogue`] has them for each language. Values in `.html`
//! templates are escaped.

mod catalogue;
mod dates;
mod language;

use std::{collections::BTreeMap, sync::OnceLock};

use minijinja::{
    Environment, Error, ErrorKind, State, UndefinedBehavior, Value,
    syntax::SyntaxConfig,
    value::{Kwargs, Serde},
};
use serde::Serialize;

pub use catalogue::Catalogue;
pub use language::{Language, UnknownLanguage};

/// Templates by name. Compiled at the first use, because most processes render none.
#[derive(Debug)]
pub struct Templates {
    built_in: &'static [(&'static str, &'static str)],
    overrides: BTreeMap<String, String>,
    texts: &'static Catalogue,
    compiled: OnceLock<Environment<'static>>,
}

/// A template cannot be compiled or rendered.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// Its syntax, or a name that is not defined.
    #[error("template `{name}`{place}: {error}")]
    Broken {
        /// The file name.
        name: String,
        /// ` line N`, if it is known.
        place: String,
        /// The description of the engine.
        error: String,
    },
    /// A file in the folder that overrides nothing.
    #[error("`{name}` is the name of no template; there are {known}")]
    Unknown {
        /// The file name.
        name: String,
        /// All names.
        known: String,
    },
}

impl Templates {
    /// Templates as they are built in: name and text.
    #[must_use]
    pub const fn new(built_in: &'static [(&'static str, &'static str)], texts: &'static Catalogue) -> Self {
        Self { built_in, overrides: BTreeMap::new(), texts, compiled: OnceLock::new() }
    }

    /// The same with other texts for some names.
    ///
    /// # Errors
    /// [`TemplateError`], if a name is unknown or a text cannot be compiled.
    pub fn overridden(self, overrides: BTreeMap<String, String>) -> Result<Self, TemplateError> {
        if let Some(name) = overrides.keys().find(|name| self.built_in(name).is_none()) {
            let known: Vec<_> = self.built_in.iter().map(|(name, _)| *name).collect();
            return Err(TemplateError::Unknown { name: name.clone(), known: known.join(", ") });
        }
        let with = Self { overrides, compiled: OnceLock::new(), ..self };
        for name in with.overrides.keys() {
            with.environment().get_template(name).map_err(|error| broken(name, &error))?;
        }
        Ok(with)
    }

    /// Renders a template. It has the variable `lang` beside those of `context`.
    ///
    /// # Errors
    /// [`TemplateError::Broken`], if it uses what is not defined.
    pub fn render(
        &self,
        name: &str,
        language: Language,
        context: impl Serialize,
    ) -> Result<String, TemplateError> {
        let context = minijinja::context! { lang => language.code(), ..Value::from(Serde(context)) };
        let rendered = self.environment().get_template(name).and_then(|template| template.render(context));
        rendered.map_err(|error| broken(name, &error))
    }

    /// Whether a template is not the built-in one.
    #[must_use]
    pub fn overrides(&self, name: &str) -> bool {
        self.overrides.contains_key(name)
    }

    fn built_in(&self, name: &str) -> Option<&'static str> {
        self.built_in.iter().find(|(own, _)| *own == name).map(|(_, text)| *text)
    }

    fn environment(&self) -> &Environment<'static> {
        self.compiled.get_or_init(|| {
            let mut environment = Environment::new();
            // A typing error in a template is an error and not an empty place.
            environment.set_undefined_behavior(UndefinedBehavior::Strict);
            if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
                environment.set_syntax(syntax);
            }
            let (overrides, built_in) = (self.overrides.clone(), self.built_in);
            environment.set_loader(move |name| {
                let built_in = || built_in.iter().find(|(own, _)| *own == name);
                Ok(overrides.get(name).cloned().or_else(|| built_in().map(|(_, text)| (*text).to_owned())))
            });
            let texts = self.texts;
            environment.add_function("t", move |state: &State<'_, '_>, key: &str, values: Kwargs| {
                text(texts, state, key, &values)
            });
            environment.add_filter("date", |state: &State<'_, '_>, ms: i64| dates::date(language(state), ms));
            environment.add_filter("iso", dates::iso);
            let ago = move |state: &State<'_, '_>, ms: i64, now: i64| {
                let (key, count) = dates::distance(ms, now);
                let values = BTreeMap::from([("count".to_owned(), count.to_string())]);
                catalogue_text(texts, language(state), key, Some(count), &values)
            };
            environment.add_filter("ago", ago);
            environment
        })
    }
}

/// The text of a key in the language of the template.
fn text(
    texts: &'static Catalogue,
    state: &State<'_, '_>,
    key: &str,
    values: &Kwargs,
) -> Result<String, Error> {
    let mut given = BTreeMap::new();
    let mut count = None;
    for name in values.args() {
        let value: Value = values.get(name)?;
        if name == "count" {
            count = u64::try_from(value.clone()).ok();
        }
        given.insert(name.to_owned(), value.to_string());
    }
    catalogue_text(texts, language(state), key, count, &given)
}

fn catalogue_text(
    texts: &'static Catalogue,
    language: Language,
    key: &str,
    count: Option<u64>,
    values: &BTreeMap<String, String>,
) -> Result<String, Error> {
    let missing = || Error::new(ErrorKind::UndefinedError, format!("there is no text `{key}`"));
    texts.filled(language, key, count, values).ok_or_else(missing)
}

fn language(state: &State<'_, '_>) -> Language {
    let code = state.lookup("lang");
    code.as_ref().and_then(Value::as_str).and_then(|code| code.parse().ok()).unwrap_or_default()
}

fn broken(name: &str, error: &Error) -> TemplateError {
    let place = error.line().map(|line| format!(" line {line}")).unwrap_or_default();
    let at = error.name().unwrap_or(name).to_owned();
    TemplateError::Broken { name: at, place, error: error.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    static TEXTS: Catalogue = Catalogue::new([
        "hello = 'Hello {name}'\n[n]\none = '{count} day'\nother = '{count} days'",
        "hello = 'Hallo {name}'\n[n]\none = '{count} Tag'\nother = '{count} Tage'",
        "hello = '{name}さん'\n[n]\nother = '{count}日'",
        "hello = '{name}，你好'\n[n]\nother = '{count} 天'",
    ]);

    const BUILT_IN: &[(&str, &str)] = &[
        ("a.html", "<p>{{ t('hello', name=who) }}, {{ t('n', count=days) }}</p>"),
        ("a.txt", "{{ t('hello', name=who) }}"),
        ("layout.html", "<b>{% block body %}{% endblock %}</b>"),
        ("page.html", "{% extends 'layout.html' %}{% block body %}{{ who }}{% endblock %}"),
    ];

    fn with(overrides: &[(&str, &str)]) -> Result<Templates, TemplateError> {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        Templates::new(BUILT_IN, &TEXTS).overridden(overrides.iter().map(own).collect())
    }

    #[test]
    fn texts_are_of_the_language_and_escaped_in_html_alone() {
        let templates = with(&[]).unwrap();
        let values = json!({"who": "<i>", "days": 1});
        for (name, language, expected) in [
            ("a.html", Language::En, "<p>Hello &lt;i&gt;, 1 day</p>"),
            ("a.html", Language::De, "<p>Hallo &lt;i&gt;, 1 Tag</p>"),
            ("a.html", Language::Ja, "<p>&lt;i&gt;さん, 1日</p>"),
            ("a.txt", Language::Zh, "<i>，你好"),
            ("page.html", Language::En, "<b>&lt;i&gt;</b>"),
        ] {
            assert_eq!(templates.render(name, language, &values).unwrap(), expected);
        }
    }

    #[test]
    fn a_folder_overrides_what_it_names() {
        let templates = with(&[("layout.html", "<u>{% block body %}{% endblock %}</u>")]).unwrap();
        let rendered = templates.render("page.html", Language::En, json!({"who": 7})).unwrap();
        assert_eq!(rendered, "<u>7</u>");
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let error = with(&[("layout.html", "x\n{% block %}")]).unwrap_err().to_string();
        assert!(error.contains("`layout.html` line 2"), "{error}");
        let error = with(&[("lay-out.html", "")]).unwrap_err().to_string();
        assert!(error.contains("`lay-out.html`") && error.contains("a.txt"), "{error}");
        for text in ["{{ whom }}", "{{ t('none') }}"] {
            let error = with(&[("a.txt", text)]).unwrap().render("a.txt", Language::En, json!({}));
            assert!(error.unwrap_err().to_string().contains("`a.txt` line 1"), "{text}");
        }
    }
}
