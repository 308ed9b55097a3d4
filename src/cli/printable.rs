//! Makes text safe for a terminal.

/// Escapes control characters. Names come from clients and could otherwise control the terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
