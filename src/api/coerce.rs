//! Checks the arguments of the app's methods as strong-remoting does before LoopBack asks the rules
//! (docs/loopback-3.28.md section 0, step 5). Nothing is converted: the app does that itself.

mod checked;
mod number;
mod point;

use std::{borrow::Cow, cell::OnceCell};

use serde_json::{Map, Value};

use super::{Body, Problem, json, negotiate};
use crate::{
    javascript,
    policy::{Action, Argument, ArgumentKind as Kind, ArgumentSource as Source, Item},
    wire::RequestHead,
};

/// Checks the types of the arguments of an action's method. `body`: `None` if there is none that LoopBack reads.
///
/// # Errors
/// 400 with strong-remoting's message.
pub fn check_takes(action: &Action<'_, '_>, head: &RequestHead, body: Option<&Body>) -> Result<(), Problem> {
    let Some(takes) = action.takes.filter(|takes| !takes.is_empty()) else { return Ok(()) };
    let nothing = Value::Object(Map::new());
    let body = body.map_or(&nothing, |body| &body.0);
    let given = Given { action, head, body, query: OnceCell::new() };
    takes.iter().try_for_each(|argument| given.check(argument)).map_err(|message| Problem::new(400, message))
}

/// The parts of a request that contain arguments.
struct Given<'r> {
    action: &'r Action<'r, 'r>,
    head: &'r RequestHead,
    body: &'r Value,
    /// Parsed when an argument needs it.
    query: OnceCell<Map<String, Value>>,
}

/// Whether the value has a JSON type, or its type is guessed from its text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Typed,
    Sloppy,
}

use Manner::{Sloppy, Typed};

use checked::Checked;

impl Given<'_> {
    fn check(&self, argument: &Argument) -> Checked {
        let of_body = || if self.is_json() { Typed } else { Sloppy };
        let name = &*argument.name;
        let text = |text: Cow<'_, str>| Cow::Owned(Value::String(text.into_owned()));
        let (value, manner) = match argument.source {
            Source::Path => (self.action.param(name).map(text), Sloppy),
            Source::Query => (self.query().get(name).map(Cow::Borrowed), Sloppy),
            Source::Header => (self.header(name).map(text), Sloppy),
            Source::Form => (self.field(name).map(Cow::Borrowed), of_body()),
            Source::Body => (Some(Cow::Borrowed(self.body)), of_body()),
            Source::Context => (Some(Cow::Owned(Value::Object(Map::new()))), of_body()),
            Source::Options => (Some(Cow::Owned(Value::Object(Map::new()))), Typed),
            Source::Named => self.named(name),
        };
        value.map_or(Ok(()), |value| check(argument.kind, &value, manner, argument.lists))
    }

    /// The first of path, body, query and header that contains the argument.
    fn named(&self, name: &str) -> (Option<Cow<'_, Value>>, Manner) {
        let in_body = self.body.as_object().and_then(|fields| fields.get(name));
        if let Some(segment) = self.action.param(name) {
            let same = in_body.and_then(Value::as_str) == Some(&*segment);
            let manner = if same && self.is_json() { Typed } else { Sloppy };
            return (Some(Cow::Owned(Value::String(segment.into_owned()))), manner);
        }
        if let Some(value) = in_body {
            return (Some(Cow::Borrowed(value)), if self.is_json() { Typed } else { Sloppy });
        }
        if !javascript::truthy(self.body) {
            return (None, Sloppy);
        }
        let value = self.query().get(name).map(Cow::Borrowed);
        let value = value.or_else(|| Some(Cow::Owned(Value::String(self.header(name)?.into_owned()))));
        (value, Sloppy)
    }

    /// A field of the body. If the body is falsy, JavaScript reads every field as the body itself.
    fn field(&self, name: &str) -> Option<&Value> {
        if !javascript::truthy(self.body) {
            return Some(self.body);
        }
        self.body.as_object()?.get(name)
    }

    fn query(&self) -> &Map<String, Value> {
        self.query
            .get_or_init(|| self.head.query().map(|query| negotiate::query(Some(query))).unwrap_or_default())
    }

    /// A header as Node.js provides it: lines of the same name are joined.
    fn header(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut found: Option<Cow<'_, str>> = None;
        for field in self.head.fields().filter(|field| field.name.eq_ignore_ascii_case(name)) {
            let value = String::from_utf8_lossy(field.value);
            found = Some(match found {
                None => value,
                Some(first) => Cow::Owned(format!("{first}, {value}")),
            });
        }
        found
    }

    /// strong-remoting treats the body as typed only if its content type is JSON in lower case.
    fn is_json(&self) -> bool {
        let rest = self.head.field("content-type").and_then(|value| value.strip_prefix(b"application/json"));
        rest.is_some_and(|rest| {
            rest.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_')
        })
    }
}

