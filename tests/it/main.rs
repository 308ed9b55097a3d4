//! One binary for all tests from outside: the real house on port 0 with a scripted app behind it, the real program as
//! a process, and the layering. Folders mirror the subjects.

#[cfg(test)]
mod acme;
#[cfg(test)]
mod api;
#[cfg(test)]
mod apps;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod assertion;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod deploy;
#[cfg(test)]
mod docs;
#[cfg(test)]
mod forward;
#[cfg(test)]
mod forward_auth;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod implied;
#[cfg(test)]
mod listen;
#[cfg(test)]
mod loopback;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod owner;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod process;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod suites;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod unseen;
#[cfg(test)]
mod wire;
