//! Decodes the chunked coding (RFC 9112 section 7.1) in place.

use std::fmt;
use std::io::Write as _;

use self::extension::Extension;
use super::diagnose::is_field_line;
use crate::wire::{MAX_LENGTH, Reject};

mod extension;

/// The result of [`ChunkDecoder::decode`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ChunkStep<'i> {
    /// The whole input has been consumed, and more is needed.
    More,
    /// A piece of the body, never empty.
    Data(&'i [u8]),
    /// The body and its trailer section are complete.
    Done,
}

/// Decodes a chunked body piece by piece. It stores trailers, but no data. Chunk extensions are checked and
/// dropped.
#[derive(Default)]
pub struct ChunkDecoder {
    state: State,
    /// Bytes left of the chunk; while its size is read, the size so far.
    left: u64,
    digits: u8,
    /// Bytes of extensions in the current chunk.
    extension: usize,
    /// Bytes of extensions in the whole body.
    extensions: usize,
    trailers: Vec<u8>,
    /// The start of the current trailer line.
    line: usize,
    fields: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension(Extension),
    SizeEnd,
    Data,
    DataEnd,
    DataEndLf,
    Trailer,
    Done,
    Broken,
}

impl ChunkDecoder {
    /// Decodes bytes at the front of `input`. Returns how many, and what they were. Call it again with the rest
    /// until it returns [`ChunkStep::More`] or [`ChunkStep::Done`]. Bytes behind the end of the body are not
    /// consumed.
    ///
    /// # Errors
    ///
    /// A [`Reject`] for anything but strict framing. Neither the message nor the connection can be read any
    /// further.
    pub fn decode<'i>(&mut self, input: &'i [u8]) -> Result<(usize, ChunkStep<'i>), Reject> {
        let mut rest = input;
        loop {
            match self.state {
                // Bytes behind the body belong to the next message.
                State::Done => return Ok((input.len() - rest.len(), ChunkStep::Done)),
                State::Data if !rest.is_empty() => {
                    let fits = usize::try_from(self.left).unwrap_or(usize::MAX).min(rest.len());
                    let (data, rest) = rest.split_at_checked(fits).unwrap_or_default();
                    self.left = self.left.saturating_sub(data.len() as u64);
                    if self.left == 0 {
                        self.state = State::DataEnd;
                    }
                    return Ok((input.len() - rest.len(), ChunkStep::Data(data)));
                }
                _ => {}
            }
            let Some((&byte, next)) = rest.split_first() else {
                return Ok((input.len(), ChunkStep::More));
            };
            match self.step(byte) {
                Ok(state) => self.state = state,
                Err(reject) => {
                    // So that a caller who ignores the error gets it again.
                    self.state = State::Broken;
                    return Err(reject);
                }
            }
            rest = next;
        }
    }

    /// The checked trailer lines, each `name: value` CR LF. Complete after [`ChunkStep::Done`].
    pub fn trailers(&self) -> &[u8] {
        if self.state == State::Done { &self.trailers } else { &[] }
    }

    /// Prepares the decoder for another body.
    pub fn clear(&mut self) {
        let mut trailers = std::mem::take(&mut self.trailers);
        trailers.clear();
        *self = Self { trailers, ..Self::default() };
    }

    /// The state after one byte of framing.
    fn step(&mut self, byte: u8) -> Result<State, Reject> {
        match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => Ok(State::SizeEnd),
            (State::Size | State::Extension(_) | State::DataEnd, b'\n') => Err(Reject::BareLineFeed),
            (State::Size, b' ' | b'\t' | b';') if self.digits > 0 => {
                self.count_extension(Extension::begin(byte))
            }
            (State::Size, _) => self.count_digit(byte),
            (State::Extension(extension), b'\r') if extension.may_end() => Ok(State::SizeEnd),
            (State::Extension(extension), _) => self.count_extension(extension.next(byte)),
            (State::SizeEnd, b'\n') => Ok(self.begin_chunk()),
            (State::SizeEnd, _) => Err(Reject::BareCarriageReturn),
            (State::DataEnd, b'\r') => Ok(State::DataEndLf),
            (State::DataEndLf, b'\n') => Ok(State::Size),
            (State::Trailer, _) => self.take_trailer(byte),
            // `decode` handles `Data` and `Done` itself.
            (State::DataEnd | State::DataEndLf | State::Data | State::Done | State::Broken, _) => {
                Err(Reject::ChunkEnd)
            }
        }
    }

    fn count_digit(&mut self, byte: u8) -> Result<State, Reject> {
        let digit = char::from(byte).to_digit(16).ok_or(Reject::ChunkSize)?;
        // Leading zeros count, too: some parsers cut a long size.
        if self.digits == MAX_DIGITS {
            return Err(Reject::ChunkSize);
        }
        self.digits += 1;
        // INVARIANT: 16 hex digits fill 64 bits, so nothing is shifted out.
        self.left = self.left << 4 | u64::from(digit);
        if self.left > MAX_LENGTH { Err(Reject::ChunkSize) } else { Ok(State::Size) }
    }

    fn count_extension(&mut self, extension: Option<Extension>) -> Result<State, Reject> {
        let extension = extension.ok_or(Reject::ChunkExtension)?;
        self.extension += 1;
        self.extensions += 1;
        if self.extension > MAX_EXTENSION || self.extensions > MAX_EXTENSIONS {
            return Err(Reject::ChunkExtension);
        }
        Ok(State::Extension(extension))
    }

    fn begin_chunk(&mut self) -> State {
        self.digits = 0;
        self.extension = 0;
        if self.left == 0 { State::Trailer } else { State::Data }
    }

    fn take_trailer(&mut self, byte: u8) -> Result<State, Reject> {
        if self.trailers.len() >= MAX_TRAILERS {
            return Err(Reject::TrailersTooLarge);
        }
        self.trailers.push(byte);
        if byte != b'\n' {
            return Ok(State::Trailer);
        }
        let line = self.trailers.get(self.line..).unwrap_or_default();
        // A reader that ends lines at LF would see other trailers.
        let line = line.strip_suffix(b"\r\n").ok_or(Reject::BareLineFeed)?;
        if line.is_empty() {
            self.trailers.truncate(self.line);
            return Ok(State::Done);
        }
        if !is_field_line(line) {
            return Err(Reject::TrailerField);
        }
        // Some servers merge trailers into the fields.
        if frames_or_routes(line) {
            return Err(Reject::TrailerName);
        }
        self.fields += 1;
        if self.fields > MAX_TRAILER_FIELDS {
            return Err(Reject::TrailersTooLarge);
        }
        self.line = self.trailers.len();
        Ok(State::Trailer)
    }
}

