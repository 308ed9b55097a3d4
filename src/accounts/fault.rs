//! Why an account operation was not done: one variant for each cause.

use std::{borrow::Cow, time::Duration};

use super::{password::PasswordError, query::QueryError};
use crate::{
    hasher::HashingError,
    identity::{UserId, UsernameError},
    limit::RetryAfter,
    store::{CommitError, StoreError},
};

/// Why an account's request was not granted.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The client has used up its share.
    #[error("too many requests")]
    Limited(RetryAfter),
    /// The password cannot be taken.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Properties break the model's rules.
    #[error("{0}")]
    Invalid(Violations),
    /// Some of a batch's items were refused: one slot an item.
    #[error("some of the items were refused")]
    Batch(Vec<Option<Fault>>),
    /// More items at once than this.
    #[error("more than {0} accounts at once")]
    BatchTooLong(usize),
    /// A property that is a list in the model, and none in what was sent: LoopBack's words.
    #[error("{0}")]
    NoList(String),
    /// Properties nested deeper than 32 levels.
    #[error("the properties are nested deeper than {0} levels")]
    TooDeep(usize),
    /// More bytes of properties than this.
    #[error("the properties have more than {0} bytes")]
    TooLarge(usize),
    /// More properties than this.
    #[error("there are more than {0} properties")]
    TooManyProperties(usize),
    /// An unknown client asks for an account where only callers whom a rule names may create one.
    #[error("registration is closed")]
    RegistrationClosed,
    /// An owner wants to be called otherwise where they may not.
    #[error("an owner may not change `{0}`")]
    RenameRefused(&'static str),
    /// A login token where only a token of a reset counts (profile `standard`).
    #[error("only the token of a password reset may set a password without the old one")]
    ResetTokenRequired,
    /// A client wants a token with the scope of a reset (profile `standard`).
    #[error("a client may not give the scope `{0}`")]
    ReservedScope(&'static str),
    /// The session ended while its request was granted.
    #[error("the session has ended meanwhile")]
    SessionEnded,
    /// The search would look at too many rows with too many conditions.
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
    /// No such user, or a wrong password: which of them is not told.
    #[error("the login failed")]
    LoginFailed,
    /// The password was right, but the email address is not confirmed.
    #[error("the email of user {0} has not been verified")]
    EmailNotVerified(UserId),
    /// A logout without a valid token.
    #[error("a logout needs a valid token")]
    TokenRequired,
    /// The token's time was over; it has been deleted.
    #[error("the token has expired")]
    TokenExpired,
    /// There is no such user.
    #[error("there is no user {0}")]
    UnknownUser(UserId),
    /// There is no such user to call a method of.
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
        /// The row's.
        from: String,
        /// The client's.
        to: String,
    },
    /// A replacement that would change the id.
    #[error("the id cannot be replaced, `{from}` by `{to}`")]
    IdReplaced {
        /// What the model calls it.
        key: String,
        /// The path's.
        from: String,
        /// The body's.
        to: String,
    },
    /// A filter that cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// More rows than one answer holds.
    #[error("more than {0} rows match")]
    TooManyRows(usize),
    /// A write for one row, of which there are several.
    #[error("several rows match")]
    Several,
    /// A write of nothing.
    #[error("there is nothing to write")]
    NoData,
    /// `rejectPasswordChangesViaPatchOrReplace` is on.
    #[error("passwords cannot be changed by a patch or a replacement")]
    PasswordChangeRefused,
    /// The current password was wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// The user of the session is gone.
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
    /// Too much is waiting: try again later.
    #[error("too much is waiting")]
    Busy(Duration),
    /// The system gave no memory to hash a password in.
    #[error(
        "there is not enough memory to hash a password; lower `password.memory_kib` or `password.workers`"
    )]
    NoMemory(Duration),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The row was changed by others, again and again.
    #[error("the user was changed by another request at the same time")]
    Contended,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// What is wrong with a user's properties, in LoopBack's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations {
    /// The account model's name.
    pub model: String,
    /// At least one.
    pub list: Vec<Violation>,
}

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property.
    pub property: Cow<'static, str>,
    /// Which rule.
    pub rule: ValidationRule,
    /// The value, as LoopBack shows it.
    pub shown: String,
}

/// LoopBack's validation rules for users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationRule {
    /// `id` was given.
    IdGiven,
    /// A date that is none.
    NoDate,
    /// A required property is missing.
    Blank,
    /// The email is not text.
    EmailNoText,
    /// The email is malformed.
    EmailMalformed,
    /// A name that holds invisible characters.
    Invisible,
    /// A name that is longer than any.
    TooLong,
    /// A username that could stand for another one's identity (profile `standard`).
    Impersonates(UsernameError),
    /// Another user has this email.
    EmailTaken,
    /// Another user has this username.
    UsernameTaken,
}

impl ValidationRule {
    /// LoopBack's code.
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

    /// LoopBack's words.
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

/// LoopBack's sentence.
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
