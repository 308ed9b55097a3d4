//! What each template sees, with an example of each value: for `check`, and for the list in docs/pages.md.

use serde_json::{Map, Value};

/// A variable of a template.
pub(super) struct Variable {
    pub(super) name: &'static str,
    /// An example, as JSON.
    example: &'static str,
    /// Whether it may be null.
    optional: bool,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the list in the documentation"))]
    meaning: &'static str,
}

/// A template with the variables that it has beside those of all.
pub(super) type Described = (&'static str, &'static [Variable]);

const fn always(name: &'static str, example: &'static str, meaning: &'static str) -> Variable {
    Variable { name, example, optional: false, meaning }
}

const fn perhaps(name: &'static str, example: &'static str, meaning: &'static str) -> Variable {
    Variable { name, example, optional: true, meaning }
}

/// The values that show that a form has what it needs to be accepted.
pub(super) const PROOFS: [(&str, &[&str]); 2] =
    [("form_token", &["sample-token", "sample-logout-token"]), ("challenge", &["sample-challenge"])];

/// The variables that every page has.
#[rustfmt::skip]
pub(super) const COMMON: &[Variable] = &[
    always("lang", r#""en""#, "the language of the reader"),
    always("brand", r#""Sample site""#, "the name of the site"),
    always("has_logo", "true", "whether `pages.logo` is set; it is `/.portcullis/assets/logo`"),
    always("has_color", "true", "whether `pages.color` is set; it is `/.portcullis/assets/color.css`"),
    always("errors", r#"[{"text": "Wrong.", "field": "name"}, {"text": "Wrong.", "field": null}]"#, "what is wrong with a form: a list of `text` and `field`, which may be null"),
    always("form_token", r#""sample-token""#, "the value of the field `form_token`, which every form needs"),
    always("logout_token", r#""sample-logout-token""#, "the same for a form that leads to `/.portcullis/logout`"),
    perhaps("challenge", r#"{"text": "sample-challenge", "target": "/", "numbers": 1, "wait": 2}"#, "the check of a form on a busy network, which `check.html` shows, or null"),
    perhaps("user", r#""ann""#, "the name of the user who is signed in, or null"),
    perhaps("style", r#"":root {}""#, "the style sheet where the page has to do without files, as `failure.html` does, or null"),
    always("request_id", r#""sample""#, "the id of the request, as in the access log"),
    always("now", "1795294271688", "the time, in milliseconds; with it, `{{ time|ago(now) }}` is a distance. `{{ time|date }}` and `{{ time|iso }}` are the time itself"),
];

const REALM: Variable = always("realm", r#""""#, "what was typed into that field");
const ASKS_REALM: Variable = always("asks_realm", "true", "whether the form asks for a realm");
const MIN_LENGTH: Variable =
    always("min_length", "8", "the least number of characters of a password (`password.min_length`)");

/// The templates of pages. `layout.html`, `form.html` and `check.html` are parts of them.
#[rustfmt::skip]
pub(super) const PAGES: &[Described] = &[
    ("login.html", &[
        always("target", r#""/""#, "where a login leads"),
        ASKS_REALM,
        always("name", r#""ann""#, "what was typed into that field"),
        REALM,
        always("remember", "true", "whether the box was ticked"),
        perhaps("register", r#""/.portcullis/register""#, "the address of the registration, or null"),
        always("can_reset", "true", "whether a link for a new password is sent"),
        perhaps("notice", r#""login.ended""#, "the key of a text above the form, or null"),
        always("forgot", r#""/.portcullis/forgot""#, "the address of the page that asks for a new password"),
        perhaps("resend", r#""sample""#, "the value of the field `account` of a form that sends the confirmation again, or null"),
        always("resend_to", r#""/.portcullis/resend""#, "where that form leads"),
    ]),
    ("logout.html", &[]),
    ("denied.html", &[always("switch", r#""to=%2F""#, "the query for a login with another account")]),
    ("lost.html", &[always("login", r#""/.portcullis/login""#, "the address of the login page")]),
    ("message.html", &[
        always("key", r#""nothing""#, "the texts `KEY.title`, `KEY.text` and `KEY.next`"),
        always("next", r#""/""#, "where the button leads"),
        perhaps("address", r#""ann@example.com""#, "the address that a mail was sent to, for the text, or null"),
    ]),
    ("failure.html", &[
        always("kind", r#""many""#, "the texts `failure.KIND.title` and `failure.KIND.text`"),
        always("status", "429", "the status of the answer"),
        always("wait", "1", "the seconds to wait, or 0"),
    ]),
    ("register.html", &[
        always("login", r#""/.portcullis/login""#, "the address of the login page"),
        ASKS_REALM,
        always("username_required", "true", "whether the account model requires a username"),
        always("properties", r#"[{"id": "property-age", "label": "Age", "kind": "number", "list": false, "value": "", "autocomplete": "off"},
            {"id": "property-news", "label": "News", "kind": "checkbox", "list": false, "value": "", "autocomplete": "off"}]"#,
            "what else the account model requires: a list of `id`, `label`, `kind`, `list`, `value` and `autocomplete`"),
        MIN_LENGTH,
        always("email", r#""""#, "what was typed into that field"),
        always("username", r#""""#, "what was typed into that field"),
        REALM,
    ]),
    ("forgot.html", &[
        always("login", r#""/.portcullis/login""#, "the address of the login page"),
        always("email", r#""""#, "what was typed into that field"),
        REALM,
        ASKS_REALM,
    ]),
    ("reset.html", &[
        always("key", r#""reset""#, "`reset` or `invite`: the texts `KEY.title` and `KEY.text`"),
        always("account", r#""ann@example.com""#, "the address or the username"),
        MIN_LENGTH,
    ]),
    ("confirm.html", &[always("address", r#""ann@example.com""#, "the address to confirm")]),
    ("address.html", &[always("address", r#""ann@example.com""#, "the new address")]),
    ("account.html", &[
        perhaps("note", r#""password""#, "what was done: `password`, `email`, `address`, `username` or `sent`, or null"),
        perhaps("email", r#""ann@example.com""#, "the address, or null"),
        perhaps("username", r#""ann""#, "the username, or null"),
        always("verified", "true", "whether the address is confirmed"),
        always("can_verify", "true", "whether the user may ask for another link"),
        always("roles", r#"["editor"]"#, "the names of the user's roles"),
        always("can_password", "true", "whether the user may change the password"),
        always("can_email", "true", "whether the user may change the address and the username"),
        always("can_tokens", "true", "whether the user may see the tokens for scripts"),
        always("can_delete", "true", "whether the user may delete the account"),
    ]),
    ("account_error.html", &[]),
    ("account_password.html", &[
        always("account", r#""ann@example.com""#, "the address or the username"),
        MIN_LENGTH,
    ]),
    ("account_email.html", &[
        perhaps("known", r#""ann@example.com""#, "the address now, or null"),
        always("email", r#""""#, "what was typed into that field"),
        perhaps("sent", r#""new@example.com""#, "the address that a link was sent to, or null"),
        always("by_link", "true", "whether a new address waits for a link"),
    ]),
    ("account_username.html", &[always("username", r#""ann""#, "the username, or what was typed into that field")]),
    ("account_sessions.html", &[
        always("has_others", "true", "whether there is more than one"),
        always("sessions", r#"[{"handle": "a1", "own": true, "browser": "Firefox", "system": "Linux", "place": "192.0.2.1", "used": 1, "created": 1},
            {"handle": "b2", "own": false, "browser": null, "system": null, "place": null, "used": 1, "created": 1}]"#,
            "the logins: a list of `handle`, `own`, `browser`, `system`, `place`, `used` and `created`"),
    ]),
    ("account_tokens.html", &[
        always("tokens", r#"[{"handle": "a1", "name": "Report", "scopes": "read", "used": 1, "place": "192.0.2.1", "end": 1},
            {"handle": "b2", "name": "Backup", "scopes": "", "used": null, "place": null, "end": null}]"#,
            "the tokens: a list of `handle`, `name`, `scopes`, `used`, `place` and `end`"),
        always("can_make", "true", "whether the user may make one"),
        always("once", r#""sample""#, "the value of the field `once`, which makes the form good for one token"),
        always("can_end", "true", "whether the user may end one"),
        always("days", "[7, 90]", "the lifetimes to choose from"),
        always("chosen", "90", "the one that is chosen"),
        always("name", r#""""#, "what was typed into that field"),
        always("scope", r#""""#, "what was typed into that field"),
        perhaps("made", r#""sample""#, "the new token, shown once, or null"),
    ]),
    ("account_delete.html", &[]),
];

/// Values for a template: all that a page can show, or as little as it can.
pub(super) fn values(own: &[Variable], full: bool) -> Map<String, Value> {
    let value = |variable: &Variable| {
        let example = serde_json::from_str(variable.example).unwrap_or_default();
        let value = match example {
            _ if !full && variable.optional => Value::Null,
            Value::Bool(_) if !full => Value::Bool(false),
            Value::Array(_) if !full => Value::Array(Vec::new()),
            example => example,
        };
        (variable.name.to_owned(), value)
    };
    COMMON.iter().chain(own).map(value).collect()
}

/// Whether these are the variables that [`PAGES`] describes for a template.
pub(super) fn describes(template: &str, values: &Map<String, Value>) -> bool {
    PAGES.iter().any(|(name, own)| {
        *name == template
            && own.len() == values.len()
            && own.iter().all(|variable| values.contains_key(variable.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::{assert_generated, head, row};

    #[test]
    fn the_documentation_lists_every_variable() {
        let cell = |variables: &[Variable]| {
            let told = |variable: &Variable| format!("`{}`: {}", variable.name, variable.meaning);
            variables.iter().map(told).collect::<Vec<_>>().join(". ")
        };
        let mut text = head(&["template", "variables"]);
        text.push_str(&row(&["all pages", &cell(COMMON)]));
        for (name, own) in PAGES.iter().filter(|(_, own)| !own.is_empty()) {
            text.push_str(&row(&[&format!("`{name}`"), &cell(own)]));
        }
        assert_generated("docs/pages.md", "templates", &text);
    }

    #[test]
    fn every_example_is_json() {
        for variable in PAGES.iter().flat_map(|(_, own)| *own).chain(COMMON) {
            let example: Result<Value, _> = serde_json::from_str(variable.example);
            assert!(example.is_ok_and(|example| !example.is_null()), "{}", variable.name);
        }
    }
}
