//! What a filter is read against: rows, and the kinds of their properties.

use serde_json::{Map, Value};

use crate::{accounts::Key, clock::Timestamp};

/// What a model has, as far as a query must know.
#[derive(Clone, Debug, Default)]
pub(in crate::accounts) struct Model {
    /// Its name, for messages.
    pub name: String,
    /// Its key.
    pub key: Key,
    /// The declared properties, in order.
    pub properties: Vec<(String, Kind)>,
    /// What no answer shows.
    pub hidden: Vec<String>,
    /// Profile `loopback3`: a condition on a hidden property is dropped. Otherwise no row has such a property.
    pub loopback: bool,
    /// Relations that `include` may name.
    pub relations: Vec<String>,
}

/// The type of a declared property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// A moment, kept as ISO-8601 text.
    Date,
    /// A row's id: a number or a text.
    Id,
    /// Anything.
    Any,
}

/// One row: its id, and everything else that it has.
#[derive(Clone, Copy, Debug)]
pub(in crate::accounts) struct Row<'a> {
    pub(in crate::accounts) id: &'a Value,
    pub(in crate::accounts) rest: &'a Map<String, Value>,
}

impl<'a> Row<'a> {
    pub(in crate::accounts) fn get(self, name: &str) -> Option<&'a Value> {
        if name == "id" { Some(self.id) } else { self.rest.get(name) }
    }
}

impl Kind {
    /// The kind of a type's name in a model definition.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "string" | "text" => Self::Text,
            "number" => Self::Number,
            "boolean" => Self::Flag,
            "date" => Self::Date,
            _ => Self::Any,
        }
    }
}

impl Model {
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
    }

    pub(super) fn hides(&self, path: &str) -> bool {
        let first = path.split('.').next().unwrap_or(path);
        self.hidden.iter().any(|name| name == first)
    }
}

/// A moment as a client writes it: ISO-8601, a day, or milliseconds.
pub(in crate::accounts) fn moment(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "a float out of range saturates")]
            number.as_f64().map(|millis| Timestamp(millis as i64))
        }
        Value::String(text) => {
            Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
        }
        _ => None,
    }
}
