//! Shared parts of the tests: a gate in this process, a scripted app, a client on the bare socket.
//!
//! Tests are plain functions; what is async runs on one runtime behind [`Gate`]. Nothing sleeps: a test waits for
//! bytes, for a close or for a line of the log, and [`GUARD`] ends a wait without end.

mod app;
mod certificates;
mod client;
mod gate;
pub(crate) mod http2;
pub(crate) mod http2_app;
mod log;
mod port;
mod stream;

use std::time::Duration;

pub(crate) use app::{App, Connection, Request, answer, echo};
pub(crate) use certificates::{Authority, Issued};
pub(crate) use client::{Client, Response};
pub(crate) use gate::{Gate, Setup, SignedUp};
pub(crate) use http2::Http2;
pub(crate) use log::Lines;
pub(crate) use port::Port;

/// No test waits longer for anything. It only guards: nothing is measured against it.
pub(crate) const GUARD: Duration = Duration::from_secs(10);
