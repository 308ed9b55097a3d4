//! Finds the parts of a `multipart` body by their headers alone: readers agree about headers, but not about
//! boundaries.

use memchr::{memchr, memchr2, memmem};

use super::name::{Name, Unescape};

/// Headers that name a part: `Content-Disposition` (RFC 7578 section 4.2), and for Rack `Content-ID`.
const HEADERS: [&str; 2] = ["content-disposition", "content-id"];

/// A longer header counts as an override, because its name is not read.
const LONGEST: usize = 4096;

/// The state of the search.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// For each of [`HEADERS`], how many of its bytes match the last bytes.
    matched: [usize; 2],
    /// The state behind the name of a header.
    after: Option<After>,
}

/// The state behind the name of a header.
#[derive(Debug, Default)]
struct After {
    is_id: bool,
    /// Whether the colon has been read.
    colon: bool,
    /// The line end that was read; CR alone for Werkzeug. The header continues only with a blank.
    line_end: Option<u8>,
    value: Vec<u8>,
}

impl Parts {
    /// The position in this piece at which a header ends that names an override, or that is too long.
    pub(super) fn next(&mut self, piece: &[u8]) -> Option<usize> {
        let mut at = 0;
        while let Some(byte) = piece.get(at).copied() {
            if let Some(after) = &mut self.after {
                match after.push(byte) {
                    Step::More => {}
                    Step::NoHeader => self.after = None,
                    Step::Named(is_override) => {
                        self.after = None;
                        if is_override {
                            return Some(at);
                        }
                        // The current byte begins the next line.
                        continue;
                    }
                }
            } else if self.matched == [0, 0] {
                let found = piece.get(at..).and_then(|rest| memchr2(b'c', b'C', rest))?;
                at += found;
                self.matched = [1, 1];
            } else {
                self.search(byte);
            }
            at += 1;
        }
        None
    }

    fn search(&mut self, byte: u8) {
        let byte = if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
        for (at, (matched, header)) in self.matched.iter_mut().zip(HEADERS).enumerate() {
            // Both headers contain a `c` only at their beginning, so a mismatch restarts there.
            *matched = match header.as_bytes().get(*matched) {
                Some(wanted) if *wanted == byte => *matched + 1,
                _ => usize::from(byte == b'c'),
            };
            if *matched == header.len() {
                self.after = Some(After { is_id: at == 1, ..After::default() });
            }
        }
        if self.after.is_some() {
            self.matched = [0, 0];
        }
    }
}

enum Step {
    More,
    /// It is not a header.
    NoHeader,
    /// The header is complete; whether it names an override.
    Named(bool),
}

impl After {
    fn push(&mut self, byte: u8) -> Step {
        if !self.colon {
            self.colon = byte == b':';
            return if self.colon || matches!(byte, b' ' | b'\t') { Step::More } else { Step::NoHeader };
        }
        let ends_line = |byte| matches!(byte, b'\r' | b'\n').then_some(byte);
        match self.line_end {
            Some(b'\r') if byte == b'\n' => {}
            Some(_) if !matches!(byte, b' ' | b'\t') => return Step::Named(self.names_method()),
            _ => {}
        }
        // Refused and not skipped: the name may be in the part that is not read.
        if self.value.len() == LONGEST {
            return Step::Named(true);
        }
        self.line_end = ends_line(byte);
        self.value.push(byte);
        Step::More
    }

    fn names_method(&self) -> bool {
        let is_between = |byte: &u8| {
            byte.is_ascii_whitespace() || matches!(byte, b';' | b',' | b'=' | b'"' | b'\'' | b'<' | b'>')
        };
        let plain: Vec<u8> = self.value.iter().copied().filter(|byte| *byte != b'\\').collect();
        // A name may be folded over two lines (RFC 5322 section 2.2.3), and blanks are removed with the fold.
        let mut unfolded = plain.clone();
        unfolded.retain(|byte| !byte.is_ascii_whitespace());
        if plain.split(is_between).any(is_override) || unfolded.split(is_between).any(is_override) {
            return true;
        }
        if self.is_id {
            return false;
        }
        // A name in the encoding of RFC 2231 or 2047: no browser sends it, but some parsers read it.
        let mut tight = plain;
        tight.retain(|byte| !byte.is_ascii_whitespace() && *byte != b'"');
        tight.make_ascii_lowercase();
        memmem::find(&tight, b";name*").is_some() || memmem::find(&tight, b";name==?").is_some()
    }
}

fn is_override(word: &[u8]) -> bool {
    let (mut name, mut unescape) = (Name::default(), Unescape::default());
    word.iter().for_each(|byte| unescape.push(*byte, &mut name));
    unescape.end(&mut name);
    name.is_override()
}

/// Whether a part of this body has a transfer encoding (RFC 2045 section 6), which some apps decode.
pub(super) fn is_coded(body: &[u8]) -> bool {
    const HEADER: &[u8] = b"content-transfer-encoding";
    const PLAIN: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
    let lower = body.to_ascii_lowercase();
    memmem::find_iter(&lower, HEADER).any(|at| {
        let rest = lower.get(at + HEADER.len()..).unwrap_or_default().trim_ascii_start();
        let value = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
        let word = value.split(|byte| byte.is_ascii_whitespace() || *byte == b';').next().unwrap_or_default();
        !PLAIN.contains(&word)
    })
}

/// The value of the part whose header ends before `rest`: the line behind the empty one.
pub(super) fn value(rest: &[u8]) -> Option<&[u8]> {
    let blank = [b"\n\r\n".as_slice(), b"\n\n"].into_iter();
    let start = if rest.starts_with(b"\r\n") || rest.starts_with(b"\n") {
        memchr(b'\n', rest)? + 1
    } else {
        blank.filter_map(|end| memmem::find(rest, end).map(|at| at + end.len())).min()?
    };
    let value = rest.get(start..)?;
    value.get(..memchr2(b'\r', b'\n', value)?)
}
