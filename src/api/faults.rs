//! The one table from what went wrong with an account to what LoopBack answers.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Problem;
use crate::{
    accounts::{Fault, PasswordFault, Violations},
    identity::UserId,
};

/// LoopBack's answer. `model` is the account model's name.
pub(super) fn problem(fault: Fault, model: &str, loopback: bool) -> Problem {
    match fault {
        Fault::Limited(wait) => too_many(wait.0),
        Fault::Password(fault) => Problem::new(422, fault.to_string()).code(password_code(fault)),
        Fault::Invalid(violations) => invalid(&violations),
        Fault::Batch(faults) => batch(faults, model, loopback),
        Fault::BatchTooLong(most) => {
            Problem::new(422, format!("Too many instances at once. Max is {most}")).code("BATCH_TOO_LONG")
        }
        Fault::TooDeep(most) => Problem::new(400, format!("The query object exceeds maximum depth {most}"))
            .code("QUERY_OBJECT_TOO_DEEP"),
        Fault::RealmRequired => Problem::new(400, "realm is required").code("REALM_REQUIRED"),
        Fault::InvalidRealm => Problem::new(400, "Invalid realm").code("INVALID_REALM"),
        Fault::NameRequired => {
            Problem::new(400, "username or email is required").code("USERNAME_EMAIL_REQUIRED")
        }
        Fault::InvalidEmail => Problem::new(400, "Invalid email").code("INVALID_EMAIL"),
        Fault::InvalidUsername => Problem::new(400, "Invalid username").code("INVALID_USERNAME"),
        Fault::InvalidTtl => {
            Problem::new(400, "ttl must be a positive number of seconds").code("INVALID_TTL")
        }
        Fault::LoginFailed => Problem::new(401, "login failed").code("LOGIN_FAILED"),
        Fault::EmailNotVerified(user) => Problem::new(401, "login failed as the email has not been verified")
            .code("LOGIN_FAILED_EMAIL_NOT_VERIFIED")
            .details(json!({ "userId": id(&user) })),
        Fault::TokenRequired => Problem::new(401, "accessToken is required to logout"),
        Fault::TokenExpired => Problem::new(401, "Invalid Access Token").code("INVALID_TOKEN"),
        Fault::UnknownUser(user) => unknown(model, &user.to_string()),
        Fault::Busy(wait) => Problem::opaque(503).retry_after(wait),
        Fault::NoRandomness | Fault::Contended | Fault::Store(_) => {
            Problem::opaque(503).retry_after(Duration::from_secs(1))
        }
    }
}

/// No row with this id.
pub(super) fn unknown(model: &str, id: &str) -> Problem {
    Problem::new(404, format!("Unknown \"{model}\" id \"{id}\".")).code("MODEL_NOT_FOUND")
}

/// An id as JSON: numbers stay numbers.
pub(super) fn id(user: &UserId) -> Value {
    match user {
        UserId::Number(number) => (*number).into(),
        UserId::Text(text) => text.as_ref().into(),
    }
}

fn too_many(wait: Duration) -> Problem {
    Problem::new(429, "Too many requests. Try again later").code("TOO_MANY_REQUESTS").retry_after(wait)
}

fn password_code(fault: PasswordFault) -> &'static str {
    match fault {
        PasswordFault::Empty | PasswordFault::Hash => "INVALID_PASSWORD",
        PasswordFault::TooShort { .. } => "PASSWORD_TOO_SHORT",
        PasswordFault::TooCommon => "PASSWORD_TOO_COMMON",
        PasswordFault::TooLong { .. } => "PASSWORD_TOO_LONG",
    }
}

fn invalid(violations: &Violations) -> Problem {
    let (mut codes, mut messages) = (Map::new(), Map::new());
    for violation in &violations.list {
        for (map, text) in [(&mut codes, violation.rule.code()), (&mut messages, violation.rule.message())] {
            let list = map.entry(violation.property).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(text.into());
            }
        }
    }
    let details = json!({ "context": violations.model, "codes": codes, "messages": messages });
    Problem::named(422, "ValidationError", violations.to_string()).details(details)
}

