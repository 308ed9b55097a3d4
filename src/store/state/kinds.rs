//! Counts password hashes by kind. An unknown name is checked against a decoy of one of these kinds, so that the
//! response time does not distinguish it from a known one (docs/decisions.md section 4).

use std::collections::BTreeMap;

use crate::identity::PasswordHash;

/// The number of hashes of each kind. A kind determines the cost: it is the part of the hash before the salt.
#[derive(Debug, Default)]
pub(super) struct Kinds(BTreeMap<Box<str>, u64>);

/// Maximum number of kinds. An import may contain any text; real stores have fewer.
const MAX_KINDS: usize = 32;

/// A salt and an output that belong to no password: in bcrypt's alphabet, and in base64 without padding. The last
/// characters leave no spare bits, because a strict parser would reject the hash before it has cost anything.
const BCRYPT_REST: &str = "......................7777777777777777777777777777776";
const ARGON2_REST: &str = "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Kinds {
    /// Counts the hash of a user.
    pub(super) fn add(&mut self, hash: Option<&PasswordHash>) {
        let Some(kind) = hash.and_then(kind) else { return };
        if let Some(count) = self.0.get_mut(kind) {
            *count += 1;
        } else if self.0.len() < MAX_KINDS {
            self.0.insert(kind.into(), 1);
        }
    }

    /// Removes the hash of a user from the count.
    pub(super) fn remove(&mut self, hash: Option<&PasswordHash>) {
        let Some(kind) = hash.and_then(kind) else { return };
        let Some(count) = self.0.get_mut(kind) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.0.remove(kind);
        }
    }

    /// A decoy of a kind drawn in proportion; `None` stands for the users without a password.
    pub(super) fn drawn(&self, random: u64, users: usize) -> Option<PasswordHash> {
        let users = u128::try_from(users).unwrap_or(u128::MAX);
        // Users and not hashes are the whole, so that a user without a password has its share, too.
        let place = (u128::from(random) * users) >> 64;
        let mut end = 0;
        let (kind, _) = self.0.iter().find(|(_, count)| {
            end += u128::from(**count);
            place < end
        })?;
        let rest = if kind.starts_with("$2") { BCRYPT_REST } else { ARGON2_REST };
        Some(PasswordHash::new(format!("{kind}{rest}")))
    }
}

/// The kind of a hash: `$2a$10$` or `$argon2id$v=19$m=19456,t=2,p=1`.
fn kind(hash: &PasswordHash) -> Option<&str> {
    let text = hash.expose();
    if text.starts_with("$2") {
        return text.get(..7).filter(|_| text.len() == 60);
    }
    let (rest, _output) = text.rsplit_once('$')?;
    let (kind, _salt) = rest.rsplit_once('$')?;
    kind.starts_with("$argon2id$").then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BCRYPT: &str = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
    const ARGON2: &str = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaA";

    fn hash(text: &str) -> PasswordHash {
        PasswordHash::new(text.to_owned())
    }

    fn kinds(hashes: &[(&str, u64)]) -> Kinds {
        let mut kinds = Kinds::default();
        for (text, count) in hashes {
            (0..*count).for_each(|_| kinds.add(Some(&hash(text))));
        }
        kinds
    }

    #[test]
    fn draws_in_proportion_and_the_same_for_the_same_chance() {
        let kinds = kinds(&[(BCRYPT, 1), (ARGON2, 2)]);
        // Four users, one of them without a password.
        let drawn = |quarter: u64| {
            let random = quarter * (u64::MAX / 4) + 5;
            kinds.drawn(random, 4).map(|hash| hash.expose().to_owned()).unwrap_or_default()
        };
        let all: Vec<String> = (0..4).map(drawn).collect();
        assert!(all[0].starts_with("$2a$10$") && all[0].len() == 60, "{all:?}");
        assert!(all[1].starts_with("$argon2id$v=19$m=8,t=1,p=1$") && all[1] == all[2], "{all:?}");
        assert_eq!(all[3], "");
        let cheap = all[0].replace("$10$", "$04$");
        assert!(!bcrypt::verify("x", &cheap).expect("it is hashed as any other"));
        assert!(Kinds::default().drawn(u64::MAX, 0).is_none());
    }

    #[test]
    fn what_goes_is_drawn_no_more() {
        let mut kinds = kinds(&[(BCRYPT, 1)]);
        kinds.remove(Some(&hash(BCRYPT)));
        kinds.remove(Some(&hash(BCRYPT)));
        kinds.remove(None);
        assert!(kinds.0.is_empty());
    }

    #[test]
    fn strange_hashes_take_no_room() {
        let mut kinds = kinds(&[("plain", 1), ("$2a$10$short", 1), ("$scrypt$a$b$c", 1)]);
        for number in 0..100 {
            kinds.add(Some(&hash(&format!("$argon2id$v=19$m={number},t=1,p=1$salt$out"))));
        }
        assert_eq!(kinds.0.len(), MAX_KINDS);
        kinds.add(Some(&hash(BCRYPT)));
        assert_eq!(kinds.0.len(), MAX_KINDS);
    }
}
