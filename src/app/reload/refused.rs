//! A configuration that was refused, and when it is tried again.

use crate::{app::PolicyError, config::ConfigErrors};

/// Why configuration and files were refused.
pub(super) enum Refused {
    Configuration(ConfigErrors),
    Policies(PolicyError),
    /// Logged already, as that of certificates alone.
    Certificates(String),
}

/// The change after which a refused configuration without errors is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RetryTrigger {
    /// The policies of this app; `None` = those of any.
    Policies(Option<String>),
    /// The files of certificates.
    Certificates,
}

impl RetryTrigger {
    /// Whether this has changed. `apps`: those whose policies have; `certificates`: whether these have.
    pub(super) fn fires<'a>(
        &self,
        mut apps: impl Iterator<Item = Option<&'a str>>,
        certificates: bool,
    ) -> bool {
        match self {
            Self::Policies(None) => apps.next().is_some(),
            Self::Policies(blamed) => apps.any(|app| app == blamed.as_deref()),
            Self::Certificates => certificates,
        }
    }
}
