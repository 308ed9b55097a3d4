//! Maps errors of accounts to LoopBack's answers.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Problem;
use crate::{
    accounts::{Fault, PasswordError, QueryError, Violations},
    identity::UserId,
    rate::Exceeded,
};

/// LoopBack's answer for an error. `model` is the name of the account model.
pub(super) fn problem(fault: Fault, model: &str) -> Problem {
    let told = |status, message: &'static str, code| Problem::new(status, message).code(code);
    match fault {
        Fault::Limited(exceeded) => too_many(exceeded),
        Fault::Password(fault) => Problem::new(422, fault.to_string()).code(password_code(fault)),
        Fault::Invalid(violations) => invalid(&violations),
        Fault::Batch(faults) => batch(faults, model),
        Fault::BatchTooLong(most) => {
            Problem::new(422, format!("Too many instances at once. Max is {most}")).code("BATCH_TOO_LONG")
        }
        Fault::NoList(message) => Problem::new(400, message),
        Fault::TooDeep(most) => Problem::new(400, format!("The query object exceeds maximum depth {most}"))
            .code("QUERY_OBJECT_TOO_DEEP"),
        Fault::Query(fault) => query(fault),
        Fault::TooManyRows(most) => {
            Problem::new(400, format!("More than {most} rows match. Use limit and skip"))
                .code("TOO_MANY_ROWS")
        }
        Fault::RealmRequired => told(400, "realm is required", "REALM_REQUIRED"),
        Fault::InvalidRealm => told(400, "Invalid realm", "INVALID_REALM"),
        Fault::NameRequired => told(400, "username or email is required", "USERNAME_EMAIL_REQUIRED"),
        Fault::InvalidEmail => told(400, "Invalid email", "INVALID_EMAIL"),
        Fault::InvalidUsername => told(400, "Invalid username", "INVALID_USERNAME"),
        Fault::InvalidTtl => told(400, "ttl must be a positive number of seconds", "INVALID_TTL"),
        Fault::LoginFailed => told(401, "login failed", "LOGIN_FAILED"),
        Fault::EmailNotVerified(user) => {
            let message = "login failed as the email has not been verified";
            told(401, message, EMAIL_NOT_VERIFIED).details(json!({ "userId": id(&user) }))
        }
        Fault::TokenRequired => Problem::new(401, "accessToken is required to logout"),
        Fault::TokenExpired => told(401, "Invalid Access Token", "INVALID_TOKEN"),
        Fault::UnknownUser(user) => unknown(model, &user.to_string()),
        Fault::WrongPassword => told(400, "Invalid current password", "INVALID_PASSWORD"),
        Fault::SessionUserGone(user) => {
            Problem::new(401, format!("User {user} not found")).code("USER_NOT_FOUND")
        }
        Fault::EmailRequired => told(400, "Email is required", "EMAIL_REQUIRED"),
        Fault::EmailNotFound => told(404, "Email not found", "EMAIL_NOT_FOUND"),
        Fault::ResetNotVerified => {
            told(401, "Email has not been verified", "RESET_FAILED_EMAIL_NOT_VERIFIED")
        }
        Fault::WrongVerification(token) => {
            Problem::new(400, format!("Invalid token: {token}")).code("INVALID_TOKEN")
        }
        Fault::NoUserToConfirm(uid) => {
            Problem::new(404, format!("User not found: {uid}")).code("USER_NOT_FOUND")
        }
        Fault::NoEmail => told(422, "The user has no email", "EMAIL_REQUIRED"),
        // LoopBack shows no reason in a 5xx (docs/loopback-3.28.md section 0).
        Fault::Busy(wait) | Fault::NoMemory(wait) => Problem::opaque(503).retry_after(wait),
        Fault::NoRandomness | Fault::Contended | Fault::Store(_) | Fault::BreachedUnreadable(_) => {
            Problem::opaque(503).retry_after(Duration::from_secs(1))
        }
        other => refused(other),
    }
}

