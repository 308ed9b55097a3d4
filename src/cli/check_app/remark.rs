//! Remarks of the check.

use serde::Serialize;
use serde_json::Value;

/// A remark about the move of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Remark {
    pub(super) kind: Kind,
    pub(super) file: String,
    pub(super) line: Option<usize>,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fix: Option<String>,
    /// A declaration to paste into a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stub: Option<Value>,
}

/// The kind of work that a remark means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// A decision, or a change of the app.
    Decision,
    /// A line in `portcullis.toml`, or a file beside the policies.
    Setting,
    /// None.
    Covered,
}

/// The place of the finding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    file: &'a str,
    line: Option<usize>,
}

/// The remarks in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Remarks(pub(super) Vec<Remark>);

impl Remarks {
    pub(super) fn decide(&mut self, code: &'static str, at: Place<'_>, message: String, fix: &str) {
        let fix = Some(fix.to_owned());
        self.0.push(Remark { fix, ..Remark::new(Kind::Decision, code, at, message) });
    }

    pub(super) fn set(&mut self, code: &'static str, at: Place<'_>, message: String, fix: &str) {
        let fix = Some(fix.to_owned());
        self.0.push(Remark { fix, ..Remark::new(Kind::Setting, code, at, message) });
    }

    pub(super) fn covered(&mut self, code: &'static str, file: &str, message: String) {
        self.0.push(Remark::new(Kind::Covered, code, Place::file(file), message));
    }
}

impl Remark {
    fn new(kind: Kind, code: &'static str, at: Place<'_>, message: String) -> Self {
        Self { kind, code, file: at.file.to_owned(), line: at.line, message, fix: None, stub: None }
    }
}

impl<'a> Place<'a> {
    /// A file as a whole.
    pub(super) fn file(file: &'a str) -> Self {
        Self { file, line: None }
    }

    /// A line of a file.
    pub(super) fn line(file: &'a str, line: usize) -> Self {
        Self { file, line: Some(line) }
    }
}
