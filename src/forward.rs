//! Both ends of a forwarded request, driven by one task in place.
//!
//! The client's end is [`crate::connection::Downstream`], the app's comes from `pool`. `exchange` moves a request and its
//! answer, `headers` decides which fields go where, `tunnel` is what follows a 101.

mod exchange;
mod fetch;
mod hangup;
mod headers;
mod health;
mod identity;
mod lease;
mod names;
mod pool;
mod tunnel;
mod via;

use std::{rc::Rc, sync::Arc, time::Duration};

use crate::{
    connection::{BodyError, Deadlines},
    observe::Seldom,
    wire::{HeadLimits, Reject, SwitchError},
};

use hangup::Hangup;

pub use exchange::Exchanged;
pub use fetch::{Fetched, Naming, Wanted};
pub use headers::{Forbidden, Origin, Outgoing, check_names, is_on, is_secure, naming_fields};
pub use health::{Health, Seen};
pub use identity::{Preset, Who, render};
pub use lease::Lease;
pub use names::{Names, Spelling};
pub use pool::{Address, Balance, Pool};
pub use via::Instance;

/// How the app is reached.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its servers; at least one. All cores share what probes say of them.
    pub servers: Vec<(Address, Arc<Health>)>,
    /// How one is chosen.
    pub balance: Balance,
    /// The target of probes; none without one.
    pub health_path: Option<String>,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// To the answer's head, from the end of the request; and between two bytes of an answer that has
    /// promised its length. A stream is never cut by it.
    pub response_timeout: Duration,
    /// Bounds of the answer's head.
    pub response_head: HeadLimits,
    /// The `Host` that the app sees.
    pub host: HostName,
    /// Whether the app reads every body of POST, PUT and PATCH.
    pub reads_bodies: bool,
    /// By what this gate knows its own requests.
    pub instance: Instance,
}

/// `[upstream] host`: the `Host` that the app sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName {
    /// The client's own.
    Client,
    /// The server's name in `servers`.
    Server,
}

/// Forwards requests from one core.
#[derive(Debug)]
pub struct Forwarder {
    pool: Pool,
    settings: Settings,
    deadlines: Rc<Deadlines>,
    /// Servers that were passed over.
    unreached: Seldom,
}

/// Why a request could not be forwarded, or its answer not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// No connection.
    #[error("cannot connect to the app at `{server}`: {source}")]
    Connect {
        /// Which server.
        server: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// No connection in time.
    #[error("the app at `{server}` did not take a connection in time")]
    ConnectTimeout {
        /// Which server.
        server: String,
    },
    /// No answer in time.
    #[error("the app did not answer in time")]
    ResponseTimeout,
    /// The app ended the connection before its answer was whole.
    #[error("the app ended the connection before its answer was whole")]
    Cut,
    /// The app's answer breaks HTTP.
    #[error("the app's answer breaks HTTP: {0}")]
    Broken(Reject),
    /// The app switched protocols, and not as a WebSocket is opened.
    #[error("the app's 101 opens no WebSocket: {0}")]
    Switched(SwitchError),
    /// The app sent too many interim answers.
    #[error("the app sent too many 1xx answers")]
    Interim,
    /// The client's body could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The client has gone.
    #[error("the client has gone")]
    ClientGone,
    /// The token of the request is no longer good.
    #[error("the token has ended")]
    TokenEnded,
    /// The gate stops, and its grace is over.
    #[error("the gate stops")]
    Stopping,
    /// The client takes nothing.
    #[error("the client takes nothing")]
    ClientStuck,
    /// The answer to a look-up is larger than a row may be.
    #[error("the app's answer to a look-up is too large")]
    RowTooLarge,
    /// The answer to a look-up is in a content coding that was not asked for, and is not read.
    #[error("the app's answer to a look-up has the content coding `{0}`; let it answer look-ups without")]
    Coding(String),
}

impl Forwarder {
    /// A forwarder without connections.
    #[must_use]
    pub fn new(settings: Settings, deadlines: Rc<Deadlines>) -> Self {
        let pool = Pool::new(&settings.servers, settings.balance);
        Self { pool, settings, deadlines, unreached: Seldom::default() }
    }

    /// By what this gate knows its own requests.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.settings.instance
    }

    /// Closes connections that have been idle for too long. Called now and then.
    pub fn sweep(&self) {
        self.pool.sweep(self.deadlines.now());
    }

    /// Whether no idle connection waits to be closed.
    #[must_use]
    pub fn is_swept(&self) -> bool {
        self.pool.is_empty()
    }
}
