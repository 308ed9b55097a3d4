//! Endpoints for users as rows: LoopBack's PersistedModel methods.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    Api, Call, Problem,
    answer::Answer,
    arguments::value,
    faults,
    users::{actor, instance_id},
};
use crate::accounts::Query;

impl Api {
    /// `GET /users`.
    pub(super) async fn find(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let filter = self.filter(call)?;
        let found = self.accounts.find_all(actor(call), filter).await;
        let (users, query) = found.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Value(users.iter().map(|user| Value::Object(query.view(self.row(user)))).collect()))
    }

    /// `GET /users/findOne`.
    pub(super) async fn find_one(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let filter = self.filter(call)?;
        let found = self.accounts.find_first(actor(call), filter).await;
        let (user, query) = found.map_err(|fault| self.fault(fault))?;
        match user {
            Some(user) => Ok(Answer::Value(Value::Object(query.view(self.row(&user))))),
            // 404 with the id `undefined`, since the route has none (docs/loopback-3.28.md section 7).
            None => Err(self.unknown(call)),
        }
    }

    /// `GET /users/{id}`.
    pub(super) async fn find_by_id(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let filter = self.filter(call)?;
        // As in LoopBack, arguments are read first: a filter that is none is a 400 for an unknown id, too.
        let query: Query = self.accounts.view(filter.as_ref()).map_err(|fault| self.fault(fault))?;
        let user = self.accounts.user_named(instance_id(call)).await.map_err(|fault| self.fault(fault))?;
        match user {
            Some(user) => Ok(Answer::Value(Value::Object(query.view(self.row(&user))))),
            None => Err(self.unknown(call)),
        }
    }

    /// `GET /users/count`.
    pub(super) async fn count(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let conditions = value(call.method, "where", &call.body, call.head.into())?;
        let count =
            self.accounts.count_all(actor(call), conditions).await.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Value(json!({ "count": count })))
    }

    /// `GET /users/{id}/exists`, and `HEAD /users/{id}`, which answers by its status.
    pub(super) async fn exists(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.accounts.user_named(instance_id(call)).await.map_err(|fault| self.fault(fault))?;
        // A HEAD response has no body, so only its status can say it (docs/loopback-3.28.md section 7).
        if user.is_none() && call.head.method == Method::HEAD {
            return Err(self.unknown(call));
        }
        Ok(Answer::Value(json!({ "exists": user.is_some() })))
    }

    /// `PATCH /users/{id}`.
    pub(super) async fn patch(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.accounts.instance(instance_id(call)).await.map_err(|fault| self.fault(fault))?;
        let data = some_data(call)?;
        let user = self.accounts.patch(actor(call), user, data).await.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Value(self.shown(&user)))
    }

    /// `PUT /users/{id}`, `POST /users/{id}/replace`.
    pub(super) async fn replace(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let (id, data) = (instance_id(call), some_data(call)?);
        let user = self.accounts.replace(actor(call), id, data).await.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Value(self.shown(&user)))
    }

    /// `PATCH /users`.
    pub(super) async fn patch_or_create(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.accounts.patch_or_create(actor(call), data(call)).await;
        Ok(Answer::Value(self.shown(&user.map_err(|fault| self.fault(fault))?)))
    }

    /// `PUT /users`, `POST /users/replaceOrCreate`.
    pub(super) async fn replace_or_create(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let user = self.accounts.replace_or_create(actor(call), data(call)).await;
        Ok(Answer::Value(self.shown(&user.map_err(|fault| self.fault(fault))?)))
    }

    /// `POST /users/upsertWithWhere`.
    pub(super) async fn upsert_with_where(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let (conditions, data) = (conditions(call)?, some_data(call)?);
        let user = self.accounts.upsert_where(actor(call), &conditions, data).await;
        Ok(Answer::Value(self.shown(&user.map_err(|fault| self.fault(fault))?)))
    }

    /// `POST /users/update`.
    pub(super) async fn update_all(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let conditions = conditions(call)?;
        let count = self.accounts.update_all(actor(call), &conditions, data(call)).await;
        Ok(Answer::Value(json!({ "count": count.map_err(|fault| self.fault(fault))? })))
    }

    /// `DELETE /users/{id}`.
    pub(super) async fn delete(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let deleted = self.accounts.delete(actor(call), instance_id(call)).await;
        let deleted = deleted.map_err(|fault| self.fault(fault))?;
        // A missing account is a 200 with `{"count":0}`, as in LoopBack (docs/loopback-3.28.md section 2.2).
        Ok(Answer::Value(json!({ "count": u8::from(deleted) })))
    }

    /// LoopBack's message contains the id of the request, if there is one.
    fn unknown(&self, call: &Call<'_>) -> Problem {
        faults::unknown(&self.accounts.settings().model, instance_id(call))
    }

    fn filter(&self, call: &Call<'_>) -> Result<Option<Value>, Problem> {
        value(call.method, "filter", &call.body, call.head.into())
    }
}

/// The fields of the body; an absent body counts as empty.
pub(super) fn data(call: &Call<'_>) -> Map<String, Value> {
    call.body.fields().cloned().unwrap_or_default()
}

/// The fields of the body, for methods that fail without them in LoopBack.
fn some_data(call: &Call<'_>) -> Result<Map<String, Value>, Problem> {
    call.body.fields().cloned().ok_or_else(|| Problem::new(400, "data is a required argument"))
}

/// The `where` of a write. It is required, as in LoopBack, so that no write reaches all rows by mistake.
fn conditions(call: &Call<'_>) -> Result<Value, Problem> {
    let given = value(call.method, "where", &call.body, call.head.into())?;
    given.ok_or_else(|| Problem::new(400, "where is a required argument"))
}
