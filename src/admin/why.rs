//! The reason for skipping a row: a text that many rows share, and the part specific to this row.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// A reason in two parts, so that a report can group rows by the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Why {
    what: Cow<'static, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    which: Option<String>,
}

impl Why {
    /// A reason with its specific part.
    pub(crate) fn of(what: &'static str, which: impl fmt::Display) -> Self {
        Self { what: what.into(), which: Some(which.to_string()) }
    }

    /// The text that rows with this reason share.
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
