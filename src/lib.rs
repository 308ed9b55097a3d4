//! Portcullis: a login, access tokens and ACL files in front of any HTTP app.
//!
//! # The map
//!
//! | level | modules | |
//! |---|---|---|
//! | HOUSE | [`cli`] [`admin`] [`app`] [`config`] [`listen`] | commands, wiring, settings, sockets |
//! | GATE  | [`gate`] | the walk of a request |
//! | FACES | [`api`] | the LoopBack User API |
//! | WORK  | [`accounts`] [`forward`] | register, log in, log out; a forwarded request |
//! | PARTS | [`connection`] [`store`] [`hasher`] [`notify`] [`limit`] [`refusal`] [`observe`] [`clock`] | one outside thing each |
//! | PURE  | [`policy`] [`identity`] [`credential`] [`wire`] [`qs`] [`javascript`] [`encoding`] | no clock, chance, socket or log line |
//!
//! Imports go down only (`tests/it/architecture.rs` checks it). `clock` and `observe` serve all, `identity`,
//! `qs`, `javascript` and `encoding` serve all of PURE, and every module turns its errors into a
//! [`refusal::Refusal`].
//!
//! # The walk of a request
//!
//! `listen` accepts a connection and reads a head with `wire`; `gate::Gate::handle` makes the context,
//! asks `limit`, finds the `credential`, looks the session up, asks `policy` for a
//! [`policy::Permit`], and hands it to `api` or `forward`. A step that says no returns a `Refusal`,
//! and one record is written at the end.
//!
//! # Invariants
//!
//! - Nothing is served or forwarded without a [`policy::Permit`], and only `policy` makes one. The gate's own public
//!   paths (`gate/reserved.rs`) are the exception.
//! - An error in a lookup is a refusal, never an allow.
//! - The path that was judged is, byte for byte, the path that is forwarded.
//! - No token, password or link is stored or logged; only hashes are.

pub mod accounts;
pub mod admin;
pub mod api;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connection;
pub mod credential;
#[cfg(test)]
mod docs;
pub mod encoding;
pub mod forward;
pub mod gate;
pub mod hasher;
pub mod identity;
pub mod javascript;
pub mod limit;
pub mod listen;
pub mod notify;
pub mod observe;
pub mod policy;
pub mod qs;
pub mod refusal;
pub mod store;
pub mod wire;
