//! The protocols between a service manager and the gate: notices of its state, the watchdog (sd_notify(3)), and sockets that
//! the manager has opened (sd_listen_fds(3)). Their variables come in as a function, so that only one place reads them.

mod notifier;
mod sockets;

pub use notifier::{Notifier, watchdog_interval};
pub use sockets::{SocketsError, SocketsFromManager, sockets};
