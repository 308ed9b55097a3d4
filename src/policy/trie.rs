//! A trie of path patterns. A search does not allocate.

mod piece;

use super::{path, segment_table::SegmentTable};

pub(super) use piece::{Piece, captures};

/// Patterns and the routes at their ends.
#[derive(Debug)]
pub(super) struct Trie {
    ignore_case: bool,
    order: Order,
    segments: SegmentTable,
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
    /// Verbs without a fixed number.
    verbs: Vec<Box<str>>,
}

/// The order of patterns that match the same path and verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// LoopBack's order: the verb first, `ALL` last, then the rank of the path.
    Verb,
    /// The order of `routes` files: the more specific path first, then the verb.
    Path,
}

/// The end of a pattern, as it is inserted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    /// Upper case; `ALL` = any verb.
    pub(super) verb: Box<str>,
    /// The lower rank wins.
    pub(super) rank: usize,
    /// The index of the route.
    pub(super) route: usize,
}

/// The end of a pattern, as it is found.
#[derive(Debug)]
pub(super) struct Leaf {
    /// The index of the route.
    pub(super) route: usize,
    verb: u32,
    rank: u32,
    /// The previous leaf at the same node.
    before: Option<u32>,
    /// The place of the capture `id`.
    id: Option<Place>,
    captures: Box<[(Box<str>, Place)]>,
}

/// A match. The lower place wins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit<'t> {
    pub(super) leaf: &'t Leaf,
    pub(super) place: (u32, u32),
}

/// A node of the trie.
#[derive(Debug, Default)]
struct Node {
    /// Bits of the first bytes of the literals below this node, which rule out most look-ups; see
    /// [`first_bit`].
    firsts: u64,
    /// The node behind a capture; 0 = none, because no edge leads to the root.
    capture: u32,
    /// The last inserted leaf of the patterns that end here.
    end: Option<u32>,
    /// The last inserted leaf of the patterns that match any remainder here.
    rest: Option<u32>,
}

/// The place of a captured value in a path.
#[derive(Clone, Copy, Debug)]
struct Place {
    segment: u32,
    /// Whether the value extends to the end of the path.
    rest: bool,
}

/// The number of `ALL`. Numbers of other verbs are greater.
const ALL: u32 = 0;
/// The number of `GET`.
const GET: u32 = 1;
/// The number of `HEAD`.
const HEAD: u32 = 2;
/// The number of verbs with fixed numbers.
const FIXED: u32 = 8;
/// The number of verbs that no pattern has.
const UNKNOWN: u32 = u32::MAX;

impl Trie {
    pub(super) fn new(ignore_case: bool, order: Order) -> Self {
        let nodes = vec![Node::default()];
        let segments = SegmentTable::new(ignore_case);
        Self { ignore_case, order, segments, nodes, leaves: Vec::new(), verbs: Vec::new() }
    }

    /// Adds a pattern.
    pub(super) fn insert(&mut self, pattern: &[Piece], end: &End) {
        let mut leaf = Leaf::new(pattern, end, self.verb(&end.verb));
        let place = u32::try_from(self.leaves.len()).ok();
        let mut at = 0;
        for piece in pattern {
            at = match piece {
                Piece::Literal(text) if self.folds(text) => self.literal(at, &path::folded(text)),
                Piece::Literal(text) => self.literal(at, text),
                Piece::Capture(_) => self.capture(at),
                Piece::Rest(_) => break,
            };
        }
        // A remainder needs no node of its own: it matches at the node in front of it.
        let takes_rest = matches!(pattern.last(), Some(Piece::Rest(_)));
        if let Some(node) = self.node(at) {
            let last = if takes_rest { &mut node.rest } else { &mut node.end };
            leaf.before = std::mem::replace(last, place);
        }
        self.leaves.push(leaf);
    }

