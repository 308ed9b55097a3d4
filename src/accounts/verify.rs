//! Confirmation of an email address (docs/loopback-3.28.md section 5).

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Accounts, Actor, Fault, Reader, audit,
    change::ATTEMPTS,
    event::{About, Event},
};
use crate::{
    encoding::hex,
    limit::LimitKind,
    mail::Message,
    store::{Change, CommitError, User},
};

impl Accounts {
    /// Requests the mail that confirms a user's address. The dispatcher creates the token.
    ///
    /// # Errors
    /// [`Fault::NoInstance`], [`Fault::NoEmail`], [`Fault::Limited`].
    pub async fn request_verification(&self, actor: Actor<'_>, id: &str) -> Result<(), Fault> {
        self.request_verification_of(actor, id, &Reader::default()).await
    }

    /// As [`Accounts::request_verification`], for a page.
    ///
    /// # Errors
    /// As [`Accounts::request_verification`].
    pub async fn request_verification_of(
        &self,
        actor: Actor<'_>,
        id: &str,
        reader: &Reader,
    ) -> Result<(), Fault> {
        let user = self.instance(id).await?;
        self.admit(LimitKind::Reset, actor)?;
        if user.email().is_none() {
            return Err(Fault::NoEmail);
        }
        let mut batch = Vec::new();
        let event = Event::new("verification.requested", About::User(&user)).with(reader.facts());
        self.announce(&mut batch, actor, event.mailed(Message::Confirm))?;
        self.commit(batch).await?;
        audit::record("verification.requested", actor, Some(&user.id), None);
        Ok(())
    }

    /// The address that a token would confirm; `None` if it confirms none, whether or not there is such a user.
    ///
    /// # Errors
    /// The store's.
    pub async fn address_to_confirm(&self, uid: &str, token: &str) -> Result<Option<String>, Fault> {
        let user = self.user_named(uid).await?;
        let user = user.filter(|user| is_expected(user.verification.as_deref(), token));
        Ok(user.and_then(|user| user.email().map(str::to_owned)))
    }

    /// Confirms an address with the token that was sent to it. The token works once.
    ///
    /// # Errors
    /// [`Fault::NoUserToConfirm`], [`Fault::WrongVerification`].
    pub async fn confirm(&self, actor: Actor<'_>, uid: &str, token: &str) -> Result<(), Fault> {
        for _ in 0..ATTEMPTS {
            let user = self.user_named(uid).await?;
            let user = user.ok_or_else(|| Fault::NoUserToConfirm(uid.to_owned()))?;
            if !is_expected(user.verification.as_deref(), token) {
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
fn verification(token: &str) -> String {
    hex(Sha256::digest(token.as_bytes()))
}

/// The stored form once a token was created for a copy of an event: `HASH EVENT/COPY`, and that of the other copy of the
/// same event before it. So the mail's link and the webhook's are both good, and those of earlier events are not.
pub(super) fn expecting(known: Option<&str>, token: &str, event: &str, copy: &str) -> String {
    let own = format!("{event}/{copy}");
    let is_other_copy = |line: &&str| {
        line.split_once(' ')
            .is_some_and(|(_, of)| of != own && of.split_once('/').is_some_and(|(of, _)| of == event))
    };
    let mut lines: Vec<String> =
        known.unwrap_or_default().lines().filter(is_other_copy).map(str::to_owned).collect();
    lines.push(format!("{} {own}", verification(token)));
    lines.join("\n")
}

fn is_expected(known: Option<&str>, token: &str) -> bool {
    let sent = verification(token);
    let hashes = known.unwrap_or_default().lines().map(|line| line.split(' ').next().unwrap_or_default());
    // In constant time, so that response times do not reveal how many characters are right.
    hashes.fold(false, |found, hash| found | bool::from(hash.as_bytes().ct_eq(sent.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_copies_of_an_event_confirm_and_those_of_earlier_events_do_not() {
        let first = expecting(None, "t1", "e1", "webhook");
        assert!(is_expected(Some(&first), "t1") && !is_expected(Some(&first), "t2"));
        let both = expecting(Some(&first), "t2", "e1", "mail");
        assert!(is_expected(Some(&both), "t1") && is_expected(Some(&both), "t2"));
        let again = expecting(Some(&both), "t3", "e1", "mail");
        assert!(is_expected(Some(&again), "t1") && is_expected(Some(&again), "t3"));
        assert!(!is_expected(Some(&again), "t2"), "a second delivery replaces the first");
        let later = expecting(Some(&again), "t4", "e2", "mail");
        assert!(is_expected(Some(&later), "t4"));
        assert!(["t1", "t2", "t3"].iter().all(|old| !is_expected(Some(&later), old)));
        // As earlier versions and imports store it.
        let plain = verification("t5");
        assert!(
            is_expected(Some(&plain), "t5")
                && !is_expected(Some(&expecting(Some(&plain), "t6", "e3", "mail")), "t5")
        );
        assert!(!is_expected(None, "") && !is_expected(Some(""), ""));
    }
}