/// One slot an item, `null` for the good ones. LoopBack calls it its own error; `standard` has created none of them.
fn batch(faults: Vec<Option<Fault>>, model: &str, loopback: bool) -> Problem {
    let slot = |fault: Option<Fault>| match fault {
        Some(fault) => Value::Object(problem(fault, model, loopback).inner()),
        None => Value::Null,
    };
    let details = faults.into_iter().map(slot).collect::<Vec<_>>().into();
    let message = "Failed with multiple errors, see `details` for more information.";
    if loopback {
        return Problem::new(500, message).nameless().details(details);
    }
    Problem::new(422, message).details(details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{Faulty, Violation};

    fn envelope(fault: Fault) -> String {
        problem(fault, "User", true).envelope().to_string()
    }

    fn violations() -> Violations {
        let list = [
            ("password", Faulty::Blank, "undefined"),
            ("email", Faulty::Blank, "[]"),
            ("email", Faulty::EmailNoText, "[]"),
            ("username", Faulty::UsernameTaken, "\"alice\""),
        ];
        let violation = |(property, rule, shown): (&'static str, Faulty, &str)| Violation {
            property,
            rule,
            shown: shown.to_owned(),
        };
        Violations { model: "User".to_owned(), list: list.into_iter().map(violation).collect() }
    }

    #[test]
    fn tells_violations_in_loopbacks_words() {
        insta::assert_snapshot!(envelope(Fault::Invalid(violations())), @r#"{"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `password` can't be blank (value: undefined); `email` can't be blank (value: []); `email` is invalid (value: []); `username` User already exists (value: \"alice\").","details":{"context":"User","codes":{"password":["presence"],"email":["presence","custom.string"],"username":["uniqueness"]},"messages":{"password":["can't be blank"],"email":["can't be blank","is invalid"],"username":["User already exists"]}}}}"#);
    }

    #[test]
    fn tells_a_batch_item_by_item() {
        let faults = || vec![None, Some(Fault::Password(PasswordFault::Empty))];
        insta::assert_snapshot!(envelope(Fault::Batch(faults())), @r#"{"error":{"statusCode":500,"message":"Failed with multiple errors, see `details` for more information.","details":[null,{"statusCode":422,"name":"Error","message":"Invalid password.","code":"INVALID_PASSWORD"}]}}"#);
        assert_eq!(problem(Fault::Batch(faults()), "User", false).status(), 422);
    }

    #[test]
    fn tells_the_rest() {
        for (fault, expected) in [
            (
                Fault::EmailNotVerified(1.into()),
                r#"{"error":{"statusCode":401,"name":"Error","message":"login failed as the email has not been verified","code":"LOGIN_FAILED_EMAIL_NOT_VERIFIED","details":{"userId":1}}}"#,
            ),
            (
                Fault::TokenRequired,
                r#"{"error":{"statusCode":401,"name":"Error","message":"accessToken is required to logout"}}"#,
            ),
            (
                Fault::UnknownUser(UserId::Text("x\"".into())),
                r#"{"error":{"statusCode":404,"name":"Error","message":"Unknown \"User\" id \"x\"\".","code":"MODEL_NOT_FOUND"}}"#,
            ),
            (
                Fault::TooDeep(32),
                r#"{"error":{"statusCode":400,"name":"Error","message":"The query object exceeds maximum depth 32","code":"QUERY_OBJECT_TOO_DEEP"}}"#,
            ),
            (
                Fault::Store(crate::store::StoreError::Poisoned),
                r#"{"error":{"statusCode":503,"message":"Service Unavailable"}}"#,
            ),
        ] {
            assert_eq!(envelope(fault), expected);
        }
    }
}
