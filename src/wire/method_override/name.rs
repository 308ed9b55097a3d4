//! The name of a parameter, folded as frameworks fold it.

use crate::encoding::hex_value;

/// Folded names of overrides: Rack, Symfony, Spring, Express and others; ASP.NET MVC and its middleware; Plack;
/// Werkzeug.
const NAMES: [&str; 6] = [
    "_method",
    "x_http_method_override",
    "x_http_method",
    "x_method_override",
    "x_tunneled_method",
    "__method_override__",
];

/// The largest folded name; no known name is longer.
const LONGEST: usize = 24;

/// The longest escape: `%u005f`.
const ESCAPE: usize = 6;

/// Whether a name in a query may begin with this byte.
pub(super) fn may_begin(byte: u8) -> bool {
    // The first byte rules out most pairs. Escapes and characters that readers drop must pass.
    matches!(byte, b'_' | b'x' | b'X') || !byte.is_ascii_alphanumeric()
}

/// A folded name under construction: in lower case, with `_` for `-`, `.` and blanks (PHP). Characters that
/// some reader drops in front of it are left out: blanks and brackets (PHP, Rack), a byte order mark
/// (body-parser, Hono), `?` (`URLSearchParams`). So is everything from the next bracket (PHP, Rack) or a NUL
/// (PHP) on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    folded: [u8; LONGEST],
    len: usize,
    /// Whether the name is complete, and later bytes do not belong to it.
    ended: bool,
}

impl Default for Name {
    fn default() -> Self {
        Self { folded: [0; LONGEST], len: 0, ended: false }
    }
}

impl Name {
    /// Adds a byte of the decoded name.
    pub(super) fn push(&mut self, byte: u8) {
        match byte {
            _ if self.ended => {}
            b' ' | b'[' | b']' | b'?' | 0xef | 0xbb | 0xbf | 0xfe | 0xff if self.len == 0 => {}
            0 | b'[' | b']' => self.ended = true,
            // Left of a broken escape, which CherryPy drops.
            b'%' => {}
            // No known name begins with more than two, so any number of them must not hide the rest.
            b'_' | b'-' | b'.' | b' ' if self.len == 2 && self.folded.starts_with(b"__") => {}
            byte => {
                if let Some(place) = self.folded.get_mut(self.len) {
                    *place = match byte {
                        b'-' | b'.' | b' ' => b'_',
                        byte => byte.to_ascii_lowercase(),
                    };
                }
                self.len = self.len.saturating_add(1);
            }
        }
    }

    /// Whether the name is an override. qs drops dots in front of a name.
    pub(super) fn is_override(&self) -> bool {
        let Some(name) = self.folded.get(..self.len) else { return false };
        let is_known = |name: &[u8]| NAMES.iter().any(|known| known.as_bytes() == name);
        let begins_late = |at: &usize| name.iter().take(*at).all(|byte| *byte == b'_');
        (0..=2).take_while(begins_late).filter_map(|at| name.get(at..)).any(is_known)
    }
}

/// Decodes `+`, `%5f` and `%u005f` (ASP.NET). Anything else does not change.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unescape {
    held: [u8; ESCAPE],
    len: usize,
}

impl Unescape {
    pub(super) fn push(&mut self, byte: u8, name: &mut Name) {
        self.push_to(byte, &mut |byte| name.push(byte));
    }

    pub(super) fn end(&mut self, name: &mut Name) {
        self.end_to(&mut |byte| name.push(byte));
    }

    pub(super) fn push_to(&mut self, byte: u8, push: &mut impl FnMut(u8)) {
        let is_part = match self.len {
            0 => byte == b'%',
            1 => byte.is_ascii_hexdigit() || byte.eq_ignore_ascii_case(&b'u'),
            _ => byte.is_ascii_hexdigit(),
        };
        if !is_part {
            self.end_to(push);
            if byte == b'%' {
                return self.push_to(byte, push);
            }
            push(if byte == b'+' { b' ' } else { byte });
            return;
        }
        if let Some(place) = self.held.get_mut(self.len) {
            *place = byte;
        }
        self.len += 1;
        let wide = self.held.get(1).is_some_and(|second| second.eq_ignore_ascii_case(&b'u'));
        if self.len == if self.len > 1 && wide { ESCAPE } else { 3 } {
            let digits = self.held.get(if wide { 2 } else { 1 }..self.len).unwrap_or_default();
            let value = digits.iter().fold(0, |value, digit| value * 16 + hex(*digit));
            // No known name has characters beyond Latin-1.
            push(u8::try_from(value).unwrap_or(0xff));
            self.len = 0;
        }
    }

    /// Ends the text. Held bytes are no escape.
    pub(super) fn end_to(&mut self, push: &mut impl FnMut(u8)) {
        for byte in self.held.get(..self.len).unwrap_or_default() {
            push(*byte);
        }
        self.len = 0;
    }
}

pub(super) fn hex(digit: u8) -> u32 {
    hex_value(digit).map_or(0, u32::from)
}
