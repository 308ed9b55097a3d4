//! Formats text for a terminal: colour, and lines of the right width.

use std::io::{self, IsTerminal};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

use super::table;
use crate::config::Sources;

/// The format of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint {
    colour: bool,
    /// The number of columns; `None` = unlimited.
    width: Option<usize>,
}

impl Paint {
    /// The format for standard output and the environment: colour on a terminal only, never with `NO_COLOR`,
    /// `CLICOLOR=0` or `TERM=dumb`, and always with `CLICOLOR_FORCE`.
    pub(super) fn of_stdout() -> Self {
        let stdout = io::stdout();
        let colour = AutoStream::choice(&stdout) != ColorChoice::Never;
        let env = Sources::from_environment(None, Vec::new()).env;
        let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok()).flatten();
        Self { colour, width: width(stdout.is_terminal(), size.map(|size| usize::from(size.ws_col)), &env) }
    }

    /// Plain text.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { colour: false, width: None }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    /// Green for allowed or passed, red otherwise.
    pub(super) fn good(self, good: bool, text: &str) -> String {
        self.with(if good { AnsiColor::Green } else { AnsiColor::Red }.on_default(), text)
    }

    /// The head and the rows of a table, each with its newlines.
    pub(super) fn table<const N: usize>(
        self,
        head: [&str; N],
        rows: impl Iterator<Item = [String; N]>,
    ) -> Vec<String> {
        table::rows(head, rows, self.width)
    }

    /// Wraps a text that begins at this column; further lines are indented to it.
    pub(super) fn indented(self, text: &str, column: usize) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let glue = format!("\n{:column$}", "");
        table::wrap(text, width.saturating_sub(column).max(MIN_COLUMNS / 2)).join(&glue)
    }

    /// Each line is painted separately, because a pager may show any part of the text.
    fn with(self, style: Style, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let line = |line: &str| {
            if line.is_empty() { String::new() } else { format!("{style}{line}{style:#}") }
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }
}

/// The number of columns of the terminal; `None` = unlimited.
fn width(terminal: bool, columns: Option<usize>, env: &[(String, String)]) -> Option<usize> {
    // A terminal without a size, such as a serial console, reports zero columns.
    let named = || env.iter().find(|(name, _)| name == "COLUMNS")?.1.parse().ok();
    let columns = columns.filter(|columns| *columns > 0).or_else(named);
    columns.filter(|_| terminal).map(|columns| columns.max(MIN_COLUMNS))
}

/// A table cannot be read with fewer columns.
const MIN_COLUMNS: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_only_when_told() {
        let painted = Paint { colour: true, width: None };
        assert_eq!(painted.good(false, "deny"), "\u{1b}[31mdeny\u{1b}[0m");
        assert_eq!(painted.bold("a\nb\n"), "\u{1b}[1ma\u{1b}[0m\n\u{1b}[1mb\u{1b}[0m\n");
        assert_eq!(Paint::none().bold("x"), "x");
    }

    #[test]
    fn lines_have_the_terminals_width() {
        let columns = [("COLUMNS".to_owned(), "100".to_owned())];
        assert_eq!(width(true, None, &[]), None);
        assert_eq!(width(true, None, &columns), Some(100));
        assert_eq!(width(false, None, &columns), None, "a pipe has no width");
        assert_eq!(width(true, Some(120), &columns), Some(120));
        assert_eq!(width(true, Some(0), &[]), None);
        assert_eq!(width(true, Some(5), &[]), Some(MIN_COLUMNS));
        let narrow = Paint { colour: false, width: Some(45) };
        assert_eq!(
            narrow.indented("one two three four five six seven eight", 13),
            "one two three four five six\n             seven eight"
        );
        assert_eq!(Paint::none().indented("one two", 13), "one two");
    }
}
