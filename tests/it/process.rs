//! The real program as a process: starts, stops, crashes, and what it leaves behind.

mod demo;
mod health;
mod look_up;
mod reload;
mod restart;
mod secrets;
mod start;
pub(crate) mod support;
mod timing;
