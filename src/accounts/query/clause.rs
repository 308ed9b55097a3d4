//! Reads `where` into conditions. Values are converted to the types of their properties.

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    Kind, Model, QueryError, Row,
    budget::Budget,
    evaluate::{Condition, Relation, Source},
    meter::Meter,
    moment,
};
use crate::{
    accounts::profile::depth_exceeds,
    identity::UserId,
    javascript::{number_to_json, to_number, to_text, truthy},
};

/// A conjunction of conditions.
#[derive(Clone, Debug, Default)]
pub(in crate::accounts) struct Where(Vec<Clause>);

#[derive(Clone, Debug)]
enum Clause {
    All(Vec<Where>),
    Any(Vec<Where>),
    Field {
        path: String,
        test: Condition,
    },
    /// A condition on a property that no row has.
    Absent(Condition),
}

/// A condition that an index can answer, so that not all rows are read.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::accounts) enum Pin<'w> {
    /// These ids.
    Ids(Vec<UserId>),
    /// This email address.
    Email(&'w str),
    /// This username.
    Username(&'w str),
}

/// LoopBack's operators. If a condition has several, the first in this order counts.
const OPERATORS: [&str; 14] = [
    "eq", "gt", "gte", "lt", "lte", "between", "inq", "nin", "neq", "like", "nlike", "ilike", "nilike",
    "regexp",
];

const NO_LIST: &str = "Value is not an array or object with sequential numeric indices";
const EMPTY_OBJECT: &str = "Value is an empty object";

impl Where {
    pub(in crate::accounts) fn read(model: &Model, given: &Value) -> Result<Self, QueryError> {
        if let Value::Object(map) = given
            && depth_exceeds(map, super::MAX_DEPTH)
        {
            return Err(QueryError::TooDeep(super::MAX_DEPTH));
        }
        Self::parse(model, given, &mut Budget::default())
    }

    /// As [`Where::read`], for a write. A hidden property is an error: a dropped condition would make the write reach
    /// more rows.
    pub(in crate::accounts) fn read_for_write(model: &Model, given: &Value) -> Result<Self, QueryError> {
        match hidden_in(model, given) {
            Some(name) => Err(QueryError::Hidden(name)),
            None => Self::read(model, given),
        }
    }

    /// Whether a row matches. Once the meter is exhausted, the result is meaningless.
    pub(in crate::accounts) fn matches(&self, row: Row<'_>, meter: &Meter) -> bool {
        self.0.iter().all(|clause| match clause {
            Clause::All(all) => all.iter().all(|clauses| clauses.matches(row, meter)),
            Clause::Any(any) => any.iter().any(|clauses| clauses.matches(row, meter)),
            Clause::Field { path, test } => test.holds(Source::Row(row), path, meter),
            Clause::Absent(test) => test.passes(None, meter),
        })
    }

    pub(in crate::accounts) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in crate::accounts) fn pin(&self) -> Option<Pin<'_>> {
        self.0.iter().find_map(|clause| match clause {
            Clause::All(all) => all.iter().find_map(Self::pin),
            Clause::Field { path, test: Condition::Equals(value) } => match (path.as_str(), value) {
                ("id", id) => Some(Pin::Ids(vec![user_id(id)?])),
                ("email", Value::String(text)) => Some(Pin::Email(text)),
                ("username", Value::String(text)) => Some(Pin::Username(text)),
                _ => None,
            },
            // No row has the id `null`.
            Clause::Field { path, test: Condition::In(list) } if path == "id" => {
                list.iter().filter(|id| !id.is_null()).map(user_id).collect::<Option<_>>().map(Pin::Ids)
            }
            _ => None,
        })
    }

    /// Converts the text of a plain condition on `property` to lower case, at the top level only, as LoopBack does.
    pub(in crate::accounts) fn fold(&mut self, property: &str) {
        for clause in &mut self.0 {
            if let Clause::Field { path, test: Condition::Equals(Value::String(text)) } = clause
                && path == property
            {
                *text = text.to_lowercase();
            }
        }
    }

    /// The cost of evaluating this for a row, in plain comparisons.
    pub(in crate::accounts) fn cost(&self) -> usize {
        let cost = |clause: &Clause| match clause {
            Clause::All(inner) | Clause::Any(inner) => inner.iter().map(Self::cost).sum(),
            Clause::Field { test, .. } | Clause::Absent(test) => test.cost(),
        };
        1 + self.0.iter().map(cost).sum::<usize>()
    }

    fn parse(model: &Model, given: &Value, budget: &mut Budget) -> Result<Self, QueryError> {
        let Value::Object(map) = given else { return Err(QueryError::Where(given.clone())) };
        let mut clauses = Vec::new();
        for (key, value) in map {
            budget.clause()?;
            match key.as_str() {
                operator @ ("and" | "or" | "nor") => {
                    let items = list(value).map_err(|reason| QueryError::Clauses {
                        operator: operator.to_owned(),
                        given: value.clone(),
                        reason,
                    })?;
                    let inner: Result<Vec<Self>, _> =
                        items.iter().map(|item| Self::parse(model, item, budget)).collect();
                    clauses.push(match operator {
                        "and" => Clause::All(inner?),
                        "or" => Clause::Any(inner?),
                        // The memory connector does not implement `nor` and takes it for a property, which no row has.
                        _ => inner.map(|_| Clause::Absent(Condition::Never))?,
                    });
                }
                // `loopback3` drops the condition as LoopBack does; `standard` treats the property as absent.
                _ if model.hides(key) && model.loopback => {}
                _ if model.hides(key) => clauses.push(Clause::Absent(plain(model, value, budget)?)),
                _ => {
                    let test = match model.kind(key) {
                        Some(kind) => PropertyTest { property: key, kind, given: value, clause: map }
                            .read(model, budget)?,
                        None => plain(model, value, budget)?,
                    };
                    clauses.push(Clause::Field { path: model.key.path(key).to_owned(), test });
                }
            }
        }
        Ok(Self(clauses))
    }
}

