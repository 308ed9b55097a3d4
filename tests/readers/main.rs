//! How real app servers read the gate's forwarded requests: see `docs/readers.md`.
//!
//! Each test starts an app server with a small app that reports every request that it read, puts the real program in
//! front, sends generated requests as bytes, and lets the policies judge the app's own words.

#[cfg(test)]
mod chance;
#[cfg(test)]
mod client;
#[cfg(test)]
mod draft;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod generate;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod measure;
#[cfg(test)]
mod process;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod run;
#[cfg(test)]
mod server;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod websocket;

/// Says that a server is left out. Not by `println!`, which would be captured: the test would seem to have run.
#[cfg(test)]
fn tell_skipped(server: &str, missing: &dyn std::fmt::Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {server}: {missing}");
}

/// A wish to the rig.
#[cfg(test)]
fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a wish to the rig, no setting of the gate")]
    std::env::var(name).ok()
}
