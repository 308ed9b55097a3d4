//! The AuthZEN Authorization API 1.0 (OpenID): an app asks about its own users, and the rules answer as to a request.

mod decision;
mod evaluation;

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderName},
};
use serde_json::{Map, Value, json};

use super::{
    answer,
    judge::{Judge, JudgedFor},
};
use crate::{
    clock::Timestamp,
    connection::Downstream,
    gate::{Stop, body::stop_body},
    identity::TokenHash,
    store::{Session, Token},
    wire::RequestHead,
};
use evaluation::{Evaluation, Subject};

/// Evaluations of one request, each of which may ask the app for an owner.
const MOST: usize = 100;

const EVALUATION: &str = "/access/v1/evaluation";
const EVALUATIONS: &str = "/access/v1/evaluations";
const METADATA: &str = "/.well-known/authzen-configuration";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// An error of the protocol, which is no decision (AuthZEN 1.0, "Error Responses").
struct ApiError {
    status: StatusCode,
    message: String,
}

/// When further evaluations of a list are left out (AuthZEN 1.0, "Evaluations semantics").
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    End,
    FirstDeny,
    FirstPermit,
}

/// Whether a path is one of the API.
pub(super) fn is_asked(path: &str) -> bool {
    [EVALUATION, EVALUATIONS, METADATA].contains(&path)
}

impl Judge<'_> {
    /// Serves a request of the API. Returns whether the connection can be reused.
    pub(super) async fn serve_authzen(&self, asked: &RequestHead, down: &mut Downstream) -> bool {
        let answered = match asked.path() {
            METADATA => self.metadata(asked),
            path => self.evaluate(asked, path == EVALUATIONS, down).await,
        };
        let mut response = match answered {
            Ok(value) => response(StatusCode::OK, "application/json", value.to_string()),
            Err(ApiError { status, message }) => response(status, "text/plain; charset=utf-8", message),
        };
        // The caller's own, whatever it is (AuthZEN 1.0, "Request Identification").
        if let Some(id) = asked.field("x-request-id").and_then(|id| HeaderValue::from_bytes(id).ok()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        answer::send(asked, &response, down).await
    }

    /// Where the API is (AuthZEN 1.0, "Policy Decision Point Metadata"), by the address that the caller has used.
    fn metadata(&self, asked: &RequestHead) -> Result<Value, ApiError> {
        if asked.method() != "GET" {
            return Err(bad("write GET"));
        }
        let is_secure = asked.field("x-forwarded-proto").is_some_and(crate::forward::is_secure);
        let base = format!("{}://{}", if is_secure { "https" } else { "http" }, asked.host());
        Ok(json!({
            "policy_decision_point": base,
            "access_evaluation_endpoint": format!("{base}{EVALUATION}"),
            "access_evaluations_endpoint": format!("{base}{EVALUATIONS}"),
        }))
    }

    async fn evaluate(
        &self,
        asked: &RequestHead,
        is_list: bool,
        down: &mut Downstream,
    ) -> Result<Value, ApiError> {
        let request = self.body(asked, down).await?;
        let list = request.get("evaluations").filter(|_| is_list);
        let list = match list {
            None => &[][..],
            Some(list) => list.as_array().ok_or_else(|| bad("`evaluations` has to be a list"))?,
        };
        // Without a list it is a single evaluation.
        if list.is_empty() {
            let evaluation = Evaluation::read(&[&request], asked.host()).map_err(|message| bad(&message))?;
            let decision = self.decide(evaluation, down).await;
            return match decision.get("error") {
                Some(error) => Err(ApiError {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    message: error.as_str().unwrap_or_default().to_owned(),
                }),
                None => Ok(decision),
            };
        }
        if list.len() > MOST {
            return Err(bad(&format!("`evaluations` has {}, and {MOST} at most are evaluated", list.len())));
        }
        let until = Until::of(&request)?;
        let mut decisions = Vec::new();
        for item in list {
            let item = item.as_object().ok_or_else(|| bad("each of `evaluations` has to be an object"))?;
            let decision = match Evaluation::read(&[item, &request], asked.host()) {
                Ok(evaluation) => self.decide(evaluation, down).await,
                Err(message) => json!({"decision": false, "error": message}),
            };
            let is_last = until.ends(&decision);
            decisions.push(in_list(decision));
            if is_last {
                break;
            }
        }
        Ok(json!({ "evaluations": decisions }))
    }

    async fn body(&self, asked: &RequestHead, down: &mut Downstream) -> Result<Map<String, Value>, ApiError> {
        if asked.method() != "POST" {
            return Err(bad("write POST"));
        }
        let kind = asked.field("content-type").unwrap_or_default();
        let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        if !essence.eq_ignore_ascii_case(b"application/json") {
            return Err(bad("the body has to be JSON, with `Content-Type: application/json`"));
        }
        let bytes =
            down.collect(self.gate.settings.body_limit).await.map_err(|error| match stop_body(error) {
                Stop::Refused(refusal) => bad(&refusal.error_parts().3),
                Stop::Problem(_) | Stop::Gone => bad("the body is incomplete"),
            })?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(request)) => Ok(request),
            Ok(_) => Err(bad("the body has to be a JSON object")),
            Err(error) => Err(bad(&format!("the body is not JSON: {error}"))),
        }
    }

    /// The decision with its reasons; with `error` where the gate could not decide.
    async fn decide(&self, evaluation: Evaluation, down: &mut Downstream) -> Value {
        let Evaluation { head, subject } = evaluation;
        let judged_for = match subject {
            Subject::Anonymous => JudgedFor::Anonymous,
            Subject::Token(token) => JudgedFor::Token(token),
            Subject::User(id) => match self.gate.store.subject(&id).await {
                Ok(Some(subject)) if !subject.disabled => JudgedFor::User(Arc::new(session_of(subject))),
                Ok(_) => {
                    let reason = "there is no such user, or an operator has disabled it";
                    return json!({"decision": false, "context": {"reason": reason}});
                }
                Err(error) => {
                    let message = self.gate.store_down(&error).error_parts().3;
                    return json!({"decision": false, "error": message});
                }
            },
        };
        self.judge(&head, judged_for, down, async |request, result, _| {
            let (status, value) = request.evaluated(result);
            request.record.status.set(status);
            value
        })
        .await
    }
}

