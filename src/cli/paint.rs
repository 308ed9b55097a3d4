//! Text for a person: colour where it goes to a terminal, and nowhere else.

use std::io::{self, IsTerminal};

/// Whether to paint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Paint(bool);

impl Paint {
    /// Colour only where somebody looks at it.
    pub(super) fn of_stdout() -> Self {
        Self(io::stdout().is_terminal())
    }

    /// Plain text.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self(false)
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

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_only_when_told() {
        assert_eq!(Paint(true).good(false, "deny"), "\u{1b}[31mdeny\u{1b}[0m");
        assert_eq!(Paint::none().bold("x"), "x");
    }
}
