//! Why a row was left: words that many rows share, and the one that is this row's own.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// A reason, so that a report can count the rows that share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    what: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    which: Option<String>,
}

impl Why {
    /// A reason and the word that it ends with.
    pub(crate) fn of(what: &'static str, which: impl fmt::Display) -> Self {
        Self { what: what.into(), which: Some(which.to_string()) }
    }

    /// What rows with this reason have in common.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }
}

impl From<&'static str> for Why {
    fn from(what: &'static str) -> Self {
        Self { what: what.into(), which: None }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.which {
            Some(which) => write!(f, "{} `{which}`", self.what),
            None => f.write_str(&self.what),
        }
    }
}
