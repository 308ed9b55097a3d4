//! Errors of account operations: one variant for each cause.

use std::{borrow::Cow, time::Duration};

use super::{
    password::{BreachedError, PasswordError},
    query::QueryError,
};
use crate::{
    hasher::HashingError,
    identity::{UserId, UsernameError},
    rate::Exceeded,
    store::{CommitError, StoreError},
};

/// The reason why an account operation was refused or failed. `api/faults.rs` maps it to LoopBack's answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The client has exceeded a rate limit.
    #[error("too many requests")]
    Limited(Exceeded),
    /// The new password is not accepted.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The list of breached passwords cannot be read, so no new password is accepted.
    #[error("the list of breached passwords cannot be read")]
    BreachedUnreadable(#[source] BreachedError),
    /// Properties violate the model's validation rules.
    #[error("{0}")]
    Invalid(Violations),
    /// Some items of a batch were refused: one entry for each item, `None` for an accepted one.
    #[error("some of the items were refused")]
    Batch(Vec<Option<Fault>>),
    /// The batch has more items than this.
    #[error("more than {0} accounts at once")]
    BatchTooLong(usize),
    /// The model declares the property as a list, and the value is not one. The text is LoopBack's.
    #[error("{0}")]
    NoList(String),
    /// Properties are nested deeper than this many levels.
    #[error("the properties are nested deeper than {0} levels")]
    TooDeep(usize),
    /// The properties are larger than this many bytes as JSON.
    #[error("the properties have more than {0} bytes")]
    TooLarge(usize),
    /// The user has more properties than this.
    #[error("there are more than {0} properties")]
    TooManyProperties(usize),
    /// The caller may not create an account: registration is closed, and no rule names the caller.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The owner may not change this property (`users.rename`).
    #[error("an owner may not change `{0}`")]
    RenameRefused(&'static str),
    /// A session that a cookie carried does not take over its own account (profile `standard`).
    #[error("a browser's session does not do this without the current password")]
    CurrentPasswordRequired,
    /// A login token where only a reset token is accepted (profile `standard`).
    #[error("only the token of a password reset may set a password without the old one")]
    ResetTokenRequired,
    /// A client requests a token with the scope of a reset (profile `standard`).
    #[error("a client may not give the scope `{0}`")]
    ReservedScope(&'static str),
    /// The session was revoked while its request was running.
    #[error("the session has ended meanwhile")]
    SessionEnded,
    /// The search would compare too many rows with too many conditions.
    #[error("the search takes too long")]
    QueryTooExpensive,
    /// A login without a realm, where realms are on.
    #[error("a realm is required")]
    RealmRequired,
    /// A realm that is not text.
    #[error("the realm is not text")]
    InvalidRealm,
    /// A login without a name.
    #[error("a username or an email is required")]
    NameRequired,
    /// An email that is not text.
    #[error("the email is not text")]
    InvalidEmail,
    /// A username that is not text.
    #[error("the username is not text")]
    InvalidUsername,
    /// A `ttl` that is not a positive number (profile `standard`).
    #[error("the ttl is not a positive number of seconds")]
    InvalidTtl,
    /// No such user, or a wrong password. The client is not told which of them.
    #[error("the login failed")]
    LoginFailed,
    /// The password was right, but the email address is not confirmed.
    #[error("the email of user {0} has not been verified")]
    EmailNotVerified(UserId),
    /// A logout without a valid token.
    #[error("a logout needs a valid token")]
    TokenRequired,
    /// The token has expired. Its row has been deleted.
    #[error("the token has expired")]
    TokenExpired,
    /// There is no such user.
    #[error("there is no user {0}")]
    UnknownUser(UserId),
    /// No such user to call a method of. (LoopBack answers with another text than for [`Fault::UnknownUser`].)
    #[error("there is no user `{0}`")]
    NoInstance(String),
    /// There is no such user to patch.
    #[error("there is no user `{0}` to update")]
    NothingToPatch(String),
    /// There is no such user to replace.
    #[error("there is no user `{0}` to replace")]
    NothingToReplace(String),
    /// Another account has the key that the client chose.
    #[error("another `{model}` has this `{key}`")]
    KeyTaken {
        /// The account model.
        model: String,
        /// Its key.
        key: String,
    },
    /// A patch that would change the id.
    #[error("the id cannot be changed from `{from}` to `{to}`")]
    IdPatched {
        /// The id of the row.
        from: String,
        /// The id that the client sent.
        to: String,
    },
    /// A replacement that would change the id.
    #[error("the id cannot be replaced, `{from}` by `{to}`")]
    IdReplaced {
        /// The name of the key in the model.
        key: String,
        /// The id in the path.
        from: String,
        /// The id in the body.
        to: String,
    },
    /// A filter that is not valid.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// More rows match than one answer may have.
    #[error("more than {0} rows match")]
    TooManyRows(usize),
    /// A write for one row that matches several.
    #[error("several rows match")]
    Several,
    /// A write without data.
    #[error("there is nothing to write")]
    NoData,
    /// `rejectPasswordChangesViaPatchOrReplace` is on.
    #[error("passwords cannot be changed by a patch or a replacement")]
    PasswordChangeRefused,
    /// The current password was wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The user of the session was deleted.
    #[error("the session's user {0} is gone")]
    SessionUserGone(UserId),
    /// A reset without an address.
    #[error("an email is required")]
    EmailRequired,
    /// A reset for an address that no user has (profile `loopback3`).
    #[error("no user has this email")]
    EmailNotFound,
    /// A reset for an address that is not confirmed (profile `loopback3`).
    #[error("the email has not been verified")]
    ResetNotVerified,
    /// A confirmation with a wrong token.
    #[error("the verification token is wrong")]
    WrongVerification(String),
    /// A confirmation for an unknown user.
    #[error("there is no user `{0}` to confirm")]
    NoUserToConfirm(String),
    /// A user without an address cannot confirm one.
    #[error("the user has no email")]
    NoEmail,
    /// There is no such token of this user.
    #[error("the user has no token `{0}`")]
    UnknownToken(String),
    /// A token with this id exists.
    #[error("there is a token with this id")]
    TokenTaken,
    /// A token cannot change its user.
    #[error("a token cannot change its user")]
    TokenMoved,
    /// A queue is full. The client may retry after this time.
    #[error("too much is waiting")]
    Busy(Duration),
    /// The system has no memory for hashing a password.
    #[error(
        "there is not enough memory to hash a password; lower `password.memory_kib` or `password.workers`"
    )]
    NoMemory(Duration),
    /// The system provides no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// All attempts failed because other requests changed the row.
    #[error("the user was changed by another request at the same time")]
    Contended,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// The violations of a user's properties, in LoopBack's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    /// The account model's name.
    pub model: String,
    /// The violations; never empty.
    pub list: Vec<Violation>,
}

