//! Canonical forms of usernames, realms and email addresses.
//!
//! If two names look alike to a person, or one program folds them to the same text and another does not, the owner of
//! one may get into the account of the other. So a name is stored in one form, and compared by the widest folding.

use unicode_normalization::UnicodeNormalization;

use super::punycode;

/// A name in Unicode's normalization form C: `e` with a combining accent is `é`.
#[must_use]
pub fn canonical_name(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { text.nfc().collect() }
}

/// The stored form of an email address: the local part in form C, the domain in lower case and, as IDNA maps it (UTS
/// #46), in form KC with plain dots.
#[must_use]
pub fn canonical_address(text: &str) -> String {
    let Some((local, domain)) = text.rsplit_once('@') else { return canonical_name(text) };
    let domain: String = if domain.is_ascii() {
        // A domain is compared without letter case, and a local part is not (RFC 5321 section 2.4).
        domain.to_ascii_lowercase()
    } else {
        let mapped: String = domain.nfkc().map(plain_dot).collect();
        mapped.to_lowercase().nfkc().collect()
    };
    format!("{}@{domain}", canonical_name(local))
}

/// The form by which a [`canonical_address`] is compared: with the labels of the domain decoded, so that
/// `xn--bcher-kva.de` is `bücher.de`.
#[must_use]
pub fn address_key(text: &str) -> String {
    let address = canonical_address(text);
    match address.rsplit_once('@') {
        Some((local, domain)) if domain.contains("xn--") => {
            let labels =
                domain.split('.').map(|label| punycode::decoded(label).unwrap_or_else(|| label.to_owned()));
            format!("{local}@{}", labels.collect::<Vec<_>>().join("."))
        }
        _ => address,
    }
}

/// The widest folding of letter case: texts that any program considers equal without case are equal here. The Kelvin
/// sign and `K` become `k`, the long and the dotless letters `s` and `i`, and `İ` (which has its own dot) `i`.
#[must_use]
pub fn fold_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = text.to_owned();
    for _ in 0..FOLDINGS {
        let wider = folded_once(&folded);
        if wider == folded {
            break;
        }
        folded = wider;
    }
    folded
}

/// Upper case joins letters that lower case keeps apart (`ſ`, `ı`), and lower case those that upper case does (the
/// Kelvin sign).
fn folded_once(text: &str) -> String {
    // Form KC, so that full-width letters and ligatures are equal to plain ones.
    let lower = text.nfkc().collect::<String>().to_lowercase();
    // Through upper case, because some letters have two lower-case forms, such as the Greek sigma.
    let folded = lower.to_uppercase().to_lowercase();
    folded.replace("i\u{307}", "i").nfkc().collect()
}

/// Whether a text contains invisible characters: those without a glyph or that only control the layout, white space
/// other than single inner blanks, controls, and noncharacters. Such a name looks like another one.
#[must_use]
pub fn has_invisible(text: &str) -> bool {
    text.starts_with(' ') || text.ends_with(' ') || text.chars().any(is_invisible)
}

fn is_invisible(c: char) -> bool {
    let code = u32::from(c);
    if code < 0x80 {
        return c.is_ascii_control();
    }
    c.is_control()
        || c.is_whitespace()
        || code & 0xfffe == 0xfffe
        || INVISIBLE.iter().any(|(first, last)| (*first..=*last).contains(&code))
}

fn plain_dot(c: char) -> char {
    if c == '\u{3002}' { '.' } else { c }
}

/// Maximum number of passes, because the result of a folding may fold again.
const FOLDINGS: usize = 4;

