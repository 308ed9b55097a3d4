//! JavaScript's conversions of values: truth, `Number()`, `String()` and `decodeURIComponent()`.
//!
//! LoopBack, its connectors and its clients are JavaScript, so that these conversions decide what a request
//! means to them. The tests expect the results of Node.js 20.20.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::encoding::hex_value;

/// 2^53. Up to it, a double represents every integer.
pub(crate) const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// `Number.MAX_SAFE_INTEGER`: the largest integer that no other one is rounded to.
pub(crate) const MAX_SAFE: f64 = LARGEST_WHOLE - 1.0;

/// `Boolean(value)`.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// `Number(value)`; NaN if it is not a number.
pub(crate) fn to_number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(on) => f64::from(u8::from(*on)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => text_to_number(text),
        // JavaScript converts a list to a text first, so `Number([7])` is 7.
        Value::Array(_) => text_to_number(&to_text(value)),
        Value::Object(_) => f64::NAN,
    }
}

/// `Number(text)`; NaN if it is not a number.
pub(crate) fn text_to_number(text: &str) -> f64 {
    let text = text.trim_matches(is_blank);
    let radix = match text.as_bytes() {
        [] => return 0.0,
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => return decimal(text),
    };
    text.get(2..).and_then(|digits| digits_to_number(digits, radix)).unwrap_or(f64::NAN)
}

/// `String(value)`. Integers keep all their digits, although JavaScript rounds those above 2^53: two ids must
/// not become one.
pub(crate) fn to_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) => number_to_text(float),
            None => number.to_string(),
        },
        Value::Array(items) => {
            // `String([null])` is empty, although `String(null)` is not.
            let one = |item: &Value| if item.is_null() { String::new() } else { to_text(item) };
            items.iter().map(one).collect::<Vec<_>>().join(",")
        }
        Value::Object(_) => "[object Object]".to_owned(),
        Value::Null | Value::Bool(_) => value.to_string(),
    }
}

/// `String(number)`.
pub(crate) fn number_to_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        // Beyond these bounds JavaScript switches to the exponent.
        let text = format!("{number:e}");
        return if magnitude >= 1.0 { text.replace('e', "e+") } else { text };
    }
    // Minus zero is "0" as well.
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}

/// A number as `JSON.stringify` writes it: `2`, not `2.0`, and `null` for NaN and the infinities.
pub(crate) fn number_to_json(number: f64) -> Value {
    whole(number).map(Value::from).or_else(|| Number::from_f64(number).map(Value::Number)).unwrap_or_default()
}

/// The integer that a double represents exactly; `None` for fractions and above 2^53.
pub(crate) fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole, and small enough: nothing is cut off")]
    (number.fract() == 0.0 && number.abs() <= LARGEST_WHOLE).then_some(number as i64)
}

