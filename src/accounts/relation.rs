//! The access tokens of a user as rows (docs/loopback-3.28.md section 7). Where LoopBack shows a token's id, a handle
//! is shown (docs/interface.md, "Token handles"). Only the answer that creates a token contains its id.

use serde_json::{Map, Value, json};

use super::{
    Accounts, Actor, Fault, IssuedToken, Key, Kind, Query, Settings,
    admission::size,
    audit,
    change::ATTEMPTS,
    event::{About, Event},
    fault::{ValidationRule, Violation, Violations},
    find::{MAX_BYTES, MAX_COST, MAX_ROWS},
    login::lifetime,
    property::list,
    query::{Meter, Model, Row, Where, moment},
    readdress::ADDRESS_SCOPE,
    recover::RESET_SCOPE,
};
use crate::{
    clock::Timestamp,
    identity::{Handle, TokenHash, TokenId, scopes},
    javascript::{number_to_json, to_number, to_text},
    mail::Message,
    store::{Change, CommitError, Outcome, Token, User},
};

/// The name of the model of the rows in LoopBack.
const MODEL: &str = "AccessToken";

/// A token that a client creates for a user.
#[derive(Debug, Default)]
pub struct NewToken {
    /// The id that the client chose (profile `loopback3`).
    id: Option<TokenId>,
    /// Lifetime in seconds; NaN = `null`, `None` = the default.
    ttl: Option<f64>,
    scopes: Vec<String>,
    created: Option<Timestamp>,
}

impl NewToken {
    /// Reads a row as a client sends it.
    ///
    /// # Errors
    /// [`Fault::InvalidTtl`], [`Fault::NoList`] for scopes that are not a list, [`Fault::Invalid`] for a date that
    /// cannot be parsed.
    pub fn read(settings: &Settings, data: &Map<String, Value>) -> Result<Self, Fault> {
        let ttl = match data.get("ttl") {
            Some(ttl) => Some(seconds(settings, ttl)?),
            None => None,
        };
        let chosen = data.get("id").filter(|_| settings.loopback).and_then(Value::as_str);
        let created = created(settings, data)?;
        let id = chosen.filter(|id| !id.is_empty()).map(|id| TokenId::new(id.to_owned()));
        Ok(Self { id, ttl, scopes: scopes(settings, data.get("scopes"))?, created })
    }
}

