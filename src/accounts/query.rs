//! LoopBack's filters (docs/loopback-3.28.md section 7). A filter is read and checked once, then evaluated for each
//! row.

mod budget;
mod clause;
mod compare;
mod evaluate;
mod fault;
mod meter;
mod model;
mod order;

use serde_json::{Map, Value};

use super::profile::depth_exceeds;
use crate::javascript::{to_number, truthy};
use fault::MAX_DEPTH;

pub(super) use clause::{Pin, Where};
pub use fault::QueryError;
pub(super) use meter::Meter;
pub use model::Kind;
pub(super) use model::{Model, Row, moment};
pub(super) use order::Order;

/// A filter that is valid.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pub(super) conditions: Where,
    pub(super) order: Order,
    pub(super) skip: usize,
    pub(super) limit: Option<usize>,
    fields: Fields,
    include: Vec<String>,
}

/// The properties that an answer shows.
#[derive(Clone, Debug, Default, PartialEq)]
enum Fields {
    #[default]
    All,
    Only(Vec<String>),
}

/// Maximum number of properties in `fields`: each is compared with every property of every row.
const MAX_FIELDS: usize = 500;

/// LoopBack's `limit` for a filter that has a `skip` only.
const DEFAULT_PAGE: f64 = 100.0;

impl Query {
    /// Reads a filter. No filter is an empty one.
    pub(super) fn read(model: &Model, filter: Option<&Value>) -> Result<Self, QueryError> {
        let Some(filter) = object(filter)? else { return Ok(Self::default()) };
        let conditions = match filter.get("where") {
            Some(conditions) => Where::read(model, conditions)?,
            None => Where::default(),
        };
        let (skip, limit) = page(filter)?;
        let order = Order::read(model, filter.get("order"))?;
        let fields = Fields::read(model, filter.get("fields"))?;
        let include = relations(model, filter.get("include"))?;
        Ok(Self { conditions, order, skip, limit, fields, include })
    }

    /// Reads a filter of which only the first row is used. Its `limit` is ignored.
    pub(super) fn read_one(model: &Model, filter: Option<&Value>) -> Result<Self, QueryError> {
        let mut filter = object(filter)?.cloned().unwrap_or_default();
        filter.insert("limit".to_owned(), 1.into());
        Self::read(model, Some(&Value::Object(filter)))
    }

    /// Reads the parts of a filter that apply to one known row: `fields` and `include`.
    pub(super) fn read_view(model: &Model, filter: Option<&Value>) -> Result<Self, QueryError> {
        let Some(filter) = object(filter)? else { return Ok(Self::default()) };
        let fields = Fields::read(model, filter.get("fields"))?;
        Ok(Self { fields, include: relations(model, filter.get("include"))?, ..Self::default() })
    }

    /// The part of a row that the answer shows.
    #[must_use]
    pub fn view(&self, mut row: Map<String, Value>) -> Map<String, Value> {
        if let Fields::Only(names) = &self.fields {
            row.retain(|name, _| names.contains(name));
        }
        row
    }

    /// Whether the answer includes a relation.
    #[must_use]
    pub fn includes(&self, relation: &str) -> bool {
        self.include.iter().any(|name| name == relation)
    }
}

impl Fields {
    /// Reads a list or a map of names. As in LoopBack, a map that only excludes leaves the other declared properties.
    fn read(model: &Model, fields: Option<&Value>) -> Result<Self, QueryError> {
        let read = Self::named(model, fields);
        match &read {
            Self::Only(names) if names.len() > MAX_FIELDS => {
                Err(QueryError::TooManyNames { what: "fields", most: MAX_FIELDS })
            }
            _ => Ok(read),
        }
    }

    fn named(model: &Model, fields: Option<&Value>) -> Self {
        let Some(fields) = fields.filter(|fields| truthy(fields)) else { return Self::All };
        let declared = |off: &[String]| {
            let names = model.properties.iter().map(|(name, _)| name);
            Self::Only(names.filter(|name| !off.contains(name)).cloned().collect())
        };
        match fields {
            Value::String(name) => Self::Only(vec![name.clone()]),
            Value::Array(names) if names.is_empty() => Self::All,
            Value::Array(names) => {
                Self::Only(names.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            Value::Object(map) if map.is_empty() => Self::All,
            Value::Object(map) => {
                let named = |on: bool| {
                    let chosen = map.iter().filter(move |(_, wanted)| truthy(wanted) == on);
                    chosen.map(|(name, _)| name.clone()).collect::<Vec<_>>()
                };
                match named(true) {
                    on if on.is_empty() => declared(&named(false)),
                    on => Self::Only(on),
                }
            }
            _ => declared(&[]),
        }
    }
}

/// The filter's object; `null` counts as no filter.
fn object(filter: Option<&Value>) -> Result<Option<&Map<String, Value>>, QueryError> {
    match filter {
        Some(Value::Object(map)) if depth_exceeds(map, MAX_DEPTH) => Err(QueryError::TooDeep(MAX_DEPTH)),
        Some(Value::Object(map)) => Ok(Some(map)),
        _ => Ok(None),
    }
}

fn page(filter: &Map<String, Value>) -> Result<(usize, Option<usize>), QueryError> {
    let given = |name: &str| filter.get(name).filter(|value| truthy(value));
    let (limit, skip) = (given("limit"), given("skip").or_else(|| given("offset")));
    if limit.is_none() && skip.is_none() {
        return Ok((0, None));
    }
    let number = |value: Option<&Value>, default: f64| value.map_or(default, to_number);
    let rows = whole(number(limit, DEFAULT_PAGE)).filter(|rows| *rows > 0);
    let rows = rows.ok_or_else(|| QueryError::Limit(limit.cloned().unwrap_or_default()))?;
    let first = whole(number(skip, 0.0));
    let first = first.ok_or_else(|| QueryError::Skip(skip.cloned().unwrap_or_default()))?;
    Ok((first, Some(rows)))
}

/// A number of rows. A very large one is cut.
fn whole(number: f64) -> Option<usize> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, and clamped")]
    let rows = number.min(1e15) as usize;
    (number >= 0.0 && number.fract() == 0.0).then_some(rows)
}

/// The relations that `include` names, in any form that LoopBack accepts.
fn relations(model: &Model, include: Option<&Value>) -> Result<Vec<String>, QueryError> {
    let mut names = Vec::new();
    collect(include, &mut names);
    for name in &names {
        if !model.relations.contains(name) {
            return Err(QueryError::Relation { relation: name.clone(), model: model.name.clone() });
        }
    }
    Ok(names)
}

fn collect(include: Option<&Value>, names: &mut Vec<String>) {
    match include {
        Some(Value::String(name)) if !name.is_empty() => names.push(name.clone()),
        Some(Value::Array(items)) => items.iter().for_each(|item| collect(Some(item), names)),
        Some(Value::Object(map)) => match map.get("relation") {
            Some(Value::String(name)) => names.push(name.clone()),
            _ => names.extend(map.keys().cloned()),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests;
