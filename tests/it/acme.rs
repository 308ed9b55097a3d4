//! Certificates by ACME, from a real ACME server: pebble.

mod challenges;
mod dns;
mod failures;
mod first;
mod kept;
mod renewal;
mod support;
