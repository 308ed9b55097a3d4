//! Confirmation of an email address (docs/loopback-3.28.md section 5).

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Accounts, Actor, Fault, audit,
    change::ATTEMPTS,
    event::{About, Event},
};
use crate::{
    encoding::hex,
    limit::LimitKind,
    store::{Change, CommitError, User},
};

impl Accounts {
    /// Requests the mail that confirms a user's address. The dispatcher creates the token.
    ///
    /// # Errors
    /// [`Fault::NoInstance`], [`Fault::NoEmail`], [`Fault::Limited`].
    pub async fn request_verification(&self, actor: Actor<'_>, id: &str) -> Result<(), Fault> {
        let user = self.instance(id).await?;
        self.admit(LimitKind::Reset, actor)?;
        if user.email().is_none() {
            return Err(Fault::NoEmail);
        }
        let mut batch = Vec::new();
        self.announce(&mut batch, actor, Event::new("verification.requested", About::User(&user)))?;
        self.commit(batch).await?;
        audit::record("verification.requested", actor, Some(&user.id), None);
        Ok(())
    }

    /// Confirms an address with the token that was sent to it. The token works once.
    ///
    /// # Errors
    /// [`Fault::NoUserToConfirm`], [`Fault::WrongVerification`].
    pub async fn confirm(&self, actor: Actor<'_>, uid: &str, token: &str) -> Result<(), Fault> {
        for _ in 0..ATTEMPTS {
            let user = self.user_named(uid).await?;
            let user = user.ok_or_else(|| Fault::NoUserToConfirm(uid.to_owned()))?;
            let sent = verification(token);
            let known = user.verification.as_deref().unwrap_or_default();
            // In constant time, so that response times do not reveal how many characters are right.
            if !bool::from(known.as_bytes().ct_eq(sent.as_bytes())) {
                return Err(Fault::WrongVerification(token.to_owned()));
            }
            let mut confirmed = User { verification: None, ..user.clone() };
            confirmed.properties.insert("emailVerified".to_owned(), true.into());
            let mut batch = vec![Change::UpdateUser(confirmed.clone())];
            self.announce(&mut batch, actor, Event::new("user.verified", About::User(&confirmed)))?;
            match self.commit(batch).await {
                Ok(_) => {
                    audit::record("user.verified", actor, Some(&user.id), None);
                    return Ok(());
                }
                Err(CommitError::Stale { .. } | CommitError::Missing { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }
}

/// The stored form of a verification token. Only a hash is stored, so that a copy of the store confirms no address.
pub(super) fn verification(token: &str) -> String {
    hex(Sha256::digest(token.as_bytes()))
}
