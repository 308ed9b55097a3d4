//! Issues, lists and revokes access tokens.

use super::{
    error::ExecuteError,
    find::{ATTEMPTS, called, resolve},
};
use crate::{
    accounts::{Actor, Fault, TokenRequest},
    admin::{
        command::TokenPlace,
        output::{IssuedView, Output, TokenView},
        services::Services,
        who::Who,
    },
    clock::Timestamp,
    identity::{Handle, TokenHash},
    store::Token,
};

pub(super) async fn issue(
    services: &Services,
    who: &Who,
    request: TokenRequest,
) -> Result<Output, ExecuteError> {
    if let Some(ttl) = request.ttl
        && !(ttl > 0.0 && ttl.is_finite())
        && !(ttl == -1.0 && services.accounts().settings().allow_eternal_tokens)
    {
        return Err(ExecuteError::Ttl(ttl));
    }
    let most = services.accounts().settings().max_ttl;
    if let Some(ttl) = request.ttl.filter(|ttl| *ttl > most) {
        // A login's lifetime is cut silently. A script that gets less than it asked for would find out too late.
        return Err(ExecuteError::TtlTooLong { ttl, most });
    }
    let user = resolve(services, who).await?;
    let mut attempt = 1;
    let issued = loop {
        match services.accounts().issue(&user.id, request.clone()).await {
            Ok(issued) => break issued,
            // The user logged out everywhere at the same moment.
            Err(Fault::LoginFailed) if attempt < ATTEMPTS => attempt += 1,
            Err(fault) => return Err(fault.into()),
        }
    };
    Ok(Output::Issued(IssuedView {
        id: issued.id.expose().to_owned(),
        handle: issued.id.hash().handle().as_str().to_owned(),
        ttl: issued.ttl,
        created: issued.created.to_string(),
        user_id: issued.user.id,
    }))
}

pub(super) async fn list(services: &Services, user: Option<&Who>) -> Result<Output, ExecuteError> {
    let user = match user {
        Some(who) => Some(resolve(services, who).await?.id),
        None => None,
    };
    let tokens = services.store.tokens(user.as_ref()).await?;
    Ok(Output::Tokens(tokens.into_iter().map(|token| shaped(services, token)).collect()))
}

pub(super) async fn page(
    services: &Services,
    after: Option<TokenPlace>,
    limit: usize,
) -> Result<Output, ExecuteError> {
    let after = match after {
        Some(place) => Some(last_of(services, place).await?),
        None => None,
    };
    let tokens = services.store.token_page(after.as_ref(), limit).await?;
    Ok(Output::Tokens(tokens.into_iter().map(|token| shaped(services, token)).collect()))
}

/// The last token of the previous page. If it was deleted, the page starts after all tokens of the same user and time;
/// some of those may be missing from the list.
async fn last_of(services: &Services, place: TokenPlace) -> Result<Token, ExecuteError> {
    let known = match Handle::parse(&place.handle) {
        Some(handle) => services.store.token_by_handle(&handle).await?,
        None => None,
    };
    Ok(known.unwrap_or(Token {
        hash: TokenHash([0xff; 32]),
        user: place.user,
        ttl: None,
        created: place.created,
        scopes: Vec::new(),
        name: None,
        epoch: 0,
        fixed: false,
        host: None,
        used: None,
    }))
}

pub(super) async fn revoke(services: &Services, handle: &str) -> Result<Output, ExecuteError> {
    let unknown = || ExecuteError::NoSuchToken(handle.to_owned());
    let parsed = Handle::parse(handle).ok_or_else(unknown)?;
    let token = services.store.token_by_handle(&parsed).await?.ok_or_else(unknown)?;
    if !services.accounts().revoke(Actor::Operator, &token).await? {
        return Err(unknown());
    }
    Ok(Output::Done { message: format!("the token of user {} has ended", token.user) })
}

pub(super) async fn revoke_all(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let user = resolve(services, who).await?;
    let ended = services.accounts().end_tokens(Actor::Operator, &user).await?;
    Ok(Output::Done { message: format!("{ended} tokens of {} have ended", called(&user)) })
}

/// A token with its last use, which may not be persisted yet.
fn shaped(services: &Services, token: Token) -> TokenView {
    let used = services.store.sessions().last_use(&token);
    // By the lifetime rules in force, which may have changed since the token was issued.
    let end = token.end_by(&services.accounts().settings().lifetimes(), used);
    TokenView {
        handle: token.hash.handle().as_str().to_owned(),
        user_id: token.user,
        name: token.name,
        scopes: token.scopes,
        created: token.created.to_string(),
        ttl: token.ttl,
        expires: end.filter(|end| end.is_finite()).map(|end| moment(end).to_string()),
        #[expect(clippy::cast_precision_loss, reason = "a moment in ms is far below 2^52")]
        expired: end.is_some_and(|end| end <= services.clock.now().0 as f64),
        last_used: used.map(|used| used.at().to_string()),
        client: used.map(|used| used.client().to_string()),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates, as far away as that is")]
fn moment(ms: f64) -> Timestamp {
    Timestamp(ms as i64)
}
