//! The common parts of request and response heads: a copy of the head, its fields, and facts about framing.

use httparse::{EMPTY_HEADER, Error, Header, Status, parse_headers};
use memchr::{memchr, memmem};

use super::diagnose::name_mistake;
use crate::wire::{Field, HeadLimits, MAX_FIELDS, MAX_LENGTH, Reject, Version};

/// A range of the head.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Span {
    at: u32,
    end: u32,
}

impl Span {
    /// The bytes from `at` up to `end`.
    pub(super) fn new(at: usize, end: usize) -> Self {
        // INVARIANT: no head is longer than `MAX_HEAD`, so nothing is truncated. If it were, the span would be
        // outside of the head and read as empty.
        Self { at: u32::try_from(at).unwrap_or(u32::MAX), end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    pub(super) fn range(self) -> std::ops::Range<usize> {
        self.at as usize..self.end as usize
    }
}

/// The position of a field in its head.
#[derive(Clone, Copy, Debug)]
pub(super) struct FieldSpan {
    pub(super) name: Span,
    pub(super) value: Span,
    /// See [`Field::is_hop_by_hop`].
    pub(super) is_hop_by_hop: bool,
}

/// Facts about the message and its connection from the fields.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    pub(super) length: Option<u64>,
    pub(super) chunked: bool,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
    upgrade_option: bool,
    /// Whether `Connection` has options besides the usual ones.
    nominates: bool,
    /// Whether there is a field `Keep-Alive`.
    keep_alive_field: bool,
}

impl Facts {
    /// Records one field. Returns whether it is [`Field::is_hop_by_hop`].
    fn note(&mut self, name: &str, value: &[u8]) -> Result<bool, Reject> {
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        match name.len() {
            2 => return Ok(is("te")),
            7 if is("upgrade") => self.upgrade = true,
            7 => return Ok(is("trailer")),
            10 if is("connection") => self.note_options(value),
            10 if is("keep-alive") => self.keep_alive_field = true,
            14 if is("content-length") => {
                let length = parse_length(value).ok_or(Reject::InvalidContentLength)?;
                // Also if both are equal: servers do not agree what that means.
                if self.length.replace(length).is_some() {
                    return Err(Reject::DuplicateContentLength);
                }
            }
            14 => return Ok(is("http2-settings")),
            16 => return Ok(is("proxy-connection")),
            17 if is("transfer-encoding") => {
                // Other codings, and a second `chunked`, are read differently by servers.
                if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Reject::TransferEncoding);
                }
                self.chunked = true;
            }
            18 => return Ok(is("proxy-authenticate")),
            19 => return Ok(is("proxy-authorization")),
            25 => return Ok(is("proxy-authentication-info")),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn note_options(&mut self, value: &[u8]) {
        // The fast path for the usual value.
        if value == b"keep-alive" {
            self.keep_alive = true;
            return;
        }
        for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            let is = |usual: &[u8]| option.eq_ignore_ascii_case(usual);
            let (close, keep_alive, upgrade) = (is(b"close"), is(b"keep-alive"), is(b"upgrade"));
            self.close |= close;
            self.keep_alive |= keep_alive;
            self.upgrade_option |= upgrade;
            self.nominates |= !(close || keep_alive || upgrade || option.is_empty() || is(b"te"));
        }
    }

    /// Refuses contradictory framing (RFC 9112 section 6.1).
    pub(super) fn check_framing(&self, version: Version) -> Result<(), Reject> {
        // The classic of request smuggling: one server uses the length, the next one the chunks.
        if self.chunked && self.length.is_some() {
            return Err(Reject::LengthAndTransferEncoding);
        }
        if self.chunked && version == Version::Http10 {
            return Err(Reject::TransferEncodingHttp10);
        }
        Ok(())
    }

    /// Whether `Connection` nominates a field as hop-by-hop, besides those that always are (RFC 9110 section
    /// 7.6.1).
    pub(super) fn nominates(&self) -> bool {
        self.nominates
    }

