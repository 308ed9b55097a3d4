//! The actor of a change.

use std::net::IpAddr;

use crate::{
    identity::UserId,
    policy::Reach,
    store::{Change, Session},
};

/// Who requests a change: a client or an operator. Limits and the audit log depend on it.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// A client of the User API.
    Client {
        /// The client's address, by which limits count.
        address: IpAddr,
        /// The request's id, for the audit log and events.
        request_id: &'a str,
        /// The session that authenticated the request; `None` = anonymous.
        session: Option<&'a Session>,
        /// The audience of the rule that allowed the request.
        reach: Reach,
        /// Whether a cookie alone carried the session, so that any script of the site can have sent the request.
        by_cookie: bool,
    },
    /// A person at the command line. No limit applies.
    Operator,
}

impl<'a> Actor<'a> {
    /// The session that requests the change.
    pub(super) fn session(self) -> Option<&'a Session> {
        match self {
            Self::Client { session, .. } => session,
            Self::Operator => None,
        }
    }

    /// The preconditions of a batch. If the session was revoked in the meantime, the batch is rejected.
    pub(super) fn conditions(self) -> Vec<Change> {
        // Checked in the commit, not before it: two requests with one reset token would both pass an earlier check.
        self.session().map(|session| Change::RequireToken(session.hash)).into_iter().collect()
    }

    /// Whether the session belongs to this user.
    pub(super) fn is(self, user: &UserId) -> bool {
        self.session().is_some_and(|session| session.subject.load().id == *user)
    }
}