/// A violated validation rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property.
    pub property: Cow<'static, str>,
    /// The rule.
    pub rule: ValidationRule,
    /// The value as LoopBack's message shows it.
    pub shown: String,
}

impl Violation {
    /// Whether nothing but the address is in the way, which another account has.
    pub(super) fn are_only_taken(list: &[Self]) -> bool {
        !list.is_empty() && list.iter().all(|violation| violation.rule == ValidationRule::EmailTaken)
    }
}

/// LoopBack's validation rules for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationRule {
    /// The client sent an `id`.
    IdGiven,
    /// A date that cannot be parsed.
    NoDate,
    /// A required property is missing.
    Blank,
    /// The email is not a string.
    EmailNoText,
    /// The email is malformed.
    EmailMalformed,
    /// A name with invisible characters.
    Invisible,
    /// A name longer than the limit.
    TooLong,
    /// A username that could be taken for another identity (profile `standard`).
    Impersonates(UsernameError),
    /// Another user has this email.
    EmailTaken,
    /// Another user has this username.
    UsernameTaken,
}

impl ValidationRule {
    /// LoopBack's code for the rule.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::IdGiven => "absence",
            Self::NoDate => "date",
            Self::Blank => "presence",
            Self::EmailNoText => "custom.string",
            Self::EmailMalformed => "custom.email",
            Self::Invisible => "custom.visible",
            Self::TooLong => "length.max",
            Self::Impersonates(_) => "custom.username",
            Self::EmailTaken | Self::UsernameTaken => "uniqueness",
        }
    }

    /// LoopBack's text for the rule.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::IdGiven => "can't be set",
            Self::NoDate => "is not a valid date",
            Self::Blank => "can't be blank",
            Self::EmailNoText | Self::EmailMalformed => "is invalid",
            Self::Invisible => "holds invisible characters, or a blank at its beginning or end",
            Self::TooLong => "is too long",
            Self::Impersonates(fault) => fault.message(),
            Self::EmailTaken => "Email already exists",
            Self::UsernameTaken => "User already exists",
        }
    }
}

/// LoopBack's message for a 422 (docs/loopback-3.28.md section 2.1).
impl std::fmt::Display for Violations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "The `{}` instance is not valid. Details: ", self.model)?;
        for (index, violation) in self.list.iter().enumerate() {
            let Violation { property, rule, shown } = violation;
            let comma = if index == 0 { "" } else { "; " };
            write!(f, "{comma}`{property}` {} (value: {shown})", rule.message())?;
        }
        f.write_str(".")
    }
}

impl From<HashingError> for Fault {
    fn from(busy: HashingError) -> Self {
        match busy {
            HashingError::Waiting { retry_after } => Self::Busy(retry_after),
            HashingError::NoMemory { retry_after } => Self::NoMemory(retry_after),
        }
    }
}

/// For commits whose `Taken`, `Missing` and `Stale` the caller has handled already.
impl From<CommitError> for Fault {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Busy => Self::Busy(Duration::from_secs(1)),
            CommitError::Ended => Self::SessionEnded,
            CommitError::Store(error) => Self::Store(error),
            CommitError::Taken { .. } | CommitError::Missing { .. } | CommitError::Stale { .. } => {
                Self::Contended
            }
        }
    }
}
