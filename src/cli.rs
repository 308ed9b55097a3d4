//! TBD
pub mod admin;
mod args;
mod backend;
pub mod execute;
pub mod import;
pub mod output;
pub mod who;
