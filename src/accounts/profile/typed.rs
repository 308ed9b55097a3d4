//! Conversion of values to the types of their properties.

use serde_json::Value;

use crate::{
    accounts::query::{Kind, moment},
    javascript::{number_to_json, to_number, to_text, truthy},
};

/// Converts a value to a property's type. `null` stays.
pub(in crate::accounts) fn typed(kind: Kind, value: Value) -> Value {
    if value.is_null() {
        return value;
    }
    match kind {
        Kind::Text => Value::String(to_text(&value)),
        Kind::Number if value.is_number() => value,
        Kind::Number => number_to_json(to_number(&value)),
        // LoopBack treats these two strings as false; every other one is true.
        Kind::Flag if matches!(value.as_str(), Some("false" | "0")) => false.into(),
        Kind::Flag => truthy(&value).into(),
        Kind::Date => moment(&value).map_or(Value::Null, |moment| moment.to_string().into()),
        Kind::Id | Kind::Any => value,
    }
}
