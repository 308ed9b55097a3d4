//! Why a command was not done.

use crate::{
    accounts::Fault,
    admin::who::Who,
    app::LiveError,
    store::{CommitError, StoreError},
};

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// No account has this id or name.
    #[error("there is no user `{who}`; {}`portcullis user list` shows them all", or_near(.near.as_deref()))]
    NoSuchUser {
        /// Who was named.
        who: Who,
        /// Whose name is nearly that.
        near: Option<String>,
    },
    /// The role stands where the user belongs.
    #[error(
        "`{role}` is a user and `{who}` is a role; write the role first: `portcullis role {verb} {who} {role}`"
    )]
    Swapped {
        /// `grant` or `revoke`.
        verb: &'static str,
        /// What was given as the role.
        role: String,
        /// What was given as the user.
        who: Who,
    },
    /// The same name in several realms.
    #[error("several users are called `{0}`; name one by its id, as in `id:7`")]
    Ambiguous(Who),
    /// No role has this name.
    #[error("there is no role `{name}`; {}{}", or_near(.near.as_deref()), or_add(.name))]
    NoSuchRole {
        /// The name.
        name: String,
        /// The role whose name is nearly that.
        near: Option<String>,
    },
    /// A stored rule that means nothing.
    #[error("this rule would never apply: {0}")]
    Rule(String),
    /// No stored rule has this id.
    #[error("there is no stored rule `{0}`; `portcullis acl list` shows them")]
    NoSuchRule(String),
    /// The rule is stored, and the gate keeps its old set.
    #[error("it is stored, but the gate keeps its old rules: {0}")]
    NotInForce(String),
    /// Only a gate can tell.
    #[error("no gate runs here")]
    NoGate,
    /// A role's name is empty or a built-in one.
    #[error(
        "`{0}` cannot be a role's name: it is empty, has a comma or a line break, or is one of LoopBack's own ($owner and the like)"
    )]
    RoleName(String),
    /// No token has this handle.
    #[error("there is no token with the handle `{}`; `portcullis token list` shows the handles", shortened(.0))]
    NoSuchToken(String),
    /// The id is in use, or was.
    #[error("the id `{0}` is in use, or was: an id is never used again; leave `--id` out to get a new one")]
    IdTaken(i64),
    /// The lifetime means nothing.
    #[error(
        "`{0}` is not a lifetime: write a number of seconds above 0, or -1 for ever where `users.allow_eternal_tokens` is on"
    )]
    Ttl(f64),
    /// The lifetime is longer than any may be.
    #[error(
        "`{ttl}` seconds are more than `users.max_ttl` allows, which is {most}; write less, or raise that setting"
    )]
    TtlTooLong {
        /// What was asked for, in seconds.
        ttl: f64,
        /// The most, in seconds.
        most: f64,
    },
    /// The accounts' rules say no.
    #[error(transparent)]
    Account(#[from] Fault),
    /// The store is open for something else.
    #[error("the store is open for an import alone")]
    ImportAlone,
    /// The gate is stopping.
    #[error("the gate is stopping")]
    NotReady,
    /// The rules in force cannot be told.
    #[error("the gate cannot explain it")]
    Explain(#[source] LiveError),
    /// What runs cannot be told.
    #[error("the gate cannot tell")]
    Status(#[source] LiveError),
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not write.
    #[error("nothing was changed")]
    Commit(#[from] CommitError),
}

/// `did you mean …? ` in front of what else may help.
fn or_near(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("did you mean `{near}`? "))
}

/// What may be a token itself is not shown whole.
fn shortened(handle: &str) -> String {
    let mut short: String = handle.chars().take(SHOWN).collect();
    if short.len() < handle.len() {
        short.push('…');
    }
    short
}

/// So much of a handle tells it from others.
const SHOWN: usize = 8;

/// How a role comes to be. Those with a `$` hold by themselves.
fn or_add(name: &str) -> String {
    if name.starts_with('$') {
        return "a role with a `$` holds by itself: no one is given it, and a rule names it".to_owned();
    }
    format!("`portcullis role add {name}` adds it")
}
