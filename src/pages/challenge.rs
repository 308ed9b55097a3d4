//! The challenge of a form that a client's network has just sent often: a proof of work for a script, or a wait.
//!
//! A script looks for the number whose block has a hash with the given beginning, as ALTCHA's does. The number is derived
//! from the key, so that the answer is compared and not computed again, and the work has an upper bound. A block is long,
//! so that a browser spends its time in SHA-256 and not around it, and a program of a bot gains little.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{cookies::Browser, form_key::FormKey};
use crate::{clock::Timestamp, encoding::hex, limit::LimitKind};

/// The numbers that a script tries: 4,096 on average. Chromium on a core of a server took 31 µs for each, 0.13 s in all,
/// and 110 µs slowed down to a quarter, which is 0.45 s as on a phone.
pub(super) const NUMBERS: u32 = 8_192;

/// The length of a block in bytes: the number (4 bytes, big-endian), the challenge, then zeros.
const BLOCK: usize = 16 * 1024;

/// The life of a challenge in milliseconds: a form takes minutes to fill in.
const LIFE: i64 = 15 * 60 * 1000;

/// The most spent challenges that are remembered. To have one forgotten, a client has to spend as many others.
const MAX_SPENT: usize = 4_096;

/// A form that may have a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GuardedForm {
    /// Registration.
    Register,
    /// The request for a new password.
    Reset,
}

/// A challenge for one form of one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// The time of its making, in milliseconds since the Unix epoch.
    made: i64,
    /// The time to wait without a solution, in seconds.
    wait: u64,
    salt: u64,
    tag: [u8; 32],
}

/// The challenges that were spent and have not expired: their salts and ends. They outlive a reload, as the key does.
#[derive(Debug, Default)]
pub(super) struct Spent(Mutex<VecDeque<(u64, i64)>>);

impl GuardedForm {
    /// The limit whose use decides.
    pub(super) fn limit(self) -> LimitKind {
        match self {
            Self::Register => LimitKind::Register,
            Self::Reset => LimitKind::Reset,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Reset => "reset",
        }
    }
}

impl Challenge {
    /// A new challenge; `None` if the system has no random bytes.
    pub(super) fn new(
        key: &FormKey,
        browser: &Browser,
        guarded: GuardedForm,
        wait: u64,
        now: Timestamp,
    ) -> Option<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).ok()?;
        Self { made: now.0, wait, salt: u64::from_be_bytes(random), tag: [0; 32] }
            .tagged(key, browser, guarded)
    }

    /// Reads a challenge that a form has sent; `None` unless it was made for this browser and this form, and lives.
    pub(super) fn read(
        text: &str,
        key: &FormKey,
        browser: &Browser,
        guarded: GuardedForm,
        now: Timestamp,
    ) -> Option<Self> {
        let mut parts = text.split('.');
        let (made, wait) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let salt = u64::from_str_radix(parts.next()?, 16).ok()?;
        let challenge = Self { made, wait, salt, tag: [0; 32] }.tagged(key, browser, guarded)?;
        let is_ours: bool = challenge.text().as_bytes().ct_eq(text.as_bytes()).into();
        (is_ours && (0..LIFE).contains(&now.0.saturating_sub(made))).then_some(challenge)
    }

    fn tagged(mut self, key: &FormKey, browser: &Browser, guarded: GuardedForm) -> Option<Self> {
        let text = format!("{} {} {} {:x}", guarded.name(), self.made, self.wait, self.salt);
        self.tag = key.tag(browser, &text)?;
        Some(self)
    }

    /// What the form carries. The second half of the tag stays here.
    pub(super) fn text(&self) -> String {
        let shown = self.tag.split_at(16).0;
        format!("{}.{}.{:x}.{}", self.made, self.wait, self.salt, hex(shown))
    }

    /// The number to find.
    pub(super) fn number(&self) -> u32 {
        let [.., a, b, c, d] = self.tag;
        u32::from_be_bytes([a, b, c, d]) % NUMBERS
    }

    /// The beginning of the hash of the number's block, as 16 hexadecimal digits.
    pub(super) fn target(&self) -> String {
        let text = self.text();
        let zeros = vec![0; BLOCK.saturating_sub(4 + text.len())];
        let mut hasher = Sha256::new();
        hasher.update(self.number().to_be_bytes());
        hasher.update(text.as_bytes());
        hasher.update(zeros);
        let mut digits = hex(hasher.finalize());
        digits.truncate(16);
        digits
    }

    /// The seconds that are left to wait without a solution.
    pub(super) fn left(&self, now: Timestamp) -> u64 {
        let elapsed = u64::try_from(now.0.saturating_sub(self.made)).unwrap_or_default();
        (self.wait * 1000).saturating_sub(elapsed).div_ceil(1000)
    }

    /// Whether this is the number.
    pub(super) fn is_solved_by(&self, solution: &str) -> bool {
        solution.parse() == Ok(self.number())
    }
}