fn check(kind: Kind, value: &Value, manner: Manner, lists: bool) -> Checked {
    let Some(depth) = kind.lists.checked_sub(1) else {
        return match manner {
            Typed => typed(kind.item, value, lists),
            Sloppy => sloppy(kind.item, value, lists),
        };
    };
    let inner = Kind { lists: depth, ..kind };
    let text = value.as_str();
    if value.is_null() || (manner == Sloppy && matches!(text, Some("" | "null"))) {
        return Ok(());
    }
    match (value, manner) {
        (Value::Array(items), _) => items.iter().try_for_each(|item| check(inner, item, manner, lists)),
        (_, Typed) => Err("Value is not an array."),
        // Since 6.14.1, `qs` turns more than 20 equal parameters into an object, and earlier versions into a list.
        // Either may reach the app, which checks the value itself.
        (Value::Object(items), Sloppy) if is_long_list(items) => {
            items.values().try_for_each(|item| check(inner, item, manner, lists))
        }
        (Value::String(text), Sloppy) if is_wrapped(text, '[', ']') => {
            let list = json::parse(text.as_bytes(), json::DuplicateKeys::LastCounts)
                .map_err(|_| "Cannot parse JSON-encoded array value.")?;
            check(kind, &list, Typed, lists)
        }
        (single, Sloppy) => check(inner, single, Sloppy, lists),
    }
}

/// Checks a value with a JSON type.
fn typed(item: Item, value: &Value, lists: bool) -> Checked {
    let unless = |fits: bool, message| if fits { Ok(()) } else { Err(message) };
    match item {
        Item::Any => Ok(()),
        Item::Boolean => unless(value.is_boolean(), "Value is not a boolean."),
        // LoopBack reports an invalid date after the rules.
        Item::Date => unless(value.is_number() || value.is_string(), "Value is not a valid date."),
        Item::Number => unless(value.is_number(), "Value is not a number."),
        Item::Integer => number::integer(value.as_f64()),
        Item::Text => unless(value.is_string(), "Value is not a string."),
        Item::Point => point::check(value),
        Item::Object | Item::Instance => match value {
            Value::Array(items) if lists => {
                let fit = items.iter().all(|item| item.is_object() || item.is_null());
                unless(fit, "Some of array items are not an object.")
            }
            other => unless(other.is_object() || other.is_null(), "Value is not an object."),
        },
    }
}

/// Checks a value of guessed type: a text that may contain JSON, or the structure of a bracket notation.
fn sloppy(item: Item, value: &Value, lists: bool) -> Checked {
    let text = value.as_str();
    if text == Some("") {
        return Ok(());
    }
    let is_null = value.is_null() || text == Some("null");
    match item {
        Item::Any => Ok(()),
        Item::Boolean => match text.map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "1" | "false" | "0") => Ok(()),
            _ => Err("Value is not a boolean."),
        },
        Item::Date if number::is_digits(value) => Ok(()),
        Item::Date => typed(item, value, lists),
        Item::Number if javascript::to_number(value).is_nan() => Err("Value is not a number."),
        Item::Number => Ok(()),
        Item::Integer => number::integer(Some(javascript::to_number(value))),
        Item::Text if value.is_null() => Err("Value is not a string."),
        Item::Text => Ok(()),
        Item::Object | Item::Instance | Item::Point if is_null => Ok(()),
        Item::Object | Item::Instance => {
            let lists = lists && item == Item::Object;
            match text.filter(|text| is_wrapped(text, '{', '}')) {
                Some(text) => typed(item, &object(text)?, lists),
                None => typed(item, value, lists),
            }
        }
        Item::Point => match text.filter(|text| is_wrapped(text, '{', '}') || is_wrapped(text, '[', ']')) {
            Some(text) => point::check(&object(text)?),
            None => point::check_loose(value),
        },
    }
}

fn object(text: &str) -> Result<Value, &'static str> {
    json::parse(text.as_bytes(), json::DuplicateKeys::LastCounts)
        .map_err(|_| "Cannot parse JSON-encoded object value.")
}

fn is_long_list(items: &Map<String, Value>) -> bool {
    let is_place = |key: &String| key.bytes().all(|byte| byte.is_ascii_digit());
    !items.is_empty() && items.keys().all(is_place)
}

fn is_wrapped(text: &str, open: char, close: char) -> bool {
    text.starts_with(open) && text.ends_with(close)
}

#[cfg(test)]
mod tests;
