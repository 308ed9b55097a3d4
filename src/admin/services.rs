//! The state that commands use.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use crate::{accounts::Accounts, app::Live, clock::Clock, config::Config, store::Store};

/// The state that commands use.
pub struct Services {
    /// The store.
    pub store: Arc<dyn Store>,
    accounts: Box<dyn Fn() -> Accounts + Send + Sync>,
    /// The clock for expiry.
    pub clock: Clock,
    /// The name of the store. Commands for another one are refused.
    pub store_name: String,
    /// Whether the gate serves requests: `false` while it stops.
    pub ready: Arc<AtomicBool>,
    /// The running gate, if there is one.
    pub live: Option<Live>,
    /// The configuration with the path of the policies, if there is no gate.
    pub(super) config: Option<Box<Config>>,
    /// Serializes commands, because a command may read, decide and write.
    pub(super) command_lock: tokio::sync::Mutex<()>,
}

impl Services {
    /// Creates the state for a gate, or for a command that has opened the store itself.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        accounts: impl Fn() -> Accounts + Send + Sync + 'static,
        clock: Clock,
        store_name: String,
    ) -> Self {
        let ready = Arc::new(AtomicBool::new(true));
        let accounts = Box::new(accounts);
        Self {
            store,
            accounts,
            clock,
            store_name,
            ready,
            live: None,
            config: None,
            command_lock: tokio::sync::Mutex::new(()),
        }
    }

    /// Adds the configuration, for a command without a gate.
    #[must_use]
    pub(crate) fn with_config(self, config: &Config) -> Self {
        Self { config: Some(Box::new(config.clone())), ..self }
    }

    /// Adds the running gate.
    #[must_use]
    pub fn with_live(self, live: Live) -> Self {
        Self { live: Some(live), ..self }
    }

    /// The accounts in force: a reload replaces them.
    #[must_use]
    pub fn accounts(&self) -> Accounts {
        (self.accounts)()
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("store_name", &self.store_name).finish_non_exhaustive()
    }
}
