//! Usernames that an app, a rule or a header would not read as a name.

use super::name::{address_key, fold_case};

/// The reason why a username could be taken for another identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsernameError {
    /// It contains an `@` and is not the account's own email address.
    OtherAddress,
    /// It looks like an account id.
    LooksLikeId,
    /// Rules, frameworks or logs use it for a principal: `$owner`, `anonymous`.
    Reserved,
    /// It contains a separator of headers or rules.
    Separator,
}

impl UsernameError {
    /// The error and its correction.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::OtherAddress => "may be an email address only if it is the account's own",
            Self::LooksLikeId => "reads as an id; add a letter that is not a hex digit",
            Self::Reserved => "is reserved",
            Self::Separator => "holds one of , ; : \" \\",
        }
    }
}

/// The error of a username; `email` is the account's own address.
///
/// The username is checked as an app that normalizes names reads it: without letter case and width.
///
/// ```
/// use portcullis::identity::{UsernameError, username_fault};
///
/// assert_eq!(username_fault("ann", None), None);
/// assert_eq!(username_fault("7", None), Some(UsernameError::LooksLikeId));
/// assert_eq!(username_fault("bob@b.c", Some("ann@b.c")), Some(UsernameError::OtherAddress));
/// ```
#[must_use]
pub fn username_fault(username: &str, email: Option<&str>) -> Option<UsernameError> {
    // An app may fold before it compares: `ADMIN` in full width could become `admin` there.
    let folded = fold_case(username);
    let name = folded.trim();
    if name.starts_with('$') || RESERVED.contains(&name) {
        return Some(UsernameError::Reserved);
    }
    if name.contains([',', ';', ':', '"', '\\']) {
        return Some(UsernameError::Separator);
    }
    if name.contains('@') && !is_address(username, email) {
        return Some(UsernameError::OtherAddress);
    }
    (is_number(name) || is_hex_id(name)).then_some(UsernameError::LooksLikeId)
}

/// Whether a username may be sent to the app with this confirmed address: a name with `@` must be that address.
#[must_use]
pub fn claims_no_other_address(username: &str, confirmed: Option<&str>) -> bool {
    !fold_case(username).contains('@') || is_address(username, confirmed)
}

fn is_address(username: &str, email: Option<&str>) -> bool {
    email.is_some_and(|email| address_key(username) == address_key(email))
}

/// Whether a program may parse the name as a number: digits of any script with their punctuation, `1e3`, `0x1f`.
fn is_number(name: &str) -> bool {
    let has_digit = name.chars().any(char::is_numeric);
    let plain = |c: char| c.is_numeric() || matches!(c, '+' | '-' | '.' | '_' | ' ' | '\'');
    let radix = ["0x", "0b", "0o"].iter().find_map(|prefix| name.strip_prefix(prefix));
    has_digit
        && (name.chars().all(plain)
            || name.parse::<f64>().is_ok()
            || radix.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())))
}

/// 24 hex digits (a MongoDB ObjectId, or an id of a store with text ids), or a UUID, with hyphens or without.
fn is_hex_id(name: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Parsers of UUIDs often accept the URN (RFC 9562 section 4) and braces, too.
    let name = name.strip_prefix("urn:uuid:").unwrap_or(name);
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    // An `ObjectId` of MongoDB has 24 digits, and a UUID without hyphens has 32.
    if matches!(name.len(), 24 | 32) && is_hex(name) {
        return true;
    }
    let mut groups = name.split('-');
    UUID.iter().all(|length| groups.next().is_some_and(|group| group.len() == *length && is_hex(group)))
        && groups.next().is_none()
}

/// The lengths of a UUID's groups (RFC 9562, section 4).
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// Principals of LoopBack's rules without their `$`, names of frameworks for callers without a login, and words for "no
/// value" in logs and JSON.
const RESERVED: [&str; 15] = [
    "-",
    "anonymous",
    "anonymoususer",
    "authenticated",
    "everyone",
    "nil",
    "nobody",
    "none",
    "null",
    "owner",
    "related",
    "self",
    "unauthenticated",
    "undefined",
    "*",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_a_username_impersonates_nobody() {
        use UsernameError::{LooksLikeId, OtherAddress, Reserved, Separator};
        for (name, fault) in [
            ("victim@example.com", OtherAddress),
            ("victim\u{ff20}example.com", OtherAddress),
            ("@victim", OtherAddress),
            ("ann@example.com.evil", OtherAddress),
            ("Ann@example.com", OtherAddress),
            ("1", LooksLikeId),
            ("007", LooksLikeId),
            ("-1", LooksLikeId),
            ("1.0", LooksLikeId),
            ("1e3", LooksLikeId),
            ("0x1F", LooksLikeId),
            ("1_000", LooksLikeId),
            ("\u{ff11}\u{ff12}", LooksLikeId),
            ("\u{661}\u{662}", LooksLikeId),
            ("\u{b9}", LooksLikeId),
            ("5f1a2b3c4d5e6f7a8b9c0d1e", LooksLikeId),
            ("5F1A2B3C4D5E6F7A8B9C0D1E", LooksLikeId),
            ("0190e0a4-5b5c-7cc3-98c4-dc0c0c07398f", LooksLikeId),
            ("{0190e0a4-5b5c-7cc3-98c4-dc0c0c07398f}", LooksLikeId),
            ("0190e0a45b5c7cc398c4dc0c0c07398f", LooksLikeId),
            ("$owner", Reserved),
            ("$anything", Reserved),
            ("\u{ff04}everyone", Reserved),
            ("Anonymous", Reserved),
            ("anonymousUser", Reserved),
            ("\u{ff4e}ull", Reserved),
            ("-", Reserved),
            ("a,b", Separator),
            ("a\u{ff0c}b", Separator),
            ("a;b", Separator),
            ("a:b", Separator),
            ("a\"b", Separator),
            ("CORP\\ann", Separator),
        ] {
            assert_eq!(username_fault(name, Some("ann@example.com")), Some(fault), "{name}");
        }
        for name in [
            "ann",
            "Ann Lee",
            "o'neil",
            "a-b_c.d",
            "ann1",
            "1ann",
            "r2d2",
            "4chan",
            "deadbeef",
            "\u{e9}va",
            "\u{540d}\u{524d}",
            "admin",
            "ann+tag",
            "a/b",
            "ann@example.com",
            "ann@EXAMPLE.com",
        ] {
            assert_eq!(username_fault(name, Some("ann@example.com")), None, "{name}");
        }
        assert_eq!(username_fault("ann@example.com", None), Some(OtherAddress));
    }

    #[test]
    fn c7_only_a_confirmed_address_is_told_as_a_name() {
        assert!(claims_no_other_address("ann", None));
        assert!(claims_no_other_address("ann@x.de", Some("ann@X.de")));
        for (name, confirmed) in
            [("ann@x.de", None), ("ann@x.de", Some("bob@x.de")), ("ann\u{ff20}x.de", None)]
        {
            assert!(!claims_no_other_address(name, confirmed), "{name}");
        }
    }
}
