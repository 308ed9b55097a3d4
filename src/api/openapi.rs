//! The OpenAPI 3.1 document of the User API. It is generated from the routes of the policies, the table of arguments
//! and the account model, so that it changes with them. It is generated at the first request.

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

/// The ways to reach the gate, for the document.
#[derive(Clone, Debug)]
pub struct Reached {
    /// The places of a token.
    pub credentials: credential::Settings,
    /// The address of this gate for clients; empty if it has none.
    pub url: String,
    /// Whether an operator has configured the address.
    pub is_public: bool,
}

/// The document as bytes, generated once. Most gates are never asked for it.
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

    /// The response with the document. `set` is the ruleset of this API.
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
        // A reload may change the routes; the ETag makes revalidation cheap.
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

/// The address comes first: a client generated from a copy of the document has no other.
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
