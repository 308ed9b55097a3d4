//! What models have in common, kept once: ten thousand models of one kind have one tree and one list of operations.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::policy::{
    acl::Rule,
    table::Operation,
    trie::{End, Order, Piece, Trie},
};

/// A model's patterns and where they lead, counted from its first route.
type Shape = Vec<(Vec<Piece>, End)>;

/// What was made so far.
#[derive(Default)]
pub(super) struct Shared {
    tries: HashMap<Shape, Arc<Trie>>,
    operations: HashSet<Arc<Operation>>,
    /// Of one model only: others have other references.
    rules: Vec<Arc<[Rule]>>,
}

impl Shared {
    /// The tree of a model's patterns.
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

    /// Rules of the model at hand.
    pub(super) fn rules(&mut self, rules: Box<[Rule]>) -> Arc<[Rule]> {
        let known = self.rules.iter().find(|known| known.iter().eq(&*rules));
        known.map(Arc::clone).unwrap_or_else(|| {
            let rules: Arc<[Rule]> = rules.into();
            self.rules.push(Arc::clone(&rules));
            rules
        })
    }

    /// From now on the rules are another model's.
    pub(super) fn next_model(&mut self) {
        self.rules.clear();
    }
}
