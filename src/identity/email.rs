//! Email addresses as LoopBack accepts them.

use super::punycode;

/// Maximum length of a local part in octets (RFC 5321, section 4.5.3.1.1).
const LOCAL_LIMIT: usize = 64;
/// Maximum length of a label of the domain in octets (RFC 1035, section 2.3.4).
const LABEL_LIMIT: usize = 63;
/// Maximum length of an address in octets (erratum 1690 of RFC 3696).
const ADDRESS_LIMIT: usize = 254;

/// Whether LoopBack 3.28 accepts `text` as an email address (docs/loopback-3.28.md section 2.1: isemail, no DNS).
///
/// Blanks, comments and quotes are not accepted. A domain needs no dot, and may be an address in brackets.
///
/// ```
/// use portcullis::identity::is_email;
///
/// assert!(is_email("ann@example.com") && is_email("ann@localhost"));
/// assert!(!is_email("ann") && !is_email("ann @example.com"));
/// ```
#[must_use]
pub fn is_email(text: &str) -> bool {
    // The first `@` is enough: neither part may contain another one.
    let Some((local, domain)) = text.split_once('@') else { return false };
    let Some(domain_length) = domain_length(domain) else { return false };
    local.len() <= LOCAL_LIMIT
        && local.split('.').all(is_atom)
        && local.len() + 1 + domain_length <= ADDRESS_LIMIT
}

fn is_atom(atom: &str) -> bool {
    !atom.is_empty() && !atom.chars().any(is_special)
}

/// Characters that no part may contain: RFC 5322's specials, blanks, and the C0 and C1 controls.
fn is_special(c: char) -> bool {
    matches!(c, '(' | ')' | '<' | '>' | '[' | ']' | ':' | ';' | '@' | '\\' | ',' | '.' | '"')
        || c <= ' '
        || ('\u{7f}'..='\u{9f}').contains(&c)
}

/// The length of the domain in DNS in octets; `None` if it is not a domain.
fn domain_length(domain: &str) -> Option<usize> {
    if let Some(literal) = domain.strip_prefix('[') {
        return literal.strip_suffix(']').filter(|inner| is_literal(inner)).map(|_| domain.len());
    }
    let mut length = 0;
    let mut labels = domain.split('.').peekable();
    while let Some(label) = labels.next() {
        let carried = punycode::length(label);
        // isemail measures the last label as typed, and the others as encoded for DNS.
        let measured = if labels.peek().is_some() { carried + 1 } else { label.len() + 1 };
        if !is_label(label) || measured > LABEL_LIMIT + 1 {
            return None;
        }
        length += carried + usize::from(labels.peek().is_some());
    }
    Some(length)
}

fn is_label(label: &str) -> bool {
    let in_domain = |c: char| c == '-' || c.is_ascii_alphanumeric() || c >= '\u{c0}';
    !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(in_domain)
}

fn is_literal(inner: &str) -> bool {
    if is_ipv4(inner) {
        return true;
    }
    let Some((tag, groups)) = inner.split_at_checked("IPv6:".len()) else { return false };
    tag.eq_ignore_ascii_case("IPv6:") && is_ipv6(groups)
}

/// Four numbers up to 255, each of one to three digits.
fn is_ipv4(text: &str) -> bool {
    text.split('.').count() == 4
        && text.split('.').all(|part| {
            part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u8>().is_ok()
        })
}