/// The first hidden property that a `where` names at any level.
fn hidden_in(model: &Model, given: &Value) -> Option<String> {
    match given {
        Value::Object(map) => {
            map.iter().find_map(
                |(key, value)| {
                    if model.hides(key) { Some(key.clone()) } else { hidden_in(model, value) }
                },
            )
        }
        Value::Array(items) => items.iter().find_map(|item| hidden_in(model, item)),
        _ => None,
    }
}

fn user_id(id: &Value) -> Option<UserId> {
    match id {
        Value::Number(_) | Value::String(_) => Some(UserId::parse(&to_text(id))),
        _ => None,
    }
}

/// The items of a list, or of an object with the keys 0, 1, 2 and so on: `qs` makes such objects of long lists.
fn list(value: &Value) -> Result<Vec<Value>, &'static str> {
    match value {
        Value::Array(items) => Ok(items.clone()),
        Value::Object(map) if map.is_empty() => Err(EMPTY_OBJECT),
        Value::Object(map) => {
            let items: Option<Vec<Value>> =
                (0..map.len()).map(|i| map.get(&i.to_string()).cloned()).collect();
            items.ok_or(NO_LIST)
        }
        _ => Err(NO_LIST),
    }
}

/// A condition of a client on a declared property.
struct PropertyTest<'a> {
    property: &'a str,
    kind: Kind,
    given: &'a Value,
    /// The clause that contains it, for messages.
    clause: &'a Map<String, Value>,
}

impl PropertyTest<'_> {
    /// Reads the condition: one operator, with its value in the property's type.
    fn read(&self, model: &Model, budget: &mut Budget) -> Result<Condition, QueryError> {
        budget.values(self.given)?;
        let operator = self
            .given
            .as_object()
            .and_then(|map| OPERATORS.iter().find_map(|name| map.get(*name).map(|value| (*name, value))));
        let Some((operator, value)) = operator.filter(|(name, _)| *name != "eq") else {
            let value = operator.map_or(self.given, |(_, value)| value);
            return self.equality(value).map(Condition::Equals);
        };
        let typed = |value: &Value| coerced(self.kind, value);
        Ok(match operator {
            "between" => {
                let mut items = self.items(value)?.into_iter();
                match (items.next(), items.next(), items.next()) {
                    (Some(from), Some(to), None) => Condition::Between(from, to),
                    _ => {
                        let count = list(value).map_or(0, |items| items.len());
                        return Err(self.wrong(format!("Expected precisely 2 values, received {count}")));
                    }
                }
            }
            "inq" => Condition::In(self.items(value)?),
            "nin" => Condition::NotIn(self.items(value)?),
            "neq" => Condition::Not(typed(value)?),
            "like" | "nlike" | "ilike" | "nilike" => match value {
                Value::String(pattern) => like(model, operator, pattern, budget)?,
                _ => return Err(self.wrong("Expected a string or RegExp".to_owned())),
            },
            "regexp" => Condition::Regex(literal(value, budget)?),
            operator => relation(operator)
                .map_or(Ok(Condition::Never), |op| typed(value).map(|v| Condition::Than(op, v)))?,
        })
    }

    /// The value for equality.
    fn equality(&self, value: &Value) -> Result<Value, QueryError> {
        if let Ok(items) = list(value) {
            return items.iter().map(|item| coerced(self.kind, item)).collect();
        }
        if let Value::Object(map) = value {
            let operators: Vec<String> = map.keys().filter(|key| key.starts_with('$')).cloned().collect();
            if !operators.is_empty() {
                let clause = Value::Object(self.clause.clone());
                return Err(QueryError::Operators { operators, clause });
            }
        }
        coerced(self.kind, value)
    }

    /// The items of a list operator.
    fn items(&self, value: &Value) -> Result<Vec<Value>, QueryError> {
        let items = list(value).map_err(|reason| self.wrong(format!("Error: {reason}")))?;
        items.iter().map(|item| coerced(self.kind, item)).collect()
    }

    fn wrong(&self, reason: String) -> QueryError {
        QueryError::Clause { property: self.property.to_owned(), given: self.given.clone(), reason }
    }
}

