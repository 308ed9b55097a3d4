//! The action of a request: the matched route and the row that it names.

use std::{borrow::Cow, fmt};

use super::{
    AccountMethod, PolicySet,
    account_method::{Endpoint, not_implemented_only_reads},
    acl::{READ, WRITE},
    argument::Argument,
    path,
    table::{Found, Judge, Match, ModelPolicy, Operation, Route, Table},
    trie::Leaf,
};
use crate::qs;

/// The action of a request, ready to be decided. Created by [`PolicySet::action`].
#[derive(Debug)]
pub struct Action<'s, 'p> {
    /// The part that answers it.
    pub served: Served<'s>,
    /// The route's name in metrics and logs, `Order.findById`; `unmatched` if no route matches.
    pub route: &'s str,
    /// The route's index in its set. Indexes are dense and stable, for counters of each route.
    pub route_index: u32,
    /// The model's name; empty if there is none.
    pub model: &'s str,
    /// The method's canonical name without `prototype.`, or the route's property.
    pub property: &'s str,
    /// `READ`, `WRITE`, `EXECUTE` or `REPLICATE`.
    pub access_type: &'static str,
    /// The row's id from the path, the body or the query. Empty if the body or the query has an `id` that
    /// cannot be a row's id: it still takes precedence over later sources.
    pub model_id: Option<Cow<'p, str>>,
    /// Whether the body's `id` counts, so that the body must be read before the decision: LoopBack model routes
    /// in profile `loopback3`. See [`Action::with_body_id`].
    pub wants_body: bool,
    /// Arguments to be checked before the decision, because LoopBack reads the body and checks their types
    /// before it asks the rules (its routes in profile `loopback3`).
    pub takes: Option<&'s [Argument]>,
    /// Whether the method is called on an instance (`prototype.` in LoopBack), which LoopBack loads first.
    pub instance: bool,
    /// Whether captured segments may contain `%2f`.
    pub encoded_slash: bool,
    pub(super) target: Target<'s>,
    /// The matched pattern, and the rest of the path that its captures refer to.
    captured: Option<(&'s Leaf, &'p str)>,
}

/// The input of a decision.
#[derive(Clone, Copy)]
pub(super) enum Target<'s> {
    Route {
        route: &'s Route,
        judge: &'s Judge,
        model: &'s ModelPolicy,
    },
    NoMethod,
    Unmatched,
    /// Denied under every setting.
    Ambiguous,
}

/// The part that answers a permitted action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served<'s> {
    /// The User API, by this method.
    Account(AccountMethod),
    /// The User API, with 501: LoopBack has this method (its canonical name), the User API does not.
    NotImplemented(&'s str),
    /// The account model has no such method: 404 with LoopBack's message. Profile `loopback3` only.
    NoSuchMethod,
    /// The app.
    App,
}

impl<'s> Served<'s> {
    fn of(operation: &'s Operation) -> Self {
        match &operation.account {
            None => Self::App,
            Some(Endpoint::Method(method)) => Self::Account(*method),
            Some(Endpoint::NotImplemented(name)) => Self::NotImplemented(name),
        }
    }
}

/// A route that every set has.
pub(super) struct FixedRoute {
    pub(super) index: u32,
    pub(super) name: &'static str,
}

/// See [`Action::is_unmatched`].
pub(super) const UNMATCHED: FixedRoute = FixedRoute { index: 0, name: "unmatched" };
/// See [`Served::NoSuchMethod`].
pub(super) const NO_METHOD: FixedRoute = FixedRoute { index: 1, name: "no-such-method" };
/// Number of these indexes. Those of the set's own routes follow.
pub(super) const FIXED_ROUTES: usize = 2;

impl<'s> Action<'s, '_> {
    /// Adds the body's `id`, which counts only if the path has none, and before the query's
    /// (docs/loopback-3.28.md section 8.1).
    #[must_use]
    pub fn with_body_id(mut self, id: Option<String>) -> Self {
        if self.wants_body
            && let Some(id) = id
        {
            self.model_id = Some(Cow::Owned(id));
        }
        self
    }

    /// Whether servers disagree about the route of the path, so that the request is refused.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.target, Target::Ambiguous)
    }

    /// Whether no model and no `routes` file covers the path.
    #[must_use]
    pub fn is_unmatched(&self) -> bool {
        matches!(self.target, Target::Unmatched)
    }

    /// Whether the action changes state, whatever its verb: a method of the User API that does not only read,
    /// or a route of the app with `accessType` `WRITE`.
    #[must_use]
    pub fn changes(&self) -> bool {
        match self.served {
            Served::Account(method) => !method.only_reads(),
            Served::NotImplemented(name) => !not_implemented_only_reads(name),
            Served::App | Served::NoSuchMethod => self.access_type == WRITE,
        }
    }

    /// The decoded value of a captured segment. On LoopBack's routes `id` is the row's id, from the path, the
    /// body or the query.
    pub(super) fn capture(&self, name: &str) -> Option<Cow<'_, str>> {
        self.param(name).or_else(|| self.model_id.as_deref().filter(|_| name == "id").map(Cow::Borrowed))
    }

    /// The decoded path segment with this name, for an argument in [`Action::takes`].
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.captured.and_then(|(leaf, path)| leaf.value(path, name)).map(path::decode)
    }

    /// Whether the model's URL with this id is its `findById`, and so reads that row.
    pub(super) fn reads_row(&self, segment: &str) -> bool {
        match self.target {
            Target::Route { model, .. } => Table::reads_row(model, segment),
            _ => false,
        }
    }

    fn bare(fixed: FixedRoute, served: Served<'s>, verb: &str, target: Target<'s>) -> Self {
        Self {
            served,
            route: fixed.name,
            route_index: fixed.index,
            model: "",
            property: "",
            access_type: if is_safe(verb) { READ } else { WRITE },
            model_id: None,
            wants_body: false,
            takes: None,
            instance: false,
            encoded_slash: false,
            target,
            captured: None,
        }
    }
}

