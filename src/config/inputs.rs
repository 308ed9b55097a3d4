//! Merges flags, variables and the file: one written value for each key.

mod names;
mod values;

use std::borrow::Cow;

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    finding::{Place, Report, quoted},
    keys::shapes,
    setting::{Located, Written},
    syntax, variables,
};
use crate::config::code::Code;
use names::{in_its_section, is_root, is_section, nearest, nearest_section};

pub(super) use names::{APPS, bare, closest, did_you_mean, is_key};
pub(crate) use values::Inputs;

/// Converts byte offsets of a file to lines and columns.
struct Lines<'t> {
    text: &'t str,
}

impl Inputs {
    pub(crate) fn find(&self, key: &str) -> Option<&Located> {
        self.written.get(key)
    }

    /// Every key that a source sets.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.written.keys().map(String::as_str)
    }

    /// Adds the file. Later sources override it.
    pub(crate) fn add_file(&mut self, text: &str, report: &mut Report) {
        let lines = Lines { text };
        let root = match DeTable::parse(text) {
            Ok(root) => root.into_inner(),
            Err(error) => {
                let at = error.span().map_or(0..0, |span| span);
                let (message, fix) = syntax::explain(text, at.clone(), &one_line(error.message()));
                return report.error(&lines.place(at.start), Code::Syntax, message, fix);
            }
        };
        self.add_table(root, &lines, report);
    }

    /// Adds the readable part of a file with errors.
    pub(crate) fn salvage_file(&mut self, text: &str, report: &mut Report) {
        // Errors are ignored: `load` has reported them before.
        let (root, _) = DeTable::parse_recoverable(text);
        self.add_table(root.into_inner(), &Lines { text }, report);
    }

    fn add_table(&mut self, root: DeTable<'_>, lines: &Lines<'_>, report: &mut Report) {
        for (name, value) in root {
            let place = lines.place(name.span().start);
            self.add_entry(&name.into_inner(), place, lines.located(value), report);
        }
    }

    /// Takes the variables that are meant for settings, and leaves the others alone.
    pub(crate) fn add_environment(&mut self, env: &[(String, String)], report: &mut Report) {
        for (name, value) in env {
            let Some(key) = variables::key(name) else {
                variables::misspelt(name, value, report);
                continue;
            };
            let place = Place::Named(name.clone());
            // Replaced characters in a secret would be a different secret, so the value is refused.
            // A replaced character would silently change a secret.
            if value.contains(char::REPLACEMENT_CHARACTER) {
                let message = format!("the value of `{name}` is not UTF-8");
                report.error(&place, Code::BadValue, message, None);
            } else if is_key(&key) && *name == variables::name(&key) {
                self.add_word(key, place, value);
            } else {
                let near = || nearest(&key).map(|near| did_you_mean(&variables::name(near)));
                let fix = if is_of_apps(&key) { Some(FILE_ALONE.to_owned()) } else { near() };
                report.error(&place, Code::UnknownKey, format!("no setting is called `{name}`"), fix);
            }
        }
    }

    /// Adds flags: `("server.http", "127.0.0.1:80")`.
    pub(crate) fn add_flags(&mut self, flags: &[(String, String)], report: &mut Report) {
        for (key, value) in flags {
            let place = Place::Named(format!("--set {key}"));
            if is_key(key) {
                self.add_word(key.clone(), place, value);
            } else {
                let known = || "`portcullis config show` lists all settings".to_owned();
                let near = || nearest(key).map_or_else(known, did_you_mean);
                let fix = Some(if is_of_apps(key) { FILE_ALONE.to_owned() } else { near() });
                report.error(&place, Code::UnknownKey, format!("no setting is called {}", quoted(key)), fix);
            }
        }
    }

    fn add_word(&mut self, key: String, place: Place, value: &str) {
        // A list in brackets may contain commas inside its items; a plain one is split at commas later.
        let list = Some(value).filter(|value| value.trim_start().starts_with('[') && takes_list(&key));
        let written = list.and_then(array).map(|items| listed(items, &place));
        let written = written.unwrap_or_else(|| Written::Word(value.to_owned()));
        self.written.insert(key, Located { written, place });
    }

    fn add_entry(&mut self, name: &str, place: Place, value: Located, report: &mut Report) {
        if is_key(name) {
            self.written.insert(name.to_owned(), value);
        } else if name == APPS {
            self.apps = Some(value);
        // Unknown keys are errors: a misspelled limit or secret would silently have no effect.
        } else if !is_section(name) {
            let (kind, fix) = match value.written {
                Written::Table(_) => {
                    ("section", nearest_section(name).map(|near| format!("did you mean [{near}]?")))
                }
                _ => (
                    "key",
                    nearest(name)
                        .map(|near| if is_root(near) { did_you_mean(near) } else { in_its_section(near) }),
                ),
            };
            report.error(&place, Code::UnknownKey, format!("unknown {kind} {}", quoted(name)), fix);
        } else if let Written::Table(entries) = value.written {
            for (key, place, value) in entries {
                self.add_key(name, &key, &place, value, report);
            }
        } else {
            let message = format!("`{name}` is a section, not a value");
            report.error(
                &place,
                Code::WrongType,
                message,
                Some(format!("write [{name}] once, and its keys below it")),
            );
        }
    }

    fn add_key(&mut self, section: &str, key: &str, place: &Place, value: Located, report: &mut Report) {
        let full = format!("{section}.{key}");
        if is_key(&full) {
            self.written.insert(full, value);
        } else {
            Self::report_unknown(section, key, place, report);
        }
    }

    /// Reports a key that its section does not have.
    pub(in crate::config) fn report_unknown(section: &str, key: &str, place: &Place, report: &mut Report) {
        let full = format!("{section}.{key}");
        let fix = nearest(&full).map(|near| match near.split_once('.') {
            Some((same, key)) if same == section => did_you_mean(key),
            _ => in_its_section(near),
        });
        report.error(place, Code::UnknownKey, format!("unknown key {} in [{section}]", quoted(key)), fix);
    }
}

