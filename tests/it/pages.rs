//! The pages for browsers, as a browser without scripts uses them.

mod account;
mod browser;
mod challenge;
mod hosts;
mod login;
mod look;
mod mailed;
mod recover;
mod refused;
mod register;
mod support;
