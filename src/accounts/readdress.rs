//! Changes of an address that a page asks for: the old address stays until the link is used that was mailed to the new one.
//! LoopBack has nothing of the kind, so a change by the API is made at once (docs/loopback-3.28.md section 2.2).

use std::{fmt, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    Accounts, Actor, Fault, Reader, Reset, Violation, audit,
    change::{ATTEMPTS, Edit, set_verified},
    event::About,
    profile::{Draft, Patch, Verified},
};
use crate::{
    identity::{TokenHash, TokenId, UserId},
    limit::LimitKind,
    mail::Message,
    store::{Change, CommitError, OutboxEntry, Session, Token, User},
};

/// The scope of the token in such a link, which can do nothing else.
pub(super) const ADDRESS_SCOPE: &str = "change-address";

/// Prefix of the name of such a token. The time of the request and the new address follow.
const NAME: &str = "(new address)";

/// The longest lifetime of such a link in seconds: a day.
const LIFETIME: f64 = 86_400.0;

/// A link that changes an address.
pub struct AddressLink {
    session: Arc<Session>,
    /// The new address.
    pub address: String,
}

/// Without the address.
impl fmt::Debug for AddressLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddressLink").finish_non_exhaustive()
    }
}

impl AddressLink {
    /// Whether the link is one of this session's user.
    #[must_use]
    pub fn is_of(&self, session: &Session) -> bool {
        self.session.subject.load().id == session.subject.load().id
    }
}

impl Accounts {
    /// Whether a new address has to be confirmed before it replaces the old one: where the gate mails the link.
    #[must_use]
    pub fn confirms_new_addresses(&self) -> bool {
        self.settings.links.pages && self.settings.mails.contains(&Message::NewAddress)
    }

    /// Asks for the link that changes the address of a user. Earlier links end. An address that another account has is
    /// not told; its owner is.
    ///
    /// # Errors
    /// [`Fault::Limited`], [`Fault::RenameRefused`], [`Fault::Invalid`], [`Fault::SessionEnded`], or an error of a step.
    pub async fn request_address(
        &self,
        actor: Actor<'_>,
        user: &User,
        email: &str,
        reader: &Reader,
    ) -> Result<(), Fault> {
        self.admit(LimitKind::Reset, actor)?;
        let draft = self.with_address(user, email);
        self.admit_rename(actor, user, &draft.properties)?;
        let draft = match self.vetted(draft, &Default::default(), Some(&user.id)).await {
            Ok(draft) => draft,
            Err(Fault::Invalid(violations)) if Violation::are_only_taken(&violations.list) => {
                let taken = Map::from_iter([("email".to_owned(), email.into())]);
                let taken = Reset::of_registration(&taken).map(|reset| reset.in_realm(user.realm()));
                return match taken {
                    Some(taken) => self.tell_owner(actor, taken, reader).await,
                    None => Ok(()),
                };
            }
            Err(fault) => return Err(fault),
        };
        let mut more = reader.facts().as_object().cloned().unwrap_or_default();
        more.insert("to".to_owned(), json!(draft.properties.get("email")));
        more.insert("epoch".to_owned(), user.epoch.into());
        let mut batch = actor.conditions();
        batch
            .extend(self.address_tokens(&user.id).await?.iter().map(|token| Change::DeleteToken(token.hash)));
        self.announce_mail(&mut batch, actor, Message::NewAddress, About::User(user), more.into())?;
        self.commit(batch).await?;
        audit::record("verification.requested", actor, Some(&user.id), None);
        Ok(())
    }

    /// The properties of a user with another address.
    fn with_address(&self, user: &User, email: &str) -> Draft {
        let data = Map::from_iter([("email".to_owned(), Value::from(email))]);
        Draft::patched(&self.settings, Verified::Dropped, user, Patch { data, secret: None })
    }

    /// The tokens of links that change a user's address.
    async fn address_tokens(&self, user: &UserId) -> Result<Vec<Token>, Fault> {
        let mut tokens = self.store.tokens(Some(user)).await?;
        tokens.retain(|token| token.scopes == [ADDRESS_SCOPE] && parts(token).is_some());
        Ok(tokens)
    }