    /// The best match of `path`, which has no slash at its ends. `escaped`: it may contain a `%`.
    pub(super) fn find(&self, verb: &str, path: &str, escaped: bool) -> Option<Hit<'_>> {
        if self.leaves.is_empty() {
            return None;
        }
        let mut search = Search { trie: self, verb: self.number(verb), escaped, best: None };
        search.walk(0, path);
        search.best
    }

    /// Whether a literal needs Unicode case folding. [`SegmentTable`] folds ASCII letters itself.
    fn folds(&self, text: &str) -> bool {
        self.ignore_case && !text.is_ascii()
    }

    /// The node behind a literal, added if it does not exist.
    fn literal(&mut self, at: u32, text: &str) -> u32 {
        if let Some(known) = self.segments.find(at, text) {
            return known;
        }
        let next = self.add();
        self.segments.insert(at, text, next);
        if let Some(node) = self.node(at) {
            node.firsts |= first_bit(text);
        }
        next
    }

    /// The node behind a capture, added if it does not exist.
    fn capture(&mut self, at: u32) -> u32 {
        if let Some(known) = self.node(at).map(|node| node.capture).filter(|known| *known != 0) {
            return known;
        }
        let next = self.add();
        if let Some(node) = self.node(at) {
            node.capture = next;
        }
        next
    }

    fn add(&mut self) -> u32 {
        let next = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node::default());
        next
    }

    fn node(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }

    /// The number of a pattern's verb.
    fn verb(&mut self, verb: &str) -> u32 {
        if verb == "ALL" {
            return ALL;
        }
        if self.number(verb) == UNKNOWN {
            self.verbs.push(verb.into());
        }
        self.number(verb)
    }

    /// The number of a request's verb.
    fn number(&self, verb: &str) -> u32 {
        match verb {
            "GET" => GET,
            "HEAD" => HEAD,
            "POST" => 3,
            "PUT" => 4,
            "PATCH" => 5,
            "DELETE" => 6,
            "OPTIONS" => 7,
            other => {
                let known = self.verbs.iter().position(|known| **known == *other);
                known.and_then(|at| u32::try_from(at).ok()).map_or(UNKNOWN, |at| at.saturating_add(FIXED))
            }
        }
    }
}

impl Leaf {
    fn new(pattern: &[Piece], end: &End, verb: u32) -> Self {
        let places = pattern.iter().enumerate().filter_map(|(at, piece)| {
            let segment = u32::try_from(at).ok()?;
            match piece {
                Piece::Literal(_) => None,
                Piece::Capture(_) => Some(Place { segment, rest: false }),
                Piece::Rest(_) => Some(Place { segment, rest: true }),
            }
        });
        let captures: Box<[_]> = captures(pattern).map(Into::into).zip(places).collect();
        // Looked up once here, because every decision about a row needs it.
        let id = captures.iter().rfind(|(name, _): &&(Box<str>, _)| **name == *"id").map(|(_, place)| *place);
        let rank = u32::try_from(end.rank).unwrap_or(u32::MAX);
        Self { route: end.route, verb, rank, before: None, id, captures }
    }

    /// The raw value of a capture in the path of the look-up. Of two with the same name the last one counts, as
    /// in Express.
    pub(super) fn value<'p>(&self, path: &'p str, name: &str) -> Option<&'p str> {
        let (_, place) = self.captures.iter().rfind(|(known, _)| **known == *name)?;
        place.of(path)
    }

    /// The raw values of the captures of single segments in the path of the look-up.
    pub(super) fn segments<'p>(&self, path: &'p str) -> impl Iterator<Item = &'p str> {
        let single = self.captures.iter().filter(|(_, place)| !place.rest);
        single.filter_map(move |(_, place)| place.of(path))
    }

    /// The raw value of the capture `id`.
    pub(super) fn id<'p>(&self, path: &'p str) -> Option<&'p str> {
        self.id?.of(path)
    }
}

impl Place {
    fn of(self, path: &str) -> Option<&str> {
        let mut rest = path;
        for _ in 0..self.segment {
            rest = path::split(rest)?.1;
        }
        if self.rest { Some(rest) } else { path::split(rest).map(|(segment, _)| segment) }
    }
}

struct Search<'t> {
    trie: &'t Trie,
    verb: u32,
    escaped: bool,
    best: Option<Hit<'t>>,
}

impl<'t> Search<'t> {
    /// Follows every branch that matches. The recursion is as deep as the longest pattern, however long the
    /// path is.
    fn walk(&mut self, at: u32, rest: &str) {
        let trie = self.trie;
        let Some(node) = trie.nodes.get(at as usize) else { return };
        // At the end of the path, only patterns that end here match; a remainder is at least one segment.
        let Some((segment, after)) = path::split(rest) else {
            self.consider(node.end);
            return;
        };
        // A captured segment is never empty, and `wire` refuses empty segments.
        if segment.is_empty() {
            return;
        }
        // All branches are followed: the rank decides, and not the order of the search.
        if let Some(next) = self.literal(node, at, segment) {
            self.walk(next, after);
        }
        if node.capture != 0 {
            self.walk(node.capture, after);
        }
        self.consider(node.rest);
    }

    /// The node behind a literal. A needlessly escaped segment never matches one: [`super::table::Table::find`]
    /// also looks up the decoded path, and refuses the request if the two find different routes.
    fn literal(&self, node: &Node, at: u32, segment: &str) -> Option<u32> {
        if !self.escaped || !segment.contains('%') {
            return if node.firsts & first_bit(segment) == 0 {
                None
            } else {
                self.trie.segments.find(at, segment)
            };
        }
        if path::is_over_encoded(segment) {
            return None;
        }
        let decoded = path::decode(segment);
        if self.trie.folds(&decoded) {
            return self.trie.segments.find(at, &path::folded(&decoded));
        }
        self.trie.segments.find(at, &decoded)
    }

