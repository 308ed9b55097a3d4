//! Which route a request is: models by the first segments of the path, then a small tree per model.

use std::{borrow::Cow, collections::HashMap};

use super::{
    acl::Rule,
    argument::Argument,
    owner::Owner,
    path::{self, Captures},
    trie::{Trie, by_path, by_verb},
};

/// Longer mount points are refused, so that one fits on the stack.
pub(super) const MAX_MOUNT: usize = 128;

/// All routes of a set.
#[derive(Debug)]
pub(super) struct Table {
    /// The API root without a slash at its end; `""` = the root of the host.
    pub(super) root: Box<str>,
    /// Mount points in lower case, and the model.
    pub(super) mounts: HashMap<Box<str>, usize>,
    /// How many segments the longest mount point has.
    pub(super) longest_mount: usize,
    pub(super) models: Vec<Policed>,
    pub(super) routes: Vec<Route>,
    /// Routes of `routes` files, and those of files that ignore case.
    pub(super) plain: [Trie; 2],
}

/// A model, or a `routes` file, as far as decisions need it.
#[derive(Debug)]
pub(super) struct Policed {
    pub(super) name: Box<str>,
    /// Its LoopBack routes.
    pub(super) trie: Trie,
    /// Whether the User API serves it.
    pub(super) account: bool,
    /// Whether it is a LoopBack model, whose id may come from the body.
    pub(super) loopback: bool,
    /// What holds where no rule applies.
    pub(super) default_allow: bool,
    pub(super) error_status: Option<u16>,
    pub(super) owner: Owner,
    /// The route that reads one row.
    pub(super) find_by_id: Option<usize>,
}

/// One route.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) name: Box<str>,
    /// Index of its model.
    pub(super) model: usize,
    pub(super) property: Box<str>,
    /// The User API's method, where it serves the route.
    pub(super) account: Option<Box<str>>,
    pub(super) judge: Judge,
    /// Judges `GET`, `HEAD` and `OPTIONS`, where the route leaves the access type open.
    pub(super) safe: Option<Judge>,
    /// A token needs one of them; empty = `DEFAULT`.
    pub(super) scopes: Box<[Box<str>]>,
    pub(super) instance: bool,
    /// The arguments of a LoopBack method that are checked before the rules.
    pub(super) takes: Box<[Argument]>,
    /// Whether one of them is a segment of the path.
    pub(super) params: bool,
    pub(super) encoded_slash: bool,
}

/// The rules of a route under one access type.
#[derive(Debug)]
pub(super) struct Judge {
    pub(super) access: &'static str,
    pub(super) rules: Box<[Rule]>,
}

/// What a request hit.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack for one look-up, which must not allocate"
)]
pub(super) enum Found<'t, 'p> {
    Route {
        index: usize,
        route: &'t Route,
        names: &'t [Box<str>],
        captures: Captures<'p>,
    },
    /// A path of the account model that is none of its routes.
    NoMethod,
    Unmatched,
    /// Escaped and unescaped, the path means two different things.
    Ambiguous,
}

impl Table {
    /// Looks a request up. `path` is raw and begins with a slash.
    pub(super) fn find<'t, 'p>(&'t self, verb: &str, path: &'p str) -> Found<'t, 'p> {
        if path::is_tricky(path) {
            return Found::Ambiguous;
        }
        let found = self.find_raw(verb, path);
        let has_two_readings = path.contains(';') || path::is_over_encoded(path);
        if has_two_readings && !found.same(&self.find_raw(verb, &path::other_reading(path))) {
            return Found::Ambiguous;
        }
        found
    }

    /// Whether `GET` of this row's own URL reads the row, and is no other route such as `/findOne`.
    pub(super) fn reads_row(&self, model: &Policed, segment: &str) -> bool {
        match model.trie.find("GET", segment, by_verb) {
            Some(hit) => model.find_by_id == Some(hit.end.route),
            None => true,
        }
    }

