//! The state of a request. The steps are its methods.

use std::cell::OnceCell;

use crate::{policy::Action, wire::RequestHead};

use super::{
    App, Client, Core, CoreRuleset, Gate, Misrouted, context::Context, record::Record, session::Known,
};

/// A request from its head to its record. The connection is not part of it: steps that read or write take it as
/// an argument.
pub(super) struct Request<'r> {
    pub(super) gate: &'r Gate,
    pub(super) core: &'r Core,
    pub(super) client: &'r Client,
    /// The app that takes it; of a request without one, any.
    pub(super) app: &'r App,
    /// Why no app takes it.
    pub(super) misrouted: Option<Misrouted>,
    /// The rules for all steps, so that a reload does not change them in between.
    pub(super) rules: &'r CoreRuleset,
    /// The head as received.
    pub(super) head: &'r RequestHead,
    /// The head with the caller's id, if the target has the current-user literal.
    pub(super) rewritten: &'r OnceCell<Box<RequestHead>>,
    /// See [`Request::http_head`]. Boxed, because most requests have none.
    pub(super) http_head: OnceCell<Box<http::request::Parts>>,
    pub(super) context: Context<'r>,
    pub(super) record: Record<'r>,
}

/// One way to read a request: an action for a caller.
#[derive(Clone, Copy)]
pub(super) struct JudgedRequest<'a, 'r> {
    pub(super) head: &'a RequestHead,
    pub(super) action: &'a Action<'r, 'a>,
    /// `None` = anonymous.
    pub(super) session: Option<&'a Known>,
}
