//! The User API described as OpenAPI 3.1: made of the routes of the policies, of the argument table that the API
//! reads its input by, and of the account model. It changes when they change.

mod operations;
mod paths;
mod responses;
mod schemas;
mod security;

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG},
    request::Parts,
};
use serde_json::{Value, json};

use super::answer;
use crate::{accounts, credential, policy::PolicySet};

/// What is described, besides what the accounts know of themselves.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a> {
    /// The routes, and who may call them.
    pub set: &'a PolicySet,
    /// Where a token is looked for.
    pub credentials: &'a credential::Settings,
    /// What clients call this gate by; empty where it has no address of its own.
    pub url: &'a str,
    /// Whether an operator said so.
    pub is_public: bool,
}

/// The description, as bytes that are made once.
#[derive(Clone, Debug)]
pub(super) struct Document {
    body: Bytes,
    etag: Option<HeaderValue>,
}

impl Document {
    pub(super) fn new(about: &Described<'_>, accounts: &accounts::Settings) -> Self {
        let body = Bytes::from(document(about, accounts).to_string());
        let etag = answer::etag(&body);
        Self { body, etag }
    }

    /// The answer to a request for it.
    pub(super) fn response(&self, head: &Parts) -> Response<Bytes> {
        let mut response = Response::new(self.body.clone());
        if !matches!(head.method, http::Method::GET | http::Method::HEAD) {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            *response.body_mut() = Bytes::new();
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
            return response;
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        headers.extend(self.etag.clone().map(|tag| (ETAG, tag)));
        if answer::is_fresh(head, &response) {
            answer::not_modified(&mut response);
        }
        response
    }
}

fn document(about: &Described<'_>, accounts: &accounts::Settings) -> Value {
    let tags =
        operations::TAGS.map(|(name, description)| json!({ "name": name, "description": description }));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Accounts and access tokens",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The LoopBack 3 User API, served by Portcullis",
            "description": information(accounts),
        },
        "servers": servers(about),
        "tags": tags,
        "paths": paths::paths(about, accounts),
        "components": {
            "schemas": schemas::schemas(about.set.account(), accounts),
            "responses": responses::shared(accounts.loopback),
            "securitySchemes": security::schemes(about.credentials),
        },
    })
}

/// The address first: a client made from a copy of the document knows no other.
fn servers(about: &Described<'_>) -> Value {
    let address = json!({ "url": about.url, "description": "This gate" });
    let here = json!({ "url": "/", "description": "Where this description was found" });
    match (about.is_public, about.url) {
        (true, _) => json!([address]),
        (false, "") => json!([here]),
        (false, _) => json!([address, here]),
    }
}

fn information(accounts: &accounts::Settings) -> String {
    let mut text = "Register with `POST` to the collection, log in, and send the `id` of the answer with every \
        request, most simply as the value of `Authorization`. Paths match in any letter case. Bodies are JSON or \
        forms; answers are JSON, and errors also HTML or XML where `Accept` or `?_format=` asks for it."
        .to_owned();
    if accounts.realm_required || accounts.realm_delimiter.is_some() {
        text.push_str(" A login names its realm.");
    }
    if accounts.email_verification_required {
        text.push_str(" Nobody logs in before their address is confirmed.");
    }
    text
}

#[cfg(test)]
mod tests;
