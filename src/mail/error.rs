//! Why a mail was not sent, and what follows from it.

use std::fmt;

use crate::templates::TemplateError;

/// A step of sending, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The host is looked up and the connection made, for `smtps://` with TLS.
    Connect,
    /// The server greets and says what it can do.
    Greeting,
    /// The connection is encrypted (STARTTLS).
    StartTls,
    /// The login.
    Login,
    /// The server takes the sender.
    Sender,
    /// The server takes the recipient.
    Recipient,
    /// The server takes the mail itself.
    Content,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This mail can be sent later.
    Later,
    /// No mail can be sent now.
    Nothing,
    /// This mail will never be accepted.
    Never,
    /// The server was handed the mail and did not answer: it may have accepted it.
    Unknown,
}

/// Why a mail was not sent. No text holds a password or a link.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A mistake in a template or an address.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The server or the way to it.
    #[error("{step}: {detail}")]
    Server {
        /// The step that failed.
        step: Step,
        /// What follows.
        outcome: Outcome,
        /// What went wrong, with the server's own words.
        detail: String,
    },
    /// A file of the outbox cannot be written.
    #[error("cannot write into the folder of mails")]
    File(#[source] std::io::Error),
}

/// Why there is no mail to send.
#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    /// A mistake in a template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The recipient has an address that mail cannot be sent to.
    #[error("the recipient's address is none that mail can be sent to")]
    Recipient,
    /// `mail.from` is no sender.
    #[error("`mail.from` is not an address that mail can come from")]
    Sender,
    /// The message cannot be put together.
    #[error("the mail cannot be put together: {0}")]
    Message(#[from] lettre::error::Error),
}

/// Why a text is no sender that mails can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SenderError {
    /// It is no address.
    #[error("is no sender")]
    Form,
    /// The part before the `@` needs SMTPUTF8 (RFC 6531), which many servers do not support.
    #[error("has letters beyond ASCII before the `@`, and many mail servers do not support that (SMTPUTF8)")]
    BeyondAscii,
}

impl SendError {
    /// What follows.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Server { outcome, .. } => *outcome,
            Self::Compose(ComposeError::Recipient) => Outcome::Never,
            // An operator mends templates, settings and disks; until then the mail waits.
            Self::Compose(_) => Outcome::Later,
            Self::File(_) => Outcome::Nothing,
        }
    }
}

impl Step {
    /// What is true once the step is done, in plain words.
    #[must_use]
    pub fn done(self) -> &'static str {
        match self {
            Self::Connect => "connected",
            Self::Greeting => "the server greets",
            Self::StartTls => "the connection is encrypted (STARTTLS)",
            Self::Login => "logged in",
            Self::Sender => "the sender is accepted",
            Self::Recipient => "the recipient is accepted",
            Self::Content => "the mail is accepted",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the connection was not made",
            Self::Greeting => "the server did not greet",
            Self::StartTls => "the connection could not be encrypted",
            Self::Login => "the login failed",
            Self::Sender => "the server did not take the sender",
            Self::Recipient => "the server did not take the recipient",
            Self::Content => "the server did not take the mail",
        })
    }
}
