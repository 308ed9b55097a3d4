//! The depth of nested values.

use serde_json::{Map, Value};

/// Whether a value in `map` (level 0) is nested deeper than `levels`.
pub(in crate::accounts) fn depth_exceeds(map: &Map<String, Value>, levels: usize) -> bool {
    map.values().any(|value| match levels.checked_sub(1) {
        None => true,
        Some(left) => value_exceeds(value, left),
    })
}

pub(super) fn value_exceeds(value: &Value, levels: usize) -> bool {
    match value {
        Value::Object(map) => depth_exceeds(map, levels),
        Value::Array(items) => items.iter().any(|item| match levels.checked_sub(1) {
            None => true,
            Some(left) => value_exceeds(item, left),
        }),
        _ => false,
    }
}
