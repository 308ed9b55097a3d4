//! What a request would do: the route that it matched, and the row that it names.

use super::compile::PolicySet;

/// A matched request, ready to be decided. Made by [`PolicySet::action`].
#[derive(Debug)]
pub struct Action<'s> {
    /// Who serves it.
    pub served: Served<'s>,
    /// The route's name for metrics and logs, `Order.findById`; `unmatched` when there is none.
    pub route: &'s str,
    /// An index of the route that is dense and stable in its set: for per-route counters.
    pub route_index: u32,
    /// The model's name, `""` when there is none.
    pub model: &'s str,
    /// The method's canonical name or the route's property.
    pub property: &'s str,
    /// `READ`, `WRITE`, `EXECUTE` or `REPLICATE`.
    pub access_type: &'static str,
    /// The row's id as the path, the body or the query names it.
    pub model_id: Option<Box<str>>,
    /// Whether the body's `id` counts (LoopBack model routes in profile `loopback3`), so that the body is read before the
    /// decision. See [`Action::with_body_id`].
    pub wants_body: bool,
}

/// Who answers once the action is permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served<'s> {
    /// The User API: the canonical method name, e.g. `login`, `prototype.patchAttributes`.
    Account(&'s str),
    /// The account model has no such method (404 in LoopBack's words), profile `loopback3` only.
    NoSuchMethod,
    /// The app.
    App,
}

impl Action<'_> {
    /// Adds the body's `id`, which counts only where neither the path nor an instance gave one
    /// (loopback3.md section 8.1).
    #[must_use]
    pub fn with_body_id(self, _id: Option<String>) -> Self {
        self
    }
}

impl PolicySet {
    /// What `method path?query` would do. `path` is the raw path, already checked by `wire`.
    #[must_use]
    pub fn action<'s>(&'s self, _method: &str, _path: &str, _query: Option<&str>) -> Action<'s> {
        Action {
            served: Served::App,
            route: "unmatched",
            route_index: 0,
            model: "",
            property: "",
            access_type: "READ",
            model_id: None,
            wants_body: false,
        }
    }
}
