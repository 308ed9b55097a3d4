//! Commands of the real program: on a store of their own, and on one that a running gate holds.

mod accounts;
mod bad_input;
mod broken_file;
mod check;
mod events;
mod explain;
mod import;
mod operator;
mod policy;
mod rules;
mod terminal;

use crate::process::support;
