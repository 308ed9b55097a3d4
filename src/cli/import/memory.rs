//! Reads the file of the memory connector: a JSON object with all rows, one row at a time.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{
    Kind, Placed, Raw,
    names::{Ambiguous, Assigned, Names},
    read::{ReadError, Sink},
    source::Source,
};
use crate::admin::Why;

/// The result of the first pass over the file.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The collections in order, with their kinds.
    pub(super) collections: Assigned,
    /// `ids` of the account model: the next id of LoopBack.
    pub(super) next_user_id: Option<Value>,
    /// Collections of the app, with their numbers of rows.
    pub(super) others: Vec<(String, usize)>,
    /// The number of rows in the other collections.
    pub(super) rows: usize,
}

/// The data that a pass collects.
#[derive(Debug, Default)]
struct Found {
    /// All collections with their numbers of rows.
    models: Vec<(String, usize)>,
    ids: Option<Value>,
    has_models: bool,
}

/// Parses the file to its end and determines its content. `given`: kinds that have a file of their own.
pub(super) fn survey(source: &Source, names: &Names, given: &[Kind]) -> Result<Survey, ReadError> {
    let wrong = |why| ReadError::NotMemory { path: source.name.clone(), why };
    let mut found = Found::default();
    let mut walk = Walk { source, collections: &[], wanted: &[], sink: &mut |_| true, found: &mut found };
    if !walk.run()? {
        return Err(wrong("it holds no JSON object"));
    }
    if !found.has_models {
        // Then it is another kind of file, and importing nothing from it would look like a success.
        return Err(wrong("it has no `models`"));
    }
    if found.ids.as_ref().is_some_and(|ids| !ids.is_object()) {
        return Err(wrong("its `ids` are not an object"));
    }
    let path = || source.name.clone();
    let collections = names
        .assign(&found.models, given)
        .map_err(|Ambiguous { kind, names }| ReadError::Ambiguous { path: path(), kind, names })?;
    let Some((users, _)) = collections.iter().find(|(_, kind)| *kind == Some(Kind::User)) else {
        let has = found.models.into_iter().map(|(name, _)| name).collect();
        return Err(ReadError::NoUsers { path: path(), name: names.users().to_owned(), has });
    };
    let next_user_id = found.ids.as_ref().and_then(|ids| ids.get(users)).cloned();
    let (mut others, mut rows) = (Vec::new(), 0_usize);
    for (model, (_, kind)) in found.models.into_iter().zip(&collections) {
        match kind {
            Some(_) => rows = rows.saturating_add(model.1),
            None => others.push(model),
        }
    }
    Ok(Survey { collections, next_user_id, others, rows })
}

/// Reads the rows of some collections, in the order of the file.
pub(super) fn rows(
    source: &Source,
    collections: &Assigned,
    wanted: &[Kind],
    sink: Sink<'_>,
) -> Result<(), ReadError> {
    Walk { source, collections, wanted, sink, found: &mut Found::default() }.run().map(drop)
}

struct Walk<'w> {
    source: &'w Source,
    collections: &'w [(String, Option<Kind>)],
    wanted: &'w [Kind],
    sink: Sink<'w>,
    found: &'w mut Found,
}

impl Walk<'_> {
    /// Whether the file contains an object.
    fn run(&mut self) -> Result<bool, ReadError> {
        let source = self.source;
        let mut json = serde_json::Deserializer::from_reader(source.reader()?);
        let found = Object(Top(self)).deserialize(&mut json).and_then(|found| json.end().map(|()| found));
        found.map_err(|error| source.broken(&error))
    }
}

/// A reader of an object's entries.
trait Entries {
    fn read<'de, A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error>;
}

/// Reads an object, or reports that the value is none.
struct Object<E>(E);

struct Top<'t, 'w>(&'t mut Walk<'w>);

struct Models<'t, 'w>(&'t mut Walk<'w>);

struct Rows<'t, 'w> {
    walk: &'t mut Walk<'w>,
    model: String,
}

impl Entries for Top<'_, '_> {
    fn read<'de, A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            match &*key {
                "ids" => {
                    self.0.found.ids = Some(entries.next_value()?);
                }
                "models" => {
                    self.0.found.has_models = entries.next_value_seed(Object(Models(&mut *self.0)))?
                }
                _ => drop(entries.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl Entries for Models<'_, '_> {
    fn read<'de, A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(model) = entries.next_key::<String>()? {
            let rows = Rows { walk: &mut *self.0, model: model.clone() };
            if !entries.next_value_seed(Object(rows))? {
                self.0.found.models.push((model, 0));
            }
        }
        Ok(())
    }
}

impl Entries for Rows<'_, '_> {
    fn read<'de, A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { walk, model } = self;
        let kind = walk.collections.iter().find(|(name, _)| *name == model).and_then(|(_, kind)| *kind);
        let wanted = kind.filter(|kind| walk.wanted.contains(kind));
        let mut count = 0;
        while let Some(key) = entries.next_key::<String>()? {
            count += 1;
            // A collection of the app may be larger than the memory, so its rows are parsed and not built.
            let Some(kind) = wanted else {
                entries.next_value::<IgnoredAny>()?;
                continue;
            };
            let name = &walk.source.name;
            // The key of a token's row is the token itself, which must not appear in a report. Its place is its number.
            let place = match kind {
                Kind::Token => format!("{name}#/models/{model} row {count}"),
                _ => format!("{name}#/models/{model}/{key}"),
            };
            let row = stored_row(entries.next_value()?);
            if !(walk.sink)(Raw { kind, row: Placed { place, row } }) {
                // Serde has no other way to end a visitor early.
                return Err(serde::de::Error::custom("the reader has stopped"));
            }
        }
        walk.found.models.push((model, count));
        Ok(())
    }
}

/// The memory connector stores each row as a JSON text.
fn stored_row(row: Value) -> Result<Map<String, Value>, Why> {
    match row {
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err(Why::from(NO_OBJECT)),
            Err(error) => Err(Why::of("the row is broken JSON at column", error.column())),
        },
        row => object(row),
    }
}

/// The row, if it is an object.
pub(super) fn object(row: Value) -> Result<Map<String, Value>, Why> {
    match row {
        Value::Object(fields) => Ok(fields),
        _ => Err(Why::from(NO_OBJECT)),
    }
}

const NO_OBJECT: &str = "the row is not a JSON object";

impl<'de, E: Entries> DeserializeSeed<'de> for Object<E> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, E: Entries> Visitor<'de> for Object<E> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<bool, A::Error> {
        self.0.read(entries)?;
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<bool, A::Error> {
        // A visitor must consume the value. Otherwise the parser reports a syntax error at its second byte.
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(false)
    }

    fn visit_unit<X>(self) -> Result<bool, X> {
        Ok(false)
    }

    fn visit_bool<X>(self, _: bool) -> Result<bool, X> {
        Ok(false)
    }

    fn visit_i64<X>(self, _: i64) -> Result<bool, X> {
        Ok(false)
    }

    fn visit_u64<X>(self, _: u64) -> Result<bool, X> {
        Ok(false)
    }

    fn visit_f64<X>(self, _: f64) -> Result<bool, X> {
        Ok(false)
    }

    fn visit_str<X>(self, _: &str) -> Result<bool, X> {
        Ok(false)
    }
}
