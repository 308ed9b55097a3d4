//! Errors and warnings about policy files, with position and fix.

use std::fmt;

use super::{
    Source,
    code::{Code, Severity},
};

/// An error or a warning about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// Error or warning.
    pub severity: Severity,
    /// A stable code, such as `unknown-key`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// How to correct it.
    pub fix: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.severity == Severity::Error { "error" } else { "warning" };
        write!(f, "{}:{}:{}: {word}: {}", self.file, self.line, self.column, self.message)?;
        self.fix.as_ref().map_or(Ok(()), |fix| write!(f, "; {fix}"))
    }
}

/// A position in one of the sources of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The index of the source; out of range for [`Place::NOWHERE`] and [`Place::STORE`].
    pub(super) file: usize,
    /// Byte offset in the source.
    pub(super) offset: usize,
}

impl Place {
    /// A built-in model or a setting, which no file of the set contains.
    pub(super) const NOWHERE: Self = Self { file: usize::MAX, offset: 0 };

    /// A row of the store.
    pub(super) const STORE: Self = Self { file: usize::MAX - 1, offset: 0 };

    /// The beginning of a source.
    pub(super) const fn start(file: usize) -> Self {
        Self { file, offset: 0 }
    }
}

/// Collects the findings of one compilation.
#[derive(Debug)]
pub(super) struct Report<'a> {
    sources: &'a [Source],
    findings: Vec<(Place, Finding)>,
}

impl<'a> Report<'a> {
    pub(super) fn new(sources: &'a [Source]) -> Self {
        Self { sources, findings: Vec::new() }
    }

    /// Adds an error.
    pub(super) fn error(&mut self, at: Place, code: Code, message: String, fix: Option<String>) {
        self.add(at, Severity::Error, code, message, fix);
    }

    /// Adds a warning.
    pub(super) fn warn(&mut self, at: Place, code: Code, message: String, fix: Option<String>) {
        self.add(at, Severity::Warning, code, message, fix);
    }

    /// All findings in the order of the files, and whether one of them is an error.
    pub(super) fn finish(mut self) -> (bool, Vec<Finding>) {
        // Checks run in phases over all files, so findings arrive out of order.
        self.findings.sort_by_key(|(place, _)| (place.file, place.offset));
        let findings: Vec<Finding> = self.findings.into_iter().map(|(_, finding)| finding).collect();
        (findings.iter().any(|finding| finding.severity == Severity::Error), findings)
    }

    /// `file:line:column`, for a second position in a message.
    pub(super) fn place(&self, at: Place) -> String {
        let (file, line, column) = self.located(at);
        if at == Place::STORE { file } else { format!("{file}:{line}:{column}") }
    }

    /// The file, the line and the column.
    pub(super) fn located(&self, at: Place) -> (String, usize, usize) {
        match self.sources.get(at.file) {
            Some(source) => {
                let (line, column) = line_and_column(&source.text, at.offset);
                (source.name.clone(), line, column)
            }
            // Findings about the store have no position, but every finding has the same form.
            None if at == Place::STORE => ("store".to_owned(), 1, 1),
            None => ("portcullis.toml".to_owned(), 1, 1),
        }
    }

    fn add(&mut self, at: Place, severity: Severity, code: Code, message: String, fix: Option<String>) {
        debug_assert!(code.severities().contains(&severity), "`{}` is no {severity:?}", code.name());
        let (file, line, column) = self.located(at);
        // A finding is one line of output.
        let (message, fix) = (one_line(message), fix.map(one_line));
        let finding = Finding { file, line, column, severity, code: code.name(), message, fix };
        // Inherited entries are read more than once.
        if !self.findings.iter().any(|(_, other)| *other == finding) {
            self.findings.push((at, finding));
        }
    }
}

/// `did you mean …` with the nearest of `known`, if it is near enough to be a misspelling.
pub(super) fn did_you_mean<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<String> {
    let folded = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// Escapes control characters. A message quotes files, which may contain line breaks or escape sequences of a
/// terminal.
fn one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let text = "{\n  \"é\": 1,\n  2\n}";
        for (needle, expected) in
            [("{", (1, 1)), ("\"é", (2, 3)), ("1", (2, 8)), ("2", (3, 3)), ("}", (4, 1))]
        {
            assert_eq!(line_and_column(text, text.find(needle).unwrap()), expected, "{needle}");
        }
        assert_eq!(line_and_column(text, 10_000).0, 4);
    }

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["ALLOW", "DENY", "AUDIT"];
        assert_eq!(did_you_mean("deny", known).unwrap(), "did you mean `DENY`?");
        assert_eq!(did_you_mean("ALOW", known).unwrap(), "did you mean `ALLOW`?");
        assert_eq!(did_you_mean("perhaps", known), None);
    }

    #[test]
    fn a_word_of_the_file_makes_no_second_line() {
        let sources = [Source { name: "a.json".into(), text: "{}".into() }];
        let mut report = Report::new(&sources);
        report.warn(
            Place::start(0),
            Code::NoRules,
            "`a\nb\u{1b}[0m é` is odd".into(),
            Some("not `\r`".into()),
        );
        let (_, findings) = report.finish();
        assert_eq!(findings[0].to_string(), "a.json:1:1: warning: `a\\nb\\u{1b}[0m é` is odd; not `\\r`");
    }

    #[test]
    fn reads_as_one_line() {
        let sources = [Source { name: "a.json".into(), text: "\n x".into() }];
        let mut report = Report::new(&sources);
        report.error(
            Place { file: 0, offset: 2 },
            Code::Json,
            "`x` is wrong".into(),
            Some("write `y`".into()),
        );
        let (failed, findings) = report.finish();
        assert!(failed);
        assert_eq!(findings[0].to_string(), "a.json:2:2: error: `x` is wrong; write `y`");
    }
}
