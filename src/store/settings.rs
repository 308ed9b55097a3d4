//! Which engine the store has, and how names are compared.

use std::path::PathBuf;

use super::keys::KeyRules;

/// Which store, and how it folds names.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which engine, and where.
    pub engine: Engine,
    /// How emails and usernames are compared.
    pub keys: KeyRules,
}

/// The engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Everything is forgotten at exit.
    Memory,
    /// An embedded store in this folder.
    Sled(PathBuf),
}

/// The kinds of engines, each with the word that `store.url` begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// `memory:`
    Memory,
    /// `sled:PATH`
    Sled,
}

impl EngineKind {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Memory, Self::Sled];

    /// What an address of it begins with, without the colon.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sled => "sled",
        }
    }

    /// The kind that an address names, and what follows the colon.
    #[must_use]
    pub fn of(url: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = url.split_once(':')?;
        let kind = Self::ALL.iter().copied().find(|kind| kind.scheme() == scheme)?;
        Some((kind, rest))
    }
}

impl Engine {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Memory => EngineKind::Memory,
            Self::Sled(_) => EngineKind::Sled,
        }
    }

    /// Whether a store lies there already. One in memory lies nowhere.
    #[must_use]
    pub fn has_files(&self) -> bool {
        match self {
            Self::Sled(folder) => folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()),
            Self::Memory => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_holds_the_contract() {
        for kind in EngineKind::ALL {
            let tests = match kind {
                EngineKind::Memory => include_str!("memory.rs"),
                EngineKind::Sled => include_str!("sled/tests.rs"),
            };
            assert!(tests.contains("contract::holds_for!("), "{kind:?}");
        }
    }

    #[test]
    fn an_address_names_its_kind() {
        assert_eq!(EngineKind::of("sled:a:b"), Some((EngineKind::Sled, "a:b")));
        assert_eq!(EngineKind::of("memory:"), Some((EngineKind::Memory, "")));
        for unknown in ["", "sled", "Sled:x", "postgres://x", ":x"] {
            assert_eq!(EngineKind::of(unknown), None, "{unknown}");
        }
    }
}
