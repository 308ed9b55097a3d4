//! Reads a body before the decision.

use bytes::Bytes;

use crate::{
    api::{self, Body},
    connection::{BodyError, Downstream},
    policy::{self, Action, Served},
    refusal::Refusal,
    wire::{Framing, RequestHead},
};

use super::{Stop, request::Request};

/// A body that was read before the decision, as bytes and parsed.
#[derive(Debug, Default)]
pub(super) struct ReadBody {
    /// `None` = the body is streamed.
    pub(super) bytes: Option<Vec<u8>>,
    pub(super) parsed: Option<Body>,
}

/// Whether the gate reads the body before the decision, because it judges or serves it. All other bodies are
/// streamed.
pub(super) fn is_read_first(head: &RequestHead, action: &Action<'_, '_>) -> bool {
    let is_judged = || {
        action.takes.is_some()
            && head.framing() != Framing::Empty
            && is_parsed_type(head.field("content-type"))
    };
    matches!(action.served, Served::Account(_) | Served::NotImplemented(_)) || is_judged()
}

impl<'r> Request<'r> {
    /// Reads the body of a request for which [`is_read_first`] is true.
    pub(super) async fn read_body(
        &self,
        head: &RequestHead,
        action: Action<'r, 'r>,
        down: &mut Downstream,
    ) -> Result<(Action<'r, 'r>, ReadBody), Stop> {
        let api = &self.rules.api;
        // The limit holds for bodies that are held in memory; streamed ones have none.
        let bytes = down.collect(self.gate.settings.body_limit).await.map_err(stop_body)?;
        let http_head = self.http_head();
        let body = Body::read(&http_head.headers, &Bytes::copy_from_slice(&bytes), api.reading())?;
        match action.served {
            Served::Account(method) => api.check_arguments(method, &body, http_head)?,
            Served::NotImplemented(_) => {}
            Served::App | Served::NoSuchMethod => api::check_takes(&action, head, Some(&body))?,
        }
        let action = if action.wants_body { action.with_body_id(policy::body_id(&body.0)) } else { action };
        Ok((action, ReadBody { bytes: Some(bytes), parsed: Some(body) }))
    }
}

pub(super) fn stop_body(error: BodyError) -> Stop {
    match error {
        BodyError::TooLarge => Stop::Refused(Refusal::BodyTooLarge),
        BodyError::TooSlow => Stop::Refused(Refusal::BodyTooSlow),
        BodyError::Overloaded => Stop::Refused(Refusal::Overloaded),
        BodyError::Broken(reject) => Stop::Refused(Refusal::from(&reject)),
        BodyError::MethodOverride => Stop::Refused(Refusal::method_override()),
        BodyError::Gone => Stop::Gone,
    }
}

/// Whether LoopBack parses bodies of this type: JSON and forms.
fn is_parsed_type(content_type: Option<&[u8]>) -> bool {
    content_type.is_some_and(|value| {
        let essence = value.split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
        essence.eq_ignore_ascii_case(b"application/json")
            || essence.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    })
}
