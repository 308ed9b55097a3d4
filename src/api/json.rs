//! JSON as a JavaScript server would hand it on: the last of two equal keys wins, whole numbers have no fraction.

use serde_json::{Map, Number, Value};

/// Above this, JavaScript's numbers skip whole ones.
const MAX_SAFE: f64 = 9_007_199_254_740_992.0;

/// Reads any JSON value, scalars too. Deeper than 128 levels is an error.
///
/// # Errors
/// What is wrong, and where.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map(tidy)
}

/// A number as JavaScript prints it: `2`, not `2.0`; `null` for what JSON has no number for.
pub(super) fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "whole and small enough: nothing is cut off")]
    if value.fract() == 0.0 && value.abs() <= MAX_SAFE {
        return Value::Number(Number::from(value as i64));
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// `__proto__` is dropped at every level: no app behind us shall meet it.
fn tidy(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.into_iter().filter(|(key, _)| key != "__proto__");
            Value::Object(kept.map(|(key, value)| (key, tidy(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(tidy).collect()),
        Value::Number(given) if given.is_f64() => number(given.as_f64().unwrap_or_default()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_javascript_does() {
        for (text, expected) in [
            (r#"{"a":1,"b":2,"a":3}"#, r#"{"a":3,"b":2}"#),
            (r#"{"__proto__":{"x":1},"y":[{"__proto__":1}]}"#, r#"{"y":[{}]}"#),
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
        let deep = "[".repeat(200);
        for text in ["", "  ", "{bad", "{}x", r#""\ud800""#, "NaN", "01", deep.as_str()] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn prints_numbers_as_javascript_does() {
        for (value, text) in
            [(1_209_600.0, "1209600"), (2.5, "2.5"), (-1.0, "-1"), (1e-7, "1e-7"), (f64::NAN, "null")]
        {
            assert_eq!(number(value).to_string(), text);
        }
    }
}