    /// Whether the connection can be reused (RFC 9112 section 9.3).
    pub(super) fn keeps_alive(&self, version: Version) -> bool {
        !self.close && (self.keep_alive || version == Version::Http11)
    }

    /// Whether there is a field `Keep-Alive`.
    pub(super) fn has_keep_alive_field(&self) -> bool {
        self.keep_alive_field
    }

    /// Whether an upgrade is requested or granted. `Connection` must name it, too (RFC 9110 section 7.8).
    pub(super) fn upgrades(&self, version: Version) -> bool {
        self.upgrade && self.upgrade_option && version == Version::Http11
    }
}

/// A copy of a head with the positions of its fields.
#[derive(Default)]
pub(super) struct Head {
    /// The head. If it is not UTF-8, bytes above 0x7f are replaced by `?`.
    text: String,
    /// The head as received; empty if it is UTF-8.
    bytes: Vec<u8>,
    fields: Vec<FieldSpan>,
    pub(super) facts: Facts,
}

impl Head {
    /// The head as received.
    pub(super) fn raw(&self) -> &[u8] {
        if self.bytes.is_empty() { self.text.as_bytes() } else { &self.bytes }
    }

    /// Clears the head, and frees memory that an unusually large one needed.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.bytes.clear();
        self.fields.clear();
        self.facts = Facts::default();
        // One large head must not hold memory for the life of its connection.
        if self.text.capacity() > USUAL_HEAD {
            self.text.shrink_to(0);
        }
        if self.bytes.capacity() > USUAL_HEAD {
            self.bytes.shrink_to(0);
        }
    }

    /// Parses the fields of `input`, which begin at `at`. `None` if they are incomplete, else the length of the
    /// whole head. `other` receives each field.
    pub(super) fn read_fields(
        &mut self,
        input: &[u8],
        at: usize,
        limits: &HeadLimits,
        other: impl FnMut(&str, &[u8], Span) -> Result<(), Reject>,
    ) -> Result<Option<usize>, Reject> {
        let section = input.get(at..).unwrap_or_default();
        // Uninitialized memory would need `unsafe`.
        let mut few = [EMPTY_HEADER; FEW_FIELDS];
        let mut many;
        let parsed = match parse_headers(section, &mut few) {
            Err(Error::TooManyHeaders) if limits.fields > FEW_FIELDS => {
                many = [EMPTY_HEADER; MAX_FIELDS];
                parse_headers(section, &mut many)
            }
            parsed => parsed,
        };
        match parsed {
            Ok(Status::Partial) => Ok(None),
            Err(Error::TooManyHeaders) => Err(Reject::TooManyFields),
            Err(_) => Err(name_mistake(section)),
            Ok(Status::Complete((_, fields))) if fields.len() > limits.fields => Err(Reject::TooManyFields),
            Ok(Status::Complete((length, fields))) => {
                let end = at + length;
                if !self.take_fields(input, end, fields, other)? {
                    return Err(name_mistake(section));
                }
                Ok(Some(end))
            }
        }
    }

    /// Records every field. `false` if a line does not end with CR LF, which httparse accepts.
    fn take_fields(
        &mut self,
        input: &[u8],
        end: usize,
        fields: &[Header<'_>],
        mut other: impl FnMut(&str, &[u8], Span) -> Result<(), Reject>,
    ) -> Result<bool, Reject> {
        // httparse returns slices of `input`; their addresses give the positions.
        let base = input.as_ptr().addr();
        let span = |part: &[u8]| {
            let at = part.as_ptr().addr().wrapping_sub(base);
            Span::new(at, at.saturating_add(part.len()))
        };
        for field in fields {
            let name = span(field.name.as_bytes());
            let value = span(field.value);
            // The bytes in front of a name are the end of the line before it.
            if !ends_with(input, name.at as usize, b"\r\n") {
                return Ok(false);
            }
            let is_hop_by_hop = self.facts.note(field.name, field.value)?;
            self.fields.push(FieldSpan { name, value, is_hop_by_hop });
            other(field.name, field.value, value)?;
        }
        Ok(ends_with(input, end, b"\r\n\r\n"))
    }

    /// Stores a copy of the head.
    pub(super) fn keep(&mut self, head: &[u8]) {
        if let Ok(text) = std::str::from_utf8(head) {
            self.text.push_str(text);
            return;
        }
        self.bytes.extend_from_slice(head);
        self.text.extend(head.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { '?' }));
    }

    /// A part that is ASCII.
    pub(super) fn text(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// A part as sent.
    pub(super) fn bytes(&self, span: Span) -> &[u8] {
        let head = if self.bytes.is_empty() { self.text.as_bytes() } else { self.bytes.as_slice() };
        head.get(span.range()).unwrap_or_default()
    }

    /// All fields, in the order they were sent.
    pub(super) fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> + Clone + '_ {
        self.fields.iter().map(|field| self.field_at(*field))
    }

    /// The positions of all fields.
    pub(super) fn spans(&self) -> &[FieldSpan] {
        &self.fields
    }

    pub(super) fn field_at(&self, span: FieldSpan) -> Field<'_> {
        let FieldSpan { name, value, is_hop_by_hop } = span;
        Field { name: self.text(name), value: self.bytes(value), is_hop_by_hop }
    }

    /// The value of the first field with a name, in any letter case.
    pub(super) fn field(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The options of `Connection`.
    pub(super) fn connection_options(&self) -> impl Iterator<Item = &str> + '_ {
        self.fields()
            .filter(|field| field.name.eq_ignore_ascii_case("connection"))
            .flat_map(|field| field.value.split(|&byte| byte == b','))
            .filter_map(|option| std::str::from_utf8(option.trim_ascii()).ok())
            .filter(|option| !option.is_empty())
    }
}

