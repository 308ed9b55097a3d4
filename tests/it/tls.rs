//! TLS towards clients: certificates by name, handshakes, and that a request over TLS is a request like any other.

mod certificates;
mod clients;
mod handshakes;
mod reload;
mod requests;
mod secure;
mod streams;
mod tools;
mod upstream;
