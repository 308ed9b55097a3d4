//! Shares equal parts between models, so that ten thousand models of one kind have one trie and one list of
//! operations.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::policy::{
    acl::Rule,
    table::Operation,
    trie::{End, Order, Piece, Trie},
};

/// The patterns of a model with their ends. Route indexes are relative to the model's first route.
type Shape = Vec<(Vec<Piece>, End)>;

/// The parts of all models so far.
#[derive(Default)]
pub(super) struct Shared {
    tries: HashMap<Shape, Arc<Trie>>,
    operations: HashSet<Arc<Operation>>,
    /// Of the current model only: the rules of other models have other references.
    rules: Vec<Arc<[Rule]>>,
}

impl Shared {
    /// The trie of a model's patterns.
    pub(super) fn trie(&mut self, shape: Shape) -> Arc<Trie> {
        let trie = self.tries.entry(shape).or_insert_with_key(|shape| {
            let mut trie = Trie::new(true, Order::Verb);
            shape.iter().for_each(|(pattern, end)| trie.insert(pattern, end));
            Arc::new(trie)
        });
        Arc::clone(trie)
    }

    pub(super) fn operation(&mut self, operation: Operation) -> Arc<Operation> {
        if let Some(known) = self.operations.get(&operation) {
            return Arc::clone(known);
        }
        let operation = Arc::new(operation);
        self.operations.insert(Arc::clone(&operation));
        operation
    }

    /// Shares rules within the current model.
    pub(super) fn rules(&mut self, rules: Box<[Rule]>) -> Arc<[Rule]> {
        // A linear search: the routes of one model have few distinct lists.
        let known = self.rules.iter().find(|known| known.iter().eq(&*rules));
        known.map(Arc::clone).unwrap_or_else(|| {
            let rules: Arc<[Rule]> = rules.into();
            self.rules.push(Arc::clone(&rules));
            rules
        })
    }

    /// Begins the next model.
    pub(super) fn next_model(&mut self) {
        self.rules.clear();
    }
}
