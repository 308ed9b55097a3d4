//! The caller of the request that `explain` explains.

use std::str::FromStr;

use crate::admin::{Who, WhoError};

/// The caller of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum CallerArg {
    Anonymous,
    Who(Who),
}

impl FromStr for CallerArg {
    type Err = WhoError;

    fn from_str(text: &str) -> Result<Self, WhoError> {
        match text {
            "anonymous" => Ok(Self::Anonymous),
            // A misspelled `anonymous` would be taken for an id if there is no store.
            text if is_nearly_anonymous(text) => Err(WhoError::Anonymous(text.to_owned())),
            text => text.parse().map(Self::Who),
        }
    }
}

fn is_nearly_anonymous(text: &str) -> bool {
    let lower = text.trim_start_matches('$').to_ascii_lowercase();
    let names = ["unauthenticated", "everyone", "anyone"];
    strsim::damerau_levenshtein(&lower, "anonymous") <= 2 || names.contains(&lower.as_str())
}
