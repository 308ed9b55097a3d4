//! Parses written values into the types of their keys.

use serde_json::{Value, json};

use super::finding::{Place, Report, ValueError, quoted};
use crate::config::code::Code;

/// A written value.
#[derive(Clone)]
pub(crate) enum Written {
    /// A value of a variable, a flag or a default. Its type follows from the key.
    Word(String),
    Text(String),
    Number(i64),
    Truth(bool),
    List(Vec<Located>),
    /// Keys with their places and values.
    Table(Vec<(String, Place, Located)>),
    /// A value of a type that no key has, by the type's name.
    Other(&'static str),
}

/// A written value with its place.
#[derive(Clone)]
pub(crate) struct Located {
    pub(crate) written: Written,
    pub(crate) place: Place,
}

/// The type of a key's value.
pub(crate) trait Setting: Sized + PartialEq {
    /// Whether the value must not be shown.
    const SECRET: bool = false;

    /// The valid values, as a text after "write".
    fn wanted() -> String;

    /// The JSON Schema of the value in the file; by default a string.
    fn shape() -> Value {
        json!({"type": "string"})
    }

    /// Parses a string, a variable, a flag or a default.
    fn from_text(text: &str) -> Result<Self, ValueError>;

    /// Parses a single value.
    fn from_written(written: &Written) -> Result<Self, ValueError> {
        match written {
            Written::Word(text) | Written::Text(text) => Self::from_text(text),
            other => Err(wrong_type::<Self>(other)),
        }
    }

    /// Reads the value of `key`. An invalid one is reported, and `None` is returned.
    fn read(key: &str, from: &Located, report: &mut Report) -> Option<Self> {
        Self::from_written(&from.written).map_err(|wrong| report.wrong(&from.place, key, wrong)).ok()
    }
}

/// An integer from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WholeNumber<const MIN: i64, const MAX: i64>(pub(crate) i64);

/// A non-empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NonEmptyText(pub(crate) String);

/// A path relative to the folder of the config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FilePath(pub(crate) String);

impl Written {
    fn kind(&self) -> &'static str {
        match self {
            Self::Word(_) | Self::Text(_) => "a text",
            Self::Number(_) => "a number",
            Self::Truth(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

impl<const MIN: i64, const MAX: i64> WholeNumber<MIN, MAX> {
    /// The number, for types with a `MIN` of at least 0.
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    /// The number, for types with a `MIN` of at least 0 and a `MAX` that fits.
    pub(crate) fn small(self) -> u32 {
        u32::try_from(self.0).unwrap_or(0)
    }

    fn bounded(number: i64) -> Result<Self, ValueError> {
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(wrong_value::<Self>(&number.to_string()))
        }
    }
}

/// The error for a value of the wrong type.
pub(crate) fn wrong_type<T: Setting>(written: &Written) -> ValueError {
    ValueError {
        code: Code::WrongType,
        what: written.kind().to_owned(),
        fix: format!("write {}", T::wanted()),
    }
}

/// As [`wrong_type`], for values that are written without quotes.
pub(crate) fn wrong_bare_type<T: Setting>(written: &Written) -> ValueError {
    let quotes = if matches!(written, Written::Text(_)) { ", without quotes" } else { "" };
    let wrong = wrong_type::<T>(written);
    ValueError { fix: format!("{}{quotes}", wrong.fix), ..wrong }
}

/// The error for a value out of range. It shows `text`, which must not be a secret.
pub(crate) fn wrong_value<T: Setting>(text: &str) -> ValueError {
    let what = if text.is_empty() { "empty".to_owned() } else { quoted(text) };
    ValueError { code: Code::BadValue, what, fix: format!("write {}", T::wanted()) }
}

/// As [`wrong_value`], with the reason.
pub(crate) fn refused_value(text: &str, reason: &str, fix: &str) -> ValueError {
    ValueError { code: Code::BadValue, what: format!("{}: {reason}", quoted(text)), fix: fix.to_owned() }
}

/// Implements [`Setting`] for an enum by the keywords of its values.
macro_rules! keywords {
    ($Enum:ty { $($keyword:literal = $value:expr),+ $(,)? }) => {
        impl $crate::config::setting::Setting for $Enum {
            fn wanted() -> String {
                [$(concat!("\"", $keyword, "\"")),+].join(" or ")
            }

            fn shape() -> serde_json::Value {
                serde_json::json!({"type": "string", "enum": [$($keyword),+]})
            }

            fn from_text(text: &str) -> Result<Self, $crate::config::finding::ValueError> {
                match text {
                    $($keyword => Ok($value),)+
                    _ => Err($crate::config::setting::wrong_value::<Self>(text)),
                }
            }
        }
    };
}
pub(crate) use keywords;

impl Setting for bool {
    fn wanted() -> String {
        "true or false".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "boolean"})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(wrong_value::<Self>(text)),
        }
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        match written {
            Written::Truth(truth) => Ok(*truth),
            Written::Word(text) => Self::from_text(text),
            other => Err(wrong_bare_type::<Self>(other)),
        }
    }
}