    fn find_raw<'t, 'p>(&'t self, verb: &str, path: &'p str) -> Found<'t, 'p> {
        let mut on_account = false;
        if let Some((model, rest)) = self.mounted(path) {
            if let Some(hit) = model.trie.find(verb, rest, by_verb) {
                return self.found(hit.end.route, &hit.end.names, hit.captures);
            }
            on_account = model.account;
        }
        let rest = path.strip_prefix('/').unwrap_or(path);
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let [exact, folded] = &self.plain;
        let hits = [exact.find(verb, rest, by_path), folded.find(verb, rest, by_path)];
        match hits.into_iter().flatten().reduce(|a, b| if by_path(&b, &a) { b } else { a }) {
            Some(hit) => self.found(hit.end.route, &hit.end.names, hit.captures),
            None if on_account => Found::NoMethod,
            None => Found::Unmatched,
        }
    }

    fn found<'t, 'p>(&'t self, index: usize, names: &'t [Box<str>], captures: Captures<'p>) -> Found<'t, 'p> {
        let route = self.routes.get(index);
        route.map_or(Found::Unmatched, |route| Found::Route { index, route, names, captures })
    }

    /// The model whose mount point `path` is under, and what is left, without slashes at its ends.
    fn mounted<'p>(&self, path: &'p str) -> Option<(&Policed, &'p str)> {
        let (root, below) = path.split_at_checked(self.root.len())?;
        if !root.eq_ignore_ascii_case(&self.root) {
            return None;
        }
        let below = below.strip_prefix('/')?;
        let below = below.strip_suffix('/').unwrap_or(below);
        (1..=self.longest_mount).rev().find_map(|segments| {
            let (mount, rest) = split_after(below, segments)?;
            let mut buffer = [0; MAX_MOUNT];
            let index = self.mounts.get(lower(mount, &mut buffer)?)?;
            Some((self.models.get(*index)?, rest))
        })
    }
}

impl Found<'_, '_> {
    fn same(&self, other: &Found<'_, '_>) -> bool {
        match (self, other) {
            (Found::Route { index: a, .. }, Found::Route { index: b, .. }) => a == b,
            (Found::NoMethod, Found::NoMethod) | (Found::Unmatched, Found::Unmatched) => true,
            _ => false,
        }
    }
}

/// Splits a path after so many segments.
fn split_after(path: &str, segments: usize) -> Option<(&str, &str)> {
    let end = path.match_indices('/').nth(segments.checked_sub(1)?).map(|(at, _)| at);
    match end {
        Some(at) => Some((path.get(..at)?, path.get(at + 1..)?)),
        None if path.bytes().filter(|byte| *byte == b'/').count() + 1 == segments => Some((path, "")),
        None => None,
    }
}

/// ASCII lower case without allocating; `None` when it does not fit.
fn lower<'b>(text: &str, buffer: &'b mut [u8; MAX_MOUNT]) -> Option<&'b str> {
    let copy = buffer.get_mut(..text.len())?;
    copy.copy_from_slice(text.as_bytes());
    copy.make_ascii_lowercase();
    std::str::from_utf8(copy).ok()
}

/// The value of a capture, decoded; the last one where a pattern has the name twice, as in Express.
pub(super) fn capture<'p>(names: &[Box<str>], captures: &Captures<'p>, name: &str) -> Option<Cow<'p, str>> {
    let index = names.iter().rposition(|known| &**known == name)?;
    captures.get(index).map(path::decode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits() {
        assert_eq!(split_after("a/b/c", 1), Some(("a", "b/c")));
        assert_eq!(split_after("a/b/c", 3), Some(("a/b/c", "")));
        assert_eq!(split_after("a/b/c", 4), None);
        assert_eq!(split_after("", 1), Some(("", "")));
    }

    #[test]
    fn lowers_on_the_stack() {
        let mut buffer = [0; MAX_MOUNT];
        assert_eq!(lower("OrDers", &mut buffer), Some("orders"));
        assert_eq!(lower(&"x".repeat(MAX_MOUNT + 1), &mut buffer), None);
    }
}
