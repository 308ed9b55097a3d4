//! Models and their definitions.

use std::collections::HashMap;

use crate::policy::{
    acl::Entry,
    finding::Place,
    json::{Members, Node},
};

/// A definition as its file has it.
#[derive(Debug)]
pub(in crate::policy) struct Definition {
    pub(in crate::policy) name: Box<str>,
    /// The first part of references to its rules: the file's name, or the model's name for built-in ones.
    pub(in crate::policy) label: String,
    pub(in crate::policy) at: Place,
    pub(in crate::policy) node: Node,
    pub(in crate::policy) built_in: bool,
}

/// `model-config.json`.
#[derive(Debug)]
pub(in crate::policy) struct ModelConfig {
    /// The first part of references to its rules: the file's name.
    pub(in crate::policy) label: String,
    pub(in crate::policy) node: Node,
}

/// A model with everything that it inherits.
#[derive(Clone, Debug)]
pub(in crate::policy) struct Model {
    pub(in crate::policy) name: Box<str>,
    pub(in crate::policy) at: Place,
    /// Merged settings without rules and properties.
    pub(in crate::policy) settings: Members,
    pub(in crate::policy) properties: Members,
    pub(in crate::policy) acls: Vec<Entry>,
    /// The names of its base models, the nearest first.
    pub(in crate::policy) bases: Vec<Box<str>>,
    /// Whether it is based on `PersistedModel`, `KeyValueModel` and `User`, each.
    pub(in crate::policy) persisted: bool,
    pub(in crate::policy) key_value: bool,
    pub(in crate::policy) user: bool,
    pub(in crate::policy) built_in: bool,
    /// Whether LoopBack gives it routes.
    pub(in crate::policy) public: bool,
    /// Whether it is attached to a data source, so that relations to it work.
    pub(in crate::policy) attached: bool,
}

/// All models of a set, by name.
#[derive(Debug, Default)]
pub(in crate::policy) struct Models {
    pub(in crate::policy) list: Vec<Model>,
    pub(super) by_name: HashMap<Box<str>, usize>,
}

/// The longest chain of bases. It also ends the recursion over a cycle.
pub(super) const MAX_BASES: usize = 32;
