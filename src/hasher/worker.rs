//! The state of a hashing thread: the parameters, and a memory that is allocated once.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Block, Params, Version, password_hash::phc};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use subtle::ConstantTimeEq;

use super::{Form, Settings, Verdict};
use crate::{
    clock::Clock,
    identity::{Password, PasswordHash},
    observe::LogThrottle,
};

/// Maximum memory of a stored hash. 256 MiB is 13 times the default, and bearable for one job.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// Maximum number of passes. With the maximum memory these take seconds, not minutes.
const MAX_ITERATIONS: u32 = 16;
/// Maximum number of lanes, which are computed one after the other here.
const MAX_LANES: u32 = 16;
/// Costs of bcrypt. Each step doubles the work: 15 takes about two seconds, LoopBack's default is 10.
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=15;
const SALT_LENGTH: usize = 16;
const OUTPUT_LENGTH: usize = 32;

/// The parameters in force and the working memory.
pub(super) struct Worker {
    current: Params,
    memory: Vec<Block>,
    /// Log throttle for stored hashes that cannot be verified, shared by all workers.
    unreadable: Arc<LogThrottle>,
}

/// A stored hash that can be verified.
enum Stored {
    Argon2(Box<Argon2Hash>),
    Bcrypt,
}

struct Argon2Hash {
    params: Params,
    version: Version,
    salt: phc::Salt,
    output: phc::Output,
}

impl Worker {
    /// # Errors
    /// A description of the parameter that argon2 does not accept.
    pub(super) fn new(settings: &Settings) -> Result<Self, String> {
        let &Settings { memory_kib, iterations, parallelism, .. } = settings;
        if !(Params::MIN_P_COST..=Params::MAX_P_COST).contains(&parallelism) {
            return Err(format!("`parallelism` = {parallelism}, use 1 to {}", Params::MAX_P_COST));
        }
        if u64::from(memory_kib) < 8 * u64::from(parallelism) {
            return Err(format!("`memory_kib` = {memory_kib}, use at least {}", 8 * u64::from(parallelism)));
        }
        let current = Params::new(memory_kib, iterations, parallelism, Some(OUTPUT_LENGTH))
            .map_err(|_| format!("`iterations` = {iterations}, use at least 1"))?;
        Ok(Self { current, memory: Vec::new(), unreadable: Arc::default() })
    }

    /// A worker with the same parameters and its own memory.
    pub(super) fn another(&self) -> Self {
        let unreadable = Arc::clone(&self.unreadable);
        Self { current: self.current.clone(), memory: Vec::new(), unreadable }
    }

