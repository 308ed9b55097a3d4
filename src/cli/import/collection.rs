//! Reads a file with one collection: a JSON array, or JSON objects in lines (NDJSON).

use std::{
    fmt,
    io::{BufRead, Read},
    marker::PhantomData,
};

use serde::{
    Deserialize,
    de::{Deserializer, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::{Map, Value, error::Category};

use super::{
    Kind, Placed, Raw,
    memory::object,
    read::{ReadError, Sink},
    source::{Source, message},
};
use crate::admin::Why;

/// Whether the file is an array. An array is checked to its end first, because all rows after a syntax error are lost.
pub(super) fn is_array(source: &Source) -> Result<bool, ReadError> {
    Ok(source.first_byte()? == Some(b'['))
}

/// Parses an array to its end and returns the number of rows.
pub(super) fn check_array(source: &Source) -> Result<usize, ReadError> {
    let mut json = serde_json::Deserializer::from_reader(source.reader()?);
    let mut rows = 0;
    let read = json.deserialize_seq(Items::to(|_: IgnoredAny, index| {
        rows = index + 1;
        true
    }));
    read.and_then(|()| json.end()).map_err(|error| source.broken(&error))?;
    Ok(rows)
}

/// The number of lines of NDJSON that begin a row.
pub(super) fn count_lines(source: &Source) -> Result<usize, ReadError> {
    let mut reader = source.reader()?;
    let (mut rows, mut before) = (0, b'\n');
    loop {
        let bytes = reader.fill_buf().map_err(|error| source.failed(error))?;
        if bytes.is_empty() {
            return Ok(rows);
        }
        // An estimate is enough for the progress display, and saves a second parsing of the file.
        for byte in bytes {
            if before == b'\n' && *byte == b'{' {
                rows += 1;
            }
            before = *byte;
        }
        let count = bytes.len();
        reader.consume(count);
    }
}

/// Reads the rows of an array.
pub(super) fn array(source: &Source, kind: Kind, sink: Sink<'_>) -> Result<(), ReadError> {
    let mut json = serde_json::Deserializer::from_reader(source.reader()?);
    let taken = Items::to(|row: Value, index| {
        let place = format!("{}#/{index}", source.name);
        sink(Raw { kind, row: Placed { place, row: object(row) } })
    });
    json.deserialize_seq(taken).map_err(|error| source.broken(&error))
}

/// Reads the rows of NDJSON. A row may extend over several lines. A broken row is skipped up to the next line that
/// begins a row.
pub(super) fn lines(source: &Source, kind: Kind, sink: Sink<'_>) -> Result<(), ReadError> {
    let mut reader = source.reader()?;
    let mut pending = Pending::default();
    let (mut line, mut number) = (Vec::new(), 0_usize);
    loop {
        line.clear();
        // Bounded, because a file without line breaks would be read into memory as a whole.
        let limit = u64::try_from(MAX_ROW).unwrap_or(u64::MAX);
        let count = (&mut reader).take(limit).read_until(b'\n', &mut line);
        if count.map_err(|error| source.failed(error))? == 0 {
            break;
        }
        number += 1;
        let mut found = pending.add(&line, number);
        if line.len() >= MAX_ROW {
            skip_line(source, &mut reader)?;
            pending = Pending::default();
            found.push((number, Err(Why::from("the row is longer than 16 MiB"))));
        }
        for (began, row) in found {
            if !sink(placed(source, kind, began, row)) {
                return Ok(());
            }
        }
    }
    if let Some((began, row)) = pending.end() {
        sink(placed(source, kind, began, row));
    }
    Ok(())
}

type Row = Result<Map<String, Value>, Why>;

fn placed(source: &Source, kind: Kind, line: usize, row: Row) -> Raw {
    Raw { kind, row: Placed { place: format!("{}:{line}", source.name), row } }
}

fn skip_line(source: &Source, reader: &mut impl BufRead) -> Result<(), ReadError> {
    reader.skip_until(b'\n').map(drop).map_err(|error| source.failed(error))
}

/// The lines of an incomplete row.
#[derive(Default)]
struct Pending {
    text: Vec<u8>,
    /// The first line of the row.
    began: usize,
    /// The reason to report if the row stays incomplete.
    why: Option<Why>,
}

impl Pending {
    /// Adds a line and returns the rows that are complete.
    fn add(&mut self, line: &[u8], number: usize) -> Vec<(usize, Row)> {
        let mut found = Vec::new();
        // Pretty-printed rows have their content indented, so a line that begins with `{` starts a new row.
        if !self.text.is_empty() && (line.starts_with(b"{") || self.text.len() > MAX_ROW) {
            found.extend(self.end());
        }
        if self.text.is_empty() {
            self.began = number;
        // Only such a line can end a pretty-printed row. Parsing after every line would take quadratic time.
        } else if !line.starts_with(b"}") {
            self.text.extend_from_slice(line);
            return found;
        }
        self.text.extend_from_slice(line);
        if self.text.iter().all(u8::is_ascii_whitespace) {
            self.text.clear();
            return found;
        }
        let mut rows = Vec::new();
        let mut stream = serde_json::Deserializer::from_slice(&self.text).into_iter::<Value>();
        let error = loop {
            match stream.next() {
                Some(Ok(row)) => rows.push((self.began, object(row))),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        found.append(&mut rows);
        let rest = stream.byte_offset();
        match error {
            None => self.clear(),
            Some(error) => {
                let place = self.began + error.line().saturating_sub(1);
                let text = format!("{} (line {place}, column {})", message(&error), error.column());
                self.why = Some(Why::of("broken JSON:", text));
                match error.classify() {
                    // The rows before the incomplete one are in `found` already, so that only the rest waits for more
                    // lines.
                    Category::Eof => drop(self.text.drain(..rest.min(self.text.len()))),
                    _ => found.extend(self.end()),
                }
            }
        }
        found
    }

    /// Ends an incomplete row with an error.
    fn end(&mut self) -> Option<(usize, Row)> {
        let broken = !self.text.is_empty();
        let why = self.why.take().unwrap_or(Why::from("broken JSON"));
        let began = self.began;
        self.clear();
        broken.then_some((began, Err(why)))
    }

    fn clear(&mut self) {
        self.text.clear();
        self.why = None;
    }
}

/// Passes the items of an array one by one, with their indexes.
struct Items<T, F> {
    take: F,
    item: PhantomData<T>,
}

impl<T, F: FnMut(T, usize) -> bool> Items<T, F> {
    fn to(take: F) -> Self {
        Self { take, item: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T, usize) -> bool> Visitor<'de> for Items<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(item) = items.next_element()? {
            if !(self.take)(item, index) {
                // Serde has no other way to end a visitor early.
                return Err(serde::de::Error::custom("the reader has stopped"));
            }
            index += 1;
        }
        Ok(())
    }
}

/// Maximum size of a row in bytes.
const MAX_ROW: usize = 16 << 20;
