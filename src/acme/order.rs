//! One order (RFC 8555 section 7.4): prove the name, ask for the certificate, fetch it.

use std::{sync::Arc, time::Duration};

use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error, Identifier, NewOrder, Order,
    OrderStatus, Problem, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};

use super::{AcmeError, ChallengeKind, Tokens, error::kind, nonces::past_bad_nonces};
use crate::tls::ServerTls;

/// Where challenges are answered.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) tls: Arc<ServerTls>,
    pub(super) tokens: Arc<Tokens>,
}

/// A certificate to order.
pub(super) struct Wanted<'a> {
    pub(super) domain: &'a str,
    pub(super) challenge: ChallengeKind,
    /// The one that it replaces, for an authority that asked for the renewal (RFC 9773 section 5).
    pub(super) replaces: Option<CertificateIdentifier<'static>>,
}

/// An open challenge. It is closed however the order ends.
struct Opened<'a> {
    answers: &'a Answers,
    challenge: ChallengeKind,
    domain: &'a str,
    token: String,
}

/// How the order is looked at until it is ready. Authorities check within seconds, from several places.
const POLLS: RetryPolicy = RetryPolicy::new().backoff(1.5).timeout(Duration::from_secs(120));

/// Orders a certificate. Returns its key and its chain, PEM.
pub(super) async fn obtain(
    account: &Account,
    answers: &Answers,
    wanted: Wanted<'_>,
) -> Result<String, AcmeError> {
    let names = [Identifier::Dns(wanted.domain.to_owned())];
    let mut order = new_order(account, &names, wanted.replaces.as_ref()).await?;
    if order.state().status == OrderStatus::Pending {
        prove(&mut order, answers, &wanted).await?;
    }
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![wanted.domain.to_owned()])?;
    // Authorities ignore it, and some refuse the library's default name.
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key)?;
    past_bad_nonces!(order.finalize_csr(request.der())).map_err(AcmeError::at("the request"))?;
    let chain = past_bad_nonces!(order.poll_certificate(&POLLS)).map_err(AcmeError::at("the certificate"))?;
    Ok(key.serialize_pem() + &chain)
}

async fn new_order(
    account: &Account,
    names: &[Identifier],
    replaces: Option<&CertificateIdentifier<'static>>,
) -> Result<Order, AcmeError> {
    if let Some(replaces) = replaces {
        let order = NewOrder::new(names).replaces(replaces.clone());
        match past_bad_nonces!(account.new_order(&order)) {
            Ok(order) => return Ok(order),
            // The replacement was ordered already, or is not known: an order without it works in both cases.
            Err(Error::Api(problem)) if kind(&problem) == "rateLimited" => {
                return Err(AcmeError::at("the order")(Error::Api(problem)));
            }
            Err(error) => tracing::info!(%error, "the order is repeated without naming what it replaces"),
        }
    }
    past_bad_nonces!(account.new_order(&NewOrder::new(names))).map_err(AcmeError::at("the order"))
}

/// Answers the challenge of each authorization; there is one, because there is one name.
async fn prove(order: &mut Order, answers: &Answers, wanted: &Wanted<'_>) -> Result<(), AcmeError> {
    let Some(_open) = answer(order, answers, wanted).await? else { return Ok(()) };
    match past_bad_nonces!(order.poll_ready(&POLLS)) {
        Ok(OrderStatus::Ready) => Ok(()),
        Ok(_) => Err(why(order, wanted.challenge, None).await),
        Err(Error::Api(problem)) => Err(why(order, wanted.challenge, Some(problem)).await),
        // As after a refusal, the other challenge may do.
        Err(Error::Timeout(_)) => Err(why(order, wanted.challenge, None).await),
        Err(error) => Err(AcmeError::at("the order")(error)),
    }
}

/// Opens the challenge and tells the server; `None` if the name is proven already.
async fn answer<'a>(
    order: &mut Order,
    answers: &'a Answers,
    wanted: &Wanted<'a>,
) -> Result<Option<Opened<'a>>, AcmeError> {
    let failed = AcmeError::at("the authorization");
    // The library keeps what was fetched, so the second call sends nothing.
    past_bad_nonces!(async { order.authorizations().next().await.transpose().map(drop) }).map_err(&failed)?;
    let mut authorizations = order.authorizations();
    let Some(authorization) = authorizations.next().await else { return Ok(None) };
    let mut authorization = authorization.map_err(&failed)?;
    if authorization.status == AuthorizationStatus::Valid {
        return Ok(None);
    }
    let challenge = authorization.challenge(wanted.challenge.into());
    let mut challenge = challenge.ok_or(AcmeError::NotOffered(wanted.challenge))?;
    let authorized = challenge.key_authorization();
    match wanted.challenge {
        ChallengeKind::Http01 => answers.tokens.open(&challenge.token, authorized.as_str()),
        ChallengeKind::TlsAlpn01 => {
            let digest = authorized.digest();
            let digest = digest.as_ref().first_chunk().ok_or(AcmeError::NotOffered(wanted.challenge))?;
            answers.tls.issued().open_challenge(wanted.domain, digest)?;
        }
    }
    let token = challenge.token.clone();
    let opened = Opened { answers, challenge: wanted.challenge, domain: wanted.domain, token };
    past_bad_nonces!(challenge.set_ready()).map_err(AcmeError::at("the challenge"))?;
    Ok(Some(opened))
}

/// Why the name is not proven. The authorization knows more than the order, whose problem is `of_order`.
async fn why(order: &mut Order, challenge: ChallengeKind, of_order: Option<Problem>) -> AcmeError {
    let mut authorizations = order.authorizations();
    let found = match authorizations.next().await {
        Some(Ok(mut authorization)) => {
            let _ = past_bad_nonces!(async { authorization.refresh().await.map(drop) });
            authorization.challenges.iter().find_map(|challenge| challenge.error.clone())
        }
        _ => None,
    };
    let nothing = || Problem { r#type: None, detail: None, status: None, subproblems: Vec::new() };
    AcmeError::Unproven { challenge, problem: Box::new(found.or(of_order).unwrap_or_else(nothing)) }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        match self.challenge {
            ChallengeKind::Http01 => self.answers.tokens.close(&self.token),
            ChallengeKind::TlsAlpn01 => self.answers.tls.issued().close_challenge(self.domain),
        }
    }
}

impl From<ChallengeKind> for ChallengeType {
    fn from(kind: ChallengeKind) -> Self {
        match kind {
            ChallengeKind::Http01 => Self::Http01,
            ChallengeKind::TlsAlpn01 => Self::TlsAlpn01,
        }
    }
}
