//! The values that accounts are made of, and their rules: ids, addresses, names, passwords, tokens.

mod email;
mod id;
mod password;
pub mod scopes;
mod token;

pub use email::is_email;
pub use id::UserId;
pub use password::{Password, PasswordHash};
pub use token::{Handle, Lifetimes, TokenHash, TokenId};