impl<const MIN: i64, const MAX: i64> Setting for WholeNumber<MIN, MAX> {
    fn wanted() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn shape() -> Value {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        text.parse().map_err(|_| wrong_value::<Self>(text)).and_then(Self::bounded)
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        match written {
            Written::Number(number) => Self::bounded(*number),
            Written::Word(text) => Self::from_text(text),
            other => Err(wrong_bare_type::<Self>(other)),
        }
    }
}

impl Setting for String {
    fn wanted() -> String {
        "a text in quotes".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        Ok(text.to_owned())
    }
}

impl Setting for NonEmptyText {
    fn wanted() -> String {
        "a text that is not empty".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "minLength": 1})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() { Err(wrong_value::<Self>(text)) } else { Ok(Self(text.to_owned())) }
    }
}

impl Setting for FilePath {
    fn wanted() -> String {
        "a path, counted from the folder of the config file".to_owned()
    }

    fn shape() -> Value {
        json!({"type": "string", "minLength": 1})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() || text.contains('\0') {
            return Err(wrong_value::<Self>(text));
        }
        Ok(Self(text.to_owned()))
    }
}

/// An empty text is `None`.
impl<T: Setting> Setting for Option<T> {
    const SECRET: bool = T::SECRET;

    fn wanted() -> String {
        format!("{}, or \"\" for none", T::wanted())
    }

    fn shape() -> Value {
        match T::shape() {
            shape if shape == json!({"type": "string"}) => shape,
            shape => json!({"anyOf": [{"type": "string", "enum": [""]}, shape]}),
        }
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() { Ok(None) } else { T::from_text(text).map(Some) }
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        match written {
            Written::Word(text) | Written::Text(text) => Self::from_text(text),
            other => T::from_written(other).map(Some),
        }
    }
}

/// In variables and flags, items are separated by commas.
impl<T: Setting> Setting for Vec<T> {
    fn wanted() -> String {
        format!("a list in brackets, each item {}", T::wanted())
    }

    fn shape() -> Value {
        json!({"type": "array", "items": T::shape()})
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(T::from_text).collect()
    }

    fn from_written(written: &Written) -> Result<Self, ValueError> {
        match written {
            Written::Word(text) => Self::from_text(text),
            Written::List(items) => items.iter().map(|item| T::from_written(&item.written)).collect(),
            other => Err(wrong_type::<Self>(other)),
        }
    }

    fn read(key: &str, from: &Located, report: &mut Report) -> Option<Self> {
        let Written::List(items) = &from.written else {
            return Self::from_written(&from.written)
                .map_err(|wrong| report.wrong(&from.place, key, wrong))
                .ok();
        };
        let read: Vec<Option<T>> = items.iter().map(|item| T::read(key, item, report)).collect();
        read.into_iter().collect()
    }
}
