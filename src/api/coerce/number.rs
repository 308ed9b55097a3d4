//! strong-remoting's checks of numbers.

use serde_json::Value;

use crate::javascript::{MAX_SAFE, to_text};

/// Whether a value is a whole decimal number as text: a timestamp.
pub(super) fn is_digits(value: &Value) -> bool {
    let text = to_text(value);
    let digits = text.strip_prefix('-').unwrap_or(&text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Checks an integer; `None` = the value is not a number.
pub(super) fn integer(number: Option<f64>) -> Result<(), &'static str> {
    match number {
        Some(number) if number.is_nan() => Err("Value is not a number."),
        Some(number) if number.fract() == 0.0 && number.abs() <= MAX_SAFE => Ok(()),
        Some(_) => Err("Value is not a safe integer."),
        None => Err("Value is not a number."),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