impl Until {
    fn of(request: &Map<String, Value>) -> Result<Self, ApiError> {
        let semantic = request.get("options").and_then(|options| options.get("evaluations_semantic"));
        match semantic.map(|semantic| semantic.as_str().unwrap_or_default()) {
            None | Some("execute_all") => Ok(Self::End),
            Some("deny_on_first_deny") => Ok(Self::FirstDeny),
            Some("permit_on_first_permit") => Ok(Self::FirstPermit),
            Some(_) => Err(bad(
                "`options.evaluations_semantic` has to be `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`",
            )),
        }
    }

    fn ends(self, decision: &Value) -> bool {
        let permits = decision.get("decision") == Some(&Value::Bool(true));
        matches!((self, permits), (Self::FirstDeny, false) | (Self::FirstPermit, true))
    }
}

/// A session without a token, for the rules.
fn session_of(subject: crate::store::Subject) -> Session {
    let token = Token {
        hash: TokenHash([0; 32]),
        user: subject.id.clone(),
        ttl: None,
        created: Timestamp(0),
        scopes: Vec::new(),
        name: None,
        epoch: subject.epoch,
        fixed: true,
        host: None,
        used: None,
    };
    Session::new(&token, Arc::new(ArcSwap::from_pointee(subject)))
}

/// A decision in a list, where an error is a reason.
fn in_list(decision: Value) -> Value {
    match decision.get("error") {
        Some(error) => json!({"decision": false, "context": {"error": error}}),
        None => decision,
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn bad(message: &str) -> ApiError {
    ApiError { status: StatusCode::BAD_REQUEST, message: message.to_owned() }
}
