//! Certificates by ACME (RFC 8555): requested, kept below the data folder, renewed in time.
//!
//! One task on the main runtime does it for all names, one after the other, and sleeps for hours in between.

mod account;
mod error;
mod http;
mod nonces;
mod order;
mod schedule;
mod settings;
mod task;
mod tokens;

pub use self::{
    error::AcmeError,
    settings::{ChallengeKind, LETS_ENCRYPT, Settings},
    task::{Acme, restore},
    tokens::Tokens,
};
