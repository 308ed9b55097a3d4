//! The limits of one query: conditions, values and patterns.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::QueryError;

/// The parts of a query that have been counted so far.
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

    /// Counts the values of a condition.
    pub(super) fn values(&mut self, given: &Value) -> Result<(), QueryError> {
        self.values = self.values.saturating_add(leaves(given));
        if self.values > MAX_VALUES { Err(QueryError::TooManyValues(MAX_VALUES)) } else { Ok(()) }
    }

    /// Counts and compiles a regular expression.
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
            // The crate's defaults are 10 and 2 MiB for each pattern, which a filter could multiply.
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

/// Maximum number of conditions of a query: each is evaluated for every row.
const MAX_CLAUSES: usize = 500;

/// Maximum number of values in the lists of a query.
const MAX_VALUES: usize = 10_000;

/// Maximum number of regular expressions and wildcards of a query.
// Many small patterns cost as much as a large one: 495 of them took seconds of a core.
const MAX_PATTERNS: usize = 16;

/// Maximum length of a regular expression in bytes.
const PATTERN_LENGTH: usize = 1024;

/// Maximum size of a compiled expression, and of its cache at run time, in bytes: 8 MiB for a whole query.
const PATTERN_SIZE: usize = 256 * 1024;
