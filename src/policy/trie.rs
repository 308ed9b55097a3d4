//! A tree of path patterns, searched without allocating.

use super::path::{self, Captures};

/// Patterns and what they lead to.
#[derive(Debug)]
pub(super) struct Trie {
    ignore_case: bool,
    nodes: Vec<Branch>,
}

/// One level of the tree.
#[derive(Debug, Default)]
struct Branch {
    /// Sorted; in lower case where case is ignored.
    literals: Vec<(Box<str>, usize)>,
    capture: Option<usize>,
    /// Patterns that end here.
    ends: Vec<End>,
    /// Patterns that take all that is left.
    rests: Vec<End>,
}

/// A pattern's end.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// In upper case; `ALL` = any.
    pub(super) verb: Box<str>,
    /// The lower one wins.
    pub(super) rank: usize,
    /// What it leads to.
    pub(super) route: usize,
    /// The names of the captures.
    pub(super) names: Box<[Box<str>]>,
}

/// One segment of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(Box<str>),
    Capture(Box<str>),
    Rest(Box<str>),
}

/// A match.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit<'t, 'p> {
    pub(super) end: &'t End,
    pub(super) captures: Captures<'p>,
    /// 0 = the verb itself, 1 = `GET` for `HEAD`, 2 = any verb.
    pub(super) verb: u8,
}

impl Trie {
    pub(super) fn new(ignore_case: bool) -> Self {
        Self { ignore_case, nodes: vec![Branch::default()] }
    }

    /// Adds a pattern.
    pub(super) fn insert(&mut self, pattern: &[Piece], end: End) {
        let mut at = 0;
        for piece in pattern {
            at = match piece {
                Piece::Literal(text) => self.literal(at, text),
                Piece::Capture(_) => self.capture(at),
                Piece::Rest(_) => {
                    if let Some(branch) = self.nodes.get_mut(at) {
                        branch.rests.push(end);
                    }
                    return;
                }
            };
        }
        if let Some(branch) = self.nodes.get_mut(at) {
            branch.ends.push(end);
        }
    }

    /// The best match of `path`, which has no slash at its ends. `better(a, b)`: whether `a` beats `b`.
    pub(super) fn find<'t, 'p>(
        &'t self,
        verb: &str,
        path: &'p str,
        better: fn(&Hit<'_, '_>, &Hit<'_, '_>) -> bool,
    ) -> Option<Hit<'t, 'p>> {
        let mut search = Search { trie: self, verb, better, best: None };
        search.walk(0, path, Captures::default());
        search.best
    }

    fn literal(&mut self, at: usize, text: &str) -> usize {
        let key: Box<str> = if self.ignore_case { text.to_ascii_lowercase().into() } else { text.into() };
        let next = self.nodes.len();
        let Some(branch) = self.nodes.get_mut(at) else { return at };
        match branch.literals.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(found) => branch.literals.get(found).map_or(at, |(_, node)| *node),
            Err(place) => {
                branch.literals.insert(place, (key, next));
                self.nodes.push(Branch::default());
                next
            }
        }
    }

    fn capture(&mut self, at: usize) -> usize {
        let next = self.nodes.len();
        let Some(branch) = self.nodes.get_mut(at) else { return at };
        if let Some(known) = branch.capture {
            return known;
        }
        branch.capture = Some(next);
        self.nodes.push(Branch::default());
        next
    }

    fn child(&self, branch: &Branch, segment: &str) -> Option<usize> {
        let found = if self.ignore_case {
            let lower = |byte: u8| byte.to_ascii_lowercase();
            branch.literals.binary_search_by(|(known, _)| known.bytes().cmp(segment.bytes().map(lower)))
        } else {
            branch.literals.binary_search_by(|(known, _)| (**known).cmp(segment))
        };
        branch.literals.get(found.ok()?).map(|(_, node)| *node)
    }
}

struct Search<'t, 'p, 'v> {
    trie: &'t Trie,
    verb: &'v str,
    better: fn(&Hit<'_, '_>, &Hit<'_, '_>) -> bool,
    best: Option<Hit<'t, 'p>>,
}

impl<'t, 'p> Search<'t, 'p, '_> {
    /// Follows every branch that fits. As deep as the deepest pattern, not as the path.
    fn walk(&mut self, at: usize, rest: &'p str, captures: Captures<'p>) {
        let trie = self.trie;
        let Some(branch) = trie.nodes.get(at) else { return };
        let Some((segment, after)) = path::split(rest) else {
            self.consider(&branch.ends, captures);
            return;
        };
        if segment.is_empty() {
            return;
        }
        // A needless escape never spells a literal: `Table::find` looks at the unescaped path as well, and refuses
        // where the two mean different routes.
        let literal = if segment.contains('%') {
            if path::is_over_encoded(segment) { None } else { trie.child(branch, &path::decode(segment)) }
        } else {
            trie.child(branch, segment)
        };
        if let Some(next) = literal {
            self.walk(next, after, captures);
        }
        if let Some(next) = branch.capture {
            self.walk(next, after, captures.with(segment));
        }
        if !branch.rests.is_empty() {
            self.consider(&branch.rests, captures.with(rest));
        }
    }

    fn consider(&mut self, ends: &'t [End], captures: Captures<'p>) {
        for end in ends {
            let verb = match &*end.verb {
                known if known == self.verb => 0,
                "GET" if self.verb == "HEAD" => 1,
                "ALL" => 2,
                _ => continue,
            };
            let hit = Hit { end, captures, verb };
            if self.best.as_ref().is_none_or(|best| (self.better)(&hit, best)) {
                self.best = Some(hit);
            }
        }
    }
}

/// LoopBack's order: the verb first, `ALL` last, then the rank of the path.
pub(super) fn by_verb(a: &Hit<'_, '_>, b: &Hit<'_, '_>) -> bool {
    (a.verb, a.end.rank) < (b.verb, b.end.rank)
}

/// The order of `routes` files: the more specific path first, then the verb.
pub(super) fn by_path(a: &Hit<'_, '_>, b: &Hit<'_, '_>) -> bool {
    (a.end.rank, a.verb) < (b.end.rank, b.verb)
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

    fn trie(ignore_case: bool, patterns: &[(&str, &str)]) -> Trie {
        let mut trie = Trie::new(ignore_case);
        for (rank, (verb, pattern)) in patterns.iter().enumerate() {
            let end = End { verb: (*verb).into(), rank, route: rank, names: Box::default() };
            trie.insert(&pieces(pattern), end);
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
        let trie = trie(true, &patterns);
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
            let found = trie.find(verb, path, by_verb).map(|hit| hit.end.route);
            assert_eq!(found, expected, "{verb} {path}");
        }
    }

    #[test]
    fn takes_the_remainder() {
        let trie = trie(false, &[("GET", "/a/b"), ("GET", "/a/:x"), ("GET", "/a/*rest")]);
        let hit = |path| trie.find("GET", path, by_path).map(|hit| (hit.end.route, hit.captures.get(0)));
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
            let found = trie(true, &borrowed).find(&verb, &path, by_verb).map(|hit| hit.end.route);
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
