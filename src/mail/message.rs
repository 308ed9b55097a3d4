//! The kinds of mails, and what they tell.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::templates::Language;

/// A kind of mail. Its name is that of its folder of templates, of `mail preview`, and of the setting `mail.messages`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// The link that confirms an address.
    Confirm,
    /// The link that sets a new password.
    Reset,
    /// The link that sets the first password.
    Invite,
    /// A password was changed.
    PasswordChanged,
    /// An address was changed: to the old address and to the new one.
    AddressChanged,
    /// The link that changes an address, to the new one.
    NewAddress,
    /// A login from a network that the account was not used from before.
    NewLogin,
    /// A registration with an address that has an account.
    NameTaken,
    /// The username was changed.
    UsernameChanged,
    /// A token for scripts was made.
    TokenMade,
    /// The account was deleted.
    AccountDeleted,
}

/// A name that no kind of mail has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no mail `{name}`; there are {}", names())]
pub struct UnknownMessage {
    name: String,
}

/// What a mail tells. Templates see these names.
#[derive(Clone, Default, PartialEq, Serialize)]
pub struct Facts {
    /// The link to open.
    pub link: Option<String>,
    /// The token in the link, for templates with a link of their own. Empty without one.
    pub token: String,
    /// The account's id.
    pub user_id: String,
    /// The account's username. Its owner chose it, and built-in texts do without: a stranger may have registered the
    /// recipient's address.
    pub username: String,
    /// The new address, of a mail about it. Empty in others.
    pub new_address: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub at: i64,
    /// The seconds that the link lives.
    pub lifetime: u64,
    /// The address of the client that did it. Empty for an operator.
    pub client: String,
}

/// Without the link and the token in it.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

/// A mail to send.
#[derive(Clone, Debug)]
pub struct Mail {
    /// What it is about.
    pub message: Message,
    /// The recipient's address.
    pub to: String,
    /// Its language.
    pub language: Language,
    /// The same at each attempt to send it, so that a second copy is recognized: letters and digits.
    pub id: String,
    /// What it tells.
    pub facts: Facts,
}

impl Message {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Confirm,
        Self::Reset,
        Self::Invite,
        Self::PasswordChanged,
        Self::AddressChanged,
        Self::NewAddress,
        Self::NewLogin,
        Self::NameTaken,
        Self::UsernameChanged,
        Self::TokenMade,
        Self::AccountDeleted,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Reset => "reset",
            Self::Invite => "invite",
            Self::PasswordChanged => "password-changed",
            Self::AddressChanged => "address-changed",
            Self::NewAddress => "new-address",
            Self::NewLogin => "new-login",
            Self::NameTaken => "name-taken",
            Self::UsernameChanged => "username-changed",
            Self::TokenMade => "token-made",
            Self::AccountDeleted => "account-deleted",
        }
    }

    /// The page of the gate that its link opens.
    #[must_use]
    pub const fn page(self) -> Option<&'static str> {
        match self {
            Self::Confirm => Some("confirm"),
            Self::Reset => Some("reset"),
            Self::Invite => Some("invite"),
            Self::NewAddress => Some("address"),
            Self::PasswordChanged
            | Self::AddressChanged
            | Self::NewLogin
            | Self::NameTaken
            | Self::UsernameChanged
            | Self::TokenMade
            | Self::AccountDeleted => None,
        }
    }

    /// Made-up facts, for a preview of a site at `url`.
    #[must_use]
    pub fn sample(self, url: &str, now: i64) -> Facts {
        const TOKEN: &str = "SAMPLE-0123456789";
        let link = self.page().map(|page| format!("{url}/.portcullis/{page}?token={TOKEN}"));
        let lifetime = match self {
            Self::Reset => 900,
            Self::Invite => 7 * 86_400,
            Self::NewAddress => 86_400,
            _ => 0,
        };
        let token = link.as_ref().map(|_| TOKEN.to_owned()).unwrap_or_default();
        let new_address = if self == Self::AddressChanged { "ann@new.example" } else { "" };
        Facts {
            link,
            token,
            user_id: "7".to_owned(),
            username: "ann".to_owned(),
            new_address: new_address.to_owned(),
            at: now,
            lifetime,
            client: "192.0.2.1".to_owned(),
        }
    }
}

impl FromStr for Message {
    type Err = UnknownMessage;

    fn from_str(name: &str) -> Result<Self, UnknownMessage> {
        let found = Self::ALL.into_iter().find(|message| message.name() == name);
        found.ok_or_else(|| UnknownMessage { name: name.to_owned() })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn names() -> String {
    let names: Vec<String> = Message::ALL.iter().map(|message| format!("`{message}`")).collect();
    names.join(", ")
}
