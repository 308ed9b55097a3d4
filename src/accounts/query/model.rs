//! The rows that filters are evaluated on, and the types of their properties.

use serde_json::{Map, Value};

use crate::{accounts::Key, clock::Timestamp};

/// The parts of a model that a query needs.
#[derive(Clone, Debug, Default)]
pub(in crate::accounts) struct Model {
    /// The name, for messages.
    pub name: String,
    /// The key property.
    pub key: Key,
    /// The declared properties in order.
    pub properties: Vec<(String, Kind)>,
    /// Properties that no answer shows.
    pub hidden: Vec<String>,
    /// Whether a condition on a hidden property is dropped (profile `loopback3`). Otherwise no row has such a property.
    pub loopback: bool,
    /// The relations that `include` may name.
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
    /// A date, stored as text in ISO 8601.
    Date,
    /// The id of a row: a number or a string.
    Id,
    /// Any type.
    Any,
}

/// A row: its id and its other properties.
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
    /// The kind of a type name in a model definition.
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

/// Parses a date: ISO 8601 with or without time, or milliseconds.
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