impl Accounts {
    /// Creates a token for a user.
    ///
    /// # Errors
    /// [`Fault::TokenTaken`], [`Fault::CurrentPasswordRequired`], or an error of a step.
    pub async fn add_token(
        &self,
        actor: Actor<'_>,
        user: &User,
        request: NewToken,
    ) -> Result<IssuedToken, Fault> {
        let id = match request.id {
            Some(id) => id,
            None => self.token_id()?,
        };
        let created = request.created.unwrap_or_else(|| self.clock.now());
        let ttl = Some(request.ttl.unwrap_or(self.settings.ttl.min(self.settings.max_ttl)));
        // NaN stands for LoopBack's `null`, with which each use is a 500 (docs/loopback-3.28.md section 1.4).
        let ttl = ttl.filter(|ttl| ttl.is_finite());
        self.admit_takeover(actor, &user.id)?;
        self.admit_token_write(actor, &user.id)?;
        let mut user = user.clone();
        for _ in 0..ATTEMPTS {
            // A chosen id may exist already. Random ones do not collide, but the check is the same for both.
            if self.store.load_session(&id.hash()).await?.is_some() {
                return Err(Fault::TokenTaken);
            }
            let mut batch = actor.conditions();
            // In the same commit, so that a commit that fails deletes no token.
            batch.extend(self.surplus(&user.id).await?);
            batch.push(Change::CreateToken(Token {
                hash: id.hash(),
                user: user.id.clone(),
                ttl,
                created,
                scopes: request.scopes.clone(),
                name: None,
                epoch: user.epoch,
                fixed: false,
                host: None,
                used: None,
            }));
            self.announce_mail(&mut batch, actor, Message::TokenMade, About::User(&user), Value::Null)?;
            match self.commit(batch).await {
                Ok(_) => {
                    self.end_surplus(&user.id).await?;
                    audit::record("token.issued", actor, Some(&user.id), None);
                    return Ok(IssuedToken { id, ttl, scopes: request.scopes, created, user });
                }
                // Another request has revoked all tokens meanwhile. With the old epoch the new token would be void at
                // once.
                Err(CommitError::Stale { .. }) => user = self.user(&user.id).await?,
                Err(CommitError::Missing { .. }) => return Err(Fault::NoInstance(user.id.to_string())),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }

    /// The tokens of a user that match a filter.
    ///
    /// # Errors
    /// [`Fault::Query`], [`Fault::TooManyRows`], or an error of the store.
    pub async fn token_rows(
        &self,
        actor: Actor<'_>,
        user: &User,
        filter: Option<Value>,
    ) -> Result<(Vec<Map<String, Value>>, Query), Fault> {
        let user = user.clone();
        self.search(actor, move |accounts| async move { accounts.read_tokens(&user, filter.as_ref()).await })
            .await
    }

    async fn read_tokens(
        &self,
        user: &User,
        filter: Option<&Value>,
    ) -> Result<(Vec<Map<String, Value>>, Query), Fault> {
        let query = Query::read(&tokens(self.settings.loopback), filter)?;
        let mut rows = self.rows_where(user, &query.conditions, query.order.cost()).await?;
        if !query.order.is_natural() {
            let mut keyed: Vec<_> = rows.into_iter().map(|row| (query.order.key(whole(&row)), row)).collect();
            keyed.sort_by(|(a, _), (b, _)| query.order.compare(a, b));
            rows = keyed.into_iter().map(|(_, row)| row).collect();
        }
        let wanted = query.limit.unwrap_or(usize::MAX);
        // One row more than the maximum shows that it is exceeded.
        let rows: Vec<_> = rows.into_iter().skip(query.skip).take(wanted.min(MAX_ROWS + 1)).collect();
        // With `include=user` each row contains the whole user: one user's tokens once made an answer of 241 MB.
        let most = if query.includes("user") { MAX_BYTES / size(&user.properties).max(1) } else { MAX_ROWS };
        let most = most.min(MAX_ROWS);
        if rows.len() > most { Err(Fault::TooManyRows(most)) } else { Ok((rows, query)) }
    }

    /// The number of a user's tokens that match.
    ///
    /// # Errors
    /// [`Fault::Query`], or an error of the store.
    pub async fn count_tokens(
        &self,
        actor: Actor<'_>,
        user: &User,
        conditions: Option<Value>,
    ) -> Result<usize, Fault> {
        let user = user.clone();
        let count = async move |accounts: Self| {
            let conditions = match conditions {
                Some(conditions) => Where::read(&tokens(accounts.settings.loopback), &conditions)?,
                None => Where::default(),
            };
            Ok(accounts.rows_where(&user, &conditions, 0).await?.len())
        };
        self.search(actor, count).await
    }

    /// A token of a user, by its handle or its id.
    ///
    /// # Errors
    /// [`Fault::UnknownToken`], or an error of the store.
    pub async fn token_row(&self, user: &User, key: &str) -> Result<Map<String, Value>, Fault> {
        Ok(self.row(&self.token_of(user, key).await?))
    }

    /// Changes the lifetime or the scopes of a token and, in profile `loopback3`, its time of creation.
    ///
    /// # Errors
    /// [`Fault::UnknownToken`], [`Fault::IdPatched`], [`Fault::TokenMoved`], and those of [`NewToken::read`].
    pub async fn change_token(
        &self,
        actor: Actor<'_>,
        user: &User,
        key: &str,
        data: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Fault> {
        self.admit_takeover(actor, &user.id)?;
        self.admit_token_write(actor, &user.id)?;
        let mut token = self.token_of(user, key).await?;
        if let Some(id) = data.get("id").filter(|id| id.as_str() != Some(key)) {
            return Err(Fault::IdPatched { from: key.to_owned(), to: to_text(id) });
        }
        if data.get("userId").is_some_and(|owner| to_text(owner) != user.id.to_string()) {
            return Err(Fault::TokenMoved);
        }
        if let Some(ttl) = data.get("ttl") {
            token.ttl = Some(seconds(&self.settings, ttl)?).filter(|ttl| ttl.is_finite());
        }
        if let Some(given) = data.get("scopes") {
            token.scopes = scopes(&self.settings, Some(given))?;
        }
        if let Some(created) = created(&self.settings, data)? {
            token.created = created;
        }
        let mut batch = actor.conditions();
        batch.push(Change::UpdateToken(token.clone()));
        match self.commit(batch).await {
            Ok(_) => {}
            Err(CommitError::Missing { .. }) => return Err(Fault::UnknownToken(key.to_owned())),
            Err(error) => return Err(error.into()),
        }
        audit::record("token.changed", actor, Some(&user.id), None);
        Ok(self.row(&token))
    }

    /// Revokes a token of a user.
    ///
    /// # Errors
    /// [`Fault::UnknownToken`], or an error of the store.
    pub async fn end_token(&self, actor: Actor<'_>, user: &User, key: &str) -> Result<(), Fault> {
        let token = self.token_of(user, key).await?;
        let ended = self.end(actor, user, Change::DeleteToken(token.hash)).await?;
        if ended == 0 { Err(Fault::UnknownToken(key.to_owned())) } else { Ok(()) }
    }

    /// Revokes all tokens of a user and returns their number.
    ///
    /// # Errors
    /// Errors of the store.
    pub async fn end_tokens(&self, actor: Actor<'_>, user: &User) -> Result<u64, Fault> {
        self.end(actor, user, Change::RevokeTokens { user: user.id.clone(), except: None }).await
    }

    async fn end(&self, actor: Actor<'_>, user: &User, change: Change) -> Result<u64, Fault> {
        let mut batch = vec![change];
        self.announce(&mut batch, actor, Event::new("token.revoked", About::User(user)))?;
        let ended = self.commit(batch).await?.into_iter().find_map(|outcome| match outcome {
            Outcome::Removed(count) => Some(count),
            _ => None,
        });
        audit::record("token.revoked", actor, Some(&user.id), None);
        Ok(ended.unwrap_or(0))
    }

    async fn token_of(&self, user: &User, key: &str) -> Result<Token, Fault> {
        // A client that just created the token knows its id; all others know the handle from a list.
        for handle in [Handle::parse(key), Some(TokenHash::of(key).handle())].into_iter().flatten() {
            let found = self.store.token_by_handle(&handle).await?;
            // The rules were asked about this user, so a token of another one must not be found.
            if let Some(token) = found.filter(|token| token.user == user.id) {
                return Ok(token);
            }
        }
        Err(Fault::UnknownToken(key.to_owned()))
    }

    /// The rows that match. `more` is the cost of a row besides its conditions.
    async fn rows_where(
        &self,
        user: &User,
        conditions: &Where,
        more: usize,
    ) -> Result<Vec<Map<String, Value>>, Fault> {
        let rows = self.store.tokens(Some(&user.id)).await?;
        // Checked before the rows are built, so that an expensive query fails early.
        if rows.len().saturating_mul(conditions.cost().saturating_add(more)) > MAX_COST {
            return Err(Fault::QueryTooExpensive);
        }
        let meter = Meter::new();
        let rows = rows.iter().map(|token| self.row(token));
        let rows = rows.filter(|row| conditions.matches(whole(row), &meter)).collect();
        if meter.is_over() { Err(Fault::QueryTooExpensive) } else { Ok(rows) }
    }
}

impl Accounts {
    /// A token as clients see it, in LoopBack's order. Clients compute the end as `created` plus `ttl`. So for a token
    /// that use has extended, `created` is the time from which its lifetime counts, as in LoopBack apps that extend
    /// tokens.
    fn row(&self, token: &Token) -> Map<String, Value> {
        let mut row = Map::new();
        row.insert("id".to_owned(), token.hash.handle().as_str().into());
        row.insert("ttl".to_owned(), token.ttl.map_or(Value::Null, number_to_json));
        if !token.scopes.is_empty() {
            row.insert("scopes".to_owned(), json!(scopes::shown(&token.scopes)));
        }
        row.insert("created".to_owned(), self.counts_from(token).to_string().into());
        row.insert("userId".to_owned(), self.settings.key.value(&token.user));
        let kind = self.settings.principal_type.as_deref();
        row.extend(kind.map(|kind| ("principalType".to_owned(), kind.into())));
        row
    }

    fn counts_from(&self, token: &Token) -> Timestamp {
        let (Some(ttl), true) = (token.ttl, self.settings.sliding_ttl && !token.fixed) else {
            return token.created;
        };
        match token.end_by(&self.settings.lifetimes(), self.store.sessions().last_use(token)) {
            #[expect(clippy::cast_possible_truncation, reason = "it is a moment in ms")]
            Some(end) if end.is_finite() => Timestamp((end - ttl * 1000.0).round() as i64),
            _ => token.created,
        }
    }
}

/// The properties of tokens that a query may name.
fn tokens(loopback: bool) -> Model {
    let properties = [
        ("id", Kind::Text),
        ("ttl", Kind::Number),
        ("scopes", Kind::Text),
        ("created", Kind::Date),
        ("userId", Kind::Any),
    ];
    Model {
        name: MODEL.to_owned(),
        key: Key::default(),
        properties: properties.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect(),
        hidden: Vec::new(),
        loopback,
        relations: vec!["user".to_owned()],
    }
}

fn whole(row: &Map<String, Value>) -> Row<'_> {
    Row { id: row.get("id").unwrap_or(&Value::Null), rest: row }
}

/// The `ttl` of a row. In profile `loopback3` any number, not even cut to the maximum (docs/loopback-3.28.md section
/// 7).
fn seconds(settings: &Settings, ttl: &Value) -> Result<f64, Fault> {
    if settings.loopback {
        return Ok(if ttl.is_null() { f64::NAN } else { to_number(ttl) });
    }
    let seconds = lifetime(settings, Some(ttl))?.ok_or(Fault::InvalidTtl)?;
    Ok(seconds.min(settings.max_ttl))
}

/// The creation time in a row; accepted in profile `loopback3` only.
fn created(settings: &Settings, data: &Map<String, Value>) -> Result<Option<Timestamp>, Fault> {
    let given = data.get("created").filter(|given| settings.loopback && !given.is_null());
    given.map(|given| moment(given).ok_or_else(no_date)).transpose()
}

fn no_date() -> Fault {
    let rule = Violation {
        property: "created".into(),
        rule: ValidationRule::NoDate,
        shown: "Invalid Date".to_owned(),
    };
    Fault::Invalid(Violations { model: MODEL.to_owned(), list: vec![rule] })
}

/// The scopes of a row. A value that is not a list is an error, because a token without scopes is unrestricted.
///
/// INVARIANT: in profile `standard` no login token gets the scope of a reset token, which sets a password without the
/// old one.
fn scopes(settings: &Settings, given: Option<&Value>) -> Result<Vec<String>, Fault> {
    let Some(given) = given.filter(|given| !given.is_null()) else { return Ok(Vec::new()) };
    let scopes = scopes::listed(list(given)?.iter().map(to_text).collect());
    let reserved =
        [RESET_SCOPE, ADDRESS_SCOPE].into_iter().find(|own| scopes.iter().any(|scope| scope == own));
    if let Some(reserved) = reserved.filter(|_| !settings.loopback) {
        return Err(Fault::ReservedScope(reserved));
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::testing;

    #[test]
    fn a_tokens_scopes_are_a_list_and_created_is_a_date() {
        let no_date = "The `AccessToken` instance is not valid. Details: `created` is not a valid date (value: \
                       Invalid Date).";
        for (row, expected) in [
            (json!({"scopes": ["a", 5], "created": 5}), Ok((vec!["a", "5"], Some(5)))),
            (json!({"scopes": "[\"a\"]", "created": null}), Ok((vec!["a"], None))),
            (json!({"scopes": null}), Ok((vec![], None))),
            (json!({"scopes": [], "created": "1970-01-01T00:00:01Z"}), Ok((vec![""], Some(1000)))),
            (json!({"scopes": false}), Ok((vec![""], None))),
            (json!({"scopes": "a"}), Err("could not create List from JSON string: \"a\"")),
            (json!({"scopes": {"a": 1}}), Err("Items must be an array: {\"a\":1}")),
            (json!({"created": "x"}), Err(no_date)),
            (json!({"created": {}}), Err(no_date)),
        ] {
            let read = NewToken::read(&testing::loopback(), row.as_object().unwrap());
            let read = read.map(|request| (request.scopes, request.created.map(|created| created.0)));
            let expected = expected.map(|(scopes, at)| (scopes.into_iter().map(str::to_owned).collect(), at));
            assert_eq!(read.map_err(|fault| fault.to_string()), expected.map_err(str::to_owned), "{row}");
        }
        let standard = Settings { loopback: false, ..testing::loopback() };
        let standard = NewToken::read(&standard, json!({"created": "x"}).as_object().unwrap());
        assert!(standard.unwrap().created.is_none(), "not a client's to say");
    }
}
