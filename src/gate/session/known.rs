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