/// Whether it is worth parsing `input`: it is short, or contains the end of a head. Otherwise a head that
/// arrives byte by byte would be parsed at each byte, which is quadratic.
pub(super) fn worth_parsing(input: &[u8]) -> bool {
    input.len() <= EAGER
        || input.ends_with(b"\r\n\r\n")
        || memmem::find(input, b"\n\r\n").is_some()
        || memmem::find(input, b"\n\n").is_some()
}

/// Refuses an incomplete head that cannot become complete within the limits.
pub(super) fn check_room(input: &[u8], limits: &HeadLimits) -> Result<(), Reject> {
    if input.len() < limits.bytes.min(MAX_HEAD) {
        return Ok(());
    }
    // Without a line end the request line itself is too long, for which HTTP has a status of its own.
    Err(if memchr(b'\n', input).is_some() { Reject::HeadTooLarge } else { Reject::TargetTooLong })
}

/// Refuses a head that is longer than the limits allow.
pub(super) fn check_size(length: usize, limits: &HeadLimits) -> Result<(), Reject> {
    if length > limits.bytes.min(MAX_HEAD) { Err(Reject::HeadTooLarge) } else { Ok(()) }
}

/// The first line without CR LF, and the start of the next one; `None` if it is incomplete.
pub(super) fn first_line(input: &[u8]) -> Result<Option<(&[u8], usize)>, Reject> {
    let Some(end) = memchr(b'\n', input) else { return Ok(None) };
    let line = input.get(..end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or(Reject::BareLineFeed)?;
    Ok(Some((line, end + 1)))
}

/// Parses digits only (RFC 9110 section 8.6): no sign, no list, no blank, at most [`MAX_LENGTH`].
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let length = value.iter().try_fold(0_u64, |length, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })?;
    (length <= MAX_LENGTH).then_some(length)
}

/// Whether the bytes before `end` are `tail`.
fn ends_with(input: &[u8], end: usize, tail: &[u8]) -> bool {
    input.get(..end).is_some_and(|head| head.ends_with(tail))
}

/// Fields in a table that is cheap to clear. A head with more is parsed twice.
const FEW_FIELDS: usize = 32;

/// A head up to this size is parsed at each call, a longer one only if its end has arrived.
const EAGER: usize = 4096;

/// Larger buffers are freed after the request.
const USUAL_HEAD: usize = 16 * 1024;

/// The largest head in any configuration.
const MAX_HEAD: usize = 16 * 1024 * 1024;
