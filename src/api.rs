//! The LoopBack User API: one endpoint reads its input, calls `accounts`, and shapes the output.

use std::{net::IpAddr, sync::Arc};

use bytes::Bytes;
use serde_json::Value;

use crate::{policy::Permit, store::Session};

/// A request for the User API, routed and permitted.
#[derive(Debug)]
pub struct Call {
    /// The canonical LoopBack method: `login`, `create`, `findById`, `prototype.patchAttributes`.
    pub method: Box<str>,
    /// Verb, target and headers.
    pub head: http::request::Parts,
    /// The parsed body.
    pub body: Body,
    /// The `:id` of the path, decoded.
    pub id: Option<Box<str>>,
    /// The caller's session; `None` = anonymous.
    pub session: Option<Arc<Session>>,
    /// The client's address.
    pub client: IpAddr,
    /// For logs and events.
    pub request_id: Box<str>,
}

/// A body as LoopBack's body parsers read it (loopback3.md section 7): `{}` where there is none, or where its type
/// is neither JSON nor a form.
#[derive(Debug)]
pub struct Body(pub Value);

/// An error in LoopBack's envelope (loopback3.md section 0).
#[derive(Debug)]
pub struct Problem {}

/// The User API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {}

impl Body {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 for broken JSON, 415 for a charset or an encoding that is not understood.
    pub fn read(_headers: &http::HeaderMap, _bytes: &Bytes) -> Result<Self, Problem> {
        Ok(Self(Value::Null))
    }
}

impl Problem {
    /// The answer that the client gets.
    #[must_use]
    pub fn into_response(self, _head: &http::request::Parts) -> http::Response<Bytes> {
        http::Response::new(Bytes::new())
    }
}

impl Api {
    /// Serves a permitted call.
    pub async fn serve(&self, _permit: Permit<'_>, _call: Call) -> http::Response<Bytes> {
        http::Response::new(Bytes::new())
    }
}
