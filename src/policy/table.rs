//! Which route a request is: models by the first segments of the path, then a small tree that models of one shape
//! share.

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

/// Longer mount points are refused.
pub(super) const MAX_MOUNT: usize = 128;

/// All routes of a set.
#[derive(Debug)]
pub(super) struct Table {
    /// The API root without a slash at its end; `""` = the root of the host.
    pub(super) root: Box<str>,
    pub(super) mounts: Mounts,
    pub(super) models: Vec<ModelPolicy>,
    pub(super) routes: Vec<Route>,
    /// Routes of `routes` files, and those of files that ignore case.
    pub(super) tries: [Trie; 2],
}

/// Where models are mounted below the root, in any letter case.
#[derive(Debug)]
pub(super) struct Mounts {
    /// Where nothing lies further inside, a segment leads to [`LAST`] and the model, and no further look is needed.
    segments: SegmentTable,
    /// The models of the other nodes.
    inner: Vec<Option<u32>>,
}

/// See [`Mounts`].
const LAST: u32 = 1 << 31;

/// A model, or a `routes` file, as far as decisions need it.
#[derive(Debug)]
pub(super) struct ModelPolicy {
    pub(super) name: Box<str>,
    /// Its LoopBack routes, numbered from its first one.
    pub(super) trie: Arc<Trie>,
    /// The index of its first route.
    pub(super) first_route: usize,
    /// Whether the User API serves it.
    pub(super) account: bool,
    /// Whether it is a LoopBack model, whose id may come from the body.
    pub(super) loopback: bool,
    /// What holds where no rule applies.
    pub(super) default_allow: bool,
    pub(super) error_status: Option<u16>,
    /// Whether its 401s ask for `Basic`, too.
    pub(super) asks_for_basic: bool,
    pub(super) owner: Owner,
    /// The route that reads one row, numbered from the first one.
    pub(super) find_by_id: Option<usize>,
}

/// One route.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Box<str>,
    /// Index of its model.
    pub(super) model: usize,
    pub(super) judge: Judge,
    /// Judges `GET`, `HEAD` and `OPTIONS`, where the route leaves the access type open.
    pub(super) safe: Option<Box<Judge>>,
    pub(super) operation: Arc<Operation>,
}

/// What a route does. The same method of different models is one.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Operation {
    pub(super) property: Box<str>,
    /// What of the User API answers, if the app does not.
    pub(super) account: Option<Endpoint>,
    /// A token needs one of them; empty = `DEFAULT`.
    pub(super) scopes: Box<[Box<str>]>,
    pub(super) instance: bool,
    /// The arguments of a LoopBack method that are checked before the rules.
    pub(super) takes: Box<[Argument]>,
    pub(super) encoded_slash: bool,
    /// Whether its 401s ask for `Basic`, too.
    pub(super) asks_for_basic: bool,
}

/// The rules of a route under one access type.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) access: &'static str,
    /// Shared by the routes of a model that are judged alike.
    pub(super) rules: Arc<[Rule]>,
}

/// What a request hit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Found<'t, 'p> {
    Route(Match<'t, 'p>),
    /// A path of the account model that is not one of its routes.
    NoMethod,
    Unmatched,
    /// Escaped and unescaped, the path means two different things.
    Ambiguous,
}

/// A route that fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match<'t, 'p> {
    pub(super) index: usize,
    pub(super) route: &'t Route,
    pub(super) model: &'t ModelPolicy,
    /// Knows the captures in `rest`.
    pub(super) leaf: &'t Leaf,
    pub(super) rest: &'p str,
    /// Whether there may be a `%` in `rest`.
    pub(super) escaped: bool,
}

impl Table {
    /// A table without routes; `root` has no slash at its end.
    pub(super) fn new(root: &str) -> Self {
        Self {
            root: root.into(),
            mounts: Mounts::new(&HashMap::new()),
            models: Vec::new(),
            routes: Vec::new(),
            tries: [Trie::new(false, Order::Path), Trie::new(true, Order::Path)],
        }
    }

