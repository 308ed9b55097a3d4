//! Finds the route of a request: the model by the first segments of the path, then the route in a small trie,
//! which models with the same routes share.

use std::{collections::HashMap, sync::Arc};

use super::{
    account_method::Endpoint,
    acl::Rule,
    argument::Argument,
    owner::Owner,
    path,
    segment_table::SegmentTable,
    trie::{Leaf, Order, Trie},
};
use crate::rate::Rate;

/// The longest mount point in bytes.
pub(super) const MAX_MOUNT: usize = 128;

/// All routes of a set.
#[derive(Debug)]
pub(super) struct Table {
    /// The API root without a slash at its end; `""` = the root of the host.
    pub(super) root: Box<str>,
    pub(super) mounts: Mounts,
    pub(super) models: Vec<ModelPolicy>,
    pub(super) routes: Vec<Route>,
    /// The routes of `routes` files: those of case-sensitive files, and those of files with `ignoreCase`.
    pub(super) tries: [Trie; 2],
    /// Whether any of its 401s asks for `Basic`, too.
    pub(super) asks_for_basic: bool,
}

/// Mount points of models below the API root, without regard to letter case.
#[derive(Debug)]
pub(super) struct Mounts {
    /// Edges between nodes. If no other mount point lies below, the target is the model with the bit [`LAST`],
    /// which ends the look-up.
    segments: SegmentTable,
    /// The models that are mounted at the other nodes.
    inner: Vec<Option<u32>>,
}

/// Marks a target in [`Mounts`] that is a model's index and not a node.
const LAST: u32 = 1 << 31;

/// A model, or a `routes` file, as far as decisions need it.
#[derive(Debug)]
pub(super) struct ModelPolicy {
    pub(super) name: Box<str>,
    /// Its LoopBack routes. Their indexes are relative to its first route.
    pub(super) trie: Arc<Trie>,
    /// The index of its first route.
    pub(super) first_route: usize,
    /// Whether the User API serves it.
    pub(super) account: bool,
    /// Whether it is a LoopBack model, so that the row's id may come from the body.
    pub(super) loopback: bool,
    /// Whether access is allowed if no rule applies.
    pub(super) default_allow: bool,
    pub(super) error_status: Option<u16>,
    /// Whether its 401s also ask for `Basic`.
    pub(super) asks_for_basic: bool,
    pub(super) owner: Owner,
    /// The route of `findById`, relative to the first route.
    pub(super) find_by_id: Option<usize>,
}

/// A route of a model or of a `routes` file.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Box<str>,
    /// The index of its model in [`Table::models`].
    pub(super) model: usize,
    pub(super) judge: Judge,
    /// The rules for `GET`, `HEAD` and `OPTIONS`, if the route has no access type of its own.
    pub(super) safe: Option<Box<Judge>>,
    pub(super) operation: Arc<Operation>,
}

/// The operation behind a route, shared by the same method of different models.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Operation {
    pub(super) property: Box<str>,
    /// The part of the User API that answers, if the app does not.
    pub(super) account: Option<Endpoint>,
    /// The accepted scopes; a token needs one of them. Empty = `DEFAULT`.
    pub(super) scopes: Box<[Box<str>]>,
    pub(super) instance: bool,
    /// The arguments of a LoopBack method that are checked before the rules.
    pub(super) takes: Box<[Argument]>,
    pub(super) encoded_slash: bool,
    /// Whether its 401s also ask for `Basic`.
    pub(super) asks_for_basic: bool,
    /// How often a caller may call it. Boxed, because few routes have a limit.
    pub(super) limit: Option<Box<RouteRate>>,
}

/// How often each caller may call a route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RouteRate {
    /// The rate.
    pub rate: Rate,
    /// The file, methods and path of the route, by which it is the same one after a reload.
    pub route: Box<str>,
}

/// The rules of a route under one access type.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) access: &'static str,
    /// Shared by the routes of a model with equal rules.
    pub(super) rules: Arc<[Rule]>,
}

/// The result of a look-up.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'t, 'p> {
    Route(Match<'t, 'p>),
    /// A path of the account model that none of its routes matches.
    NoMethod,
    Unmatched,
    /// Servers read the path as different routes.
    Ambiguous,
}

/// A route that matches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match<'t, 'p> {
    pub(super) index: usize,
    pub(super) route: &'t Route,
    pub(super) model: &'t ModelPolicy,
    /// Finds the captures in `rest`.
    pub(super) leaf: &'t Leaf,
    pub(super) rest: &'p str,
    /// Whether `rest` may contain a `%`.
    pub(super) escaped: bool,
}

