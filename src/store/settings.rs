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

impl Engine {
    /// Whether a store lies there already. One in memory lies nowhere.
    #[must_use]
    pub fn has_files(&self) -> bool {
        match self {
            Self::Sled(folder) => folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()),
            Self::Memory => false,
        }
    }
}
