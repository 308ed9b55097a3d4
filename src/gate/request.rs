//! A request on its walk: what the steps read of it. They are its methods.

use std::cell::OnceCell;

use crate::{policy::Action, wire::RequestHead};

use super::{Core, Gate, Held, context::Context, record::Record, session::Known};

/// One request, from its head to its record. The connection is not part of it: a step that reads or writes there takes
/// it as an argument.
pub(super) struct Request<'r> {
    pub(super) gate: &'r Gate,
    pub(super) core: &'r Core,
    /// The rules that it is judged by, from the first step to the last.
    pub(super) rules: &'r Held,
    /// The head as it came.
    pub(super) head: &'r RequestHead,
    /// The head with the caller's id, if the target speaks of the caller.
    pub(super) rewritten: &'r OnceCell<Box<RequestHead>>,
    /// See [`Request::http_head`]. In a box: most requests have none.
    pub(super) http_head: OnceCell<Box<http::request::Parts>>,
    pub(super) context: Context<'r>,
    pub(super) record: Record<'r>,
}

/// One reading of a request: what it would do, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a, 'r> {
    pub(super) head: &'a RequestHead,
    pub(super) action: &'a Action<'r, 'a>,
    /// `None` = anonymous.
    pub(super) session: Option<&'a Known>,
}