    /// Hashes with the parameters in force; `None` if the system has no memory or no random bytes.
    pub(super) fn hash(&mut self, password: &Password) -> Option<PasswordHash> {
        let mut salt = [0; SALT_LENGTH];
        getrandom::fill(&mut salt).ok()?;
        let mut output = [0; OUTPUT_LENGTH];
        let params = self.current.clone();
        let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
        self.argon2(password, params, Version::V0x13, &salt, &mut output)?;
        let (salt, output) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(output));
        Some(PasswordHash::new(format!("$argon2id$v=19$m={m},t={t},p={p}${salt}${output}")))
    }

    /// Verifies a password. A hash that cannot match costs one hash with the parameters in force, so that the time does
    /// not tell it from a wrong password.
    pub(super) fn verify(&mut self, password: &Password, hash: Option<&PasswordHash>) -> Option<Verdict> {
        let stored = hash.map(|hash| self.read(hash.expose()));
        match (stored, hash) {
            (Some(Some(Stored::Argon2(stored))), _) => {
                let Argon2Hash { params, version, salt, output } = *stored;
                let mut found = [0; phc::Output::MAX_LENGTH];
                let found = found.get_mut(..output.len())?;
                let outdated = !self.is_current(&params, version);
                self.argon2(password, params, version, &salt, found)?;
                // In constant time. The output is secret: it is compared with one that depends on the client's input.
                Some(verdict(bool::from(output.as_bytes().ct_eq(found)), outdated))
            }
            (Some(Some(Stored::Bcrypt)), Some(hash)) => {
                // As in LoopBack, bytes after the 72nd are ignored.
                match bcrypt::verify(password.expose(), hash.expose()) {
                    Ok(same) => Some(verdict(same, true)),
                    Err(_) => self.miss(password),
                }
            }
            (stored, _) => {
                if stored.is_some()
                    && let Some(more) = self.unreadable.say(Clock::System.now())
                {
                    tracing::warn!(
                        more,
                        "a stored password hash has an unknown form or asks for too much: its user cannot log in"
                    );
                }
                self.miss(password)
            }
        }
    }

    /// Computes a hash that matches nothing, for the time that it takes.
    fn miss(&mut self, password: &Password) -> Option<Verdict> {
        let params = self.current.clone();
        self.argon2(password, params, Version::V0x13, &[0; SALT_LENGTH], &mut [0; OUTPUT_LENGTH])?;
        Some(Verdict::Mismatch)
    }

    /// How many KiB are held now.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.memory.len()
    }

    fn argon2(
        &mut self,
        password: &Password,
        params: Params,
        version: Version,
        salt: &[u8],
        output: &mut [u8],
    ) -> Option<()> {
        let (count, usual) = (params.block_count(), self.current.block_count());
        if self.memory.len() < count {
            // Linux overcommits memory: the allocation would succeed, and the process would be killed when it is used.
            if super::machine_kib().is_some_and(|there| count as u64 > there) {
                return None;
            }
            self.memory.try_reserve_exact(count - self.memory.len()).ok()?;
            self.memory.resize(count, Block::new());
        }
        let memory = self.memory.get_mut(..count)?;
        let done = Argon2::new(Algorithm::Argon2id, version, params).hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            output,
            memory,
        );
        // A large imported hash must not keep its memory for the lifetime of the thread.
        if count > usual {
            self.memory.truncate(usual);
            self.memory.shrink_to_fit();
        }
        done.ok()
    }

    fn is_current(&self, params: &Params, version: Version) -> bool {
        let of = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost(), params.output_len());
        of(params) == of(&self.current) && version == Version::V0x13
    }

    /// Parses a stored hash; `None` for an unknown format or excessive parameters.
    fn read(&self, text: &str) -> Option<Stored> {
        if text.starts_with("$2") {
            return is_bcrypt(text).then_some(Stored::Bcrypt);
        }
        let hash = phc::PasswordHash::new(text).ok()?;
        if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() {
            return None;
        }
        let version = match hash.version {
            Some(version) => Version::try_from(version).ok()?,
            // Hashes from before version 1.3 do not contain a version.
            None => Version::V0x10,
        };
        let params = Params::try_from(&hash).ok()?;
        // An operator may configure more than the limits; hashes of this gate must stay verifiable.
        let within = params.m_cost() <= MAX_MEMORY_KIB.max(self.current.m_cost())
            && params.t_cost() <= MAX_ITERATIONS.max(self.current.t_cost())
            && params.p_cost() <= MAX_LANES.max(self.current.p_cost());
        let (salt, output) = (hash.salt?, hash.hash?);
        within.then(|| Stored::Argon2(Box::new(Argon2Hash { params, version, salt, output })))
    }
}

/// The form of a stored hash by the fixed limits, independent of the settings.
pub(super) fn form(text: &str) -> Form {
    if text.starts_with("$2") {
        let range = ["$2a$", "$2b$", "$2y$"].into_iter().find_map(|prefix| text.strip_prefix(prefix));
        let cost = range.and_then(|rest| rest.get(..2)).and_then(|cost| cost.parse::<u32>().ok());
        return match cost {
            Some(_) if is_bcrypt(text) => Form::Good,
            Some(cost) if cost > *BCRYPT_COSTS.end() && text.len() == 60 => Form::TooMuch,
            _ => Form::Unknown,
        };
    }
    let parsed = phc::PasswordHash::new(text)
        .ok()
        .filter(|hash| hash.algorithm.as_str() == Algorithm::Argon2id.as_str());
    let Some(params) = parsed.and_then(|hash| Params::try_from(&hash).ok()) else { return Form::Unknown };
    let within = params.m_cost() <= MAX_MEMORY_KIB
        && params.t_cost() <= MAX_ITERATIONS
        && params.p_cost() <= MAX_LANES;
    if within { Form::Good } else { Form::TooMuch }
}

fn verdict(same: bool, outdated: bool) -> Verdict {
    match (same, outdated) {
        (true, false) => Verdict::Match,
        (true, true) => Verdict::MatchOutdated,
        (false, _) => Verdict::Mismatch,
    }
}

