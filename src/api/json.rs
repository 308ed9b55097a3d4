//! Parses JSON as a JavaScript server does: the last of two equal keys counts, and integers have no fraction.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::javascript::{LARGEST_WHOLE, number_to_json};

/// The treatment of duplicate keys of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DuplicateKeys {
    /// The last one counts, as in JavaScript.
    LastCounts,
    /// They are an error, because another parser might use the first.
    Refused,
}

/// Parses any JSON value. Nesting beyond 128 levels is an error, and so is a key that could change the prototype of all
/// objects of a JavaScript app.
///
/// # Errors
/// The error with its position.
pub(super) fn parse(bytes: &[u8], duplicates: DuplicateKeys) -> Result<Value, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = duplicates.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// An integer with the precision of JavaScript.
fn rounded(value: impl Into<Number>) -> Value {
    let value = value.into();
    match value.as_f64() {
        Some(rounded) if rounded.abs() >= LARGEST_WHOLE => number_to_json(rounded),
        _ => Value::Number(value),
    }
}

impl<'de> DeserializeSeed<'de> for DuplicateKeys {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DuplicateKeys {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(rounded(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(rounded(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(number_to_json(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            // A JavaScript app that copies the object would change the prototype of all its objects.
            if key == "__proto__" {
                return Err(A::Error::custom("the key `__proto__` is not taken"));
            }
            if self == Self::Refused && map.contains_key(&key) {
                // The key comes from the client; the message must stay short.
                let start: String = key.chars().take(40).collect();
                return Err(A::Error::custom(format!("the key `{start}` is there twice")));
            }
            let value = members.next_value_seed(self)?;
            if key == "constructor" && value.get("prototype").is_some() {
                return Err(A::Error::custom("the key `prototype` in `constructor` is not taken"));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
        super::parse(bytes, DuplicateKeys::LastCounts)
    }

    #[test]
    fn reads_as_javascript_does() {
        for (text, expected) in [
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (
                r#"{"constructor":1,"prototype":{"__proto":2}}"#,
                r#"{"constructor":1,"prototype":{"__proto":2}}"#,
            ),
            ("[true, 18446744073709551615]", "[true,1.8446744073709552e+19]"),
            ("9007199254740993", "9007199254740992"),
            ("-9007199254740993", "-9007199254740992"),
            ("9007199254740992", "9007199254740992"),
            ("1.0", "1"),
            ("-0.0", "0"),
            ("2.50", "2.5"),
            ("\"x\"", "\"x\""),
            (" null ", "null"),
            ("\u{feff}{}", "{}"),
        ] {
            assert_eq!(parse(text.as_bytes()).unwrap().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_json() {
        let (deep, long) = ("[".repeat(200), "9".repeat(400));
        for text in ["", "  ", "{bad", "{}x", r#""\ud800""#, "NaN", "01", "1e400", &deep, &long] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn refuses_keys_that_could_change_every_object() {
        for (text, told) in [
            (r#"{"__proto__":{"x":1}}"#, "`__proto__` is not taken at line 1 column 12"),
            (r#"[{"a":[{"__proto__":1}]}]"#, "`__proto__` is not taken"),
            (r#"{"\u005f_proto__":1}"#, "`__proto__` is not taken"),
            (r#"{"constructor":{"prototype":{"x":1}}}"#, "`prototype` in `constructor` is not taken"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn twins_are_refused_where_they_matter() {
        let duplicates = br#"{"a":{"b":1,"b":2}}"#;
        assert_eq!(parse(duplicates).unwrap()["a"]["b"], 2);
        let error = super::parse(duplicates, DuplicateKeys::Refused).unwrap_err().to_string();
        assert!(error.starts_with("the key `b` is there twice at line 1"), "{error}");
        assert!(super::parse(br#"[{"a":1},{"a":{"a":1}}]"#, DuplicateKeys::Refused).is_ok());
    }
}
