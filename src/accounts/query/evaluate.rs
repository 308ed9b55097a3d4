//! Evaluates a condition on a value as LoopBack's memory connector does.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::Value;

use super::{
    Row,
    compare::{compare, equals},
    meter::{EXPENSIVE, Meter},
};
use crate::javascript::to_text;

/// A test of one value.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Equals(Value),
    Not(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    Between(Value, Value),
    Than(Relation, Value),
    Regex(Regex),
    Like { pattern: Regex, negated: bool },
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// The start of a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'v> {
    Row(Row<'v>),
    Value(&'v Value),
}

impl Condition {
    /// Whether the value at `path` passes. A list passes if one of its items does.
    pub(super) fn holds(&self, source: Source<'_>, path: &str, meter: &Meter) -> bool {
        let value = at(source, path);
        if let Some(Value::Array(items)) = value {
            return self.holds_for(items, meter);
        }
        if self.passes(value, meter) {
            return true;
        }
        // LoopBack also looks into lists on the way: `a.b` finds the `b` of each item of `a`.
        let Some((first, rest)) = path.split_once('.') else { return false };
        match source.get(first) {
            Some(Value::Array(items)) => {
                items.iter().any(|item| self.holds(Source::Value(item), rest, meter))
            }
            Some(inner @ Value::Object(_)) => self.holds(Source::Value(inner), rest, meter),
            _ => false,
        }
    }

    /// The cost in plain comparisons.
    pub(super) fn cost(&self) -> usize {
        match self {
            Self::In(list) | Self::NotIn(list) => 1 + list.len(),
            Self::Regex(_) | Self::Like { .. } => PATTERN_COST,
            _ => 1,
        }
    }

    /// Whether a value that is not a list passes; `false` once the meter is exhausted.
    pub(super) fn passes(&self, value: Option<&Value>, meter: &Meter) -> bool {
        if !meter.charge(self.cost()) {
            return false;
        }
        let than = |relation: Relation, bound: &Value| {
            compare(value, Some(bound)).is_some_and(|order| relation.holds(order))
        };
        match self {
            Self::Equals(example) => equals(Some(example), value),
            Self::Not(example) => compare(Some(example), value) != Some(Ordering::Equal),
            Self::In(list) => list.iter().any(|example| equals(Some(example), value)),
            Self::NotIn(list) => !list.iter().any(|example| equals(Some(example), value)),
            Self::Between(from, to) => {
                than(Relation::GreaterOrEqual, from) && than(Relation::LessOrEqual, to)
            }
            Self::Than(relation, bound) => than(*relation, bound),
            Self::Regex(regex) => {
                value.and_then(Value::as_str).is_some_and(|text| !text.is_empty() && regex.is_match(text))
            }
            // JavaScript converts the value to a string first; an absent one becomes `undefined`.
            Self::Like { pattern, negated } => {
                pattern.is_match(&value.map_or_else(|| "undefined".to_owned(), to_text)) != *negated
            }
            Self::Always => true,
            Self::Never => false,
        }
    }

    fn holds_for(&self, items: &[Value], meter: &Meter) -> bool {
        if items.is_empty() && matches!(self, Self::Not(_)) {
            return true;
        }
        items.iter().any(|item| match item {
            Value::Array(inner) => self.holds_for(inner, meter),
            other => self.passes(Some(other), meter),
        })
    }
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
        }
    }
}

impl<'v> Source<'v> {
    fn get(self, name: &str) -> Option<&'v Value> {
        match self {
            Self::Row(row) => row.get(name),
            Self::Value(value) => step(value, name),
        }
    }
}

/// A pattern reads the whole text.
const PATTERN_COST: usize = EXPENSIVE;

/// The value at a dotted path. A missing or null value on the way ends it.
pub(super) fn at<'v>(source: Source<'v>, path: &str) -> Option<&'v Value> {
    let mut steps = path.split('.');
    let mut value = source.get(steps.next()?)?;
    for name in steps {
        if value.is_null() {
            return Some(value);
        }
        value = step(value, name)?;
    }
    Some(value)
}

fn step<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Object(map) => map.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}