/// Without the content of the body.
impl fmt::Debug for ChunkStep<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::More => out.write_str("More"),
            Self::Data(data) => write!(out, "Data(<{} bytes>)", data.len()),
            Self::Done => out.write_str("Done"),
        }
    }
}

impl fmt::Debug for ChunkDecoder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChunkDecoder")
            .field("state", &self.state)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// Appends the first line of a chunk of `len` bytes. The last chunk is `0`, followed by trailers and an empty
/// line.
pub fn write_chunk_head(out: &mut Vec<u8>, len: usize) {
    // Writing to a vector does not fail.
    let _ = write!(out, "{len:x}\r\n");
}

/// Whether a field line has a name that is not allowed in a trailer section (RFC 9110 section 6.5.1).
fn frames_or_routes(line: &[u8]) -> bool {
    let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
    NO_TRAILERS.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

const NO_TRAILERS: [&str; 8] =
    ["content-length", "transfer-encoding", "host", "connection", "keep-alive", "upgrade", "te", "trailer"];

/// The hex digits of a 64-bit size.
const MAX_DIGITS: u8 = 16;

/// The largest number of bytes of extensions in a chunk.
const MAX_EXTENSION: usize = 256;

/// The largest number of bytes of extensions in a body. They are ignored, so more only waste time.
const MAX_EXTENSIONS: usize = 16 * 1024;

/// The largest size of a trailer section in bytes.
const MAX_TRAILERS: usize = 8 * 1024;

/// The largest number of fields in a trailer section.
const MAX_TRAILER_FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes a body that arrives in pieces: the data, the trailers, and what was left over.
    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, usize, bool), Reject> {
        let mut decoder = ChunkDecoder::default();
        let (mut data, mut left, mut done) = (Vec::new(), 0, false);
        for piece in pieces {
            let mut rest = *piece;
            while !done {
                let (taken, step) = decoder.decode(rest)?;
                rest = &rest[taken..];
                match step {
                    ChunkStep::Data(bytes) => data.extend_from_slice(bytes),
                    ChunkStep::More => break,
                    ChunkStep::Done => done = true,
                }
            }
            left += rest.len();
        }
        Ok((data, decoder.trailers().to_vec(), left, done))
    }

    #[test]
    fn bodies_are_taken_apart() {
        let none: &[u8] = b"";
        let cases = [
            (&b"0\r\n\r\n"[..], none, none, 0, true),
            (&b"5\r\nhello\r\n0\r\n\r\n"[..], &b"hello"[..], none, 0, true),
            (&b"5\r\nhello\r\n1;a=b\r\n!\r\n000\r\n\r\nGET"[..], &b"hello!"[..], none, 3, true),
            (
                &b"A\r\n0123456789\r\n0\r\na: b\r\nc:\r\n\r\n"[..],
                &b"0123456789"[..],
                &b"a: b\r\nc:\r\n"[..],
                0,
                true,
            ),
            (&b"0000000000000001\r\nx\r\n0;q=\"\xc3\xa4\"\r\n\r\n"[..], &b"x"[..], none, 0, true),
            (&b"5 ; a = b\r\nhello\r\n0\t;q\r\n\r\n"[..], &b"hello"[..], none, 0, true),
            (&b"5\r\nhel"[..], &b"hel"[..], none, 0, false),
            (&b"5\r\nhello\r"[..], &b"hello"[..], none, 0, false),
            (&b"5"[..], none, none, 0, false),
            (&b"0\r\na: b\r\n"[..], none, none, 0, false),
        ];
        for (input, data, trailers, left, done) in cases {
            let expected = Ok((data.to_vec(), trailers.to_vec(), left, done));
            assert_eq!(decode(&[input]), expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn loose_framing_is_refused() {
        let cases: [(&[u8], Reject); 36] = [
            (b"\r\n", Reject::ChunkSize),
            (b";a\r\n", Reject::ChunkSize),
            (b"-1\r\n", Reject::ChunkSize),
            (b"+1\r\n", Reject::ChunkSize),
            (b"0x1\r\n", Reject::ChunkSize),
            (b"g\r\n", Reject::ChunkSize),
            (b" 1\r\n", Reject::ChunkSize),
            (b"1 \r\n", Reject::ChunkExtension),
            (b"1 1\r\n", Reject::ChunkExtension),
            (b"1;\r\nx", Reject::ChunkExtension),
            (b"1;=\r\nx", Reject::ChunkExtension),
            (b"1;(\r\nx", Reject::ChunkExtension),
            (b"1;a=\"x\r\nx", Reject::ChunkExtension),
            (b"1;a=\"x\\\r\nx", Reject::ChunkExtension),
            (b"8000000000000000\r\n", Reject::ChunkSize),
            (b"ffffffffffffffff\r\n", Reject::ChunkSize),
            (b"0;\r\n\r\n", Reject::ChunkExtension),
            (b"00000000000000001\r\n", Reject::ChunkSize),
            (b"10000000000000000\r\n", Reject::ChunkSize),
            (b"1\nx\r\n", Reject::BareLineFeed),
            (b"1;a\nx\r\n", Reject::BareLineFeed),
            (b"1;a=\"\nx\r\n", Reject::BareLineFeed),
            (b"1\rx\r\n", Reject::BareCarriageReturn),
            (b"1;a\rb\r\n", Reject::BareCarriageReturn),
            (b"1;a\0\r\n", Reject::ChunkExtension),
            (b"1\r\nxy\r\n", Reject::ChunkEnd),
            (b"1\r\nx\n", Reject::BareLineFeed),
            (b"1\r\nx\rx", Reject::ChunkEnd),
            (b"0\r\na\r\n\r\n", Reject::TrailerField),
            (b"0\r\na : b\r\n\r\n", Reject::TrailerField),
            (b"0\r\n a: b\r\n\r\n", Reject::TrailerField),
            (b"0\r\na: b\rc\r\n\r\n", Reject::TrailerField),
            (b"0\r\na: b\0\r\n\r\n", Reject::TrailerField),
            (b"0\r\na: b\n\r\n", Reject::BareLineFeed),
            (b"0\r\nContent-Length: 5\r\n\r\n", Reject::TrailerName),
            (b"0\r\n\n", Reject::BareLineFeed),
        ];
        for (input, reject) in cases {
            assert_eq!(decode(&[input]), Err(reject), "{}", input.escape_ascii());
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let chunk = |extension: usize| format!("1;{}\r\nx\r\n", "e".repeat(extension));
        assert!(decode(&[chunk(MAX_EXTENSION - 1).as_bytes()]).is_ok());
        assert_eq!(decode(&[chunk(MAX_EXTENSION).as_bytes()]), Err(Reject::ChunkExtension));
        assert!(decode(&[(chunk(200).repeat(3) + "0\r\n\r\n").as_bytes()]).is_ok());
        let many = chunk(200).repeat(MAX_EXTENSIONS / 201 + 1);
        assert_eq!(decode(&[many.as_bytes()]), Err(Reject::ChunkExtension));

        let fields = |count: usize| format!("0\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(decode(&[fields(MAX_TRAILER_FIELDS).as_bytes()]).is_ok());
        assert_eq!(decode(&[fields(MAX_TRAILER_FIELDS + 1).as_bytes()]), Err(Reject::TrailersTooLarge));
        let long = format!("0\r\na: {}", "b".repeat(MAX_TRAILERS));
        assert_eq!(decode(&[long.as_bytes()]), Err(Reject::TrailersTooLarge));
    }

    #[test]
    fn the_largest_size_does_not_overflow() {
        let mut decoder = ChunkDecoder::default();
        assert_eq!(decoder.decode(b"7fffffffffffffff\r\nabc"), Ok((21, ChunkStep::Data(b"abc"))));
        assert_eq!(decoder.left, MAX_LENGTH - 3);
    }

    #[test]
    fn a_refused_body_stays_refused_and_a_cleared_decoder_starts_anew() {
        let mut decoder = ChunkDecoder::default();
        assert_eq!(decoder.decode(b"x"), Err(Reject::ChunkSize));
        assert_eq!(decoder.decode(b"0\r\n\r\n"), Err(Reject::ChunkEnd));
        decoder.clear();
        assert_eq!(decoder.decode(b"0\r\na: b\r\n\r\n"), Ok((11, ChunkStep::Done)));
        assert_eq!(decoder.trailers(), b"a: b\r\n");
        decoder.clear();
        assert_eq!(decoder.trailers(), b"");
    }

    #[test]
    fn chunk_heads_are_hex() {
        let mut out = Vec::new();
        for len in [0, 1, 31, 65536] {
            write_chunk_head(&mut out, len);
        }
        assert_eq!(out, b"0\r\n1\r\n1f\r\n10000\r\n");
    }

    proptest! {
        #[test]
        fn any_split_of_a_body_gives_the_same(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..6),
            extension in "([ \t]{0,2};[ \t]{0,2}[a-z]{1,5}([ \t]?=[ \t]?([a-z]{1,5}|\"[ -!#-\\[a-z]{0,5}\"))?){0,2}",
            trailers in "([a-b]{1,4}: [a-z ]{0,9}\r\n){0,3}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend_from_slice(format!("{:X}{extension}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(format!("0{extension}\r\n{trailers}\r\nnext").as_bytes());
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
            at.extend([0, body.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
            let expected = (chunks.concat(), trailers.into_bytes(), 4, true);
            prop_assert_eq!(decode(&pieces), Ok(expected));
        }

        #[test]
        fn random_bytes_end_in_a_step_or_a_refusal(input in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut decoder = ChunkDecoder::default();
            let mut rest = input.as_slice();
            while let Ok((taken, step)) = decoder.decode(rest) {
                rest = &rest[taken..];
                if step == ChunkStep::Done { break }
                if step == ChunkStep::More {
                    prop_assert!(rest.is_empty());
                    break;
                }
            }
        }
    }
}
