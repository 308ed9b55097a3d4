//! Portcullis: a login, access tokens and ACL files in front of any HTTP app.
//!
//! # The map
//!
//! | level | modules | |
//! |---|---|---|
//! | APPLICATION | [`cli`] [`admin`] [`app`] [`config`] [`listen`] | commands, wiring, settings, sockets |
//! | GATEWAY | [`gate`] | the walk of a request |
//! | API | [`api`] [`pages`] | the LoopBack User API; HTML pages for browsers |
//! | DOMAIN | [`accounts`] [`acme`] [`assertion`] [`forward`] | register, log in, log out; certificates by ACME; the signed identity for the app; a forwarded request |
//! | INFRASTRUCTURE | [`connection`] [`tls`] [`store`] [`hasher`] [`notify`] [`mail`] [`limit`] [`refusal`] [`observe`] [`clock`] [`systemd`] | |
//! | CORE | [`policy`] [`identity`] [`credential`] [`wire`] [`qs`] [`templates`] [`javascript`] [`encoding`] [`rate`] | no I/O |
//!
//! A module imports only from levels below its own (`tests/it/architecture.rs` checks it). Exceptions: `clock`
//! and `observe` serve all levels, `identity`, `qs`, `javascript`, `encoding` and `rate` serve all of CORE, and every
//! module converts its errors to a [`refusal::Refusal`].
//!
//! # The walk of a request
//!
//! `listen` accepts a connection and reads a request head with `wire`. `gate::Gate::handle` creates the
//! context, checks the rates of `limit`, finds the `credential`, looks up the session, asks `policy` for a
//! [`policy::Permit`], and passes the request to `api` or `forward`. A step that refuses returns a `Refusal`.
//! One record is written at the end.
//!
//! # Invariants
//!
//! - Nothing is served or forwarded without a [`policy::Permit`], and only `policy` creates one. The gate's own public
//!   paths (`gate/reserved.rs`) are the exception.
//! - An error in a look-up is a refusal, never a permit.
//! - The path that was judged is, byte for byte, the path that is forwarded.
//! - No token, password or link is stored or logged in the clear. Only hashes are stored.

pub mod accounts;
pub mod acme;
pub mod admin;
pub mod api;
pub mod app;
pub mod assertion;
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
pub mod mail;
pub mod notify;
pub mod observe;
pub mod pages;
pub mod policy;
pub mod qs;
pub mod rate;
pub mod refusal;
pub mod store;
pub mod systemd;
pub mod templates;
pub mod tls;
pub mod wire;
