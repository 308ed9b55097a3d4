//! Copies the fields of a head into another message.

use std::borrow::Cow;

use super::{
    Field,
    head::{FieldSpan, Head},
};

/// What happens to a field in the copy.
#[derive(Debug)]
pub enum Copied<'h> {
    /// The same name and value.
    AsSent,
    /// The same name with another value.
    Value(Cow<'h, [u8]>),
    /// The field is omitted.
    Dropped,
}

impl Head {
    /// Appends the fields that are not [`Field::is_hop_by_hop`] to `out` as lines `Name: value`. `copied` decides about
    /// each field.
    ///
    /// Most lines were received in exactly this form. Consecutive ones are copied at once, which is one copy for many
    /// lines instead of four for each.
    pub(super) fn copy_fields<'h>(
        &'h self,
        out: &mut Vec<u8>,
        mut copied: impl FnMut(Field<'h>) -> Copied<'h>,
    ) {
        let raw = self.raw();
        let mut run = 0..0;
        let flush = |out: &mut Vec<u8>, run: &mut std::ops::Range<usize>| {
            out.extend_from_slice(raw.get(run.clone()).unwrap_or_default());
            *run = 0..0;
        };
        let mut spans = self.spans().iter().peekable();
        while let Some(span) = spans.next() {
            // Independent of `copied`: these fields are written by the gate.
            if span.is_hop_by_hop {
                continue;
            }
            let end = spans.peek().map_or(raw.len().saturating_sub(2), |next| next.name.range().start);
            let value = match copied(self.field_at(*span)) {
                Copied::AsSent if is_plain(raw, *span, end) => {
                    let start = span.name.range().start;
                    if run.end != start {
                        flush(out, &mut run);
                        run.start = start;
                    }
                    run.end = end;
                    continue;
                }
                Copied::AsSent => Cow::Borrowed(self.field_at(*span).value),
                Copied::Value(value) => value,
                Copied::Dropped => continue,
            };
            flush(out, &mut run);
            for part in [self.field_at(*span).name.as_bytes(), b": ", &value, b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        flush(out, &mut run);
    }
}

/// Whether a field was received as `Name: value` CR LF, with one blank before the value and none after it. `end` is where
/// the next line begins.
fn is_plain(raw: &[u8], span: FieldSpan, end: usize) -> bool {
    let (name, value) = (span.name.range(), span.value.range());
    name.end + 2 == value.start && value.end + 2 == end && raw.get(name.end..value.start) == Some(b": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{HeadLimits, RequestHead, Scan};

    fn copied(lines: &str, copied: impl Fn(Field<'_>) -> Copied<'static>) -> String {
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let mut head = RequestHead::new();
        let limits = HeadLimits { bytes: 8192, fields: 100 };
        assert_eq!(head.scan(text.as_bytes(), &limits), Ok(Scan::Complete(text.len())));
        let mut out = b"> ".to_vec();
        head.copy_fields(
            &mut out,
            |field| {
                if field.name == "Host" { Copied::Dropped } else { copied(field) }
            },
        );
        out.iter().map(|&byte| char::from(byte)).collect()
    }

    #[test]
    fn every_line_has_one_blank_before_its_value_however_it_was_sent() {
        for sent in ["A: b\r\nC: d\r\n", "A:b\r\nC:\td\r\n", "A:  b\r\nC: d \t\r\n", "A: b\r\nC:d\r\n"] {
            assert_eq!(copied(sent, |_| Copied::AsSent), "> A: b\r\nC: d\r\n", "{sent:?}");
        }
        for sent in ["A:\r\nB: c\r\n", "A: \r\nB: c\r\n", "A: \t \r\nB: c\r\n"] {
            assert_eq!(copied(sent, |_| Copied::AsSent), "> A: \r\nB: c\r\n", "{sent:?}");
        }
        assert_eq!(copied("", |_| Copied::AsSent), "> ");
    }

    #[test]
    fn lines_are_left_out_and_changed_wherever_they_stand() {
        let lines = "A: 1\r\nB: 2\r\nC: 3\r\nD:4\r\nE: 5\r\n";
        for (dropped, kept) in [
            ("A", "B: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n"),
            ("C", "A: 1\r\nB: 2\r\nD: 4\r\nE: 5\r\n"),
            ("D", "A: 1\r\nB: 2\r\nC: 3\r\nE: 5\r\n"),
            ("E", "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"),
            ("BD", "A: 1\r\nC: 3\r\nE: 5\r\n"),
            ("ABCDE", ""),
        ] {
            let out =
                copied(
                    lines,
                    |field| {
                        if dropped.contains(field.name) { Copied::Dropped } else { Copied::AsSent }
                    },
                );
            assert_eq!(out, format!("> {kept}"), "{dropped}");
        }
        let out = copied(lines, |field| match field.name {
            "B" | "E" => Copied::Value(Cow::Borrowed(b"other")),
            _ => Copied::AsSent,
        });
        assert_eq!(out, "> A: 1\r\nB: other\r\nC: 3\r\nD: 4\r\nE: other\r\n");
    }

    #[test]
    fn bytes_beyond_ascii_stay_as_they_are() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\nA: \xff\xe4\r\nB: \xc3\xa9\r\n\r\n";
        let mut head = RequestHead::new();
        let limits = HeadLimits { bytes: 8192, fields: 100 };
        assert_eq!(head.scan(text, &limits), Ok(Scan::Complete(text.len())));
        let mut out = Vec::new();
        head.copy_fields(&mut out, |_| Copied::AsSent);
        assert_eq!(out, b"Host: a\r\nA: \xff\xe4\r\nB: \xc3\xa9\r\n");
    }
}
