//! Forwards a request. One task drives both connections.
//!
//! [`crate::connection::Downstream`] is the client's connection, the app's comes from `pool`. `exchange` moves
//! a request and its answer, `headers` decides which fields are forwarded, `tunnel` follows a 101.

mod address;
mod error;
mod exchange;
mod fetch;
mod forwarder;
mod hangup;
mod headers;
mod health;
mod http2;
mod identity;
mod names;
mod open;
mod pool;
mod sender;
mod token_check;
mod tunnel;
mod via;

use std::{cell::Cell, rc::Rc};

use crate::{
    connection::Deadlines,
    observe::{LogThrottle, metrics::CoreGauges},
};
use hangup::Hangup;

pub use address::Address;
pub use error::ForwardError;
pub use exchange::{Exchanged, Failed};
pub use fetch::{Fetched, Naming, Wanted};
pub use forwarder::{Forwarder, HostName, Settings};
pub use headers::{Forbidden, Origin, Outgoing, check_names, is_on, is_secure, naming_fields};
pub use health::{Health, Seen};
pub use identity::{Preset, Who, identity, render};
pub use names::{Names, Spelling};
pub use pool::{Balance, Pool};
pub use token_check::TokenCheck;
pub use via::Instance;

impl Forwarder {
    /// A forwarder without connections.
    #[must_use]
    pub fn new(settings: Settings, deadlines: Rc<Deadlines>) -> Self {
        // A pool for each core, so that connections never cross cores (docs/decisions.md section 2).
        let pool = Pool::new(&settings.servers, settings.balance);
        let (leaves_bodies, unreached) = (Cell::default(), LogThrottle::default());
        Self { pool, settings, deadlines, leaves_bodies, unreached }
    }

    /// The identification of this gate in `Via`.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.settings.instance
    }

    /// Closes connections that have been idle for too long. Called periodically.
    pub fn sweep(&self) {
        self.pool.sweep(self.deadlines.now());
    }

    /// Adds the figures of the servers. `app`: where there are several.
    pub fn add_gauges(&self, app: Option<&str>, gauges: &mut CoreGauges) {
        self.pool.add_gauges(app, gauges);
    }

    /// Whether there is no idle connection.
    #[must_use]
    pub fn is_swept(&self) -> bool {
        self.pool.is_empty()
    }
}
