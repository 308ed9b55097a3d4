//! From an entry of the outbox to a mail. Links are created here, just before a mail is sent.

use serde_json::Value;

use super::payload::{Copy, envelope_id};
use crate::{
    accounts::{Accounts, Fault},
    clock::Timestamp,
    encoding::percent_encoded,
    mail::{Facts, Mail, Mailer, Message},
    store::{OutboxEntry, User},
};

/// A mail that has a recipient.
pub(super) struct Addressed {
    pub(super) user: User,
    pub(super) message: Message,
    pub(super) to: String,
}

impl Accounts {
    /// The recipient of a mail; `None` when it is obsolete: its user is gone, or what it offers is done already.
    pub(super) async fn addressed(&self, entry: &OutboxEntry) -> Result<Option<Addressed>, Fault> {
        let name = entry.kind.strip_prefix(OutboxEntry::MAIL);
        let Some(message) = name.and_then(|name| name.parse().ok()) else { return Ok(None) };
        let user = match message {
            Message::AccountDeleted => deleted(entry),
            _ => self.recipient(entry).await?,
        };
        let Some(user) = user else { return Ok(None) };
        let is_wanted = self.settings.mails.contains(&message)
            && match message {
                Message::Reset => self.may_reset(&user, entry),
                Message::Confirm => !user.email_verified(),
                Message::Invite => user.password.is_none() && !user.disabled,
                Message::NewAddress => self.is_new_address_wanted(&user, entry).await?,
                Message::PasswordChanged
                | Message::AddressChanged
                | Message::NewLogin
                | Message::NameTaken
                | Message::UsernameChanged
                | Message::TokenMade
                | Message::AccountDeleted => true,
            };
        // INVARIANT: without a name in the event the mail goes to the stored address, never to one that a client sent.
        let to = entry.recipient().or(user.email()).filter(|_| is_wanted).map(str::to_owned);
        Ok(to.map(|to| Addressed { user, message, to }))
    }

    /// The mail with its link.
    pub(super) async fn mail(
        &self,
        mailer: &Mailer,
        entry: &OutboxEntry,
        addressed: &Addressed,
    ) -> Result<Mail, Fault> {
        let Addressed { user, message, to } = addressed;
        let id = envelope_id(entry);
        let (mut link, token, lifetime) = self.link(user, *message, to, entry).await?;
        if let Some(next) = more(entry, "next").filter(|_| !link.is_empty() && self.settings.links.pages) {
            link = format!("{link}&to={}", percent_encoded(&next));
        }
        let text = |name: &str| entry.body.get(name).and_then(Value::as_str).unwrap_or_default();
        let facts = Facts {
            link: Some(link).filter(|link| !link.is_empty()),
            token,
            user_id: user.id.to_string(),
            username: user.username().unwrap_or_default().to_owned(),
            new_address: more(entry, "address").unwrap_or_default(),
            at: Timestamp::parse(text("ts")).unwrap_or_default().0,
            lifetime,
            client: Some(text("client"))
                .filter(|client| *client != "operator")
                .unwrap_or_default()
                .to_owned(),
        };
        // The account's own language, else that of the page that asked for the mail.
        let asked = more(entry, "language");
        let wanted: Vec<&str> = user.language().into_iter().chain(asked.as_deref()).collect();
        let language = mailer.language(Some(&wanted.join(",")));
        Ok(Mail { message: *message, to: to.clone(), language, id, facts })
    }

    /// The link of a mail, the token in it, and its lifetime in seconds. Empty where a mail has none.
    async fn link(
        &self,
        user: &User,
        message: Message,
        to: &str,
        entry: &OutboxEntry,
    ) -> Result<(String, String, u64), Fault> {
        let (base, event) = (&self.settings.links.base, &envelope_id(entry));
        match message {
            Message::Reset => {
                let (id, token) = self.reset_token(user, event, Copy::Mail).await?;
                Ok((self.reset_url(&id), id.expose().to_owned(), seconds(token.ttl)))
            }
            Message::Confirm => {
                let token = self.verification_token(user, to, event, Copy::Mail).await?;
                let user_id = user.id.to_string();
                let uid = percent_encoded(&user_id);
                // A page with a button: mail scanners open links, and one that is opened must change nothing.
                let link = if self.settings.links.pages {
                    format!("{base}/.portcullis/confirm?uid={uid}&token={token}")
                } else {
                    self.confirm_url(user, &token)
                };
                Ok((link, token, 0))
            }
            Message::Invite => {
                let id = self.invitation_token(user, Some(event)).await?;
                Ok((
                    self.invitation_url(&id),
                    id.expose().to_owned(),
                    seconds(Some(self.invitation_lifetime())),
                ))
            }
            Message::NewAddress => {
                let id = self.address_token(user, to, entry).await?;
                let link = format!("{base}/.portcullis/address?token={}", id.expose());
                Ok((link, id.expose().to_owned(), seconds(Some(self.address_lifetime()))))
            }
            Message::PasswordChanged
            | Message::AddressChanged
            | Message::NewLogin
            | Message::NameTaken
            | Message::UsernameChanged
            | Message::TokenMade
            | Message::AccountDeleted => Ok(Default::default()),
        }
    }
}

/// What the mail about a deleted account says of its user, as far as mails need it.
fn deleted(entry: &OutboxEntry) -> Option<User> {
    let mut properties = entry.body.get("user").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(language) = more(entry, "language") {
        properties.insert("language".to_owned(), language.into());
    }
    Some(User {
        id: entry.user.clone()?,
        properties,
        password: None,
        verification: None,
        epoch: 0,
        revision: 0,
        disabled: false,
        networks: Vec::new(),
    })
}

fn more(entry: &OutboxEntry, name: &str) -> Option<String> {
    entry.body.get("more")?.get(name)?.as_str().map(str::to_owned)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a lifetime is a positive number"
)]
fn seconds(ttl: Option<f64>) -> u64 {
    ttl.unwrap_or_default() as u64
}

#[cfg(test)]
mod tests;
