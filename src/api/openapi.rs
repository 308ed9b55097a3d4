//! The User API described as OpenAPI 3.1: made of the routes of the policies, of the argument table that the API
//! reads its input by, and of the account model. It changes when they change, and is written when it is first asked
//! for.

mod described;
mod operations;
mod paths;
mod responses;
mod schemas;
mod security;

use std::sync::OnceLock;

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG},
    request::Parts,
};
use serde_json::{Value, json};

use super::answer;
use crate::{accounts, credential, policy::PolicySet};

use described::Described;

/// How the gate is reached, for its description.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Where a token is looked for.
    pub credentials: credential::Settings,
    /// What clients call this gate by; empty where it has no address of its own.
    pub url: String,
    /// Whether an operator said so.
    pub is_public: bool,
}

/// The description, as bytes that are made once. Most gates are never asked for them.
#[derive(Debug)]
pub(super) struct Document {
    reached: Reached,
    written: OnceLock<(Bytes, Option<HeaderValue>)>,
}

impl Document {
    pub(super) fn new(reached: Reached) -> Self {
        Self { reached, written: OnceLock::new() }
    }

    fn written(&self, set: &PolicySet, accounts: &accounts::Settings) -> &(Bytes, Option<HeaderValue>) {
        self.written.get_or_init(|| {
            let Reached { credentials, url, is_public } = &self.reached;
            let about = Described { set, credentials, url, is_public: *is_public };
            let body = Bytes::from(document(&about, accounts).to_string());
            let etag = answer::etag(&body);
            (body, etag)
        })
    }

    /// The answer to a request for it. `set`: the one that the API goes with.
    pub(super) fn response(
        &self,
        head: &Parts,
        set: &PolicySet,
        accounts: &accounts::Settings,
    ) -> Response<Bytes> {
        let (body, etag) = self.written(set, accounts);
        let mut response = Response::new(body.clone());
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
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        headers.extend(etag.clone().map(|tag| (ETAG, tag)));
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
        text.push_str(" A login needs a confirmed address.");
    }
    text
}

#[cfg(test)]
mod tests;
