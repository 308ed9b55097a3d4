//! Endpoints for confirming addresses and changing passwords.

use serde_json::{Map, Value, json};

use super::{
    Api, Call, Problem,
    answer::Answer,
    arguments::{self, Around},
    negotiate,
    users::{actor, instance_id},
};
use crate::{
    accounts::{PasswordChange, Reset, may_lead_to},
    javascript::to_text,
    store::Session,
};

impl Api {
    /// `POST /users/{id}/verify`. The mail is sent asynchronously.
    pub(super) async fn verify(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let asked = self.accounts.request_verification(actor(call), instance_id(call)).await;
        asked.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Nothing)
    }

    /// `GET /users/confirm`.
    pub(super) async fn confirm(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let required = |name: &str| {
            let missing = || Problem::new(400, format!("{name} is a required argument"));
            argument(call, name).filter(|text| !text.is_empty()).ok_or_else(missing)
        };
        // LoopBack checks `uid` first (docs/loopback-3.28.md section 5).
        let (uid, token) = (required("uid")?, required("token")?);
        let redirect = argument(call, "redirect").filter(|target| !target.is_empty());
        // Before the confirmation: a refused request must not use up the token.
        if let Some(target) = redirect.as_deref().filter(|target| !self.may_lead_to(target)) {
            let message = format!("The redirect `{target}` leads to a place that is not allowed");
            return Err(Problem::new(400, message).code("INVALID_REDIRECT"));
        }
        self.accounts.confirm(actor(call), &uid, &token).await.map_err(|fault| self.fault(fault))?;
        Ok(redirect.map_or(Answer::Nothing, Answer::Redirect))
    }

    /// `POST /users/reset`. The answer contains no token. LoopBack answers 204, its documentation says 200
    /// (docs/loopback-3.28.md section 10).
    pub(super) async fn reset_password(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let empty = Map::new();
        let fields = call.body.fields().unwrap_or(&empty);
        let reset = Reset::read(&self.accounts, fields).map_err(|fault| self.fault(fault))?;
        self.accounts.request_reset(actor(call), reset).await.map_err(|fault| self.fault(fault))?;
        Ok(if self.loopback() { Answer::Nothing } else { Answer::Value(json!({})) })
    }

    /// `POST /users/reset-password`.
    pub(super) async fn set_password(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let (session, password) = (self.session(call)?, field(call, "newPassword")?);
        let set = self.accounts.reset_password(actor(call), session, &password).await;
        set.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Nothing)
    }

    /// `POST /reset-password`, the short route. LoopBack's example names the field `password` and may send a
    /// confirmation.
    pub(super) async fn set_password_by_form(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let mut texts = ["newPassword", "password"].into_iter().map(|name| plain(call, name));
        let Some(password) = texts.find(|text| !text.is_empty()) else {
            return Err(Problem::new(400, "newPassword is a required argument"));
        };
        let has_confirmation = call.body.fields().is_some_and(|fields| fields.contains_key("confirmation"));
        if has_confirmation && plain(call, "confirmation") != password {
            return Err(Problem::new(400, "Passwords do not match"));
        }
        let session = self.session(call)?;
        let set = self.accounts.reset_password(actor(call), session, password).await;
        set.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Nothing)
    }

    /// `POST /users/change-password`.
    pub(super) async fn change_password(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let (old, new) = (field(call, "oldPassword")?, field(call, "newPassword")?);
        let session = self.session(call)?;
        let change = PasswordChange { old: &old, new: &new };
        let changed = self.accounts.change_password(actor(call), session, change).await;
        changed.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Nothing)
    }

    /// The caller's session. An anonymous caller who is allowed here by a rule has no password to change.
    fn session<'c>(&self, call: &'c Call<'_>) -> Result<&'c Session, Problem> {
        let denied = || Problem::new(401, "Authorization Required").code("AUTHORIZATION_REQUIRED");
        call.session.as_deref().ok_or_else(denied)
    }

    /// Whether a confirmation may redirect to this target. LoopBack redirects anywhere (docs/loopback-3.28.md section
    /// 11, defect 12). `standard` allows paths of this host and the hosts of `users.redirect_hosts`.
    fn may_lead_to(&self, target: &str) -> bool {
        if self.loopback() {
            return true;
        }
        may_lead_to(target, &self.settings.redirect_hosts)
    }
}

/// An argument from the places in which LoopBack looks: the body, the query, then a header of its name.
fn argument(call: &Call<'_>, name: &str) -> Option<String> {
    let query = negotiate::query(call.head.uri.query());
    let fields = call.body.fields();
    let given = fields.and_then(|fields| fields.get(name)).filter(|value| !value.is_null());
    if let Some(value) = given.or_else(|| query.get(name)) {
        return Some(to_text(value));
    }
    call.head.headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// A field that is a string.
fn plain<'c>(call: &'c Call<'_>, name: &str) -> &'c str {
    call.body.fields().and_then(|fields| fields.get(name)?.as_str()).unwrap_or_default()
}

/// An argument in a field of the body, converted as LoopBack does.
fn field(call: &Call<'_>, name: &str) -> Result<String, Problem> {
    match arguments::value(call.method, name, &call.body, Around::default())? {
        Some(Value::String(text)) => Ok(text),
        _ => Ok(String::new()),
    }
}