impl Table {
    /// A table without routes. `root` has no slash at its end.
    pub(super) fn new(root: &str) -> Self {
        Self {
            root: root.into(),
            mounts: Mounts::new(&HashMap::new()),
            models: Vec::new(),
            routes: Vec::new(),
            tries: [Trie::new(false, Order::Path), Trie::new(true, Order::Path)],
            asks_for_basic: false,
        }
    }

    /// To be called after the last route.
    pub(super) fn finish(&mut self) {
        self.routes.shrink_to_fit();
        self.models.shrink_to_fit();
        self.asks_for_basic = self.models.iter().any(|model| model.asks_for_basic)
            || self.routes.iter().any(|route| route.operation.asks_for_basic);
    }

    /// Finds the route of a request. `path` is raw and begins with a slash.
    pub(super) fn find<'t, 'p>(&'t self, verb: &str, path: &'p str) -> Found<'t, 'p> {
        let scan = path::scan(path);
        if scan.is_tricky {
            return Found::Ambiguous;
        }
        let found = self.find_raw(verb, path, scan.is_odd);
        if scan.is_odd && !(self.agrees(verb, path, &found) && self.agrees_with_slashes(verb, path, &found)) {
            return Found::Ambiguous;
        }
        found
    }

    /// Whether all readings of a path find the same route.
    fn agrees(&self, verb: &str, path: &str, found: &Found<'_, '_>) -> bool {
        let same = |reading: &String| found.same(&self.find_raw(verb, reading, true));
        !path::has_other_readings(path)
            || (same(&path::other_reading(path)) && path::decoded_again(path).as_ref().is_none_or(same))
    }

    /// Whether an app that decodes `%2f` to a separator finds the same route with the same captures, or none.
    /// Only for routes that allow an encoded slash; elsewhere `gate/decision.rs` refuses it.
    fn agrees_with_slashes(&self, verb: &str, path: &str, found: &Found<'_, '_>) -> bool {
        let Found::Route(hit) = found else { return true };
        if !hit.route.operation.encoded_slash {
            return true;
        }
        let Some(plain) = path::with_slashes(path) else { return true };
        let other = path::other_reading(&plain);
        let again = path::decoded_again(&plain);
        [Some(plain), Some(other), again].iter().flatten().all(|reading| {
            match self.find_raw(verb, reading, true) {
                Found::Route(other) => other.index == hit.index && hit.captures_as(&other),
                // An app that splits there serves no route that the rules know; the request's own route was
                // judged.
                Found::Unmatched => true,
                Found::NoMethod | Found::Ambiguous => false,
            }
        })
    }

    /// Whether `GET` of this row's URL is the model's `findById` and not another route such as `/findOne`.
    /// Otherwise an owner look-up would read something else.
    pub(super) fn reads_row(model: &ModelPolicy, segment: &str) -> bool {
        match model.trie.find("GET", segment, true) {
            Some(hit) => model.find_by_id == Some(hit.leaf.route),
            None => true,
        }
    }

    fn find_raw<'t, 'p>(&'t self, verb: &str, path: &'p str, escaped: bool) -> Found<'t, 'p> {
        let mut on_account = false;
        if let Some((model, rest)) = self.mounted(path) {
            // LoopBack's routes come before those of `routes` files.
            if let Some(hit) = model.trie.find(verb, rest, escaped) {
                return self.found(model.first_route, hit.leaf, rest, escaped);
            }
            on_account = model.account;
        }
        let rest = path.strip_prefix('/').unwrap_or(path);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let [exact, folded] = &self.tries;
        let hits = [exact.find(verb, rest, escaped), folded.find(verb, rest, escaped)];
        // Ranks are comparable over both tries, because all files are sorted together.
        match hits.into_iter().flatten().reduce(|a, b| if b.place < a.place { b } else { a }) {
            Some(hit) => self.found(0, hit.leaf, rest, escaped),
            None if on_account => Found::NoMethod,
            None => Found::Unmatched,
        }
    }

    fn found<'t, 'p>(&'t self, first: usize, leaf: &'t Leaf, rest: &'p str, escaped: bool) -> Found<'t, 'p> {
        let index = first.saturating_add(leaf.route);
        let Some(route) = self.routes.get(index) else { return Found::Unmatched };
        // Cannot happen. If it did, the request must be denied.
        let Some(model) = self.models.get(route.model) else { return Found::Ambiguous };
        Found::Route(Match { index, route, model, leaf, rest, escaped })
    }

