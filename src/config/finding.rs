//! Mistakes in the settings, each with its place and its fix, collected until all are known.

use std::{fmt, path::Path};

use serde::{Serialize, Serializer};

use super::code::Code;
use crate::policy::{Finding, Severity};

/// One mistake, or a doubt, in the settings: `file:line:column: error: message; fix`.
///
/// As JSON it is one entry of `check --json` (docs/commands.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigFinding {
    /// The file, the variable's name or the flag's name.
    pub file: String,
    /// From 1; `None` where there is no file.
    pub line: Option<usize>,
    /// From 1, in characters; `None` where there is no file.
    pub column: Option<usize>,
    /// Error or warning.
    #[serde(serialize_with = "as_word")]
    pub severity: Severity,
    /// A stable word for it: `unknown-key`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub fix: Option<String>,
}

/// All mistakes of one load, errors and warnings, in the order of their places. At least one is an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigFinding>);

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the file: both from 1, the column in characters.
    File { line: usize, column: usize },
    /// In this variable or flag.
    Named(String),
    /// Nowhere: it is a default.
    Default,
}

/// Why a written value cannot be the value of its key; the reader of the key adds its name and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueError {
    pub(crate) code: Code,
    /// Follows "`key` cannot be".
    pub(crate) what: String,
    pub(crate) fix: String,
}

/// Collects the mistakes of one load.
pub(crate) struct Report {
    file: String,
    mistakes: Vec<ConfigFinding>,
}

impl Report {
    pub(crate) fn new(file: &Path) -> Self {
        Self { file: file.display().to_string(), mistakes: Vec::new() }
    }

    pub(crate) fn error(&mut self, place: &Place, code: Code, message: String, fix: Option<String>) {
        self.push(place, Severity::Error, code, message, fix);
    }

    pub(crate) fn warning(&mut self, place: &Place, code: Code, message: String, fix: Option<String>) {
        self.push(place, Severity::Warning, code, message, fix);
    }

    pub(crate) fn wrong(&mut self, place: &Place, key: &str, wrong: ValueError) {
        self.error(place, wrong.code, format!("`{key}` cannot be {}", wrong.what), Some(wrong.fix));
    }

    /// The warnings, when there is nothing worse; else everything.
    pub(crate) fn close(mut self) -> Result<Vec<ConfigFinding>, ConfigErrors> {
        self.mistakes.sort_by_key(|mistake| (mistake.line.is_none(), mistake.line, mistake.column));
        let refused = self.mistakes.iter().any(|mistake| mistake.severity == Severity::Error);
        if refused { Err(ConfigErrors(self.mistakes)) } else { Ok(self.mistakes) }
    }

    fn push(&mut self, place: &Place, severity: Severity, code: Code, message: String, fix: Option<String>) {
        debug_assert!(code.severities().contains(&severity), "`{}` is no {severity:?}", code.name());
        let (file, line, column) = match place {
            Place::File { line, column } => (self.file.clone(), Some(*line), Some(*column)),
            Place::Named(name) => (name.clone(), None, None),
            Place::Default => (self.file.clone(), None, None),
        };
        self.mistakes.push(ConfigFinding { file, line, column, severity, code: code.name(), message, fix });
    }
}

impl fmt::Display for ConfigFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}: {}", word(self.severity), self.message)?;
        self.fix.as_ref().map_or(Ok(()), |fix| write!(f, "; {fix}"))
    }
}

impl From<Finding> for ConfigFinding {
    fn from(finding: Finding) -> Self {
        Self {
            file: finding.file,
            line: Some(finding.line),
            column: Some(finding.column),
            severity: finding.severity,
            code: finding.code,
            message: finding.message,
            fix: finding.fix,
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

/// The user's own word for a message: one line, not too long, and nothing of an address that holds a login.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains('@') {
        return "`…@…`".to_owned();
    }
    let short: String = text.chars().take(LONGEST_QUOTE).flat_map(char::escape_debug).collect();
    let rest = if text.chars().count() > LONGEST_QUOTE { "…" } else { "" };
    format!("`{short}{rest}`")
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn as_word<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(word(*severity))
}

/// Enough to recognise a word by.
const LONGEST_QUOTE: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_reads_like_a_compilers() {
        let mut report = Report::new(Path::new("a/portcullis.toml"));
        report.error(&Place::Named("PORTCULLIS_A__B".into()), Code::UnknownKey, "no such key".into(), None);
        report.warning(&Place::File { line: 7, column: 2 }, Code::NoEffect, "hm".into(), Some("more".into()));
        report.error(
            &Place::File { line: 3, column: 9 },
            Code::BadValue,
            "bad".into(),
            Some("write `1`".into()),
        );
        let mistakes = report.close().unwrap_err();
        insta::assert_snapshot!(mistakes, @r"
        a/portcullis.toml:3:9: error: bad; write `1`
        a/portcullis.toml:7:2: warning: hm; more
        PORTCULLIS_A__B: error: no such key
        ");
        insta::assert_snapshot!(
            serde_json::to_string(&mistakes.0[1]).unwrap(),
            @r#"{"file":"a/portcullis.toml","line":7,"column":2,"severity":"warning","code":"no-effect","message":"hm","fix":"more"}"#
        );
        insta::assert_snapshot!(
            serde_json::to_string(&mistakes.0[2]).unwrap(),
            @r#"{"file":"PORTCULLIS_A__B","line":null,"column":null,"severity":"error","code":"unknown-key","message":"no such key","fix":null}"#
        );
    }

    #[test]
    fn warnings_alone_do_not_refuse() {
        let mut report = Report::new(Path::new("p.toml"));
        report.warning(&Place::Default, Code::NoEffect, "hm".into(), None);
        assert_eq!(report.close().unwrap().len(), 1);
    }

    #[test]
    fn a_policy_finding_is_a_mistake_too() {
        let finding = Finding {
            file: "order.json".into(),
            line: 2,
            column: 3,
            severity: Severity::Error,
            code: "unknown-key",
            message: "unknown key `permision`".into(),
            fix: Some("did you mean `permission`?".into()),
        };
        assert_eq!(ConfigFinding::from(finding.clone()).to_string(), finding.to_string());
    }

    #[test]
    fn quotes_are_one_line_and_short_and_hide_logins() {
        assert_eq!(quoted("a\nb\u{1b}"), "`a\\nb\\u{1b}`");
        assert_eq!(quoted("smtp://me:hush@mail"), "`…@…`");
        assert_eq!(quoted(&"x".repeat(100)), format!("`{}…`", "x".repeat(60)));
    }
}