/// `decodeURIComponent(text)`; `None` where it throws: for a broken escape, or bytes that are not UTF-8.
pub(crate) fn decode_uri_component(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    // The crate `percent-encoding` ignores broken escapes and takes twice as long (200 ns for 40 bytes against
    // 83). This function decodes paths, queries and cookies on the request path, with one allocation.
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex_value(rest.next()?)? << 4 | hex_value(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// Whether `String.prototype.trim` removes it: Unicode's white space without NEL (U+0085), and the byte order
/// mark.
fn is_blank(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

fn decimal(text: &str) -> f64 {
    match text {
        "Infinity" | "+Infinity" => return f64::INFINITY,
        "-Infinity" => return f64::NEG_INFINITY,
        _ => {}
    }
    // Rust's parser also accepts `inf`, `nan` and the like.
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|_| plain).unwrap_or(f64::NAN)
}

/// Digits of a radix that is a power of two, rounded once as IEEE 754 requires: to the nearest, ties to even.
fn digits_to_number(digits: &str, radix: u32) -> Option<f64> {
    if digits.is_empty() {
        return None;
    }
    let (mut value, mut shift, mut is_cut) = (0_u128, 0_i32, false);
    for digit in digits.chars() {
        let digit = digit.to_digit(radix)?;
        if value < 1 << 120 {
            value = value * u128::from(radix) + u128::from(digit);
        } else {
            // Far below the 53 bits of a double. The rounding depends only on whether they are all zeros.
            shift = shift.saturating_add(radix.ilog2().cast_signed());
            is_cut |= digit != 0;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "this is the rounding")]
    let rounded = (value | u128::from(is_cut)) as f64;
    Some(rounded * 2.0_f64.powi(shift))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Each with what Node.js 20.20 answers to `Boolean`, `Number` and `String` of it.
    #[test]
    fn converts_as_node_does() {
        for (value, is_true, number, text) in [
            (json!(null), false, 0.0, "null"),
            (json!(true), true, 1.0, "true"),
            (json!(false), false, 0.0, "false"),
            (json!(0), false, 0.0, "0"),
            (json!(-0.0), false, -0.0, "0"),
            (json!(1), true, 1.0, "1"),
            (json!(1.0), true, 1.0, "1"),
            (json!(1.5), true, 1.5, "1.5"),
            (json!(1e21), true, 1e21, "1e+21"),
            (json!(-1e21), true, -1e21, "-1e+21"),
            (json!(1e20), true, 1e20, "100000000000000000000"),
            (
                json!(123_456_789_012_345_680_000.0),
                true,
                123_456_789_012_345_680_000.0,
                "123456789012345680000",
            ),
            (json!(18_446_744_073_709_551_616.0), true, 18_446_744_073_709_551_616.0, "18446744073709552000"),
            (json!(1e-6), true, 1e-6, "0.000001"),
            (json!(1.234e-6), true, 1.234e-6, "0.000001234"),
            (json!(1e-7), true, 1e-7, "1e-7"),
            (json!(1.5e-10), true, 1.5e-10, "1.5e-10"),
            (json!(f64::MAX), true, f64::MAX, "1.7976931348623157e+308"),
            (json!(5e-324), true, 5e-324, "5e-324"),
            (json!(0.1 + 0.2), true, 0.1 + 0.2, "0.30000000000000004"),
            (json!(""), false, 0.0, ""),
            (json!(" "), true, 0.0, " "),
            (json!("0"), true, 0.0, "0"),
            (json!("x"), true, f64::NAN, "x"),
            (json!("false"), true, f64::NAN, "false"),
            (json!([]), true, 0.0, ""),
            (json!([null]), true, 0.0, ""),
            (json!([[]]), true, 0.0, ""),
            (json!([[], []]), true, f64::NAN, ","),
            (json!([1, [2, null], "x"]), true, f64::NAN, "1,2,,x"),
            (json!([7]), true, 7.0, "7"),
            (json!([" 7 "]), true, 7.0, " 7 "),
            (json!([[7]]), true, 7.0, "7"),
            (json!([true]), true, f64::NAN, "true"),
            (json!(["0x10"]), true, 16.0, "0x10"),
            (json!({}), true, f64::NAN, "[object Object]"),
            (json!({"a": 1}), true, f64::NAN, "[object Object]"),
        ] {
            assert_eq!(truthy(&value), is_true, "{value}");
            assert!(same(to_number(&value), number), "{value}: {}", to_number(&value));
            assert_eq!(to_text(&value), text, "{value}");
        }
    }

    /// Each with what Node.js 20.20 answers to `Number` of it.
    #[test]
    fn reads_numbers_as_node_does() {
        let (largest, beyond) = (format!("0x{}", "f".repeat(256)), format!("0x1{}", "0".repeat(256)));
        for (text, number) in [
            ("", 0.0),
            ("  ", 0.0),
            ("\u{a0} 7\u{feff}", 7.0),
            ("\u{2028}7\r\n\t\u{b}\u{c}", 7.0),
            ("1", 1.0),
            (" 1.5 ", 1.5),
            ("1e3", 1000.0),
            ("1E3", 1000.0),
            ("1e+3", 1000.0),
            ("0e0", 0.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+5", 5.0),
            ("-5", -5.0),
            ("-0", -0.0),
            ("010", 10.0),
            ("0x1F", 31.0),
            ("0X1f", 31.0),
            ("0b11", 3.0),
            ("0o17", 15.0),
            ("0x20000000000001", 9_007_199_254_740_992.0),
            ("0x20000000000003", 9_007_199_254_740_996.0),
            // Two roundings, digit by digit, would lose the last bit.
            ("0x200000000000011", 144_115_188_075_855_904.0),
            (&largest, f64::INFINITY),
            (&beyond, f64::INFINITY),
            ("Infinity", f64::INFINITY),
            ("+Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e400", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
        ] {
            assert!(same(text_to_number(text), number), "{text:?}: {}", text_to_number(text));
        }
    }

    /// Node.js 20.20 answers NaN to `Number` of each.
    #[test]
    fn knows_what_is_no_number() {
        for text in [
            "\u{85} 7",
            "\u{180e}7",
            "1e",
            "e1",
            "1e3.5",
            ".",
            "- 5",
            "+-5",
            "--5",
            "1_0",
            "1,5",
            "1 2",
            "1n",
            "\u{661}",
            "60s",
            "0B2",
            "0O8",
            "0x",
            "0x+10",
            "0x-1",
            "-0x1",
            "+0x1",
            "0x1.8",
            "0x 1",
            "0x\u{661}",
            "infinity",
            "inf",
            "nan",
            "NaN",
            "true",
            "null",
            "undefined",
        ] {
            assert!(text_to_number(text).is_nan(), "{text:?}");
        }
    }

    #[test]
    fn whole_numbers_of_json_keep_their_digits() {
        assert_eq!(to_text(&json!(9_007_199_254_740_993_i64)), "9007199254740993");
        assert_eq!(to_text(&json!(u64::MAX)), "18446744073709551615");
    }

    /// Each with what `JSON.stringify` of Node.js 20.20 writes, `-0` included.
    #[test]
    fn writes_numbers_as_json_does() {
        for (number, text) in [
            (1_209_600.0, "1209600"),
            (2.5, "2.5"),
            (-1.0, "-1"),
            (-0.0, "0"),
            (1e-7, "1e-7"),
            (LARGEST_WHOLE, "9007199254740992"),
            (f64::NAN, "null"),
            (f64::INFINITY, "null"),
        ] {
            assert_eq!(number_to_json(number).to_string(), text);
        }
        assert_eq!([whole(1.5), whole(f64::NAN), whole(1e20), whole(-3.0)], [None, None, None, Some(-3)]);
    }

    /// Each with what Node.js 20.20 answers; `None` = it throws.
    #[test]
    fn decodes_as_node_does() {
        for (text, decoded) in [
            ("", Some("")),
            ("a+b", Some("a+b")),
            ("%61%2B", Some("a+")),
            ("%c3%A9\u{e9}", Some("\u{e9}\u{e9}")),
            ("%00", Some("\0")),
            ("%f0%9f%98%80", Some("\u{1f600}")),
            ("%", None),
            ("%4", None),
            ("%zz", None),
            ("%+1", None),
            ("%%41", None),
            ("%ff", None),
            ("%c0%80", None),
            ("%ed%a0%80", None),
        ] {
            assert_eq!(decode_uri_component(text).as_deref(), decoded, "{text}");
        }
    }

    /// Equal to the sign of zero; NaN is NaN.
    fn same(a: f64, b: f64) -> bool {
        (a.is_nan() && b.is_nan()) || (a == b && (a != 0.0 || a.is_sign_negative() == b.is_sign_negative()))
    }
}
