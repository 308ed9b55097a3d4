//! A parameter's name, folded as frameworks fold it.

use crate::encoding::hex_value;

/// The names that stand for a method: Rack, Symfony, Spring, Express…; ASP.NET MVC and middleware for it; Plack;
/// Werkzeug. Folded.
const NAMES: [&str; 6] = [
    "_method",
    "x_http_method_override",
    "x_http_method",
    "x_method_override",
    "x_tunneled_method",
    "__method_override__",
];

/// Longer names are none of them.
const LONGEST: usize = 24;

/// Longest escape: `%u005f`.
const ESCAPE: usize = 6;

/// Whether such a name may begin with this byte of a query.
pub(super) fn may_begin(byte: u8) -> bool {
    matches!(byte, b'_' | b'x' | b'X') || !byte.is_ascii_alphanumeric()
}

/// A name in the making: in lower case, `-`, `.` and blank are `_` (PHP). Left out is what some reader drops before it:
/// blanks and brackets (PHP, Rack), a byte order mark (body-parser, Hono), `?` (`URLSearchParams`); and all from the
/// next bracket on (PHP, Rack), or from a NUL on (PHP).
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    folded: [u8; LONGEST],
    len: usize,
    /// All of the name is there, and the rest is not a part of it.
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
            // Of a broken escape, which CherryPy drops.
            b'%' => {}
            // No name begins with more than two: however many stand there, they do not hide what follows.
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

    /// Dots before the name are dropped by qs.
    pub(super) fn is_override(&self) -> bool {
        let Some(name) = self.folded.get(..self.len) else { return false };
        let is_known = |name: &[u8]| NAMES.iter().any(|known| known.as_bytes() == name);
        let begins_late = |at: &usize| name.iter().take(*at).all(|byte| *byte == b'_');
        (0..=2).take_while(begins_late).filter_map(|at| name.get(at..)).any(is_known)
    }
}

/// Undoes `+`, `%5f` and `%u005f` (ASP.NET); what is not an escape stays as it is.
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
            // Beyond Latin-1 there is no letter of a name.
            push(u8::try_from(value).unwrap_or(0xff));
            self.len = 0;
        }
    }

    /// The text is over: what is held is not an escape.
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
