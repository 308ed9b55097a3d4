//! The LoopBack User API. An endpoint reads its input, calls `accounts`, and shapes the output.
//!
//! As in LoopBack, the gate reads the body ([`Body::read`]) and checks the types of arguments
//! ([`Api::check_arguments`], [`check_takes`]) before it asks the rules. [`Api::serve`] handles what follows a permit.

mod answer;
mod arguments;
mod body;
mod coerce;
mod faults;
mod json;
mod negotiate;
mod openapi;
mod problem;
mod recovery;
mod rows;
mod shape;
mod tokens;
mod users;
mod xml;

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;

use crate::{
    accounts::Accounts,
    observe::{LogThrottle, metrics::LoginResult},
    policy::{AccountMethod, Permit, PolicySet, Reach},
    store::Session,
};
use negotiate::Strictness;
use openapi::Document;

pub use body::{Body, Reading};
pub use coerce::check_takes;
pub use openapi::Reached;
pub use problem::Problem;

/// A request for the User API that is routed and permitted.
#[derive(Debug)]
pub struct Call<'c> {
    /// The method.
    pub method: AccountMethod,
    /// Method, target and headers of the request.
    pub head: &'c http::request::Parts,
    /// The parsed body.
    pub body: Body,
    /// The decoded `:id` of the path.
    pub id: Option<&'c str>,
    /// The caller's session; `None` = anonymous.
    pub session: Option<Arc<Session>>,
    /// The client's address.
    pub client: IpAddr,
    /// The request's id, for logs and events.
    pub request_id: &'c str,
    /// The audience of the rule that allowed the call; copied from the permit.
    pub reach: Reach,
    /// Whether a cookie carried the session.
    pub by_cookie: bool,
}

/// The result of a call.
#[derive(Debug)]
pub struct Reply {
    /// The response for the client.
    pub response: http::Response<Bytes>,
    /// The result of a login, for the metrics; `None` for other methods.
    pub login: Option<LoginResult>,
}

/// The settings of the API. Those of accounts are in [`crate::accounts::Settings`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Maximum size of a body in bytes, compressed and uncompressed.
    pub body_limit: usize,
    /// Hosts that a confirmation may redirect to, in addition to this one (profile `standard`).
    pub redirect_hosts: Vec<String>,
}

/// The User API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    accounts: Accounts,
    settings: Arc<Settings>,
    document: Option<Arc<Document>>,
    /// Log throttle for requests that failed because of the store, the disk or memory.
    failures: Arc<LogThrottle>,
}

impl Api {
    /// Creates the API of these accounts.
    #[must_use]
    pub fn new(accounts: Accounts, settings: Settings) -> Self {
        Self { accounts, settings: Arc::new(settings), document: None, failures: Arc::default() }
    }

    /// Adds the OpenAPI document.
    #[must_use]
    pub fn described(self, reached: Reached) -> Self {
        Self { document: Some(Arc::new(Document::new(reached))), ..self }
    }

    /// The response with the OpenAPI document; `None` if it is switched off. `set` is the ruleset of this API.
    #[must_use]
    pub fn description(&self, head: &http::request::Parts, set: &PolicySet) -> Option<http::Response<Bytes>> {
        self.document.as_ref().map(|document| document.response(head, set, self.accounts.settings()))
    }

    /// The accounts of this API.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// The settings for reading bodies.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let standard = !self.loopback();
        Reading { limit: self.settings.body_limit, lenient: standard, unique_keys: standard }
    }

    /// Checks the types of a method's arguments. LoopBack does this before the rules (docs/loopback-3.28.md section 0).
    ///
    /// # Errors
    /// 400 with LoopBack's message.
    pub fn check_arguments(
        &self,
        method: AccountMethod,
        body: &Body,
        head: &http::request::Parts,
    ) -> Result<(), Problem> {
        arguments::check(method, body, head.into())
    }

    /// Serves a permitted call.
    pub async fn serve(&self, permit: Permit<'_>, call: Call<'_>) -> Reply {
        self.reply(&Call { reach: permit.reach, ..call }).await
    }

    async fn reply(&self, call: &Call<'_>) -> Reply {
        let answer = self.run(call).await;
        let login = (call.method == AccountMethod::Login).then(|| login_result(&answer));
        let response = match answer {
            Ok(answer) => answer.into_response(call.head, self.strictness()),
            Err(problem) => problem.challenging(!self.loopback()).into_response(call.head),
        };
        Reply { response, login }
    }

    /// Runs the endpoint of a method.
    async fn run(&self, call: &Call<'_>) -> Result<answer::Answer, Problem> {
        if self.loopback() && call.method.names_a_row() && call.id == Some("null") {
            // LoopBack reads `null` in a path as a missing value.
            return Err(Problem::new(400, "id is a required argument"));
        }
        // After the rules: a missing argument is reported after a denial (docs/loopback-3.28.md section 0, step 9).
        arguments::require(call.method, &call.body)?;
        match call.method {
            AccountMethod::Create => self.create(call).await,
            AccountMethod::Login => self.login(call).await,
            AccountMethod::Logout => self.logout(call).await,
            AccountMethod::Find => self.find(call).await,
            AccountMethod::FindOne => self.find_one(call).await,
            AccountMethod::FindById => self.find_by_id(call).await,
            AccountMethod::Count => self.count(call).await,
            AccountMethod::Exists => self.exists(call).await,
            AccountMethod::PatchAttributes => self.patch(call).await,
            AccountMethod::ReplaceById => self.replace(call).await,
            AccountMethod::PatchOrCreate => self.patch_or_create(call).await,
            AccountMethod::ReplaceOrCreate => self.replace_or_create(call).await,
            AccountMethod::UpsertWithWhere => self.upsert_with_where(call).await,
            AccountMethod::UpdateAll => self.update_all(call).await,
            AccountMethod::DeleteById => self.delete(call).await,
            AccountMethod::Verify => self.verify(call).await,
            AccountMethod::Confirm => self.confirm(call).await,
            AccountMethod::ResetPassword => self.reset_password(call).await,
            AccountMethod::SetPassword => self.set_password(call).await,
            AccountMethod::ShortSetPassword => self.set_password_by_form(call).await,
            AccountMethod::ChangePassword => self.change_password(call).await,
            AccountMethod::ListTokens => self.list_tokens(call).await,
            AccountMethod::CountTokens => self.count_tokens(call).await,
            AccountMethod::CreateTokens => self.create_tokens(call).await,
            AccountMethod::DeleteTokens => self.delete_tokens(call).await,
            AccountMethod::FindToken => self.find_token(call).await,
            AccountMethod::UpdateToken => self.update_token(call).await,
            AccountMethod::DeleteToken => self.delete_token(call).await,
            AccountMethod::CreateChangeStream => Err(Problem::not_implemented(call.method.name())),
        }
    }

    fn strictness(&self) -> Strictness {
        if self.loopback() { Strictness::Exact } else { Strictness::AnyCharset }
    }

    fn loopback(&self) -> bool {
        self.accounts.settings().loopback
    }
}

/// The result of a login. LoopBack has the same status for a wrong password and an unconfirmed address.
fn login_result(answer: &Result<answer::Answer, Problem>) -> LoginResult {
    let Err(problem) = answer else { return LoginResult::Succeeded };
    match problem.status().as_u16() {
        401 if problem.has_code(faults::EMAIL_NOT_VERIFIED) => LoginResult::Unverified,
        401 => LoginResult::Failed,
        429 => LoginResult::Limited,
        503 => LoginResult::Busy,
        400..500 => LoginResult::Invalid,
        _ => LoginResult::Error,
    }
}
