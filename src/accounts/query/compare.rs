//! JavaScript's comparisons, which LoopBack's memory connector uses.

use std::cmp::Ordering;

use serde_json::Value;

use crate::javascript::{to_number, to_text};

/// JavaScript's `a == b`; `None` = `undefined`.
pub(super) fn equals(a: Option<&Value>, b: Option<&Value>) -> bool {
    match (a.filter(|a| !a.is_null()), b.filter(|b| !b.is_null())) {
        (None, None) => true,
        (Some(a), Some(b)) => equal(a, b),
        _ => false,
    }
}

/// The order of `a` and `b`; `None` where JavaScript's comparisons are all false.
pub(super) fn compare(a: Option<&Value>, b: Option<&Value>) -> Option<Ordering> {
    match (a.filter(|a| !a.is_null()), b.filter(|b| !b.is_null())) {
        (None, None) => Some(Ordering::Equal),
        (Some(a), Some(b)) => match a {
            Value::Number(_) | Value::Bool(_) => to_number(a).partial_cmp(&to_number(b)),
            Value::String(text) => relate(text, b),
            _ => equal(a, b).then_some(Ordering::Equal),
        },
        _ => None,
    }
}

/// A total order for sorting. Within a type it is JavaScript's, where `null` and booleans are numbers; values of
/// different types are ordered by type.
pub(super) fn total(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let (Some(a), Some(b)) = (a, b) else { return a.is_some().cmp(&b.is_some()) };
    match (a, b) {
        (Value::String(a), Value::String(b)) => units(a, b),
        _ if rank(a) == 0 && rank(b) == 0 => to_number(a).total_cmp(&to_number(b)),
        _ => rank(a).cmp(&rank(b)).then_with(|| units(&to_text(a), &to_text(b))),
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    let composite = |value: &Value| value.is_array() || value.is_object();
    match (a, b) {
        (Value::String(a), Value::String(b)) => a == b,
        // JavaScript compares objects by identity.
        _ if composite(a) && composite(b) => false,
        (Value::String(text), other) | (other, Value::String(text)) if composite(other) => {
            to_text(other) == *text
        }
        #[expect(clippy::float_cmp, reason = "JavaScript compares so")]
        _ => to_number(a) == to_number(b),
    }
}

fn relate(text: &str, other: &Value) -> Option<Ordering> {
    match other {
        Value::String(other) => Some(units(text, other)),
        Value::Array(_) | Value::Object(_) => Some(units(text, &to_text(other))),
        _ => to_number(&text.into()).partial_cmp(&to_number(other)),
    }
}

/// Compares strings by UTF-16 units, as JavaScript does.
fn units(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Array(_) | Value::Object(_) => 2,
    }
}
