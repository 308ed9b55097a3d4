//! Access tokens: made once, listed by handle, ended.

use super::{ATTEMPTS, ExecuteError, called, resolve};
use crate::{
    accounts::{Asker, Fault, Wish},
    cli::{
        admin::Services,
        output::{IssuedView, Output, TokenView},
        who::Who,
    },
    clock::Timestamp,
    identity::Handle,
    store::Token,
};

pub(super) async fn issue(services: &Services, who: &Who, wish: Wish) -> Result<Output, ExecuteError> {
    if let Some(ttl) = wish.ttl
        && !(ttl > 0.0 && ttl.is_finite())
        && !(ttl == -1.0 && services.accounts().settings().allow_eternal_tokens)
    {
        return Err(ExecuteError::Ttl(ttl));
    }
    let user = resolve(services, who).await?;
    let mut attempt = 1;
    let minted = loop {
        match services.accounts().issue(&user.id, wish.clone()).await {
            Ok(minted) => break minted,
            // The user logged out everywhere at this very moment.
            Err(Fault::LoginFailed) if attempt < ATTEMPTS => attempt += 1,
            Err(fault) => return Err(fault.into()),
        }
    };
    Ok(Output::Issued(IssuedView {
        id: minted.id.expose().to_owned(),
        handle: minted.id.hash().handle().as_str().to_owned(),
        ttl: minted.ttl,
        created: minted.created.to_string(),
        user_id: minted.user.id,
    }))
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
    if !services.accounts().revoke(Asker::Operator, &token).await? {
        return Err(unknown());
    }
    Ok(Output::Done { message: format!("the token of user {} has ended", token.user) })
}

pub(super) async fn revoke_all(services: &Services, who: &Who) -> Result<Output, ExecuteError> {
    let user = resolve(services, who).await?;
    let ended = services.accounts().end_tokens(Asker::Operator, &user).await?;
    Ok(Output::Done { message: format!("{ended} tokens of {} have ended", called(&user)) })
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
