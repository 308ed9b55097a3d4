//! Whose request it is.

use std::sync::Arc;

use crate::{
    credential::Place,
    store::{Session, Subject},
};

/// A caller whose token is good.
#[derive(Clone, Debug)]
pub(in crate::gate) struct Known {
    pub(in crate::gate) session: Arc<Session>,
    pub(in crate::gate) subject: Arc<Subject>,
    /// Where the token stood.
    pub(in crate::gate) place: Place,
}