/// Errors of operations that are not allowed.
fn refused(fault: Fault) -> Problem {
    let told = |status, message: &'static str, code| Problem::new(status, message).code(code);
    match fault {
        Fault::RegistrationClosed => {
            told(403, "Registration is closed. Ask an administrator for an account", "REGISTRATION_CLOSED")
        }
        Fault::RenameRefused(name) => {
            Problem::new(403, format!("`{name}` cannot be changed by its owner. Ask an administrator"))
                .code("RENAME_NOT_ALLOWED")
        }
        Fault::CurrentPasswordRequired => told(
            403,
            "A browser's session does not do this. Use the account page, or change-password, which takes the current password",
            "CURRENT_PASSWORD_REQUIRED",
        ),
        Fault::ResetTokenRequired => told(
            403,
            "This takes the token of a password reset. With a login token use change-password, which takes the old password",
            "RESET_TOKEN_REQUIRED",
        ),
        Fault::ReservedScope(scope) => {
            Problem::new(422, format!("The scope `{scope}` is reserved for password resets"))
                .code("RESERVED_SCOPE")
        }
        Fault::TooLarge(most) => {
            Problem::new(422, format!("The properties are too large. Max is {most} bytes as JSON"))
                .code("PROPERTIES_TOO_LARGE")
        }
        Fault::TooManyProperties(most) => {
            Problem::new(422, format!("Too many properties. Max is {most}")).code("TOO_MANY_PROPERTIES")
        }
        // The same answer as for any request without a valid token.
        Fault::SessionEnded => told(401, "Authorization Required", "AUTHORIZATION_REQUIRED"),
        Fault::QueryTooExpensive => told(
            400,
            "The filter looks at too much. Use fewer conditions, or one on `id`, `email` or `username`",
            "QUERY_TOO_EXPENSIVE",
        ),
        other => row(other),
    }
}

/// Errors about rows.
fn row(fault: Fault) -> Problem {
    match fault {
        Fault::NoInstance(id) => {
            Problem::new(404, format!("could not find a model with id {id}")).code("MODEL_NOT_FOUND")
        }
        Fault::NothingToPatch(id) => {
            Problem::new(404, format!("Could not update attributes. Object with id {id} does not exist!"))
        }
        Fault::NothingToReplace(id) => {
            Problem::new(404, format!("Could not replace. Object with id {id} does not exist!"))
        }
        Fault::IdPatched { from, to } => {
            let message = format!("id cannot be updated from {from} to {to} when forceId is set to true");
            Problem::new(400, message)
        }
        Fault::IdReplaced { key, from, to } => {
            Problem::new(400, format!("id property ({key}) cannot be updated from {from} to {to}"))
        }
        Fault::KeyTaken { model, key } => Problem::new(409, format!("Duplicate entry for {model}.{key}")),
        // The missing blank is LoopBack's.
        Fault::Several => Problem::new(
            400,
            "There are multiple instances found.Upsert Operation will not be performed!",
        ),
        Fault::NoData => Problem::new(400, "data object cannot be empty!"),
        Fault::PasswordChangeRefused => Problem::new(
            401,
            "Changing user password via patch/replace API is not allowed. Use changePassword() or setPassword() instead.",
        )
        .code("PASSWORD_CHANGE_NOT_ALLOWED"),
        Fault::UnknownToken(key) => {
            Problem::new(404, format!("No instance with id {key} found for AccessToken"))
        }
        Fault::TokenTaken => Problem::new(409, "Duplicate entry for AccessToken.id"),
        Fault::TokenMoved => Problem::new(400, "userId cannot be changed"),
        _ => Problem::opaque(500),
    }
}

