//! A compiled set with its sources.

use crate::policy::{PolicySet, plan::Plan};

/// A set that can explain its decisions. The gate serves with the plain [`PolicySet`].
#[derive(Debug)]
pub struct Analysis {
    pub(in crate::policy) set: PolicySet,
    pub(in crate::policy) plan: Plan,
}
