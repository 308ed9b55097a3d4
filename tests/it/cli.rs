//! Commands of the real program: on a store of their own, and on one that a running gate holds.

mod accounts;
mod check;
mod events;
mod import;

use crate::process::support;