/// Errors of filters.
fn query(fault: QueryError) -> Problem {
    let problem = Problem::new(400, fault.to_string());
    match fault {
        QueryError::TooDeep(_) => problem.code("QUERY_OBJECT_TOO_DEEP"),
        QueryError::TooManyPatterns(_)
        | QueryError::TooManyValues(_)
        | QueryError::TooManyNames { .. }
        | QueryError::TooManyClauses(_) => problem.code("QUERY_TOO_EXPENSIVE"),
        QueryError::Operators { operators, clause } => problem
            .code("OPERATOR_NOT_ALLOWED_IN_QUERY")
            .details(json!({ "operators": operators, "where": clause })),
        QueryError::Hidden(_) => problem.code("HIDDEN_PROPERTY_IN_QUERY"),
        _ => problem,
    }
}

/// The error for an unknown id.
pub(super) fn unknown(model: &str, id: &str) -> Problem {
    Problem::new(404, format!("Unknown \"{model}\" id \"{id}\".")).code("MODEL_NOT_FOUND")
}

/// An id as JSON: numeric ids are numbers.
pub(super) fn id(user: &UserId) -> Value {
    match user {
        UserId::Number(number) => (*number).into(),
        UserId::Text(text) => text.as_ref().into(),
    }
}

fn too_many(exceeded: Exceeded) -> Problem {
    Problem::new(429, "Too many requests. Try again later").code("TOO_MANY_REQUESTS").limited(exceeded)
}

fn password_code(fault: PasswordError) -> &'static str {
    match fault {
        PasswordError::Empty | PasswordError::Hash => "INVALID_PASSWORD",
        PasswordError::TooShort { .. } => "PASSWORD_TOO_SHORT",
        PasswordError::TooCommon => "PASSWORD_TOO_COMMON",
        PasswordError::TooSimilar => "PASSWORD_TOO_SIMILAR",
        PasswordError::Breached => "PASSWORD_BREACHED",
        PasswordError::TooLong { .. } => "PASSWORD_TOO_LONG",
    }
}

fn invalid(violations: &Violations) -> Problem {
    let (mut codes, mut messages) = (Map::new(), Map::new());
    for violation in &violations.list {
        for (map, text) in [(&mut codes, violation.rule.code()), (&mut messages, violation.rule.message())] {
            let list = map.entry(&*violation.property).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(text.into());
            }
        }
    }
    let details = json!({ "context": violations.model, "codes": codes, "messages": messages });
    Problem::named(422, "ValidationError", violations.to_string()).details(details)
}

/// One entry for each item, `null` for valid ones. LoopBack answers 500 here (docs/loopback-3.28.md section 11, defect
/// 17); the fault is the client's.
fn batch(faults: Vec<Option<Fault>>, model: &str) -> Problem {
    let slot = |fault: Option<Fault>| match fault {
        Some(fault) => Value::Object(problem(fault, model).inner()),
        None => Value::Null,
    };
    let details = faults.into_iter().map(slot).collect::<Vec<_>>().into();
    Problem::new(422, "Failed with multiple errors, see `details` for more information.").details(details)
}

/// The code of a login with an unconfirmed email address.
pub(super) const EMAIL_NOT_VERIFIED: &str = "LOGIN_FAILED_EMAIL_NOT_VERIFIED";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{ValidationRule, Violation};

    fn envelope(fault: Fault) -> String {
        problem(fault, "User").envelope().to_string()
    }

    fn violations() -> Violations {
        let list = [
            ("password", ValidationRule::Blank, "undefined"),
            ("email", ValidationRule::Blank, "[]"),
            ("email", ValidationRule::EmailNoText, "[]"),
            ("username", ValidationRule::UsernameTaken, "\"alice\""),
        ];
        let violation = |(property, rule, shown): (&'static str, ValidationRule, &str)| Violation {
            property: property.into(),
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
        let faults = vec![None, Some(Fault::Password(PasswordError::Empty))];
        insta::assert_snapshot!(envelope(Fault::Batch(faults)), @r#"{"error":{"statusCode":422,"name":"Error","message":"Failed with multiple errors, see `details` for more information.","details":[null,{"statusCode":422,"name":"Error","message":"Invalid password.","code":"INVALID_PASSWORD"}]}}"#);
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
