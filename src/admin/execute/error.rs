//! Errors of commands.

use crate::{
    accounts::Fault,
    admin::who::Who,
    app::LiveError,
    identity::UserId,
    store::{CommitError, StoreError},
};

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No account has this id or name.
    #[error("there is no user `{who}`; {}`portcullis user list` shows them all", or_near(.near.as_deref()))]
    NoSuchUser {
        /// The user as given.
        who: Who,
        /// A similar name that exists.
        near: Option<String>,
    },
    /// User and role were given in the wrong order.
    #[error(
        "`{role}` is a user and `{who}` is a role; write the role first: `portcullis role {verb} {who} {role}`"
    )]
    Swapped {
        /// `grant` or `revoke`.
        verb: &'static str,
        /// The text given as the role.
        role: String,
        /// The text given as the user.
        who: Who,
    },
    /// Several realms have this name.
    #[error("several users are called `{0}`; name one by its id, as in `id:7`")]
    Ambiguous(Who),
    /// No role has this name.
    #[error("there is no role `{name}`; {}{}", or_near(.near.as_deref()), or_add(.name))]
    NoSuchRole {
        /// The name.
        name: String,
        /// A similar role that exists.
        near: Option<String>,
    },
    /// A stored rule that can never apply.
    #[error("this rule would never apply: {0}")]
    Rule(String),
    /// No stored rule has this id.
    #[error("there is no stored rule `{0}`; `portcullis acl list` shows them")]
    NoSuchRule(String),
    /// The rule is stored, but the gate could not compile it and keeps the old ruleset.
    #[error("it is stored, but the gate keeps its old rules: {0}")]
    NotInForce(String),
    /// The command needs a running gate.
    #[error("no gate runs here")]
    NoGate,
    /// The name cannot be a role's.
    #[error(
        "`{0}` cannot be a role's name: it is empty, has a comma or a line break, or is one of LoopBack's own ($owner and the like)"
    )]
    RoleName(String),
    /// No token has this handle.
    #[error("there is no token with the handle `{}`; `portcullis token list` shows the handles", shortened(.0))]
    NoSuchToken(String),
    /// Another account has the address.
    #[error("{email} already has an account (user {user})")]
    AddressTaken {
        /// The address.
        email: String,
        /// The account's id.
        user: UserId,
    },
    /// The text is no address.
    #[error("`{0}` is not an email address; write one such as ann@example.com")]
    AddressInvalid(String),
    /// The id is or was in use.
    #[error("the id `{0}` is in use, or was: an id is never used again; leave `--id` out to get a new one")]
    IdTaken(i64),
    /// The lifetime is not valid.
    #[error(
        "`{0}` is not a lifetime: write a number of seconds above 0, or -1 for ever where `users.allow_eternal_tokens` is on"
    )]
    Ttl(f64),
    /// The lifetime exceeds the maximum.
    #[error(
        "`{ttl}` seconds are more than `users.max_ttl` allows, which is {most}; write less, or raise that setting"
    )]
    TtlTooLong {
        /// The requested lifetime in seconds.
        ttl: f64,
        /// The maximum in seconds.
        most: f64,
    },
    /// The operation on the account failed.
    #[error(transparent)]
    Account(#[from] Fault),
    /// The store was opened for an import.
    #[error("the store is open for an import alone")]
    ImportAlone,
    /// The gate is stopping.
    #[error("the gate is stopping")]
    NotReady,
    /// The decision cannot be explained.
    #[error("the gate cannot explain it")]
    Explain(#[source] LiveError),
    /// The status is not available.
    #[error("the gate cannot tell")]
    Status(#[source] LiveError),
    /// The store failed to read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed to write.
    #[error("nothing was changed")]
    Commit(#[from] CommitError),
}

/// A suggestion before the rest of the message.
fn or_near(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("did you mean `{near}`? "))
}

/// Shortens a handle: the text may be a token that was given by mistake.
fn shortened(handle: &str) -> String {
    let mut short: String = handle.chars().take(SHOWN).collect();
    if short.len() < handle.len() {
        short.push('…');
    }
    short
}

/// Characters that identify a handle.
const SHOWN: usize = 8;

/// How to create a role. Names with `$` are built in.
fn or_add(name: &str) -> String {
    if name.starts_with('$') {
        return "a role with a `$` holds by itself: no one is given it, and a rule names it".to_owned();
    }
    format!("`portcullis role add {name}` adds it")
}