/// Reads a condition on an undeclared property. Values keep their types, and nothing is an error.
fn plain(model: &Model, given: &Value, budget: &mut Budget) -> Result<Condition, QueryError> {
    budget.values(given)?;
    let Value::Object(map) = given else { return Ok(Condition::Equals(given.clone())) };
    let on = |name: &str| map.get(name).filter(|value| truthy(value));
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    if let Some(value) = on("regexp") {
        return match value {
            Value::String(text) => Ok(Condition::Regex(budget.compiled(text, text, "")?)),
            _ => Ok(Condition::Never),
        };
    }
    if on("near").is_some() {
        return Ok(Condition::Always);
    }
    if let Some(value) = on("inq") {
        return Ok(Condition::In(items(value)));
    }
    if let Some(value) = on("nin") {
        return Ok(Condition::NotIn(items(value)));
    }
    if let Some(value) = map.get("neq") {
        return Ok(Condition::Not(value.clone()));
    }
    if let Some(value) = map.get("between") {
        let mut items = items(value).into_iter();
        return Ok(match (items.next(), items.next()) {
            (Some(from), Some(to)) => Condition::Between(from, to),
            _ => Condition::Never,
        });
    }
    if let Some((name, value)) = ["like", "nlike", "ilike", "nilike"].iter().find_map(|n| Some((n, on(n)?))) {
        return match value {
            Value::String(pattern) => like(model, name, pattern, budget),
            _ => Ok(Condition::Never),
        };
    }
    let relation =
        ["gt", "gte", "lt", "lte"].iter().find_map(|name| Some((relation(name)?, map.get(*name)?)));
    Ok(relation.map_or(Condition::Never, |(op, value)| Condition::Than(op, value.clone())))
}

fn relation(operator: &str) -> Option<Relation> {
    match operator {
        "gt" => Some(Relation::Greater),
        "gte" => Some(Relation::GreaterOrEqual),
        "lt" => Some(Relation::Less),
        "lte" => Some(Relation::LessOrEqual),
        _ => None,
    }
}

/// Converts a value to the property's type.
fn coerced(kind: Kind, value: &Value) -> Result<Value, QueryError> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    Ok(match kind {
        Kind::Text => Value::String(to_text(value)),
        Kind::Flag => match value.as_str() {
            Some("true" | "1") => true.into(),
            Some("false" | "0") => false.into(),
            _ => truthy(value).into(),
        },
        Kind::Number => number(value).unwrap_or_else(|| value.clone()),
        Kind::Id => number(value).filter(|_| is_short(value)).unwrap_or_else(|| value.clone()),
        Kind::Date => match moment(value) {
            Some(moment) => moment.to_string().into(),
            None => return Err(QueryError::Date(to_text(value))),
        },
        Kind::Any => value.clone(),
    })
}

fn number(value: &Value) -> Option<Value> {
    Some(number_to_json(to_number(value))).filter(|number| !number.is_null())
}

/// Text ids of databases have at least 24 digits: `5e0000000000000000000001` is not meant as a number.
fn is_short(value: &Value) -> bool {
    value.as_str().is_none_or(|text| text.len() <= 16)
}

/// Reads a wildcard pattern: `%` matches any text, `_` one character, all else itself, anywhere in the value. LoopBack
/// reads the rest as a regular expression, so that the `+` of an address does not match.
fn like(model: &Model, operator: &str, pattern: &str, budget: &mut Budget) -> Result<Condition, QueryError> {
    if pattern.is_empty() {
        return Ok(Condition::Never);
    }
    let regex = |literal: bool| {
        let mut regex = String::new();
        for c in pattern.chars() {
            match c {
                '%' => regex.push_str(".*"),
                '_' => regex.push('.'),
                c if literal => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
                c => regex.push(c),
            }
        }
        regex
    };
    let flags = if operator.ends_with("ilike") { "i" } else { "" };
    let mut read = |literal: bool| budget.compiled(pattern, &regex(literal), flags);
    let pattern = match read(!model.loopback) {
        // An invalid regular expression is taken literally; LoopBack answers 500.
        Err(QueryError::Regex(_)) if model.loopback => read(true)?,
        read => read?,
    };
    Ok(Condition::Like { pattern, negated: operator.starts_with('n') })
}

/// Reads `text` or `/text/flags`. A slash that is not the last character is a delimiter.
fn literal(value: &Value, budget: &mut Budget) -> Result<Regex, QueryError> {
    let Value::String(text) = value else { return Err(QueryError::RegexType) };
    let delimited = text.find('/').is_some_and(|at| at + 1 < text.len());
    let Some((body, flags)) = text.rsplit_once('/').filter(|_| delimited) else {
        return budget.compiled(text, text, "");
    };
    let wrong: Vec<String> =
        flags.chars().filter(|c| !matches!(c, 'i' | 'g' | 'm')).map(String::from).collect();
    if !wrong.is_empty() {
        return Err(QueryError::RegexFlags(wrong.join(",")));
    }
    let body: String = body.chars().skip(1).collect();
    budget.compiled(text, &body, flags)
}
