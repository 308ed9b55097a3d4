//! A set, and what it was made of.

use crate::policy::{PolicySet, plan::Plan};

/// A set that can be asked why. The gate serves under the plain [`PolicySet`].
#[derive(Debug)]
pub struct Analysis {
    pub(in crate::policy) set: PolicySet,
    pub(in crate::policy) plan: Plan,
}