impl Lines<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place::File { line, column }
    }

    fn located(&self, value: Spanned<DeValue<'_>>) -> Located {
        let place = self.place(value.span().start);
        let written = match value.into_inner() {
            DeValue::String(text) => Written::Text(text.into_owned()),
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix());
                parsed.map_or(Written::Other("so large a number"), Written::Number)
            }
            DeValue::Boolean(truth) => Written::Truth(truth),
            DeValue::Array(items) => {
                Written::List(items.into_iter().map(|item| self.located(item)).collect())
            }
            DeValue::Table(entries) => Written::Table(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let place = self.place(key.span().start);
                        (key.into_inner().into_owned(), place, self.located(value))
                    })
                    .collect(),
            ),
            DeValue::Float(_) => Written::Other("a number with a point"),
            DeValue::Datetime(_) => Written::Other("a date"),
        };
        Located { written, place }
    }
}

/// Whether a key of a variable or a flag is meant for `[[apps]]`.
fn is_of_apps(key: &str) -> bool {
    key.split('.').next() == Some(APPS)
}

/// Why no variable and no flag sets a key of an app.
const FILE_ALONE: &str = "apps are tables, which only the file can have: write [[apps]] there";

/// Whether the value of a key may be a list.
fn takes_list(key: &str) -> bool {
    shapes().iter().any(|shape| shape.key() == key && shape.is_list())
}

/// Parses a list in the notation of TOML or JSON.
fn array(text: &str) -> Option<Vec<Value>> {
    if let Ok(items) = serde_json::from_str(text) {
        return Some(items);
    }
    let table: toml::Table = toml::from_str(&format!("list = {text}")).ok()?;
    let only = Some(table).filter(|table| table.len() == 1)?;
    serde_json::to_value(only.get("list")?).ok()?.as_array().cloned()
}

/// The items of a list from one place.
fn listed(items: Vec<Value>, place: &Place) -> Written {
    let one = |value: Value| Located {
        written: match value {
            Value::String(text) => Written::Text(text),
            Value::Bool(truth) => Written::Truth(truth),
            Value::Number(number) => {
                number.as_i64().map_or(Written::Other("a number with a point"), Written::Number)
            }
            Value::Array(items) => listed(items, place),
            Value::Object(entries) => Written::Table(
                entries
                    .into_iter()
                    .filter_map(|(key, value)| match listed(vec![value], place) {
                        Written::List(mut one) => Some((key, place.clone(), one.pop()?)),
                        _ => None,
                    })
                    .collect(),
            ),
            Value::Null => Written::Other("null"),
        },
        place: place.clone(),
    };
    Written::List(items.into_iter().map(one).collect())
}

fn one_line(message: &str) -> String {
    let line: Cow<'_, str> =
        if message.contains('\n') { message.replace('\n', ", ").into() } else { message.into() };
    line.into_owned()
}
