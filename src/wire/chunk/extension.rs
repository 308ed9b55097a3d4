//! Chunk extensions (RFC 9112 section 7.1.1), parsed by their grammar and dropped.

use crate::wire::diagnose::is_token_byte;

/// The parser's state in the extensions of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extension {
    /// After the size or a value, with blanks: only `;` may follow.
    Gap,
    /// After `;`, perhaps with blanks.
    Semicolon,
    Name,
    /// After a name, with blanks: `=` or `;` may follow.
    NameGap,
    /// After `=`, perhaps with blanks.
    Equals,
    Value,
    Quoted,
    /// After a backslash between quotes.
    Escaped,
    /// After the closing quote.
    Unquoted,
}

impl Extension {
    /// The state after the first byte behind the size; `None` if no extension begins with it.
    pub(super) fn begin(byte: u8) -> Option<Self> {
        match byte {
            b' ' | b'\t' => Some(Self::Gap),
            b';' => Some(Self::Semicolon),
            _ => None,
        }
    }

    /// The state after one more byte; `None` if the grammar does not allow it.
    pub(super) fn next(self, byte: u8) -> Option<Self> {
        let blank = matches!(byte, b' ' | b'\t');
        match self {
            // Blanks are allowed only in front of `;` (RFC 9112 section 7.1.1).
            Self::Gap => Self::begin(byte),
            Self::Semicolon if blank => Some(Self::Semicolon),
            Self::Semicolon | Self::Name if is_token_byte(byte) => Some(Self::Name),
            Self::Name | Self::NameGap if blank => Some(Self::NameGap),
            Self::Name | Self::NameGap if byte == b'=' => Some(Self::Equals),
            Self::Name | Self::NameGap if byte == b';' => Some(Self::Semicolon),
            Self::Equals if blank => Some(Self::Equals),
            Self::Equals if byte == b'"' => Some(Self::Quoted),
            Self::Equals | Self::Value if is_token_byte(byte) => Some(Self::Value),
            Self::Value | Self::Unquoted => Self::begin(byte),
            Self::Quoted if byte == b'"' => Some(Self::Unquoted),
            Self::Quoted if byte == b'\\' => Some(Self::Escaped),
            Self::Quoted | Self::Escaped if is_text(byte) => Some(Self::Quoted),
            _ => None,
        }
    }

    /// Whether the line may end here.
    pub(super) fn may_end(self) -> bool {
        matches!(self, Self::Name | Self::Value | Self::Unquoted)
    }
}

/// Whether a quoted string may contain the byte, besides quotes and backslashes (RFC 9110 section 5.6.4).
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `text` may stand between the size of a chunk and the end of the line.
    fn is_extension(text: &str) -> bool {
        let Some((&first, rest)) = text.as_bytes().split_first() else { return true };
        let end =
            rest.iter().try_fold(Extension::begin(first), |state, &byte| state.map(|state| state.next(byte)));
        matches!(end, Some(Some(state)) if state.may_end())
    }

    #[test]
    fn b18_the_grammar_of_rfc_9112_section_7_1_1() {
        for text in [
            "",
            ";a",
            ";a=b",
            ";a;b;c",
            ";a=b;c=d;e",
            " ; a = b",
            "\t;\ta\t=\tb",
            " ;a ;b",
            ";a=\"\"",
            ";a=\"b\"",
            ";a=\"b;c=d, {}\t\"",
            ";a=\"\\\"\\\\ \"",
            ";a=\"\u{e4}\"",
            ";a=\"b\" ; c",
            ";!#$%&'*+-.^_`|~=1",
        ] {
            assert!(is_extension(text), "{text}");
        }
        for text in [
            ";",
            " ",
            " ;",
            "; ",
            ";;",
            ";;a",
            ";a;",
            ";=",
            ";=b",
            ";a=",
            ";a= ",
            ";a =",
            ";a ",
            ";a=b ",
            ";a=b=c",
            ";a==b",
            ";a b",
            ";a=b c",
            ";(",
            ";a(",
            ";a=(",
            ";a,b",
            ";\"a\"",
            ";a=\"",
            ";a=\"b",
            ";a=\"b\\\"",
            ";a=\"b\"c",
            ";a=\"b\" ",
            ";a=b\"c\"",
            ";a=\"\0\"",
            ";a=\"\x7f\"",
            ";a=\"\\\x01\"",
            ";\u{e4}",
            "a",
            "=",
            " 1",
        ] {
            assert!(!is_extension(text), "{text}");
        }
    }
}
