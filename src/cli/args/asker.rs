//! Whose request `explain` explains.

use std::str::FromStr;

use crate::admin::{NobodyNamed, Who};

/// Whose request is explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Asker {
    Anonymous,
    Who(Who),
}

impl FromStr for Asker {
    type Err = NobodyNamed;

    fn from_str(text: &str) -> Result<Self, NobodyNamed> {
        match text {
            "anonymous" => Ok(Self::Anonymous),
            // Without a store it would be taken for an id.
            text if is_nearly_anonymous(text) => Err(NobodyNamed::Anonymous(text.to_owned())),
            text => text.parse().map(Self::Who),
        }
    }
}

fn is_nearly_anonymous(text: &str) -> bool {
    let lower = text.trim_start_matches('$').to_ascii_lowercase();
    let names = ["unauthenticated", "everyone", "anyone"];
    strsim::damerau_levenshtein(&lower, "anonymous") <= 2 || names.contains(&lower.as_str())
}
