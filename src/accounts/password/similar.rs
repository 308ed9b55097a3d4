//! Passwords that are hardly more than a name that others know (NIST SP 800-63B-4 calls them context-specific
//! words).

/// Letters that must be left of a password without the names in it. `annsmith2024!` has none, `annsmith horse battery`
/// has many.
const LEFT: usize = 4;

/// Shorter names are in too many words by chance.
const SHORTEST: usize = 3;

/// Whether a password is made of these names: an address counts as a whole and by its parts.
pub(super) fn is_similar<'n>(password: &str, names: impl Iterator<Item = &'n str>) -> bool {
    let mut rest = plain(password);
    let mut parts: Vec<String> =
        names.flat_map(parts).filter(|part| part.chars().count() >= SHORTEST).collect();
    // The longest first: a whole address, and not only the name in it.
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    let mut has_name = false;
    for part in parts {
        if rest.contains(&part) {
            has_name = true;
            // A blank, so that what is left and right of a name makes no new one.
            rest = rest.replace(&part, " ");
        }
    }
    has_name && rest.chars().filter(|c| c.is_alphabetic()).count() < LEFT
}

/// A name and its parts, in letters and digits.
fn parts(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_alphanumeric()).map(plain);
    let (local, domain) = name.split_once('@').unwrap_or((name, ""));
    // The last label of a domain is no name: `com`.
    let labels = domain.rsplit_once('.').map_or("", |(labels, _)| labels);
    let last = domain.rsplit('.').next().map(plain).filter(|_| !domain.is_empty());
    let mut found: Vec<String> = words.filter(|word| Some(word) != last.as_ref()).collect();
    found.extend([plain(name), plain(local), plain(labels)]);
    found
}

/// Letters and digits, in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_made_of_names_is_one_that_others_guess() {
        let names = ["ann.smith@example.com", "annie", "Paper Boat"];
        for (password, expected) in [
            ("ann.smith@example.com", true),
            ("Ann.Smith2024!", true),
            ("smith1984", true),
            ("example-ann-1", true),
            ("annie annie annie", true),
            ("paperboat", true),
            ("Paper-Boat-99", true),
            ("ann smith horse battery", false),
            ("harbour-annie-lantern", false),
            ("correct horse battery", false),
            ("8274619283", false),
            ("community", false),
            ("安安静静的夜晚", false),
        ] {
            assert_eq!(is_similar(password, names.into_iter()), expected, "{password}");
        }
        assert!(is_similar("秋田花子123", ["秋田花子"].into_iter()));
        assert!(!is_similar("abcdefgh", ["ab", "", "@"].into_iter()), "short names are in many words");
        assert!(!is_similar("", [].into_iter()));
    }
}
