//! The real program as a process: starts, stops, crashes, and what it leaves behind.

mod demo;
mod failed_apps;
mod flood;
mod health;
mod large;
mod log_file;
mod look_up;
mod open_files;
mod reload;
mod restart;
mod secrets;
mod signals;
mod soak;
mod start;
mod streams;
mod supervised;
pub(crate) mod support;
mod timing;
mod tls;
