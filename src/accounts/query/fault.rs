//! Errors of a filter.

use serde_json::Value;

/// The reason why a filter is not valid. The texts are LoopBack's where it has one.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum QueryError {
    /// `limit` is not a positive whole number.
    #[error("The limit parameter {0} is not valid")]
    Limit(Value),
    /// `skip` or `offset` is not a whole number.
    #[error("The offset/skip parameter {0} is not valid")]
    Skip(Value),
    /// `order` is not text.
    #[error("The order {0} is not valid")]
    Order(Value),
    /// A direction that is neither `ASC` nor `DESC`.
    #[error("The order {0} has invalid direction")]
    Direction(Value),
    /// A `where` that is not an object.
    #[error("The where clause {0} is not an object")]
    Where(Value),
    /// An `and`, `or` or `nor` without a list.
    #[error("The {operator} operator has invalid clauses {given}: {reason}")]
    Clauses {
        /// The operator.
        operator: String,
        /// The value.
        given: Value,
        /// The reason why the value is not a list.
        reason: &'static str,
    },
    /// An operator with a value of the wrong type.
    #[error("The {property} property has invalid clause {given}: {reason}")]
    Clause {
        /// The property.
        property: String,
        /// The value.
        given: Value,
        /// The reason.
        reason: String,
    },
    /// An operator of a database (`$…`).
    #[error("Operators \"{}\" are not allowed in query", operators.join(", "))]
    Operators {
        /// The operators.
        operators: Vec<String>,
        /// The clause that contains them.
        clause: Value,
    },
    /// A regular expression that is not text.
    #[error("Invalid argument, must be a string, regex literal, or RegExp object")]
    RegexType,
    /// Unknown flags of a regular expression.
    #[error("Invalid regex flags: {0}")]
    RegexFlags(String),
    /// A regular expression that is not valid, or that cannot be matched in linear time.
    #[error("The regexp {0} is not valid, or not supported here")]
    Regex(Value),
    /// A date that cannot be parsed.
    #[error("Invalid date: {0}")]
    Date(String),
    /// An unknown relation.
    #[error("Relation \"{relation}\" is not defined for {model} model")]
    Relation {
        /// The relation.
        relation: String,
        /// The model.
        model: String,
    },
    /// A write whose `where` names a hidden property.
    #[error("The where clause names the hidden property \"{0}\"")]
    Hidden(String),
    /// The filter is nested deeper than this.
    #[error("The query object exceeds maximum depth {0}")]
    TooDeep(usize),
    /// More regular expressions and wildcards than this.
    #[error("The where clause has more than {0} patterns")]
    TooManyPatterns(usize),
    /// More values in its lists than this.
    #[error("The where clause has more than {0} values in its lists")]
    TooManyValues(usize),
    /// More properties to sort by, or to show, than this.
    #[error("The {what} clause names more than {most} properties")]
    TooManyNames {
        /// `order` or `fields`.
        what: &'static str,
        /// The maximum.
        most: usize,
    },
    /// More conditions than this.
    #[error("The where clause has more than {0} conditions")]
    TooManyClauses(usize),
}

/// LoopBack's maximum depth of a filter; the filter itself is level 0.
pub(super) const MAX_DEPTH: usize = 12;
