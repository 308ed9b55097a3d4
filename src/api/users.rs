//! The endpoints: read the input, call `accounts`, shape the output.

use serde_json::{Map, Value};

use super::{Api, Call, Problem, answer::Answer, arguments, faults, shape};
use crate::{
    accounts::{Asker, Fault, Login},
    identity::UserId,
    store::User,
};

impl Api {
    /// `POST /users`: one user, or a list of them.
    pub(super) async fn create(&self, call: &Call) -> Result<Answer, Problem> {
        let asker = asker(call);
        if let Value::Array(items) = &call.body.0 {
            let items = items.iter().map(|item| item.as_object().cloned().unwrap_or_default()).collect();
            let users = self.accounts.register_many(asker, items).await.map_err(|fault| self.fault(fault))?;
            return Ok(Answer::Value(users.iter().map(|user| self.shown(user)).collect()));
        }
        let data = call.body.fields().cloned().unwrap_or_default();
        let user = self.accounts.register(asker, data).await.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Value(self.shown(&user)))
    }

    /// `POST /users/login`.
    pub(super) async fn login(&self, call: &Call) -> Result<Answer, Problem> {
        let include = arguments::value("login", "include", &call.body, call.head.uri.query())?;
        let empty = Map::new();
        let credentials = call.body.fields().unwrap_or(&empty);
        let login = Login::read(self.accounts.settings(), credentials).map_err(|fault| self.fault(fault))?;
        let minted = self.accounts.login(asker(call), login).await.map_err(|fault| self.fault(fault))?;
        let mut token = shape::token(&minted);
        if wants_user(include.as_ref()) {
            token.insert("user".to_owned(), self.shown(&minted.user));
        }
        Ok(Answer::Secret(Value::Object(token)))
    }

    /// `/users/logout`. In profile `standard` the body may carry the token, as the seeds promise.
    pub(super) async fn logout(&self, call: &Call) -> Result<Answer, Problem> {
        let session = match (&call.session, self.token_in_body(call)) {
            (Some(session), _) => session.clone(),
            (None, Some(token)) => self.accounts.session(token).await.map_err(|fault| self.fault(fault))?,
            (None, None) => return Err(self.fault(Fault::TokenRequired)),
        };
        self.accounts.logout(asker(call), &session).await.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Nothing)
    }

    /// `GET /users/{id}`.
    pub(super) async fn find_by_id(&self, call: &Call) -> Result<Answer, Problem> {
        let filter = arguments::value("findById", "filter", &call.body, call.head.uri.query())?;
        let id = call.id.as_deref().unwrap_or("undefined");
        let user = self.accounts.user(&UserId::parse(id)).await.map_err(|fault| self.fault(fault))?;
        let row = shape::user(&user, &self.settings.hidden);
        Ok(Answer::Value(Value::Object(shape::select(row, filter.as_ref()))))
    }

    fn token_in_body<'c>(&self, call: &'c Call) -> Option<&'c str> {
        let fields = call.body.fields().filter(|_| !self.loopback())?;
        let mut texts = ["access_token", "sid"].iter().filter_map(|name| fields.get(*name)?.as_str());
        texts.find(|text| !text.is_empty())
    }

    fn shown(&self, user: &User) -> Value {
        Value::Object(shape::user(user, &self.settings.hidden))
    }

    fn fault(&self, fault: Fault) -> Problem {
        if let Fault::Store(error) = &fault {
            tracing::error!(error = error as &dyn std::error::Error, "the store failed");
        }
        faults::problem(fault, &self.accounts.settings().model, self.loopback())
    }
}

fn asker(call: &Call) -> Asker<'_> {
    Asker::Client { address: call.client, request_id: &call.request_id }
}

/// `include=user` in any letter case; `user,foo` is another word.
fn wants_user(include: Option<&Value>) -> bool {
    let Some(Value::Array(names)) = include else { return false };
    names.iter().filter_map(Value::as_str).any(|name| name.eq_ignore_ascii_case("user"))
}