/// Unicode 16's `Default_Ignorable_Code_Point`, the other characters of category Cf, characters that are rendered blank
/// (braille, Hangul fillers), noncharacters, and the private use areas, whose glyphs are arbitrary.
const INVISIBLE: [(u32, u32); 32] = [
    (0x00ad, 0x00ad),
    (0x034f, 0x034f),
    (0x0600, 0x0605),
    (0x061c, 0x061c),
    (0x06dd, 0x06dd),
    (0x070f, 0x070f),
    (0x0890, 0x0891),
    (0x08e2, 0x08e2),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xe000, 0xf8ff),
    (0xfdd0, 0xfdef),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfffb),
    (0xfffc, 0xfffc),
    (0x110bd, 0x110bd),
    (0x110cd, 0x110cd),
    (0x13430, 0x1343f),
    (0x16fe4, 0x16fe4),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0x1d159, 0x1d159),
    (0xe0000, 0xe0fff),
    (0xf0000, 0x10_ffff),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn c6_one_folding_is_as_wide_as_every_programs() {
        for (one, other) in [
            ("mike@x.de", "mi\u{212a}e@x.de"),
            ("mike@x.de", "m\u{131}ke@x.de"),
            ("mike@x.de", "M\u{130}KE@X.DE"),
            ("sam@x.de", "\u{17f}am@x.de"),
            ("strasse@x.de", "stra\u{df}e@x.de"),
            ("office@x.de", "o\u{fb03}ce@x.de"),
            ("a\u{e5}@x.de", "A\u{212b}@x.de"),
            ("ann@x.de", "\u{ff21}nn@x.de"),
        ] {
            assert_eq!(fold_case(one), fold_case(other), "{one} {other}");
        }
        assert_ne!(fold_case("ann@x.de"), fold_case("anna@x.de"));
    }

    #[test]
    fn c7_an_address_has_one_form() {
        for (given, kept) in [
            ("Ann@EXAMPLE.com", "Ann@example.com"),
            ("ann@B\u{dc}CHER.de", "ann@b\u{fc}cher.de"),
            ("ann@bu\u{308}cher.de", "ann@b\u{fc}cher.de"),
            ("e\u{301}va@x.de", "\u{e9}va@x.de"),
            ("ann@\u{ff45}xample\u{3002}com", "ann@example.com"),
            ("ann@example\u{ff0e}com", "ann@example.com"),
            ("ann@\u{212a}elvin.de", "ann@kelvin.de"),
            ("nobody", "nobody"),
        ] {
            assert_eq!(canonical_address(given), kept, "{given}");
        }
        assert_eq!(address_key("a@xn--bcher-kva.DE"), address_key("a@B\u{dc}CHER.de"));
        assert_ne!(
            address_key("A@x.de"),
            address_key("a@x.de"),
            "the local part's case is a setting's matter"
        );
    }

    #[test]
    fn c7_what_nobody_sees_is_found() {
        for text in [
            "admin\u{200b}",
            "\u{feff}admin",
            "ad\u{ad}min",
            "ad\u{200d}min",
            "\u{202e}nimda",
            "admin\u{2066}",
            "admin\u{fe0f}",
            "admin\u{e0061}",
            "admin\u{180e}",
            "ad\u{3164}min",
            "admin\u{2800}",
            "admin\u{a0}",
            "ad\u{2003}min",
            "admin\u{3000}",
            " admin",
            "admin ",
            "ad\tmin",
            "ad\u{0}min",
            "ad\u{85}min",
            "ad\u{2028}min",
            "admin\u{34f}",
            "admin\u{61c}",
            "admin\u{fffe}",
            "admin\u{e000}",
            "admin\u{1d173}",
        ] {
            assert!(has_invisible(text), "{text:?}");
        }
        for text in
            ["admin", "Ann Lee", "\u{e9}va", "e\u{301}", "名前", "имя", "אדם", "नाम", "o'neil", "a-b_c.d", ""]
        {
            assert!(!has_invisible(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn c6_equal_in_any_case_is_equal(text in "\\PC{0,12}") {
            let folded = fold_case(&text);
            prop_assert_eq!(&fold_case(&text.to_lowercase()), &folded);
            prop_assert_eq!(&fold_case(&text.to_uppercase()), &folded);
            prop_assert_eq!(&fold_case(&folded), &folded);
            prop_assert_eq!(&fold_case(&canonical_name(&text)), &folded);
        }

        #[test]
        fn c7_a_kept_form_is_its_own(text in "\\PC{0,8}@\\PC{0,8}") {
            let kept = canonical_address(&text);
            prop_assert_eq!(&canonical_address(&kept), &kept);
            prop_assert_eq!(address_key(&text), address_key(&kept));
        }
    }
}
