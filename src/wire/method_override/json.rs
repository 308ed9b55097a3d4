//! Finds keys of a JSON object in a stream.

use super::name::{Name, hex};

/// The state of the search. Only keys of the outermost object count.
#[derive(Debug, Default)]
pub(super) struct Json {
    start: Start,
    depth: u32,
    /// Whether the outermost value is an object.
    is_object: bool,
    /// Whether the next string is a key of the outermost object.
    key_next: bool,
    text: Option<Text>,
}

/// Whether the body is JSON.
#[derive(Debug, Default, PartialEq, Eq)]
enum Start {
    /// The content type says so.
    #[default]
    Announced,
    /// Unknown until the first byte that is not white space.
    Unknown,
    /// It begins with another byte than an object.
    Other,
}

/// The state inside a string.
#[derive(Debug, Default)]
struct Text {
    name: Name,
    is_key: bool,
    escape: Escape,
}

#[derive(Debug, Default)]
enum Escape {
    #[default]
    None,
    Backslash,
    /// The number of hex digits so far, and their value.
    Unicode(u32, u32),
}

impl Json {
    /// For a body of another type, which may be an object all the same.
    pub(super) fn unannounced() -> Self {
        Self { start: Start::Unknown, ..Self::default() }
    }

    /// The position in this piece at which a key ends that is an override.
    pub(super) fn next(&mut self, piece: &[u8]) -> Option<usize> {
        if self.start == Start::Unknown {
            // White space and byte order marks, also that of UTF-16.
            let is_before = |byte: &u8| {
                byte.is_ascii_whitespace() || matches!(byte, 0 | 0xef | 0xbb | 0xbf | 0xfe | 0xff)
            };
            self.start = match piece.iter().find(|byte| !is_before(byte))? {
                b'{' => Start::Announced,
                _ => Start::Other,
            };
        }
        if self.start == Start::Other {
            return None;
        }
        for (at, byte) in piece.iter().copied().enumerate() {
            // Python's `json` detects UTF-16 and UTF-32 by itself.
            if byte == 0 {
                continue;
            }
            if let Some(text) = &mut self.text {
                if !text.push(byte) {
                    continue;
                }
                let found = text.is_key && text.name.is_override();
                self.text = None;
                if found {
                    return Some(at + 1);
                }
                continue;
            }
            match byte {
                b'"' => {
                    self.text = Some(Text { is_key: self.key_next, ..Text::default() });
                    self.key_next = false;
                }
                // Only keys of the outermost object: frameworks read the parameter there.
                b'{' | b'[' => {
                    self.is_object |= self.depth == 0 && byte == b'{';
                    self.key_next = self.depth == 0 && byte == b'{';
                    self.depth = self.depth.saturating_add(1);
                }
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.key_next = false;
                }
                b',' => self.key_next = self.depth == 1 && self.is_object,
                _ => {}
            }
        }
        None
    }
}

impl Text {
    /// Adds a byte. Whether it ends the string.
    fn push(&mut self, byte: u8) -> bool {
        match self.escape {
            Escape::None if byte == b'"' => return true,
            Escape::None if byte == b'\\' => self.escape = Escape::Backslash,
            Escape::None => self.name.push(byte),
            Escape::Backslash if byte == b'u' => self.escape = Escape::Unicode(0, 0),
            // `\/` and the like stand for the character itself; no name contains the others.
            Escape::Backslash => {
                self.name.push(byte);
                self.escape = Escape::None;
            }
            Escape::Unicode(count, value) => {
                let value = value * 16 + hex(byte);
                self.escape = Escape::Unicode(count + 1, value);
                if count == 3 {
                    self.name.push(u8::try_from(value).unwrap_or(0xff));
                    self.escape = Escape::None;
                }
            }
        }
        false
    }
}

/// The string value of a key that ends before `rest`.
pub(super) fn value(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    rest.get(..memchr::memchr(b'"', rest)?)
}
