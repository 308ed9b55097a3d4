//! Access tokens: made once, listed by handle, ended.

use super::{ATTEMPTS, ExecuteError, called, resolve};
use crate::{
    cli::{
        admin::Services,
        output::{IssuedView, Output, TokenView},
        who::Who,
    },
    clock::Timestamp,
    identity::{Handle, TokenId},
    store::{Change, CommitError, Outcome, Token},
};

pub(super) async fn issue(
    services: &Services,
    who: &Who,
    ttl: Option<f64>,
    name: Option<String>,
    scopes: Vec<String>,
) -> Result<Output, ExecuteError> {
    let ttl = lifetime(services, ttl)?;
    let mut attempt = 1;
    loop {
        let user = resolve(services, who).await?;
        let id = fresh_id(services.settings.token_id_length)?;
        let token = Token {
            hash: id.hash(),
            user: user.id.clone(),
            ttl: Some(ttl),
            created: services.clock.now(),
            scopes: scopes.clone(),
            name: name.clone(),
            epoch: user.epoch,
        };
        let issued = IssuedView {
            id: id.expose().to_owned(),
            handle: token.hash.handle().as_str().to_owned(),
            ttl,
            created: token.created.to_string(),
            user_id: user.id,
        };
        match services.store.commit(vec![Change::CreateToken(token)]).await {
            Ok(_) => return Ok(Output::Issued(issued)),
            Err(CommitError::Stale { .. }) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

pub(super) async fn list(services: &Services, user: Option<&Who>) -> Result<Output, ExecuteError> {
    let user = match user {
        Some(who) => Some(resolve(services, who).await?.id),
        None => None,
    };
    let now = services.clock.now();
    let tokens = services.store.tokens(user.as_ref()).await?;
    Ok(Output::Tokens(tokens.into_iter().map(|token| shaped(token, now)).collect()))
}

pub(super) async fn revoke(services: &Services, handle: &str) -> Result<Output, ExecuteError> {
    let unknown = || ExecuteError::NoSuchToken(handle.to_owned());
    let parsed = Handle::parse(handle).ok_or_else(unknown)?;
    let token = services.store.token_by_handle(&parsed).await?.ok_or_else(unknown)?;
    services.store.commit(vec![Change::DeleteToken(token.hash)]).await?;
    tracing::info!(target: "audit", event = "token.revoked", user.id = %token.user, by = "admin");
    Ok(Output::Done { message: format!("the token of user {} has ended", token.user) })
}

pub(super) async fn revoke_all(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let user = resolve(services, who).await?;
    let change = Change::RevokeTokens { user: user.id.clone(), except: None };
    let outcomes = services.store.commit(vec![change]).await?;
    let ended = match outcomes.first() {
        Some(Outcome::Removed(ended)) => *ended,
        _ => 0,
    };
    tracing::info!(target: "audit", event = "token.revoked", user.id = %user.id, ended, by = "admin");
    Ok(Output::Done { message: format!("{ended} tokens of {} have ended", called(&user)) })
}

/// As LoopBack stores it: the configured default, and never more than the configured most.
fn lifetime(services: &Services, ttl: Option<f64>) -> Result<f64, ExecuteError> {
    let settings = &services.settings;
    let ttl = ttl.unwrap_or(settings.ttl);
    if ttl == -1.0 && settings.allow_eternal_tokens {
        return Ok(ttl);
    }
    if ttl > 0.0 && ttl.is_finite() {
        return Ok(ttl.min(settings.max_ttl));
    }
    Err(ExecuteError::Ttl(ttl, settings.allow_eternal_tokens))
}

fn fresh_id(length: usize) -> Result<TokenId, ExecuteError> {
    // 8 of 256 byte values are passed over, so twice the bytes is nearly always enough.
    let mut chance = vec![0; length.saturating_mul(2)];
    loop {
        getrandom::fill(&mut chance)?;
        if let Some(id) = TokenId::from_chance(chance.iter().copied(), length) {
            return Ok(id);
        }
    }
}

fn shaped(token: Token, now: Timestamp) -> TokenView {
    #[expect(clippy::cast_precision_loss, reason = "an age in ms is far below 2^52")]
    let age = (now.0.saturating_sub(token.created.0)) as f64;
    TokenView {
        handle: token.hash.handle().as_str().to_owned(),
        user_id: token.user,
        name: token.name,
        scopes: token.scopes,
        created: token.created.to_string(),
        ttl: token.ttl,
        expired: token.ttl.is_some_and(|ttl| ttl > 0.0 && age >= ttl * 1_000.0),
    }
}
