//! Tables that fit the terminal. Long cells are wrapped.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::printable::printable;

/// Columns between two cells.
const GAP: usize = 2;

/// Minimum width of a column: its longest word, up to this width.
const MAX_WORD_COLUMNS: usize = 24;

/// The head and the rows as text with newlines. Every column is as wide as its widest cell. `width`: the columns of a
/// line; `None` = unlimited.
pub(super) fn rows<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    width: Option<usize>,
) -> Vec<String> {
    let head = head.map(str::to_owned);
    let rows: Vec<[String; N]> =
        std::iter::once(head).chain(rows.map(|row| row.map(|cell| printable(&cell)))).collect();
    let widths = widths(&rows, width);
    rows.iter().map(|row| line(row, &widths)).collect()
}

/// Wraps a text to lines of at most `width` columns, between words where possible. Some characters (Chinese ones, say)
/// have two columns, combining accents have none.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let mut rest = word;
        let mut count = rest.width();
        if length > 0 && length + 1 + count <= width {
            line.push(' ');
            length += 1;
        } else if length > 0 {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        while count > width {
            let (part, more) = split_at_width(rest, width);
            if more.is_empty() {
                break;
            }
            lines.push(part.to_owned());
            rest = more;
            count = rest.width();
        }
        line.push_str(rest);
        length += count;
    }
    lines.push(line);
    lines
}

/// Splits a text at the width, after at least one character.
fn split_at_width(text: &str, width: usize) -> (&str, &str) {
    let mut used = 0;
    let too_wide = |(at, c): &(usize, char)| {
        used += c.width().unwrap_or(0);
        *at > 0 && used > width
    };
    let end = text.char_indices().find(too_wide).map_or(text.len(), |(at, _)| at);
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn widths<const N: usize>(rows: &[[String; N]], most: Option<usize>) -> [usize; N] {
    let (mut widths, mut least) = ([0; N], [0; N]);
    for row in rows {
        for ((width, least), cell) in widths.iter_mut().zip(&mut least).zip(row) {
            *width = (*width).max(cell.width());
            let word = cell.split(' ').map(UnicodeWidthStr::width).max().unwrap_or(0);
            *least = (*least).max(word.min(MAX_WORD_COLUMNS));
        }
    }
    // Not on a terminal: lines are read by programs and must not be broken.
    let Some(most) = most else { return widths };
    let gaps = GAP * N.saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > most {
        let slack = widths.iter_mut().zip(&least).filter(|(width, least)| **width > **least);
        let Some((widest, _)) = slack.max_by_key(|(width, _)| **width) else { break };
        *widest -= 1;
    }
    widths
}

fn line<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    let mut cells: Vec<std::vec::IntoIter<String>> = Vec::with_capacity(N);
    let mut height = 1;
    for (cell, width) in row.iter().zip(widths) {
        let lines = wrap(cell, *width);
        height = height.max(lines.len());
        cells.push(lines.into_iter());
    }
    let mut text = String::new();
    for _ in 0..height {
        let mut line = String::new();
        for (cell, width) in cells.iter_mut().zip(widths) {
            let part = cell.next().unwrap_or_default();
            let blanks = width.saturating_sub(part.width()) + GAP;
            line.push_str(&format!("{part}{:blanks$}", ""));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(width: Option<usize>) -> String {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let body = [
            row(["7508", "order.json#/acls/3", "applies, but another rule has a higher score"]),
            row(["-", "order.json#/acls/10", "decides"]),
        ];
        rows(["SCORE", "RULE", "HERE"], body.into_iter(), width).concat()
    }

    #[test]
    fn without_a_terminal_a_row_is_a_line() {
        insta::assert_snapshot!(table(None), @r"
        SCORE  RULE                 HERE
        7508   order.json#/acls/3   applies, but another rule has a higher score
        -      order.json#/acls/10  decides
        ");
        assert_eq!(table(Some(200)), table(None));
    }

    #[test]
    fn on_a_narrow_terminal_the_widest_column_goes_on_below() {
        insta::assert_snapshot!(table(Some(50)), @r"
        SCORE  RULE                 HERE
        7508   order.json#/acls/3   applies, but another
                                    rule has a higher
                                    score
        -      order.json#/acls/10  decides
        ");
    }

    #[test]
    fn a_word_that_no_line_holds_is_broken() {
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("", 3), [""]);
        assert_eq!(wrap("é ü", 0), ["é", "ü"]);
        assert_eq!(wrap("貪欲な x", 5), ["貪欲", "な x"], "two columns each");
        assert_eq!(wrap("貪欲", 1), ["貪", "欲"], "one letter at least");
        assert_eq!(wrap("e\u{301}e\u{301}", 1), ["e\u{301}", "e\u{301}"], "an accent has none");
    }

    #[test]
    fn columns_stand_below_each_other_in_every_script() {
        let rows = [["李雷", "a"], ["Zoe\u{308}", "b"], ["ann", "c"]];
        let rows = rows.map(|row| row.map(str::to_owned)).into_iter();
        insta::assert_snapshot!(super::rows(["NAME", "ID"], rows, None).concat(), @r"
        NAME  ID
        李雷  a
        Zoë   b
        ann   c
        ");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_too_wide(text in "[a-zé ]{0,60}", width in 1_usize..30) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
            let letters = |text: &str| text.replace(' ', "");
            prop_assert_eq!(letters(&lines.concat()), letters(&text));
        }
    }
}