    /// Looks a request up. `path` is raw and begins with a slash.
    pub(super) fn find<'t, 'p>(&'t self, verb: &str, path: &'p str) -> Found<'t, 'p> {
        let look = path::look(path);
        if look.is_tricky {
            return Found::Ambiguous;
        }
        let found = self.find_raw(verb, path, look.is_odd);
        if look.is_odd && !(self.agrees(verb, path, &found) && self.agrees_with_slashes(verb, path, &found)) {
            return Found::Ambiguous;
        }
        found
    }

    /// Whether the other readings of a path lead to the same.
    fn agrees(&self, verb: &str, path: &str, found: &Found<'_, '_>) -> bool {
        let same = |reading: &String| found.same(&self.find_raw(verb, reading, true));
        !path::has_other_readings(path)
            || (same(&path::other_reading(path)) && path::decoded_again(path).as_ref().is_none_or(same))
    }

    /// Whether an app that takes `%2f` for a slash means the same by a path that holds one, and that its route lets
    /// through: the same route with the same captures, or none.
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
                Found::Unmatched => true,
                Found::NoMethod | Found::Ambiguous => false,
            }
        })
    }

    /// Whether `GET` of this row's own URL reads the row, and is no other route such as `/findOne`.
    pub(super) fn reads_row(model: &ModelPolicy, segment: &str) -> bool {
        match model.trie.find("GET", segment, true) {
            Some(hit) => model.find_by_id == Some(hit.leaf.route),
            None => true,
        }
    }

    fn find_raw<'t, 'p>(&'t self, verb: &str, path: &'p str, escaped: bool) -> Found<'t, 'p> {
        let mut on_account = false;
        if let Some((model, rest)) = self.mounted(path) {
            if let Some(hit) = model.trie.find(verb, rest, escaped) {
                return self.found(model.first_route, hit.leaf, rest, escaped);
            }
            on_account = model.account;
        }
        let rest = path.strip_prefix('/').unwrap_or(path);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let [exact, folded] = &self.tries;
        let hits = [exact.find(verb, rest, escaped), folded.find(verb, rest, escaped)];
        match hits.into_iter().flatten().reduce(|a, b| if b.place < a.place { b } else { a }) {
            Some(hit) => self.found(0, hit.leaf, rest, escaped),
            None if on_account => Found::NoMethod,
            None => Found::Unmatched,
        }
    }

    fn found<'t, 'p>(&'t self, first: usize, leaf: &'t Leaf, rest: &'p str, escaped: bool) -> Found<'t, 'p> {
        let index = first.saturating_add(leaf.route);
        let Some(route) = self.routes.get(index) else { return Found::Unmatched };
        let Some(model) = self.models.get(route.model) else { return Found::Ambiguous };
        Found::Route(Match { index, route, model, leaf, rest, escaped })
    }

    /// The model whose mount point `path` is under, and what is left, without slashes at its ends.
    fn mounted<'p>(&self, path: &'p str) -> Option<(&ModelPolicy, &'p str)> {
        let (root, below) = path.split_at_checked(self.root.len())?;
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
    /// Mount points, and what is mounted there.
    pub(super) fn new(models: &HashMap<Box<str>, usize>) -> Self {
        let mut mounts = Self { segments: SegmentTable::new(true), inner: vec![None] };
        let mut sorted: Vec<(&str, usize)> = models.iter().map(|(mount, model)| (&**mount, *model)).collect();
        // A longer one comes before those that it lies inside of, and makes their nodes.
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

    /// The model whose mount point is the longest that `path` begins with, and what is left.
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
    /// What judges this verb.
    pub(super) fn judge(&self, is_safe: bool) -> &Judge {
        self.safe.as_deref().filter(|_| is_safe).unwrap_or(&self.judge)
    }

    /// The rules under each access type.
    pub(super) fn judges(&self) -> impl Iterator<Item = &Judge> {
        std::iter::once(&self.judge).chain(self.safe.as_deref())
    }
}

impl Match<'_, '_> {
    /// Whether both have the same segments captured. What `{*rest}` takes goes on to the end in either reading.
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
