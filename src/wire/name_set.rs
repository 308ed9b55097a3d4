//! The names of a head's fields, as a set that costs a few instructions.

/// A set of names. It can tell that a name is missing, but not that it is present.
///
/// The request path asks for many names that few requests have. Each answer spares a pass over all fields.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NameSet {
    bits: u64,
    repeated: u64,
    has_odd: bool,
}

impl NameSet {
    pub(super) fn add(&mut self, name: &str) {
        self.repeated |= self.bits & bit(name);
        self.bits |= bit(name);
        self.has_odd |= !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    }

    /// Whether a name in any letter case may be in the set. `false` is certain.
    pub(super) fn may_have(self, name: &str) -> bool {
        self.bits & bit(name) != 0
    }

    /// Whether a name in any letter case may have been added twice. `false` is certain.
    pub(super) fn may_repeat(self, name: &str) -> bool {
        self.repeated & bit(name) != 0
    }

    /// Whether any name contains a byte other than letters, digits and dashes.
    pub(super) fn has_odd(self) -> bool {
        self.has_odd
    }
}

/// One of 64 bits for a name, from its length and its first and last byte.
fn bit(name: &str) -> u64 {
    let name = name.as_bytes();
    // Folds the letter case. Other bytes that meet by it only make the answer less sharp.
    let folded = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(byte | 0x20));
    1 << ((name.len() * 5 + folded(name.first()) + folded(name.last()) * 3) % 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_that_was_added_may_be_there_in_any_letter_case(
            names in prop::collection::vec("[!#$%&'*+.^_`|~0-9A-Za-z-]{1,24}", 1..20)
        ) {
            let mut set = NameSet::default();
            names.iter().for_each(|name| set.add(name));
            for name in &names {
                let count = names.iter().filter(|other| other.eq_ignore_ascii_case(name)).count();
                prop_assert!(count < 2 || set.may_repeat(name));
                prop_assert!(set.may_have(name));
                prop_assert!(set.may_have(&name.to_ascii_lowercase()));
                prop_assert!(set.may_have(&name.to_ascii_uppercase()));
            }
        }
    }

    #[test]
    fn what_most_requests_lack_is_known_at_once() {
        let mut set = NameSet::default();
        for name in ["Host", "Authorization", "User-Agent", "Accept", "Accept-Encoding"] {
            set.add(name);
        }
        for name in ["cookie", "x-access-token", "destination", "x-http-method-override"] {
            assert!(!set.may_have(name), "{name}");
        }
        assert!(!NameSet::default().may_have("host"));
        assert!(!set.may_repeat("authorization"));
    }

    #[test]
    fn odd_names_are_noted() {
        for (name, is_odd) in [("Accept", false), ("x-1", false), ("x_1", true), ("x.y", true), ("a!", true)]
        {
            let mut set = NameSet::default();
            set.add("Host");
            set.add(name);
            assert_eq!(set.has_odd(), is_odd, "{name}");
        }
    }
}
