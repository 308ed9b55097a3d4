//! What a request would do: the route that it matched, and the row that it names.

use std::{borrow::Cow, fmt};

use super::{
    AccountMethod, PolicySet,
    account_method::{Endpoint, unbuilt_only_reads},
    acl::{READ, WRITE},
    argument::Argument,
    path,
    table::{Found, Judge, Match, ModelPolicy, Operation, Route, Table},
    trie::Leaf,
};
use crate::qs;

/// A matched request, ready to be decided. Made by [`PolicySet::action`].
#[derive(Debug)]
pub struct Action<'s, 'p> {
    /// Who serves it.
    pub served: Served<'s>,
    /// The route's name for metrics and logs, `Order.findById`; `unmatched` when there is none.
    pub route: &'s str,
    /// An index of the route that is dense and stable in its set: for per-route counters.
    pub route_index: u32,
    /// The model's name, `""` when there is none.
    pub model: &'s str,
    /// The method's canonical name without `prototype.`, or the route's property.
    pub property: &'s str,
    /// `READ`, `WRITE`, `EXECUTE` or `REPLICATE`.
    pub access_type: &'static str,
    /// The row's id as the path, the body or the query names it. Empty where the body or the query has an `id` that
    /// is not a row's, so that none further down is taken.
    pub model_id: Option<Cow<'p, str>>,
    /// Whether the body's `id` counts (LoopBack model routes in profile `loopback3`), so that the body is read before
    /// the decision. See [`Action::with_body_id`].
    pub wants_body: bool,
    /// Where LoopBack reads the body and checks the arguments before it asks the rules (its routes in profile
    /// `loopback3`): the arguments whose type can be wrong.
    pub takes: Option<&'s [Argument]>,
    /// Whether the route belongs to an instance (`prototype.` in LoopBack), which LoopBack loads first.
    pub instance: bool,
    /// Whether `%2f` may stand in the captured segments.
    pub encoded_slash: bool,
    pub(super) target: Target<'s>,
    /// The matched pattern, and the part of the path that it captures from.
    captured: Option<(&'s Leaf, &'p str)>,
}

/// What a decision is made of.
#[derive(Clone, Copy)]
pub(super) enum Target<'s> {
    Route {
        route: &'s Route,
        judge: &'s Judge,
        model: &'s ModelPolicy,
    },
    NoMethod,
    Unmatched,
    /// Refused whatever the settings say.
    Ambiguous,
}

/// Who answers once the action is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served<'s> {
    /// The User API, by this method.
    Account(AccountMethod),
    /// The User API, which does not have this method of LoopBack's: its canonical name.
    Unbuilt(&'s str),
    /// The account model has no such method (404 in LoopBack's words), profile `loopback3` only.
    NoSuchMethod,
    /// The app.
    App,
}

impl<'s> Served<'s> {
    fn of(operation: &'s Operation) -> Self {
        match &operation.account {
            None => Self::App,
            Some(Endpoint::Method(method)) => Self::Account(*method),
            Some(Endpoint::Unbuilt(name)) => Self::Unbuilt(name),
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
/// How many indexes those take.
pub(super) const FIXED_ROUTES: usize = 2;

impl<'s> Action<'s, '_> {
    /// Adds the body's `id`, which counts only where the path gave none, and before the query's
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

    /// Whether servers read the path as different routes, so that it is refused.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self.target, Target::Ambiguous)
    }

    /// Whether no model and no route covers it.
    #[must_use]
    pub fn is_unmatched(&self) -> bool {
        matches!(self.target, Target::Unmatched)
    }

    /// Whether it changes something, in any verb: a method of the User API that is not one of those that read, or a
    /// route of the app whose `accessType` is `WRITE`.
    #[must_use]
    pub fn changes(&self) -> bool {
        match self.served {
            Served::Account(method) => !method.only_reads(),
            Served::Unbuilt(name) => !unbuilt_only_reads(name),
            Served::App | Served::NoSuchMethod => self.access_type == WRITE,
        }
    }

    /// The decoded value of a captured segment. On LoopBack's routes `id` is the row's id, wherever it came from.
    pub(super) fn capture(&self, name: &str) -> Option<Cow<'_, str>> {
        self.param(name).or_else(|| self.model_id.as_deref().filter(|_| name == "id").map(Cow::Borrowed))
    }

    /// The decoded segment of the path that this argument is ([`Action::takes`]).
    #[must_use]
    pub fn param(&self, name: &str) -> Option<Cow<'_, str>> {
        self.captured.and_then(|(leaf, path)| leaf.value(path, name)).map(path::decode)
    }

    /// Whether the model's own URL with this id reads that row.
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
    /// What `method path?query` would do. `path` is the raw path, already checked by `wire`.
    #[must_use]
    pub fn action<'s, 'p>(&'s self, method: &str, path: &'p str, query: Option<&str>) -> Action<'s, 'p> {
        match self.table.find(method, path) {
            Found::Route(found) => self.matched(method, query, found),
            Found::NoMethod if self.settings.loopback => {
                Action {
                    // LoopBack reads the body of what leads nowhere, too.
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

    /// Whether the file, or the route, of a request says `"challenge": "basic"`.
    #[must_use]
    pub fn asks_for_basic(&self, method: &str, path: &str) -> bool {
        match self.table.find(method, path) {
            Found::Route(found) => found.model.asks_for_basic || found.route.operation.asks_for_basic,
            Found::NoMethod | Found::Unmatched | Found::Ambiguous => false,
        }
    }

    fn matched<'s, 'p>(&'s self, verb: &str, query: Option<&str>, found: Match<'s, 'p>) -> Action<'s, 'p> {
        let Match { index, route, model, leaf, rest, escaped } = found;
        let operation = &*route.operation;
        let judge = route.judge(is_safe(verb));
        let path_id = leaf.id(rest).map(|id| if escaped { path::decode(id) } else { Cow::Borrowed(id) });
        let is_loopback = self.settings.loopback && model.loopback;
        let is_open = is_loopback && path_id.is_none();
        let query_id = query.filter(|_| is_open).and_then(query_id);
        Action {
            served: Served::of(operation),
            route: &route.name,
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
    /// Short: the whole set hangs on it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Route { route, .. } => &route.name,
            Self::NoMethod => NO_METHOD.name,
            Self::Unmatched => UNMATCHED.name,
            Self::Ambiguous => "ambiguous",
        })
    }
}

/// Whether a verb reads, where neither route nor method says what it does.
pub(super) fn is_safe(verb: &str) -> bool {
    matches!(verb, "GET" | "HEAD" | "OPTIONS")
}

/// The query's `id` as LoopBack sees it. A repeated or nested one is a list or an object there, and no id.
fn query_id(query: &str) -> Option<String> {
    match qs::find(query, "id") {
        qs::Found::Nothing => None,
        qs::Found::Text(id) => Some(id.into_owned()),
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
