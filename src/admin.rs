//! Commands on the store, the socket that carries them to a running gate, and their execution.
//!
//! The socket is `DATA/admin.sock` with mode 0600: a process that may write to it is an administrator.
//! [`execute`](execute()) runs a command in the gate or in the process of the command line.

mod client;
mod command;
mod error_chain;
mod execute;
mod hidden;
mod output;
mod protocol;
mod row;
mod server;
mod services;
mod socket;
mod store_name;
#[cfg(test)]
pub(crate) mod testing;
mod who;
mod why;

pub use command::{AdminCommand, NewUser, TokenPlace};
pub use error_chain::whole_chain;
pub use execute::{ExecuteError, execute, execute_import};
pub use hidden::Hidden;
pub use output::{
    ExplainedView, InvitedView, IssuedView, Output, RoleView, RowOutcome, RuleView, StatusView, TokenView,
    UserView,
};
pub use protocol::SOCKET_NAME;
pub use row::{Row, UserRow};
pub use server::{SocketError, bind_admin_socket, serve_admin_socket};
pub use services::Services;
pub use socket::AdminSocket;
pub use store_name::store_name;
pub use who::{Who, WhoError};
pub use why::Why;

pub(crate) use client::{Client, ClientError};

#[cfg(test)]
mod tests;