    /// Whether the link of a mail still is to be sent: neither was the address or the password changed since it was asked
    /// for, nor is there a newer link.
    pub(super) async fn is_new_address_wanted(
        &self,
        user: &User,
        entry: &OutboxEntry,
    ) -> Result<bool, Fault> {
        let epoch = entry.body.get("more").and_then(|more| more.get("epoch")).and_then(Value::as_u64);
        if user.disabled || epoch != Some(u64::from(user.epoch)) {
            return Ok(false);
        }
        let asked = asked(entry);
        let tokens = self.address_tokens(&user.id).await?;
        Ok(tokens.iter().filter_map(parts).all(|(other, _)| other <= asked))
    }

    /// How long such a link lives, in seconds.
    pub(super) fn address_lifetime(&self) -> f64 {
        LIFETIME.min(self.settings.max_ttl)
    }

    /// Creates the token of a link. Those of earlier ones end.
    pub(super) async fn address_token(
        &self,
        user: &User,
        to: &str,
        entry: &OutboxEntry,
    ) -> Result<TokenId, Fault> {
        let id = self.token_id()?;
        let token = Token {
            hash: id.hash(),
            user: user.id.clone(),
            ttl: Some(self.address_lifetime()),
            created: self.clock.now(),
            scopes: vec![ADDRESS_SCOPE.to_owned()],
            name: Some(format!("{NAME} {} {to}", asked(entry))),
            epoch: user.epoch,
            fixed: true,
            used: None,
            host: None,
        };
        let earlier = self.address_tokens(&user.id).await?;
        let mut batch: Vec<Change> = earlier.iter().map(|token| Change::DeleteToken(token.hash)).collect();
        batch.push(Change::CreateToken(token));
        self.commit(batch).await?;
        Ok(id)
    }

    /// The link with this token; `None` if it is no good.
    ///
    /// # Errors
    /// The store's.
    pub async fn address_link(&self, token: &str) -> Result<Option<AddressLink>, Fault> {
        let session = match self.session(token).await {
            Ok(session) => session,
            Err(Fault::TokenRequired | Fault::TokenExpired) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let tokens = self.address_tokens(&session.subject.load().id.clone()).await?;
        let own = tokens.iter().find(|token| token.hash == session.hash);
        let address = own.and_then(parts).map(|(_, address)| address.to_owned());
        Ok(address.map(|address| AddressLink { session, address }))
    }

    /// Makes the address of a link that of its user, confirmed. All sessions end but `keeps`.
    ///
    /// # Errors
    /// [`Fault::Invalid`] if another account has got the address meanwhile, [`Fault::SessionEnded`] if the link was used
    /// meanwhile, [`Fault::RenameRefused`], or an error of a step.
    pub async fn change_address(
        &self,
        actor: Actor<'_>,
        link: &AddressLink,
        keeps: Option<TokenHash>,
    ) -> Result<(), Fault> {
        let actor = match actor {
            Actor::Client { address, request_id, reach, .. } => {
                Actor::Client { address, request_id, session: Some(&link.session), reach, by_cookie: false }
            }
            Actor::Operator => Actor::Operator,
        };
        let id = link.session.subject.load().id.clone();
        for _ in 0..ATTEMPTS {
            let old = self.user(&id).await?;
            let draft = self.with_address(&old, &link.address);
            let draft = self.vetted(draft, &Default::default(), Some(&id)).await?;
            let mut edit = self.edited(actor, &old, draft.properties.clone(), None)?;
            set_verified(&mut edit.user.properties, true);
            match self.save(actor, &old, Edit { ends_own: true, keeps, ..edit }).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Stale { .. }) => {}
                Err(CommitError::Missing { .. }) => return Err(Fault::UnknownUser(id)),
                Err(CommitError::Taken { keys, .. }) => return Err(self.taken(&draft, &keys)),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }
}

/// The time of the request and the new address of a token.
fn parts(token: &Token) -> Option<(&str, &str)> {
    token.name.as_deref()?.strip_prefix(NAME)?.strip_prefix(' ')?.split_once(' ')
}

/// The time of a request, in a form whose order is that of time.
fn asked(entry: &OutboxEntry) -> &str {
    entry.body.get("ts").and_then(Value::as_str).unwrap_or_default()
}
