//! From the credential of a request to the session that it names (loopback3.md section 1).

use std::{net::IpAddr, sync::Arc};

use crate::{
    clock::Timestamp,
    credential::{self, Hit, Offered},
    identity::Lifetimes,
    identity::TokenHash,
    refusal::Refusal,
    store::{Change, Session, Standing, StoreError, Subject},
    wire::RequestHead,
};

use super::Gate;

/// A caller whose token is good.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) session: Arc<Session>,
    pub(super) subject: Arc<Subject>,
}

/// What a token's age is judged by.
struct Moment {
    now: Timestamp,
    lifetimes: Lifetimes,
}

impl Gate {
    /// Whose request this is: `None` = anonymous, which is also what an unknown token means.
    ///
    /// The first credential in LoopBack's order decides. In profile `standard` another one that is valid for a
    /// different user ends the request: RFC 6750 section 2 knows no request with two.
    pub(super) async fn session(
        &self,
        lifetimes: Lifetimes,
        head: &RequestHead,
        client: IpAddr,
    ) -> Result<Option<Known>, Refusal> {
        let fields = head.fields().map(|field| (field.name, field.value));
        let offered = credential::offered(&self.settings.credentials, head.query(), fields);
        let Some(first) = offered.first() else { return Ok(None) };
        let moment = Moment { now: self.clock.now(), lifetimes };
        let known = self.resolve(first, &moment).await?;
        if !self.settings.loopback {
            self.one_user(known.as_ref(), &offered, &moment).await?;
        }
        if let Some(Known { session, .. }) = &known {
            session.touch(moment.now, client, &moment.lifetimes);
        }
        Ok(known)
    }

    async fn one_user(
        &self,
        known: Option<&Known>,
        offered: &Offered<'_>,
        moment: &Moment,
    ) -> Result<(), Refusal> {
        if offered.overflow() {
            return Err(Refusal::TwoUsers);
        }
        for other in offered.others() {
            let Ok(Some(other)) = self.resolve(other, moment).await else { continue };
            if known.is_none_or(|known| known.subject.id != other.subject.id) {
                return Err(Refusal::TwoUsers);
            }
        }
        Ok(())
    }

    async fn resolve(&self, hit: &Hit<'_>, moment: &Moment) -> Result<Option<Known>, Refusal> {
        for id in [Some(&hit.id), hit.alternative.as_ref()].into_iter().flatten() {
            if let Some(known) = self.look_up(id, moment).await? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    async fn look_up(&self, id: &str, moment: &Moment) -> Result<Option<Known>, Refusal> {
        if id.is_empty() {
            return Ok(None);
        }
        let hash = TokenHash::of(id);
        let session = match self.store.sessions().get(&hash) {
            Some(session) => session,
            None => match self.store.load_session(&hash).await.map_err(|error| self.store_down(&error))? {
                Some(session) => session,
                None => return Ok(None),
            },
        };
        let subject = session.subject.load_full();
        match session.standing(&subject, moment.now, &moment.lifetimes) {
            Standing::Live => Ok(Some(Known { session, subject })),
            Standing::Ended => Ok(None),
            Standing::Unusable => Err(Refusal::TokenUnusable),
            Standing::Expired => {
                // Its second use is an unknown token's; if the store is down, it stays expired.
                if let Err(error) = self.store.commit(vec![Change::DeleteToken(hash)]).await {
                    tracing::warn!(error = %error, "an expired token could not be deleted");
                }
                Err(Refusal::TokenExpired)
            }
        }
    }

    pub(super) fn store_down(&self, error: &StoreError) -> Refusal {
        self.metrics.store_error();
        tracing::error!(error = %error, "the store could not answer; the request was refused");
        Refusal::StoreDown
    }
}
