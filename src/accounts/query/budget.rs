//! What one query may cost: conditions, values, and patterns with their compiled size.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::QueryError;

/// What one query has taken of what it may cost.
#[derive(Debug, Default)]
pub(super) struct Budget {
    clauses: usize,
    values: usize,
    patterns: usize,
}

impl Budget {
    /// Counts a condition.
    pub(super) fn clause(&mut self) -> Result<(), QueryError> {
        self.clauses += 1;
        if self.clauses > MAX_CLAUSES { Err(QueryError::TooManyClauses(MAX_CLAUSES)) } else { Ok(()) }
    }

    /// Counts the values that a condition holds.
    pub(super) fn values(&mut self, given: &Value) -> Result<(), QueryError> {
        self.values = self.values.saturating_add(leaves(given));
        if self.values > MAX_VALUES { Err(QueryError::TooManyValues(MAX_VALUES)) } else { Ok(()) }
    }

    /// Compiles a regular expression within what is left.
    pub(super) fn compiled(&mut self, given: &str, regex: &str, flags: &str) -> Result<Regex, QueryError> {
        self.patterns += 1;
        if self.patterns > MAX_PATTERNS {
            return Err(QueryError::TooManyPatterns(MAX_PATTERNS));
        }
        let broken = || QueryError::Regex(given.into());
        if regex.len() > PATTERN_LENGTH {
            return Err(broken());
        }
        RegexBuilder::new(regex)
            .case_insensitive(flags.contains('i'))
            .multi_line(flags.contains('m'))
            .size_limit(PATTERN_SIZE)
            .dfa_size_limit(PATTERN_SIZE)
            .build()
            .map_err(|_| broken())
    }
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(leaves).sum(),
        Value::Object(map) => map.values().map(leaves).sum(),
        _ => 1,
    }
}

/// Conditions of one query: each is asked of every row.
const MAX_CLAUSES: usize = 500;

/// Values in the lists of one query.
const MAX_VALUES: usize = 10_000;

/// Regular expressions and wildcards of one query.
const MAX_PATTERNS: usize = 16;

/// Bytes of a regular expression.
const PATTERN_LENGTH: usize = 1024;

/// Bytes of a compiled one, and of what matching makes of it: 8 MiB for a whole query.
const PATTERN_SIZE: usize = 256 * 1024;
