//! HTTP/2 towards clients: the same gate as by HTTP/1, and the limits of what HTTP/2 adds.

mod deadlines;
mod floods;
mod hostile;
mod malformed;
mod requests;
mod tools;
mod websocket;

use crate::support::{App, Authority, Gate, Setup};

/// A gate in front of this app, and who issued its certificate.
fn gate(app: &App, change: impl FnOnce(Setup) -> Setup) -> (Gate, Authority) {
    let authority = Authority::new();
    let setup = Setup::new(app).tls(&[&authority.issue(&["gate.test", "127.0.0.1"])]);
    (Gate::start(change(setup)), authority)
}
