//! The caller of a request.

use std::sync::Arc;

use crate::{
    credential::Place,
    store::{Session, Subject},
};

/// A caller with a valid token.
#[derive(Clone, Debug)]
pub(in crate::gate) struct Known {
    pub(in crate::gate) session: Arc<Session>,
    pub(in crate::gate) subject: Arc<Subject>,
    /// The part of the request that contained the token.
    pub(in crate::gate) place: Place,
}

impl Known {
    /// The caller of a session, with the current row of its user.
    pub(in crate::gate) fn of(session: Arc<Session>, place: Place) -> Self {
        let subject = session.subject.load_full();
        Self { session, subject, place }
    }

    /// Whether the token is a browser's: in a cookie, or made for a cookie of one host and taken out of it.
    pub(in crate::gate) fn is_browsers(&self) -> bool {
        self.place == Place::Cookie || self.session.host.is_some()
    }
}