/// Whether the text is `$2a$10$` and 53 characters with a cost within the limits. `$2x$` marks hashes of a broken
/// implementation.
fn is_bcrypt(text: &str) -> bool {
    let known = ["$2a$", "$2b$", "$2y$"].into_iter().find_map(|prefix| text.strip_prefix(prefix));
    let cost = known.and_then(|rest| rest.split_once('$')).and_then(|(cost, _)| cost.parse().ok());
    text.len() == 60 && cost.is_some_and(|cost| BCRYPT_COSTS.contains(&cost))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Settings = Settings { memory_kib: 16, iterations: 1, parallelism: 1, workers: 1, queue: 4 };

    fn verify(worker: &mut Worker, password: &str, hash: &str) -> Verdict {
        worker.verify(&Password::new(password.into()), Some(&PasswordHash::new(hash.into()))).unwrap()
    }

    /// Made for the reference implementation's own tests, by bcryptjs 2.4.3 and by libxcrypt.
    #[test]
    fn verifies_what_others_made() {
        let mut worker = Worker::new(&SMALL).unwrap();
        for (password, hash) in FOREIGN {
            assert_eq!(verify(&mut worker, password, hash), Verdict::MatchOutdated, "{hash}");
            assert_eq!(verify(&mut worker, &format!("x{password}"), hash), Verdict::Mismatch, "{hash}");
        }
    }

    const FOREIGN: [(&str, &str); 7] = [
        ("password", "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"),
        ("password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"),
        ("alicepw", "$2a$04$sXglr8FZIL1msoecko35OObjca61/F0XMlv1452piEVgzTV5Dt36q"),
        ("pässwörd", "$2a$04$Kr4.EHTx4TvMt1qckHO9mOoKLjne7kbOqEX/4RlPxj0hh9kZFllCq"),
        ("a\0b", "$2a$04$5CwZNb1JslqFesYe6MKdw.ojUOtRozFUzWoHW6r05mQFU0ZrOOG3u"),
        ("alicepw", "$2b$04$abcdefghijklmnopqrstuuoz/UIOGB2F..z2XJdrBY.F/lB0cGVwm"),
        ("alicepw", "$2y$04$abcdefghijklmnopqrstuuoz/UIOGB2F..z2XJdrBY.F/lB0cGVwm"),
    ];

    #[test]
    fn bytes_after_the_72nd_do_not_count_in_bcrypt() {
        let long = "é".repeat(36);
        let hash = bcrypt::hash(&long, 4).unwrap();
        let mut worker = Worker::new(&SMALL).unwrap();
        assert_eq!(verify(&mut worker, &format!("{long} and more"), &hash), Verdict::MatchOutdated);
        assert_eq!(verify(&mut worker, long.strip_suffix('é').unwrap(), &hash), Verdict::Mismatch);
    }

    #[test]
    fn other_parameters_are_outdated() {
        let password = Password::new("a".into());
        let old = Worker::new(&Settings { memory_kib: 32, iterations: 2, parallelism: 2, ..SMALL })
            .unwrap()
            .hash(&password);
        let mut worker = Worker::new(&SMALL).unwrap();
        let own = worker.hash(&password);
        assert_eq!(worker.verify(&password, old.as_ref()), Some(Verdict::MatchOutdated));
        assert_eq!(worker.verify(&password, own.as_ref()), Some(Verdict::Match));
    }

    #[test]
    fn the_memory_goes_back_after_a_larger_hash() {
        let password = Password::new("a".into());
        let large = Worker::new(&Settings { memory_kib: 64, ..SMALL }).unwrap().hash(&password);
        let mut worker = Worker::new(&SMALL).unwrap();
        worker.verify(&password, large.as_ref()).unwrap();
        assert_eq!(worker.memory(), 16);
        worker.verify(&password, None).unwrap();
        assert_eq!(worker.memory(), 16);
    }

    #[test]
    fn what_cannot_be_read_never_matches() {
        let mut worker = Worker::new(&SMALL).unwrap();
        let dots = ".".repeat(53);
        let good = worker.hash(&Password::new("a".into())).unwrap();
        for hash in [
            "",
            "plain text",
            "$",
            "$argon2id$",
            "$argon2id$v=19$m=16,t=1,p=1$c2FsdHNhbHQ",
            &good.expose().replace("argon2id", "argon2i"),
            &good.expose().replace("v=19", "v=18"),
            &good.expose().replace("m=16", "m=4"),
            &good.expose().replace("m=16", "m=4194304"),
            &good.expose().replace("t=1", "t=17"),
            &good.expose().replace("p=1", "p=17"),
            good.expose().get(..good.expose().len() - 2).unwrap(),
            &format!("$2a$04${dots}"),
            &format!("$2a$04${}", "é".repeat(26)),
            &format!("$2a$03${dots}"),
            &format!("$2a$16${dots}"),
            &format!("$2a$31${dots}"),
            &format!("$2x$04${dots}"),
            "$2a$04$",
        ] {
            assert_eq!(verify(&mut worker, "a", hash), Verdict::Mismatch, "{hash}");
        }
    }

    #[test]
    fn larger_parameters_of_our_own_stay_readable() {
        let own = Worker::new(&Settings { iterations: 20, ..SMALL })
            .unwrap()
            .hash(&Password::new("a".into()))
            .unwrap();
        let mut worker = Worker::new(&Settings { iterations: 20, ..SMALL }).unwrap();
        assert_eq!(verify(&mut worker, "a", own.expose()), Verdict::Match);
    }
}