impl Spent {
    /// Whether a challenge was spent.
    pub(super) fn has(&self, challenge: &Challenge) -> bool {
        let spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spent.iter().any(|(salt, _)| *salt == challenge.salt)
    }

    /// Spends a challenge; false if it was spent before.
    pub(super) fn spend(&self, challenge: &Challenge, now: Timestamp) -> bool {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spent.retain(|(_, until)| *until > now.0);
        if spent.iter().any(|(salt, _)| *salt == challenge.salt) {
            return false;
        }
        if spent.len() >= MAX_SPENT {
            spent.pop_front();
        }
        spent.push_back((challenge.salt, challenge.made.saturating_add(LIFE)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_294_271_688);

    fn key() -> FormKey {
        FormKey::new([1; 32])
    }

    fn ann() -> Browser {
        Browser::new("a".repeat(32))
    }

    fn challenge() -> Challenge {
        Challenge::new(&key(), &ann(), GuardedForm::Register, 10, NOW).unwrap()
    }

    fn after(millis: i64) -> Timestamp {
        Timestamp(NOW.0 + millis)
    }

    #[test]
    fn a_challenge_is_of_one_key_one_browser_one_form_and_a_time() {
        let challenge = challenge();
        let text = challenge.text();
        let read = |text: &str, now| Challenge::read(text, &key(), &ann(), GuardedForm::Register, now);
        assert_eq!(read(&text, NOW), Some(challenge.clone()));
        assert_eq!(read(&text, after(LIFE - 1)), Some(challenge));
        assert_eq!((read(&text, after(LIFE)), read(&text, after(-1))), (None, None));
        let other_key = FormKey::new([2; 32]);
        assert_eq!(Challenge::read(&text, &other_key, &ann(), GuardedForm::Register, NOW), None);
        let bob = Browser::new("b".repeat(32));
        assert_eq!(Challenge::read(&text, &key(), &bob, GuardedForm::Register, NOW), None);
        assert_eq!(Challenge::read(&text, &key(), &ann(), GuardedForm::Reset, NOW), None);
        for forged in [
            "",
            "...",
            "x.10.1.2",
            &text.replace(".10.", ".0."),
            &text.replace(".10.", ".010."),
            &text.replace("1795294271688.", "1795294271689."),
            &format!("{text}.1"),
            text.get(..text.len() - 1).unwrap(),
        ] {
            assert_eq!(read(forged, after(1)), None, "{forged}");
        }
    }

    #[test]
    fn one_number_solves_it_and_is_found_by_its_hash() {
        let challenge = challenge();
        let text = challenge.text();
        let target = challenge.target();
        let hash = |number: u32| {
            let mut block = vec![0; BLOCK];
            block[..4].copy_from_slice(&number.to_be_bytes());
            block[4..4 + text.len()].copy_from_slice(text.as_bytes());
            hex(Sha256::digest(block))
        };
        let number = challenge.number();
        assert!(number < NUMBERS && hash(number).starts_with(&target) && target.len() == 16);
        assert!(challenge.is_solved_by(&number.to_string()));
        let other = (number + 1) % NUMBERS;
        assert!(!hash(other).starts_with(&target));
        for wrong in ["", "x", "-1", &other.to_string(), &format!("{number}.0")] {
            assert!(!challenge.is_solved_by(wrong), "{wrong}");
        }
        assert!(!text.contains(&hex(challenge.tag.split_at(16).1)));
    }

    #[test]
    fn the_wait_is_counted_in_whole_seconds() {
        let challenge = challenge();
        for (elapsed, left) in
            [(-5_000, 10), (0, 10), (1, 10), (1_000, 9), (9_999, 1), (10_000, 0), (LIFE, 0)]
        {
            assert_eq!(challenge.left(after(elapsed)), left, "{elapsed}");
        }
    }

    #[test]
    fn a_challenge_is_spent_once_and_forgotten_after_its_end() {
        let (spent, first) = (Spent::default(), challenge());
        assert!(!spent.has(&first) && spent.spend(&first, NOW) && spent.has(&first));
        assert!(!spent.spend(&first, after(LIFE - 1)));
        for _ in 1..MAX_SPENT {
            assert!(spent.spend(&challenge(), NOW));
        }
        assert!(spent.has(&first));
        assert!(spent.spend(&challenge(), NOW) && !spent.has(&first), "the table has an end");
        assert!(spent.spend(&challenge(), after(LIFE)));
        assert_eq!(spent.0.lock().unwrap().len(), 1);
    }
}
