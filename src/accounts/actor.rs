//! Who asks for a change.

use std::net::IpAddr;

use crate::{
    identity::UserId,
    policy::Reach,
    store::{Change, Session},
};

/// Who asks: for the limits and for the audit log.
#[derive(Clone, Copy, Debug)]
pub enum Actor<'a> {
    /// A client of the API.
    Client {
        /// Its address.
        address: IpAddr,
        /// The request's id.
        request_id: &'a str,
        /// Its session; `None` = anonymous.
        session: Option<&'a Session>,
        /// Whom the rule lets in that let it in.
        reach: Reach,
    },
    /// A person at the command line: no limit counts them.
    Operator,
}

impl<'a> Actor<'a> {
    /// The session that asks.
    pub(super) fn session(self) -> Option<&'a Session> {
        match self {
            Self::Client { session, .. } => session,
            Self::Operator => None,
        }
    }

    /// What a batch begins with that is a session's request: a session that has ended meanwhile changes nothing more.
    pub(super) fn conditions(self) -> Vec<Change> {
        self.session().map(|session| Change::RequireToken(session.hash)).into_iter().collect()
    }

    /// Whether a user asks for themselves.
    pub(super) fn is(self, user: &UserId) -> bool {
        self.session().is_some_and(|session| session.subject.load().id == *user)
    }
}