impl PolicySet {
    /// The action of `method path?query`. `path` is raw, and `wire` has checked it.
    #[must_use]
    pub fn action<'s, 'p>(&'s self, method: &str, path: &'p str, query: Option<&str>) -> Action<'s, 'p> {
        match self.table.find(method, path) {
            Found::Route(found) => self.matched(method, query, found),
            // Profile `standard` decides such a path by `policies.unmatched`, like any other.
            Found::NoMethod if self.settings.loopback => {
                Action {
                    // LoopBack reads the body also for a method that does not exist, so errors of the body come
                    // first.
                    takes: Some(&[]),
                    ..Action::bare(NO_METHOD, Served::NoSuchMethod, method, Target::NoMethod)
                }
            }
            Found::NoMethod | Found::Unmatched => {
                Action::bare(UNMATCHED, Served::App, method, Target::Unmatched)
            }
            Found::Ambiguous => Action::bare(UNMATCHED, Served::App, method, Target::Ambiguous),
        }
    }

    /// Whether the file or the route of a request has `"challenge": "basic"`.
    #[must_use]
    pub fn asks_for_basic(&self, method: &str, path: &str) -> bool {
        match self.table.find(method, path) {
            Found::Route(found) => found.model.asks_for_basic || found.route.operation.asks_for_basic,
            Found::NoMethod | Found::Unmatched | Found::Ambiguous => false,
        }
    }

    /// Whether any file or route says so. A browser that was asked once sends its answer to other paths, too (RFC 7617
    /// section 2.2).
    #[must_use]
    pub fn asks_somewhere_for_basic(&self) -> bool {
        self.table.asks_for_basic
    }

    fn matched<'s, 'p>(&'s self, verb: &str, query: Option<&str>, found: Match<'s, 'p>) -> Action<'s, 'p> {
        let Match { index, route, model, leaf, rest, escaped } = found;
        let operation = &*route.operation;
        let judge = route.judge(is_safe(verb));
        let path_id = leaf.id(rest).map(|id| if escaped { path::decode(id) } else { Cow::Borrowed(id) });
        // Only LoopBack reads ids from bodies and queries. In profile `standard` a row is named by its path
        // alone, so no parameter can change whose row is judged.
        let is_loopback = self.settings.loopback && model.loopback;
        // The path's id comes first, so the others are not even parsed then.
        let is_open = is_loopback && path_id.is_none();
        let query_id = query.filter(|_| is_open).and_then(query_id);
        Action {
            served: Served::of(operation),
            route: &route.name,
            // The first indexes belong to the fixed routes.
            route_index: u32::try_from(index.saturating_add(FIXED_ROUTES)).unwrap_or(u32::MAX),
            model: &model.name,
            property: &operation.property,
            access_type: judge.access,
            model_id: path_id.or(query_id.map(Cow::Owned)),
            wants_body: is_open,
            takes: is_loopback.then_some(&*operation.takes),
            instance: operation.instance,
            encoded_slash: operation.encoded_slash,
            target: Target::Route { route, judge, model },
            captured: Some((leaf, rest)),
        }
    }
}

impl fmt::Debug for Target<'_> {
    /// Short, because the target refers to the whole set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route { route, .. } => &route.name,
            Self::NoMethod => NO_METHOD.name,
            Self::Unmatched => UNMATCHED.name,
            Self::Ambiguous => "ambiguous",
        })
    }
}

/// Whether a verb reads, if neither the route nor the method has an access type.
pub(super) fn is_safe(verb: &str) -> bool {
    matches!(verb, "GET" | "HEAD" | "OPTIONS")
}

/// The query's `id` as LoopBack reads it. A repeated or nested one is a list or an object, which is no row's
/// id.
fn query_id(query: &str) -> Option<String> {
    match qs::find(query, "id") {
        qs::Found::Nothing => None,
        qs::Found::Text(id) => Some(id.into_owned()),
        // Not `None`: the id is defined, so no later source is asked.
        qs::Found::Other => Some(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_query_as_qs_does() {
        for (query, id) in [
            ("id=7", Some("7")),
            ("a=1&id=a%20b+c", Some("a b c")),
            ("id", Some("")),
            ("id=", Some("")),
            ("id=1&id=2", Some("")),
            ("id[]=1", Some("")),
            ("id[x]=1&id=2", Some("")),
            ("%69d=7", Some("7")),
            ("[id]=5", Some("5")),
            ("x=id]=7&id=5", Some("5")),
            ("id=7%zz+8", Some("7%zz 8")),
            ("id=7&[id]=", Some("7")),
            ("id=7&[id]=8", Some("")),
            ("id[=1", Some("")),
            ("ID=7&idx=8&x[id]=9", None),
            ("", None),
        ] {
            assert_eq!(query_id(query).as_deref(), id, "{query}");
        }
    }
}
