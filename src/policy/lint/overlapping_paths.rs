//! Paths that two files cover. A path with `{*rest}` is a fallback and overlaps only with itself.

use std::collections::{BTreeMap, HashMap};

use crate::policy::Code;
use crate::policy::{Source, analysis::Analysis, finding::Report, plan::RoutePlan, trie::Piece};

/// A pattern of a route with its file.
#[derive(Clone, Copy)]
struct Claim<'p> {
    route: usize,
    plan: &'p RoutePlan,
    verb: &'p str,
    pattern: &'p [Piece],
}

/// Claims by length and first two literals, so that only claims that can overlap are compared.
type Index<'p> = HashMap<(usize, [Option<String>; 2]), Vec<Claim<'p>>>;

/// Warns at each route of a `routes` file whose path another file covers as well.
pub(super) fn check(analysis: &Analysis, report: &mut Report<'_>, sources: &[Source]) {
    let mut index: Index<'_> = HashMap::new();
    let mut of_routes_files = Vec::new();
    for (route, plan) in analysis.plan.routes.iter().enumerate() {
        for (verb, pattern) in &plan.ends {
            let claim = Claim { route, plan, verb, pattern };
            index.entry(key(pattern)).or_default().push(claim);
            if !is_model(analysis, plan) {
                of_routes_files.push(claim);
            }
        }
    }
    // One finding for each route and file: that of the most similar pattern.
    let mut nearest: BTreeMap<(usize, usize), (Claim<'_>, Claim<'_>)> = BTreeMap::new();
    for claim in of_routes_files {
        for other in near(&index, claim.pattern) {
            // Within one file the author sees both; ties there are errors.
            let same_file = other.plan.at.file == claim.plan.at.file;
            // Of two `routes` files, only the later one gets the finding.
            let is_turn = is_model(analysis, other.plan) || other.route < claim.route;
            if same_file || !is_turn || !meet(claim, other) {
                continue;
            }
            let place = nearest.entry((claim.route, other.plan.at.file)).or_insert((claim, other));
            if likeness(claim, other) > likeness(place.0, place.1) {
                *place = (claim, other);
            }
        }
    }
    for (claim, other) in nearest.into_values() {
        report_overlap(analysis, claim, other, sources, report);
    }
}

fn likeness(a: Claim<'_>, b: Claim<'_>) -> (bool, bool) {
    // Equal paths are more alike than equal verbs.
    (shape(a.pattern) == shape(b.pattern), a.verb == b.verb)
}

fn report_overlap(
    analysis: &Analysis,
    claim: Claim<'_>,
    other: Claim<'_>,
    sources: &[Source],
    report: &mut Report<'_>,
) {
    let name = |route: usize| analysis.set.table.routes.get(route).map_or("", |route| &*route.name);
    let file = sources.get(other.plan.at.file).map_or("LoopBack", |source| &*source.name);
    let wins = if is_model(analysis, other.plan) {
        "a LoopBack model's routes come first".to_owned()
    } else if shape(claim.pattern) == shape(other.pattern) {
        "each takes its own methods".to_owned()
    } else {
        "the more specific one wins".to_owned()
    };
    let message = format!(
        "`{}` is claimed by `{file}` as well, as `{}` ({}): {wins}",
        text(claim.pattern),
        name(other.route),
        text(other.pattern)
    );
    report.warn(claim.plan.at, Code::PathClaimedTwice, message, Some("keep a path in one file".into()));
}

fn is_model(analysis: &Analysis, plan: &RoutePlan) -> bool {
    analysis.set.table.models.get(plan.model).is_some_and(|model| model.loopback)
}

fn key(pattern: &[Piece]) -> (usize, [Option<String>; 2]) {
    let first = |at: usize| match pattern.get(at) {
        Some(Piece::Literal(text)) => Some(text.to_ascii_lowercase()),
        _ => None,
    };
    (pattern.len(), [first(0), first(1)])
}

/// The claims that may overlap with a pattern.
fn near<'i, 'p>(index: &'i Index<'p>, pattern: &[Piece]) -> impl Iterator<Item = Claim<'p>> + 'i {
    let (len, [first, second]) = key(pattern);
    let fits = |wanted: &Option<String>, known: &Option<String>| {
        wanted.is_none() || known.is_none() || wanted == known
    };
    // With two literals four look-ups find all candidates, without a scan of all keys.
    let quick: Option<Vec<_>> = match (&first, &second) {
        (Some(_), Some(_)) => Some(
            [(true, true), (true, false), (false, true), (false, false)]
                .into_iter()
                .map(|(a, b)| [first.clone().filter(|_| a), second.clone().filter(|_| b)])
                .collect(),
        ),
        _ => None,
    };
    let keys: Vec<_> = match quick {
        Some(keys) => keys.into_iter().map(|pair| (len, pair)).collect(),
        None => index
            .keys()
            .filter(|(other, [a, b])| *other == len && fits(&first, a) && fits(&second, b))
            .cloned()
            .collect(),
    };
    keys.into_iter().flat_map(|key| index.get(&key).into_iter().flatten().copied())
}

/// Whether one request matches both claims, neither of which is a fallback, or whether both have the same path.
fn meet(a: Claim<'_>, b: Claim<'_>) -> bool {
    if a.pattern.len() != b.pattern.len() {
        return false;
    }
    let ignores = a.plan.ignore_case || b.plan.ignore_case;
    let same_path = a.pattern.iter().zip(b.pattern).all(|(a, b)| match (a, b) {
        (Piece::Literal(a), Piece::Literal(b)) if ignores => a.eq_ignore_ascii_case(b),
        (Piece::Literal(a), Piece::Literal(b)) => a == b,
        (Piece::Rest(_), other) | (other, Piece::Rest(_)) => matches!(other, Piece::Rest(_)),
        _ => true,
    });
    // A route for GET also matches HEAD.
    let head = |a: &str, b: &str| a == "HEAD" && b == "GET";
    let same_verb = a.verb == b.verb
        || a.verb == "ALL"
        || b.verb == "ALL"
        || head(a.verb, b.verb)
        || head(b.verb, a.verb);
    same_path && (same_verb || shape(a.pattern) == shape(b.pattern))
}

/// A pattern without the names of its captures.
fn shape(pattern: &[Piece]) -> Vec<Option<&str>> {
    fn piece(piece: &Piece) -> Option<&str> {
        match piece {
            Piece::Literal(text) => Some(text),
            Piece::Capture(_) => None,
            Piece::Rest(_) => Some("/"),
        }
    }
    pattern.iter().map(piece).collect()
}

/// A pattern in the notation of `routes` files.
pub(in crate::policy) fn text(pattern: &[Piece]) -> String {
    if pattern.is_empty() {
        return "/".to_owned();
    }
    let piece = |piece: &Piece| match piece {
        Piece::Literal(text) => format!("/{text}"),
        Piece::Capture(name) => format!("/{{{name}}}"),
        Piece::Rest(name) => format!("/{{*{name}}}"),
    };
    pattern.iter().map(piece).collect()
}
