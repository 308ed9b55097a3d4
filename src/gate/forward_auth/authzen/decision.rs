//! A decision with its reasons, as AuthZEN 1.0 has it.

use serde_json::{Map, Value, json};

use crate::gate::{Stop, request::Request};

impl Request<'_> {
    /// Status and decision of an evaluation. With `error` in place of reasons, where the gate could not decide.
    pub(in crate::gate::forward_auth) fn evaluated(&self, result: Result<(), Stop>) -> (u16, Value) {
        let mut context = self.reasons();
        let Err(stop) = result else { return (200, json!({"decision": true, "context": context})) };
        let (status, code, reason) = match stop {
            Stop::Refused(refusal) => {
                let (status, _, code, message) = refusal.error_parts();
                (status, code, message.into_owned())
            }
            Stop::Problem(problem) => {
                let envelope = problem.envelope();
                let reason = envelope.pointer("/error/message").and_then(Value::as_str);
                let reason = reason.unwrap_or_default().to_owned();
                (problem.status().as_u16(), problem.error_code(), reason)
            }
            Stop::Gone => (500, None, String::new()),
        };
        if matches!(status, 500 | 502..) {
            return (status, json!({"decision": false, "error": reason}));
        }
        context.insert("status".to_owned(), status.into());
        context.insert("code".to_owned(), code.into());
        context.insert("reason".to_owned(), reason.into());
        (status, json!({"decision": false, "context": context}))
    }

    /// What decided, in the words of `explain --json`.
    fn reasons(&self) -> Map<String, Value> {
        let record = &self.record;
        let mut reasons = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                reasons.insert(name.to_owned(), value);
            }
        };
        if let Some(action) = record.action.get() {
            put("route", record.route.get().0.into());
            put("model", action.model.into());
            put("property", action.property.into());
            put("accessType", action.access_type.into());
            put("modelId", action.model_id.as_deref().into());
        }
        put("winner", record.decision.get().and_then(|(_, rule)| rule).into());
        put("owner", record.owner.get().map(|owner| owner == crate::policy::OwnerVerdict::Owner).into());
        reasons
    }
}
