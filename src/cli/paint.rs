//! Text for a person: colour and lines of the right width where it goes to a terminal, and nowhere else.

use std::io::{self, IsTerminal};

use super::table;
use crate::config::Sources;

/// How to show text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint {
    colour: bool,
    /// Characters of a line; `None` = no bound.
    width: Option<usize>,
}

impl Paint {
    /// As standard output and the environment want it: colour only on a terminal, never with `NO_COLOR`,
    /// `CLICOLOR=0` or `TERM=dumb`, and everywhere with `CLICOLOR_FORCE`.
    pub(super) fn of_stdout() -> Self {
        let env = Sources::from_environment(None, Vec::new()).env;
        let terminal = io::stdout().is_terminal();
        let size = terminal.then(|| rustix::termios::tcgetwinsize(io::stdout()).ok()).flatten();
        Self::of(terminal, size.map(|size| usize::from(size.ws_col)), &env)
    }

    /// Plain text.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { colour: false, width: None }
    }

    fn of(terminal: bool, columns: Option<usize>, env: &[(String, String)]) -> Self {
        let variable =
            |name: &str| env.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
        let is_forced = !matches!(variable("CLICOLOR_FORCE"), "" | "0");
        let is_refused =
            !variable("NO_COLOR").is_empty() || variable("CLICOLOR") == "0" || variable("TERM") == "dumb";
        let colour = variable("NO_COLOR").is_empty() && (is_forced || (terminal && !is_refused));
        let columns = columns.filter(|columns| *columns > 0).or_else(|| variable("COLUMNS").parse().ok());
        Self { colour, width: columns.filter(|_| terminal).map(|columns| columns.max(NARROWEST)) }
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Green for what is allowed or passes, red for the rest.
    pub(super) fn good(self, good: bool, text: &str) -> String {
        self.with(if good { "32" } else { "31" }, text)
    }

    /// The head and the rows of a table, each with its newlines.
    pub(super) fn table<const N: usize>(
        self,
        head: [&str; N],
        rows: impl Iterator<Item = [String; N]>,
    ) -> Vec<String> {
        table::rows(head, rows, self.width)
    }

    /// A text that begins at this column, as do the lines that it goes on in.
    pub(super) fn indented(self, text: &str, column: usize) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let glue = format!("\n{:column$}", "");
        table::wrap(text, width.saturating_sub(column).max(NARROWEST / 2)).join(&glue)
    }

    /// Each line by itself: what a pager cuts out of the middle is painted, too.
    fn with(self, code: &str, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let line = |line: &str| {
            if line.is_empty() { String::new() } else { format!("\u{1b}[{code}m{line}\u{1b}[0m") }
        };
        text.split('\n').map(line).collect::<Vec<_>>().join("\n")
    }
}

/// A table cannot be read in fewer columns.
const NARROWEST: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(terminal: bool, env: &[(&str, &str)]) -> Paint {
        let env: Vec<_> = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Paint::of(terminal, None, &env)
    }

    #[test]
    fn paints_only_when_told() {
        let painted = Paint { colour: true, width: None };
        assert_eq!(painted.good(false, "deny"), "\u{1b}[31mdeny\u{1b}[0m");
        assert_eq!(painted.bold("a\nb\n"), "\u{1b}[1ma\u{1b}[0m\n\u{1b}[1mb\u{1b}[0m\n");
        assert_eq!(Paint::none().bold("x"), "x");
    }

    #[test]
    fn the_environment_decides_about_colour() {
        for (terminal, env, colour) in [
            (true, &[][..], true),
            (false, &[], false),
            (true, &[("NO_COLOR", "1")], false),
            (true, &[("NO_COLOR", "")], true),
            (true, &[("CLICOLOR", "0")], false),
            (true, &[("TERM", "dumb")], false),
            (false, &[("CLICOLOR_FORCE", "1")], true),
            (false, &[("CLICOLOR_FORCE", "0")], false),
            (true, &[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], true),
            (true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false),
        ] {
            assert_eq!(of(terminal, env).colour, colour, "{terminal} {env:?}");
        }
    }

    #[test]
    fn lines_have_the_terminals_width() {
        assert_eq!(of(true, &[]).width, None);
        assert_eq!(of(true, &[("COLUMNS", "100")]).width, Some(100));
        assert_eq!(of(false, &[("COLUMNS", "100")]).width, None, "a pipe has no width");
        assert_eq!(Paint::of(true, Some(0), &[]).width, None);
        assert_eq!(Paint::of(true, Some(5), &[]).width, Some(NARROWEST));
        let narrow = Paint::of(true, Some(45), &[]);
        assert_eq!(
            narrow.indented("one two three four five six seven eight", 13),
            "one two three four five six\n             seven eight"
        );
        assert_eq!(Paint::none().indented("one two", 13), "one two");
    }
}
