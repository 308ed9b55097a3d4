//! `order`: `"name DESC"`, `"a, b DESC"`, or a list of these.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    Model, QueryError, Row,
    compare::total,
    evaluate::{Source, at},
};
use crate::javascript::truthy;

/// The sort keys; none = the order of ids.
#[derive(Clone, Debug, Default)]
pub(in crate::accounts) struct Order(Vec<Key>);

#[derive(Clone, Debug)]
struct Key {
    path: String,
    descending: bool,
}

/// Maximum number of sort keys.
const MAX_KEYS: usize = 32;

/// The cost of a sort key in comparisons: it is copied, and compared a few times.
const KEY_COST: usize = 8;

/// The values that a row is sorted by.
pub(in crate::accounts) type SortKey = Vec<Option<Value>>;

impl Order {
    pub(super) fn read(model: &Model, order: Option<&Value>) -> Result<Self, QueryError> {
        let mut keys = Vec::new();
        let items: &[Value] = match order.filter(|order| truthy(order)) {
            None => &[],
            Some(Value::Array(items)) => items,
            Some(other) => std::slice::from_ref(other),
        };
        for item in items {
            let Value::String(text) = item else { return Err(QueryError::Order(item.clone())) };
            for token in tokens(text) {
                let key = Key::read(token)?;
                // Sorting by a hidden property would reveal its values.
                if !model.hides(&key.path) {
                    keys.push(Key { path: model.key.path(&key.path).to_owned(), ..key });
                }
                if keys.len() > MAX_KEYS {
                    return Err(QueryError::TooManyNames { what: "order", most: MAX_KEYS });
                }
            }
        }
        Ok(Self(keys))
    }

    /// The cost of sorting a row, in comparisons.
    pub(in crate::accounts) fn cost(&self) -> usize {
        self.0.len() * KEY_COST
    }

    /// Whether the order is that of the store: ascending ids.
    pub(in crate::accounts) fn is_natural(&self) -> bool {
        self.0.first().is_none_or(|key| key.path == "id" && !key.descending)
    }

    pub(in crate::accounts) fn key(&self, row: Row<'_>) -> SortKey {
        self.0.iter().map(|key| at(Source::Row(row), &key.path).cloned()).collect()
    }

    pub(in crate::accounts) fn compare(&self, a: &SortKey, b: &SortKey) -> Ordering {
        for (key, (a, b)) in self.0.iter().zip(a.iter().zip(b)) {
            let order = total(a.as_ref(), b.as_ref());
            let order = if key.descending { order.reverse() } else { order };
            if order.is_ne() {
                return order;
            }
        }
        Ordering::Equal
    }
}

impl Key {
    fn read(token: &str) -> Result<Self, QueryError> {
        let mut parts = token.split_whitespace();
        let wrong = || QueryError::Direction(token.into());
        let padded = token.starts_with(char::is_whitespace);
        let path = if padded { "" } else { parts.next().unwrap_or_default() };
        let descending = match parts.next() {
            None if padded || token.ends_with(char::is_whitespace) => return Err(wrong()),
            None => false,
            Some(direction) if direction.eq_ignore_ascii_case("asc") => false,
            Some(direction) if direction.eq_ignore_ascii_case("desc") => true,
            Some(_) => return Err(wrong()),
        };
        Ok(Self { path: path.to_owned(), descending })
    }
}

/// Splits at commas. Blanks beside a comma belong to it.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let last = text.split(',').count().saturating_sub(1);
    text.split(',')
        .enumerate()
        .map(move |(index, part)| {
            let part = if index > 0 { part.trim_start() } else { part };
            if index < last { part.trim_end() } else { part }
        })
        .filter(|part| !part.is_empty())
}