/// Eight groups of up to four digits. `::` replaces at least two groups, and an IPv4 address the last two.
fn is_ipv6(text: &str) -> bool {
    let text = match text.rsplit_once(':') {
        Some((head, tail)) if is_ipv4(tail) => format!("{head}:0:0"),
        _ => text.to_owned(),
    };
    let groups = text.split(':').count();
    let counted = match (text.find("::"), text.rfind("::")) {
        (None, _) => groups == 8,
        (Some(first), last) if last == Some(first) => {
            let at_an_edge = first == 0 || first + 2 == text.len();
            groups < 8 + usize::from(at_an_edge)
        }
        _ => false,
    };
    let lone_edge =
        (text.starts_with(':') && !text.starts_with("::")) || (text.ends_with(':') && !text.ends_with("::"));
    counted
        && !lone_edge
        && text.split(':').all(|group| group.len() <= 4 && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Read off isemail 3.2.0.
    const ACCEPTED: &[&str] = &[
        "a@b",
        "a@localhost",
        "a@[127.0.0.1]",
        "é@é.fr",
        "a+b@c.de",
        "a@1.2.3.4",
        "a@1",
        "a@b.1c",
        "a@3com.com",
        "a@xn--a.b",
        "a@b.é",
        "a'b@c",
        "a/b=c?d@e",
        "a^_`{|}~@c",
        "!#$%&*@c",
        "a.b.c@d",
        "\u{1f600}@\u{1f600}.b",
        "\u{a0}@b",
        "a@\u{3000}b",
        "a@b--c.d",
        "a@b.c-d",
        "a@[127.0.0.01]",
        "a@[IPv6:::1]",
        "a@[ipv6:::1]",
        "a@[IPv6:::]",
        "a@[IPv6:2001:db8::1]",
        "a@[IPv6:1:2:3:4:5:6:7:8]",
        "a@[IPv6:::ffff:127.0.0.1]",
        "a@[IPv6:1:2:3:4:5:6::]",
        "a@[IPv6:::3:4:5:6:7:8]",
    ];

    /// Read off isemail 3.2.0, except for quotes.
    const REFUSED: &[&str] = &[
        "",
        "a",
        "@",
        "a@",
        "@b",
        "a b@c",
        "a@ b",
        " a@b",
        "a@b ",
        "a\t@b",
        "a@b\r\n",
        "a\r\n @b",
        "a@b\0",
        "a\u{7f}@b",
        "a@b\u{80}c",
        "\"a b\"@c.de",
        "\"a\"b@c.de",
        "a.\"b\"@c.de",
        "a@b..c",
        ".a@b.c",
        "a.@b.c",
        "a..b@c",
        "a@.b",
        "a@-b.c",
        "a@b-.c",
        "a@b.-c",
        "a@b.c-",
        "a@b.c.",
        "a@b_c.de",
        "a@b!c",
        "a@b+c",
        "a@b@c",
        "a@b,c",
        "a<b@c",
        "a:b@c",
        "a;b@c",
        "a\\b@c",
        "a[b@c",
        "a(c)@b",
        "a@b(c)",
        "a@[127.0.0.1",
        "a@[127.0.0.1]x",
        "a@b.[127.0.0.1]",
        "a@[300.1.1.1]",
        "a@[1.2.3]",
        "a@[1.2.3.4.5]",
        "a@[abc]",
        "a@[]",
        "a@[::1]",
        "a@[ 127.0.0.1]",
        "a@[IPv6:1:2:3:4:5:6:7::]",
        "a@[IPv6:1::2::3]",
        "a@[IPv6:12345::]",
        "a@[IPv6::::]",
        "a@[IPv6:]",
        "a@[IPv6:1]",
        "a@[IPv6:1:2:3:4:5:6:7:8:9]",
        "a@[IPv6::1:2:3:4:5:6:7]",
        "a@[IPv6:1:2:3:4:5:6:7:]",
        "a@b\u{a1}",
    ];

    #[test]
    fn accepts_what_loopback_accepts() {
        for text in ACCEPTED {
            assert!(is_email(text), "{text}");
        }
    }

    #[test]
    fn refuses_what_loopback_refuses() {
        for text in REFUSED {
            assert!(!is_email(text), "{text}");
        }
    }

    /// Where isemail takes a local part in quotes without a blank, the specification says no, and so do we: such an
    /// address carries specials into headers and mails.
    #[test]
    fn refuses_quotes() {
        assert!(!is_email("\"ab\"@c.de"));
        assert!(!is_email("\"\"@c.de"));
    }

    #[test]
    fn keeps_the_lengths() {
        let of = |local: usize, labels: &[usize]| {
            let domain: Vec<_> = labels.iter().map(|length| "b".repeat(*length)).collect();
            is_email(&format!("{}@{}", "a".repeat(local), domain.join(".")))
        };
        for (local, labels, expected) in [
            (64, &[1][..], true),
            (65, &[1], false),
            (1, &[63], true),
            (1, &[64], false),
            (1, &[64, 1], false),
            (1, &[63, 63, 63, 60], true),
            (1, &[63, 63, 63, 61], false),
            (64, &[63, 63, 61], true),
            (64, &[63, 63, 62], false),
        ] {
            assert_eq!(of(local, labels), expected, "{local} {labels:?}");
        }
        assert!(is_email(&format!("{}@b", "é".repeat(32))));
        assert!(!is_email(&format!("{}@b", "é".repeat(33))), "octets count, not characters");
    }

    proptest! {
        #[test]
        fn an_address_has_one_at_and_no_ascii_blank(text in ".{0,12}@?[a-zé.\\[\\]: -]{0,12}") {
            if is_email(&text) {
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert!(!text.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control()));
            }
        }
    }
}