    fn consider(&mut self, last: Option<u32>) {
        let trie = self.trie;
        let mut next = last;
        while let Some(leaf) = next.and_then(|at| trie.leaves.get(at as usize)) {
            next = leaf.before;
            let verb = match leaf.verb {
                known if known == self.verb => 0,
                // Express serves HEAD by a route for GET, after one for HEAD itself.
                GET if self.verb == HEAD => 1,
                ALL => 2,
                _ => continue,
            };
            let place = match trie.order {
                Order::Verb => (verb, leaf.rank),
                Order::Path => (leaf.rank, verb),
            };
            if self.best.is_none_or(|best| place < best.place) {
                self.best = Some(Hit { leaf, place });
            }
        }
    }
}

/// One bit of 64 for the first byte of a segment, equal for both cases of a letter.
fn first_bit(segment: &str) -> u64 {
    segment.as_bytes().first().map_or(0, |byte| 1 << ((byte | 0x20) & 63))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(pattern: &str) -> Vec<Piece> {
        pattern
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| match segment.split_at_checked(1) {
                Some((":", name)) => Piece::Capture(name.into()),
                Some(("*", name)) => Piece::Rest(name.into()),
                _ => Piece::Literal(segment.into()),
            })
            .collect()
    }

    fn trie(ignore_case: bool, order: Order, patterns: &[(&str, &str)]) -> Trie {
        let mut trie = Trie::new(ignore_case, order);
        for (rank, (verb, pattern)) in patterns.iter().enumerate() {
            let end = End { verb: (*verb).into(), rank, route: rank };
            trie.insert(&pieces(pattern), &end);
        }
        trie
    }

    #[test]
    fn finds_the_first_of_loopbacks_order() {
        let patterns = [
            ("POST", "/login"),
            ("POST", "/:id/verify"),
            ("HEAD", "/:id"),
            ("GET", "/count"),
            ("GET", "/:id/x"),
            ("GET", "/:id"),
            ("ALL", "/logout"),
        ];
        let trie = trie(true, Order::Verb, &patterns);
        for (verb, path, expected) in [
            ("POST", "login", Some(0)),
            ("GET", "login", Some(5)),
            ("POST", "LogIn", Some(0)),
            ("GET", "count", Some(3)),
            ("HEAD", "count", Some(2)),
            ("HEAD", "7/x", Some(4)),
            ("GET", "logout", Some(5)),
            ("OPTIONS", "logout", Some(6)),
            ("POST", "7/verify", Some(1)),
            ("POST", "7/verify/x", None),
            ("DELETE", "7", None),
            ("GET", "", None),
            ("GET", "a%20b", Some(5)),
            ("GET", "%63ount", Some(5)),
        ] {
            let found = trie.find(verb, path, true).map(|hit| hit.leaf.route);
            assert_eq!(found, expected, "{verb} {path}");
        }
    }

    #[test]
    fn takes_the_remainder() {
        let trie = trie(false, Order::Path, &[("GET", "/a/b"), ("GET", "/a/:x"), ("GET", "/a/*rest")]);
        let hit = |path: &'static str| {
            trie.find("GET", path, true)
                .map(|hit| (hit.leaf.route, hit.leaf.value(path, "rest").or(hit.leaf.value(path, "x"))))
        };
        assert_eq!(hit("a/b"), Some((0, None)));
        assert_eq!(hit("a/c"), Some((1, Some("c"))));
        assert_eq!(hit("a/c/d"), Some((2, Some("c/d"))));
        assert_eq!(hit("a"), None);
        assert_eq!(hit("A/b"), None);
    }

    proptest! {
        /// The tree finds what a walk over the list in its order finds.
        #[test]
        fn agrees_with_a_list(
            patterns in proptest::collection::vec(("GET|POST|ALL", "(/(a|b|:x)){0,3}"), 1..12),
            path in "((a|b|c)(/(a|b|c)){0,3})?",
            verb in "GET|HEAD|POST",
        ) {
            let borrowed: Vec<(&str, &str)> = patterns.iter().map(|(v, p)| (v.as_str(), p.as_str())).collect();
            let found = trie(true, Order::Verb, &borrowed).find(&verb, &path, false).map(|hit| hit.leaf.route);
            let fits = |pattern: &str| {
                let (left, right) = (pieces(pattern), path.split('/').filter(|s| !s.is_empty()).collect::<Vec<_>>());
                left.len() == right.len() && left.iter().zip(&right).all(|(piece, segment)| match piece {
                    Piece::Literal(text) => &**text == *segment,
                    _ => true,
                })
            };
            let verbs: &[&str] = if verb == "HEAD" { &["HEAD", "GET", "ALL"] } else { &[&verb, "ALL"] };
            let expected = verbs.iter().find_map(|wanted| {
                borrowed.iter().position(|(verb, pattern)| verb == wanted && fits(pattern))
            });
            prop_assert_eq!(found, expected);
        }
    }
}
