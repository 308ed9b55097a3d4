//! The claims of an assertion.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;

/// How long an assertion holds, in seconds: long enough for the clocks of two machines.
const LIFE: i64 = 60;

/// Who asks, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The app.
    pub audience: &'a str,
    /// The user's id.
    pub user: &'a str,
    /// The username, as the app is told it.
    pub username: Option<&'a str>,
    /// The email address, as the app is told it.
    pub email: Option<&'a str>,
    /// Whether the email address is confirmed.
    pub email_verified: bool,
    /// The names of the roles, sorted.
    pub roles: &'a [Box<str>],
    /// The request id in all logs.
    pub request_id: &'a str,
    /// The method.
    pub method: &'a str,
    /// The path, as it is forwarded.
    pub path: &'a str,
    /// The query, as it is forwarded.
    pub query: Option<&'a str>,
}

/// The claims of RFC 7519 section 4.1, those of users in OpenID Connect, and of the request.
#[derive(Serialize)]
struct Payload<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: &'a str,
    htm: &'a str,
    htp: &'a str,
    /// A hash, because queries are long, and hold what is not to be in a log.
    #[serde(skip_serializing_if = "Option::is_none")]
    htq: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    groups: &'a [Box<str>],
}

/// The claims as JSON.
pub(super) fn render(facts: &Facts<'_>, issuer: &str, now: Timestamp) -> Vec<u8> {
    let now = now.0.div_euclid(1000);
    // An app server does not tell `/a?` from `/a`.
    let query = facts.query.filter(|query| !query.is_empty());
    let payload = Payload {
        iss: issuer,
        aud: facts.audience,
        sub: facts.user,
        iat: now,
        nbf: now,
        exp: now.saturating_add(LIFE),
        jti: facts.request_id,
        htm: facts.method,
        htp: facts.path,
        htq: query.map(|query| URL_SAFE_NO_PAD.encode(Sha256::digest(query))),
        preferred_username: facts.username,
        email: facts.email,
        email_verified: facts.email.map(|_| facts.email_verified),
        groups: facts.roles,
    };
    // It cannot fail: no map and no type of its own is in it. An empty payload would be no assertion.
    serde_json::to_vec(&payload).unwrap_or_default()
}
