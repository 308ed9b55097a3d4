//! The settings of the store.

use std::path::PathBuf;

use super::keys::KeyRules;

/// The engine, and the rules for names.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The engine and its location.
    pub engine: Engine,
    /// The rules for emails and usernames.
    pub keys: KeyRules,
}

/// The engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// In memory; the data is lost at exit.
    Memory,
    /// An embedded sled store in this folder.
    Sled(PathBuf),
}

/// The kinds of engines, by the schemes of `store.url`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// `memory:`
    Memory,
    /// `sled:PATH`
    Sled,
}

impl EngineKind {
    /// All kinds.
    pub const ALL: &[Self] = &[Self::Memory, Self::Sled];

    /// The scheme of its URL, without the colon.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Sled => "sled",
        }
    }

    /// The kind of a URL, and the text after the colon.
    #[must_use]
    pub fn of(url: &str) -> Option<(Self, &str)> {
        let (scheme, rest) = url.split_once(':')?;
        let kind = Self::ALL.iter().copied().find(|kind| kind.scheme() == scheme)?;
        Some((kind, rest))
    }
}

impl Engine {
    /// The kind of this engine.
    #[must_use]
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Memory => EngineKind::Memory,
            Self::Sled(_) => EngineKind::Sled,
        }
    }

    /// Whether the folder contains a store. A store in memory has none.
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
