//! The LoopBack User API: one endpoint reads its input, calls `accounts`, and shapes the output.
//!
//! The gate reads the body ([`Body::read`]) and checks the arguments' types ([`Api::check_arguments`],
//! [`check_takes`]) before it asks the rules, as LoopBack does; what a rule must allow first is in [`Api::serve`].

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

/// A request for the User API, routed and permitted.
#[derive(Debug)]
pub struct Call<'c> {
    /// What is called.
    pub method: AccountMethod,
    /// Verb, target and headers.
    pub head: &'c http::request::Parts,
    /// The parsed body.
    pub body: Body,
    /// The `:id` of the path, decoded.
    pub id: Option<&'c str>,
    /// The caller's session; `None` = anonymous.
    pub session: Option<Arc<Session>>,
    /// The client's address.
    pub client: IpAddr,
    /// For logs and events.
    pub request_id: &'c str,
    /// Whom the rule lets in that let the caller in: [`Api::serve`] has it from the permit.
    pub reach: Reach,
}

/// What a call came to.
#[derive(Debug)]
pub struct Reply {
    /// What the client gets.
    pub response: http::Response<Bytes>,
    /// The outcome of a login, for the metrics; `None` = another method was called.
    pub login: Option<LoginResult>,
}

/// How the API answers; what accounts do is [`crate::accounts::Settings`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// The most bytes of a body, also of what a compressed one holds.
    pub body_limit: usize,
    /// Profile `standard`: hosts that a confirmation may lead to, besides this one.
    pub redirect_hosts: Vec<String>,
}

/// The User API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    accounts: Accounts,
    settings: Arc<Settings>,
    document: Option<Arc<Document>>,
    /// Wishes that the store, or what it stands on, could not grant.
    failures: Arc<LogThrottle>,
}

impl Api {
    /// The API of these accounts.
    #[must_use]
    pub fn new(accounts: Accounts, settings: Settings) -> Self {
        Self { accounts, settings: Arc::new(settings), document: None, failures: Arc::default() }
    }

    /// The same, with its description.
    #[must_use]
    pub fn described(self, reached: Reached) -> Self {
        Self { document: Some(Arc::new(Document::new(reached))), ..self }
    }

    /// Answers with the description; `None` where it is switched off. `set`: the one that this API goes with.
    #[must_use]
    pub fn description(&self, head: &http::request::Parts, set: &PolicySet) -> Option<http::Response<Bytes>> {
        self.document.as_ref().map(|document| document.response(head, set, self.accounts.settings()))
    }

    /// The accounts that it serves.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// How bodies are read.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let standard = !self.loopback();
        Reading { limit: self.settings.body_limit, lenient: standard, unique_keys: standard }
    }

    /// Checks the types of a method's arguments, which LoopBack does before it asks the rules.
    ///
    /// # Errors
    /// 400, LoopBack's words.
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

    /// The endpoints.
    async fn run(&self, call: &Call<'_>) -> Result<answer::Answer, Problem> {
        if self.loopback() && call.method.names_a_row() && call.id == Some("null") {
            // LoopBack reads that word in a path as no value.
            return Err(Problem::new(400, "id is a required argument"));
        }
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

/// The outcome of a login. LoopBack has one status for a wrong password and an unconfirmed address.
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
