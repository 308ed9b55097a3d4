//! `/users/{id}/accessTokens`: the tokens of a user, shown by their handles.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{
    Api, Call, Problem,
    answer::Answer,
    arguments::value,
    rows::data,
    shape,
    users::{actor, instance_id},
};
use crate::{
    accounts::{Fault, NewToken},
    store::User,
};

/// Maximum number of tokens of a request. Each is a row to write.
const MAX_TOKENS: usize = 100;

impl Api {
    /// `GET /users/{id}/accessTokens`.
    pub(super) async fn list_tokens(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.owner(call).await?;
        let filter = value(call.method, "filter", &call.body, call.head.into())?;
        let found = self.accounts.token_rows(actor(call), &user, filter).await;
        let (rows, query) = found.map_err(|fault| self.fault(fault))?;
        let with_user = query.includes("user");
        let rows = rows.into_iter().map(|row| {
            let mut row = query.view(row);
            if with_user {
                row.insert("user".to_owned(), self.shown(&user));
            }
            Value::Object(row)
        });
        Ok(Answer::Value(rows.collect()))
    }

    /// `GET /users/{id}/accessTokens/count`.
    pub(super) async fn count_tokens(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.owner(call).await?;
        let conditions = value(call.method, "where", &call.body, call.head.into())?;
        let count = self.accounts.count_tokens(actor(call), &user, conditions).await;
        Ok(Answer::Value(json!({ "count": count.map_err(|fault| self.fault(fault))? })))
    }

    /// `POST /users/{id}/accessTokens`: one token or a list. No other answer here contains ids.
    pub(super) async fn create_tokens(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.owner(call).await?;
        let Value::Array(items) = &call.body.0 else {
            return Ok(Answer::Secret(Value::Object(self.create_token(call, &user, &data(call)).await?)));
        };
        if items.len() > MAX_TOKENS {
            return Err(self.fault(Fault::BatchTooLong(MAX_TOKENS)));
        }
        let mut made = Vec::new();
        for item in items {
            let empty = Map::new();
            let row = self.create_token(call, &user, item.as_object().unwrap_or(&empty)).await?;
            made.push(Value::Object(row));
        }
        Ok(Answer::Secret(Value::Array(made)))
    }

    /// `DELETE /users/{id}/accessTokens`.
    pub(super) async fn delete_tokens(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.owner(call).await?;
        self.accounts.end_tokens(actor(call), &user).await.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Nothing)
    }

    /// `GET /users/{id}/accessTokens/{fk}`.
    pub(super) async fn find_token(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.owner(call).await?;
        let row = self.accounts.token_row(&user, &foreign_key(call)).await;
        Ok(Answer::Value(Value::Object(row.map_err(|fault| self.fault(fault))?)))
    }

    /// `PUT /users/{id}/accessTokens/{fk}`.
    pub(super) async fn update_token(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.owner(call).await?;
        let row = self.accounts.change_token(actor(call), &user, &foreign_key(call), &data(call)).await;
        Ok(Answer::Value(Value::Object(row.map_err(|fault| self.fault(fault))?)))
    }

    /// `DELETE /users/{id}/accessTokens/{fk}`.
    pub(super) async fn delete_token(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.owner(call).await?;
        let ended = self.accounts.end_token(actor(call), &user, &foreign_key(call)).await;
        ended.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Nothing)
    }

    async fn create_token(
        &self,
        call: &Call<'_>,
        user: &User,
        data: &Map<String, Value>,
    ) -> Result<Map<String, Value>, Problem> {
        let request = NewToken::read(self.accounts.settings(), data).map_err(|fault| self.fault(fault))?;
        let issued = self.accounts.add_token(actor(call), user, request).await;
        Ok(shape::token(&issued.map_err(|fault| self.fault(fault))?, self.accounts.settings()))
    }

    async fn owner(&self, call: &Call<'_>) -> Result<User, Problem> {
        self.accounts.instance(instance_id(call)).await.map_err(|fault| self.fault(fault))
    }
}

/// The last segment of the path, decoded.
fn foreign_key(call: &Call<'_>) -> String {
    let path = call.head.uri.path().trim_end_matches('/');
    // Escapes are valid, because the path has been checked before.
    percent_decode_str(path.rsplit('/').next().unwrap_or_default()).decode_utf8_lossy().into_owned()
}
