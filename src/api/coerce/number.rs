//! Numbers as JavaScript's `Number()` and `String()` make them.

use serde_json::Value;

/// The largest whole number that JavaScript counts to without gaps.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// JavaScript's `Number(value)`; what is none is NaN.
pub(super) fn of(value: &Value) -> f64 {
    match value {
        Value::Null | Value::Bool(false) => 0.0,
        Value::Bool(true) => 1.0,
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) => parse(text),
        Value::Array(_) => parse(&text(value)),
        Value::Object(_) => f64::NAN,
    }
}

/// Whether a value, as text, is a whole decimal number: a time stamp.
pub(super) fn is_digits(value: &Value) -> bool {
    let text = text(value);
    let digits = text.strip_prefix('-').unwrap_or(&text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks a whole number; `None` = no number at all.
pub(super) fn integer(number: Option<f64>) -> Result<(), &'static str> {
    match number {
        Some(number) if number.is_nan() => Err("Value is not a number."),
        Some(number) if number.fract() == 0.0 && number.abs() <= MAX_SAFE => Ok(()),
        Some(_) => Err("Value is not a safe integer."),
        None => Err("Value is not a number."),
    }
}

fn parse(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    let radix = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => return decimal(text),
    };
    let digits = text.get(2..).unwrap_or_default();
    let value = digits.chars().try_fold(0.0, |sum: f64, digit| {
        Some(sum.mul_add(f64::from(radix), f64::from(digit.to_digit(radix)?)))
    });
    value.filter(|_| !digits.is_empty()).unwrap_or(f64::NAN)
}

fn decimal(text: &str) -> f64 {
    match text {
        "Infinity" | "+Infinity" => return f64::INFINITY,
        "-Infinity" => return f64::NEG_INFINITY,
        _ => {}
    }
    // Rust knows further words for numbers.
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse().ok().filter(|_| plain).unwrap_or(f64::NAN)
}

/// JavaScript's `String(value)`.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let texts: Vec<String> =
                items.iter().map(|item| if item.is_null() { String::new() } else { text(item) }).collect();
            texts.join(",")
        }
        Value::Object(_) => "[object Object]".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_numbers_as_javascript() {
        for (value, expected) in [
            (json!("1"), 1.0),
            (json!(" 1.5 "), 1.5),
            (json!(" "), 0.0),
            (json!("1e3"), 1000.0),
            (json!(".5"), 0.5),
            (json!("5."), 5.0),
            (json!("+5"), 5.0),
            (json!("0x1F"), 31.0),
            (json!("0b11"), 3.0),
            (json!("-Infinity"), f64::NEG_INFINITY),
            (json!(null), 0.0),
            (json!(true), 1.0),
            (json!([]), 0.0),
            (json!(["7"]), 7.0),
        ] {
            assert_eq!(of(&value), expected, "{value}");
        }
        for none in [
            json!("x"),
            json!("inf"),
            json!("NaN"),
            json!("0x"),
            json!("-0x1"),
            json!("1_0"),
            json!([1, 2]),
            json!({}),
        ] {
            assert!(of(&none).is_nan(), "{none}");
        }
    }

    #[test]
    fn knows_time_stamps_and_whole_numbers() {
        for (value, digits) in [
            (json!("-12"), true),
            (json!(5), true),
            (json!(["5"]), true),
            (json!("1.5"), false),
            (json!(null), false),
        ] {
            assert_eq!(is_digits(&value), digits, "{value}");
        }
        assert_eq!(integer(Some(1.0)), Ok(()));
        assert_eq!(integer(Some(1.5)), Err("Value is not a safe integer."));
        assert_eq!(integer(Some(1e20)), Err("Value is not a safe integer."));
        assert_eq!(integer(None), Err("Value is not a number."));
    }
}
