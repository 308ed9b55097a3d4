//! What commands work with.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use crate::{accounts::Accounts, app::Live, clock::Clock, config::Config, store::Store};

/// What commands work with.
pub struct Services {
    /// The rows.
    pub store: Arc<dyn Store>,
    accounts: Box<dyn Fn() -> Accounts + Send + Sync>,
    /// For what has expired.
    pub clock: Clock,
    /// Which store this is: a client that means another one is refused.
    pub store_name: String,
    /// Whether the gate takes requests: false while it stops.
    pub ready: Arc<AtomicBool>,
    /// The rules in force, where this is a gate.
    pub live: Option<Live>,
    /// Where the policies lie, where this is none.
    pub(super) config: Option<Box<Config>>,
    /// One command at a time: a command may read, decide and write.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl Services {
    /// The services of a gate, or of a command that opened the store itself.
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
            turn: tokio::sync::Mutex::new(()),
        }
    }

    /// The same in a command that knows where the policies lie.
    #[must_use]
    pub(crate) fn with_config(self, config: &Config) -> Self {
        Self { config: Some(Box::new(config.clone())), ..self }
    }

    /// The same in a gate that serves.
    #[must_use]
    pub fn with_live(self, live: Live) -> Self {
        Self { live: Some(live), ..self }
    }

    /// Registration, passwords, tokens: what the API calls, too, and as it does now.
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
