//! Values of accounts and their rules: ids, addresses, names, passwords and tokens.

mod email;
mod id;
mod name;
mod password;
mod punycode;
pub mod scopes;
mod token;
mod username;

pub use email::is_email;
pub use id::UserId;
pub use name::{address_key, canonical_address, canonical_name, fold_case, has_invisible};
pub use password::{Password, PasswordHash};
pub use token::{Handle, Lifetimes, TokenHash, TokenId};
pub use username::{UsernameError, claims_no_other_address, username_fault};
