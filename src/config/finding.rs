//! Errors and warnings in the settings, with place and fix, collected until the end of the load.

use std::{fmt, path::Path};

use serde::{Serialize, Serializer};

use super::code::Code;
use crate::policy::{Finding, Severity};

/// An error or a warning in the settings: `file:line:column: error: message; fix`.
///
/// As JSON, an entry of `check --json` (docs/commands.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigFinding {
    /// The path of the file, or the name of the variable or flag.
    pub file: String,
    /// The line, from 1; `None` outside of files.
    pub line: Option<usize>,
    /// The column in characters, from 1; `None` outside of files.
    pub column: Option<usize>,
    /// Error or warning.
    #[serde(serialize_with = "as_word")]
    pub severity: Severity,
    /// The code, such as `unknown-key`. Codes are stable.
    pub code: &'static str,
    /// The description of the error.
    pub message: String,
    /// The correction.
    pub fix: Option<String>,
}

/// All findings of a load in the order of their places. At least one is an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<ConfigFinding>);

/// The place where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the file; line and column from 1, the column in characters.
    File { line: usize, column: usize },
    /// In this variable or flag.
    Named(String),
    /// The value is a default.
    Default,
}

/// An invalid value. The reader of the key adds the key's name and the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValueError {
    pub(crate) code: Code,
    /// The text after "`key` cannot be".
    pub(crate) what: String,
    pub(crate) fix: String,
}

/// Collects the findings of a load.
pub(crate) struct Report {
    file: String,
    findings: Vec<ConfigFinding>,
}

impl Report {
    pub(crate) fn new(file: &Path) -> Self {
        Self { file: file.display().to_string(), findings: Vec::new() }
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

    /// Returns the warnings, or all findings if one is an error.
    pub(crate) fn close(mut self) -> Result<Vec<ConfigFinding>, ConfigErrors> {
        // The sources report in their own order; readers expect the order of the file.
        self.findings.sort_by_key(|finding| (finding.line.is_none(), finding.line, finding.column));
        let refused = self.findings.iter().any(|finding| finding.severity == Severity::Error);
        if refused { Err(ConfigErrors(self.findings)) } else { Ok(self.findings) }
    }

    /// A finding, which is not collected.
    pub(super) fn finding(
        &self,
        place: &Place,
        severity: Severity,
        code: Code,
        message: String,
        fix: Option<String>,
    ) -> ConfigFinding {
        // docs/findings.md lists the severities of each code; they must not differ from what is reported.
        debug_assert!(code.severities().contains(&severity), "`{}` is no {severity:?}", code.name());
        let (file, line, column) = match place {
            Place::File { line, column } => (self.file.clone(), Some(*line), Some(*column)),
            Place::Named(name) => (name.clone(), None, None),
            Place::Default => (self.file.clone(), None, None),
        };
        ConfigFinding { file, line, column, severity, code: code.name(), message, fix }
    }

    fn push(&mut self, place: &Place, severity: Severity, code: Code, message: String, fix: Option<String>) {
        let finding = self.finding(place, severity, code, message, fix);
        // The defaults of several apps are read once for each.
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
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
        for (index, finding) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{finding}")?;
        }
        Ok(())
    }
}

/// Quotes input for a message: on one line, shortened, and not at all if it may contain a login (`user:password@host`).
pub(crate) fn quoted(text: &str) -> String {
    if text.contains('@') {
        return "`…@…`".to_owned();
    }
    let short: String = text.chars().take(MAX_QUOTE_CHARS).flat_map(char::escape_debug).collect();
    let rest = if text.chars().count() > MAX_QUOTE_CHARS { "…" } else { "" };
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

/// Characters of a quotation. Enough to recognize a word.
const MAX_QUOTE_CHARS: usize = 60;

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
        let findings = report.close().unwrap_err();
        insta::assert_snapshot!(findings, @r"
        a/portcullis.toml:3:9: error: bad; write `1`
        a/portcullis.toml:7:2: warning: hm; more
        PORTCULLIS_A__B: error: no such key
        ");
        insta::assert_snapshot!(
            serde_json::to_string(&findings.0[1]).unwrap(),
            @r#"{"file":"a/portcullis.toml","line":7,"column":2,"severity":"warning","code":"no-effect","message":"hm","fix":"more"}"#
        );
        insta::assert_snapshot!(
            serde_json::to_string(&findings.0[2]).unwrap(),
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