    /// The model whose mount point contains `path`, and the rest of the path without slashes at its ends.
    fn mounted<'p>(&self, path: &'p str) -> Option<(&ModelPolicy, &'p str)> {
        let (root, below) = path.split_at_checked(self.root.len())?;
        // Express matches paths without regard to letter case.
        // The exact comparison first: it is cheaper, and nearly always true.
        if *root != *self.root && !root.eq_ignore_ascii_case(&self.root) {
            return None;
        }
        let below = below.strip_prefix('/')?;
        let below = below.strip_suffix('/').unwrap_or(below);
        let (model, rest) = self.mounts.find(below)?;
        Some((self.models.get(model)?, rest))
    }
}

impl Mounts {
    /// The mount points, with the indexes of their models.
    pub(super) fn new(models: &HashMap<Box<str>, usize>) -> Self {
        let mut mounts = Self { segments: SegmentTable::new(true), inner: vec![None] };
        let mut sorted: Vec<(&str, usize)> = models.iter().map(|(mount, model)| (&**mount, *model)).collect();
        // A longer mount point comes before those that contain it, so that its nodes exist when they are
        // inserted.
        sorted.sort_by(|a, b| b.cmp(a));
        for (mount, model) in sorted {
            mounts.insert(mount, u32::try_from(model).unwrap_or(u32::MAX));
        }
        mounts
    }

    fn insert(&mut self, mount: &str, model: u32) {
        let mut at = 0;
        let mut segments = mount.split('/').peekable();
        while let Some(segment) = segments.next() {
            let known = self.segments.find(at, segment);
            let is_last = segments.peek().is_none();
            at = match known {
                Some(known) => known,
                None if is_last => {
                    self.segments.insert(at, segment, LAST | model);
                    return;
                }
                None => {
                    let next = u32::try_from(self.inner.len()).unwrap_or(u32::MAX);
                    self.segments.insert(at, segment, next);
                    self.inner.push(None);
                    next
                }
            };
        }
        if let Some(inner) = self.inner.get_mut(at as usize) {
            *inner = Some(model);
        }
    }

    /// The model with the longest mount point that `path` begins with, and the rest of the path.
    fn find<'p>(&self, path: &'p str) -> Option<(usize, &'p str)> {
        let (mut at, mut path, mut found) = (0, path, None);
        while let Some((segment, rest)) = path::split(path) {
            let Some(next) = self.segments.find(at, segment) else { break };
            if next & LAST != 0 {
                return Some(((next ^ LAST) as usize, rest));
            }
            let model = self.inner.get(next as usize)?;
            found = model.map(|model| (model as usize, rest)).or(found);
            (at, path) = (next, rest);
        }
        found
    }
}

impl Route {
    /// The rules for a verb.
    pub(super) fn judge(&self, is_safe: bool) -> &Judge {
        self.safe.as_deref().filter(|_| is_safe).unwrap_or(&self.judge)
    }

    /// The rules of each access type.
    pub(super) fn judges(&self) -> impl Iterator<Item = &Judge> {
        std::iter::once(&self.judge).chain(self.safe.as_deref())
    }
}

impl Match<'_, '_> {
    /// Whether both matches have the same captures of single segments. A `{*rest}` extends to the end in either
    /// reading.
    fn captures_as(&self, other: &Match<'_, '_>) -> bool {
        self.leaf
            .segments(self.rest)
            .zip(other.leaf.segments(other.rest))
            .all(|(a, b)| path::decode(a) == path::decode(b))
    }
}

impl Found<'_, '_> {
    fn same(&self, other: &Found<'_, '_>) -> bool {
        match (self, other) {
            (Found::Route(a), Found::Route(b)) => a.index == b.index,
            (Found::NoMethod, Found::NoMethod) | (Found::Unmatched, Found::Unmatched) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mount_point_wins() {
        let models = ["orders", "shop/things", "shop", "v1/a/b", "shop-2"].into_iter().enumerate();
        let mounts = Mounts::new(&models.map(|(model, mount)| (mount.into(), model)).collect());
        for (path, expected) in [
            ("orders", Some((0, ""))),
            ("OrDers/7/items", Some((0, "7/items"))),
            ("shop/7", Some((2, "7"))),
            ("Shop/Things/7", Some((1, "7"))),
            ("shop/thing/7", Some((2, "thing/7"))),
            ("v1/a/b", Some((3, ""))),
            ("v1/a/b/c", Some((3, "c"))),
            ("v1/a/c", None),
            ("SHOP-2", Some((4, ""))),
            ("v1/a", None),
            ("order", None),
            ("orderss", None),
            ("7", None),
            ("", None),
        ] {
            assert_eq!(mounts.find(path), expected, "{path}");
        }
    }
}
