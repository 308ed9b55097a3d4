//! Hexadecimal digits, and percent-encoding with the sets of characters that several parts share.
//!
//! The request path decodes with `javascript::decode_uri_component`; the reason is given there.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// Characters that RFC 3986 section 2.3 reserves: all except letters, digits and `-._~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Characters that no URI contains (RFC 3986), except for `%`. `utf8_percent_encode` also encodes what is not
/// ASCII.
pub(crate) const NOT_IN_A_URI: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Lower-case hexadecimal digits, two for each byte.
pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().flat_map(|byte| hex_digits(*byte)).map(char::from).collect()
}

/// The two lower-case hexadecimal digits of a byte.
pub(crate) fn hex_digits(byte: u8) -> [u8; 2] {
    // An array, so that callers on the request path do not allocate.
    [byte >> 4, byte & 15].map(|nibble| nibble + if nibble < 10 { b'0' } else { b'a' - 10 })
}

/// The value of a hexadecimal digit of either case; `None` for other bytes.
pub(crate) fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// A text as one path segment or one value of a query. All characters with a meaning there are percent-encoded.
pub(crate) fn percent_encoded(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(hex(b"\x00\x09\x0a\x7f\xa0\xff"), "00090a7fa0ff");
        assert_eq!(hex(""), "");
        for byte in 0..=u8::MAX {
            let [high, low] = hex_digits(byte);
            assert_eq!([high, low], *format!("{byte:02x}").as_bytes());
            assert_eq!(hex_value(high).unwrap() << 4 | hex_value(low.to_ascii_uppercase()).unwrap(), byte);
        }
        assert_eq!([hex_value(b'g'), hex_value(b'+'), hex_value(b'%'), hex_value(0xff)], [None; 4]);
    }

    #[test]
    fn encodes_all_but_the_unreserved() {
        for (text, encoded) in [
            ("", ""),
            ("aZ09-._~", "aZ09-._~"),
            ("a b+c/d?e=f&g%", "a%20b%2Bc%2Fd%3Fe%3Df%26g%25"),
            ("\u{e9}\0", "%C3%A9%00"),
        ] {
            assert_eq!(percent_encoded(text), encoded, "{text}");
        }
    }
}
