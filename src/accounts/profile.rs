//! A client's properties become a user's (loopback3.md section 2.1): what is dropped, converted, and refused.

use serde_json::{Map, Value};

use super::{
    Asker, Fault, Faulty, Settings, Violation,
    inspect::{float_text, shown, to_number, to_text},
    password::{Rules, Secret},
};
use crate::{
    identity::is_email,
    store::{KeyRules, UserKey},
};

/// LoopBack's bound: the properties are level 0.
pub(super) const MAX_DEPTH: usize = 32;

/// A user about to be created, whose names have not been compared with others yet.
pub(super) struct Draft {
    /// As the store keeps them: LoopBack's own first, in its order, then the rest as sent.
    pub properties: Map<String, Value>,
    /// `None` is one of the violations.
    pub secret: Option<Secret>,
    /// What is wrong so far, in LoopBack's order.
    pub violations: Vec<Violation>,
    /// The email and the username as the client sent them, for messages.
    pub shown_email: String,
    pub shown_username: String,
}

impl Draft {
    /// Reads the properties that a client sent.
    pub(super) fn read(
        settings: &Settings,
        rules: &Rules,
        asker: Asker<'_>,
        mut data: Map<String, Value>,
    ) -> Result<Self, Fault> {
        if depth_exceeds(&data, MAX_DEPTH) {
            return Err(Fault::TooDeep(MAX_DEPTH));
        }
        let secret = match data.shift_remove("password") {
            Some(Value::String(text)) => Some(rules.accept(&text)?),
            _ => None,
        };
        // INVARIANT: a client never picks the token that confirms its own address.
        data.shift_remove("verificationToken");
        let id = data.shift_remove("id");
        if !settings.case_sensitive_email
            && let Some(Value::String(email)) = data.get_mut("email")
        {
            *email = email.to_lowercase();
        }
        let mut violations: Vec<Violation> = id.and_then(|id| id_given(&id)).into_iter().collect();
        if secret.is_none() {
            violations.push(Violation { property: "password", rule: Faulty::Blank, shown: shown(None) });
        }
        violations.extend(email_faults(data.get("email")));
        let (shown_email, shown_username) = (shown(data.get("email")), shown(data.get("username")));
        let properties = ordered(data, matches!(asker, Asker::Operator));
        Ok(Self { properties, secret, violations, shown_email, shown_username })
    }

    /// The email's key, where the email may be compared with others' at all.
    pub(super) fn email_key(&self, keys: KeyRules) -> Option<UserKey> {
        let malformed = self.violations.iter().any(|violation| violation.property == "email");
        let email = self.text("email").filter(|_| !malformed)?;
        Some(keys.email(self.text("realm"), email))
    }

    /// The username's key: blank ones are nobody's.
    pub(super) fn username_key(&self, keys: KeyRules) -> Option<UserKey> {
        Some(keys.username(self.text("realm"), self.text("username")?))
    }

    /// The violation of a name that somebody else has.
    pub(super) fn taken(&self, key: &UserKey) -> Violation {
        match key {
            UserKey::Email(_) => {
                Violation { property: "email", rule: Faulty::EmailTaken, shown: self.shown_email.clone() }
            }
            UserKey::Username(_) => Violation {
                property: "username",
                rule: Faulty::UsernameTaken,
                shown: self.shown_username.clone(),
            },
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// LoopBack makes a number of the id first: what becomes none is dropped without a word.
fn id_given(id: &Value) -> Option<Violation> {
    let number = to_number(id);
    if id.is_null() || number.is_nan() {
        return None;
    }
    Some(Violation { property: "id", rule: Faulty::IdGiven, shown: float_text(number) })
}

fn email_faults(email: Option<&Value>) -> Vec<Violation> {
    let blank = match email {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    };
    let mut rules = Vec::new();
    if blank {
        rules.push(Faulty::Blank);
    }
    match email {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.is_empty() || is_email(text) => {}
        Some(Value::String(_)) => rules.push(Faulty::EmailMalformed),
        Some(_) => rules.push(Faulty::EmailNoText),
    }
    let violation = |rule| Violation { property: "email", rule, shown: shown(email) };
    rules.into_iter().map(violation).collect()
}

/// LoopBack's own properties converted and in its order, then the rest as sent.
fn ordered(mut data: Map<String, Value>, trusted: bool) -> Map<String, Value> {
    let mut properties = Map::new();
    for name in ["realm", "username", "email"] {
        if let Some(value) = data.shift_remove(name) {
            let value = if value.is_null() { value } else { Value::String(to_text(&value)) };
            properties.insert(name.to_owned(), value);
        }
    }
    if let Some(value) = data.shift_remove("emailVerified") {
        // Only the operator's word counts. LoopBack forgets this for batches; here it holds for them, too.
        let verified = if value.is_null() { value } else { Value::Bool(trusted && truthy(&value)) };
        properties.insert("emailVerified".to_owned(), verified);
    }
    properties.extend(data);
    properties
}

/// JavaScript's truth.
pub(super) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// Whether anything in `map` (level 0) lies deeper than `levels`.
fn depth_exceeds(map: &Map<String, Value>, levels: usize) -> bool {
    map.values().any(|value| match levels.checked_sub(1) {
        None => true,
        Some(left) => value_exceeds(value, left),
    })
}

fn value_exceeds(value: &Value, levels: usize) -> bool {
    match value {
        Value::Object(map) => depth_exceeds(map, levels),
        Value::Array(items) => items.iter().any(|item| match levels.checked_sub(1) {
            None => true,
            Some(left) => value_exceeds(item, left),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::accounts::testing;

    fn read(data: &Value) -> Draft {
        let settings = testing::loopback();
        let map = data.as_object().unwrap().clone();
        Draft::read(&settings, &Rules::new(&settings), testing::CLIENT, map).ok().unwrap()
    }

    fn codes(data: &Value) -> Vec<(&'static str, &'static str, String)> {
        read(data).violations.into_iter().map(|v| (v.property, v.rule.code(), v.shown)).collect()
    }

    #[test]
    fn orders_and_converts() {
        for (given, kept) in [
            (json!({"nick": "z", "email": "a@b", "realm": "r"}), r#"{"realm":"r","email":"a@b","nick":"z"}"#),
            (json!({"username": 5, "realm": true}), r#"{"realm":"true","username":"5"}"#),
            (json!({"username": null, "realm": ""}), r#"{"realm":"","username":null}"#),
            (json!({"emailVerified": true}), r#"{"emailVerified":false}"#),
            (json!({"emailVerified": "no"}), r#"{"emailVerified":false}"#),
            (json!({"emailVerified": null}), r#"{"emailVerified":null}"#),
            (json!({"id": null, "verificationToken": "v", "password": "x"}), "{}"),
            (json!({"username": [1, 2]}), r#"{"username":"1,2"}"#),
        ] {
            assert_eq!(Value::Object(read(&given).properties).to_string(), kept);
        }
    }

    #[test]
    fn an_operator_may_confirm_an_address() {
        let settings = testing::loopback();
        let data = json!({"email": "a@b", "emailVerified": 1}).as_object().unwrap().clone();
        let draft = Draft::read(&settings, &Rules::new(&settings), Asker::Operator, data).ok().unwrap();
        assert_eq!(draft.properties["emailVerified"], json!(true));
    }

    #[test]
    fn finds_what_loopback_finds() {
        let blank = ("password", "presence", "undefined".to_owned());
        for (given, expected) in [
            (json!({}), vec![blank.clone(), ("email", "presence", "undefined".to_owned())]),
            (json!({"password": 5, "email": "a@b"}), vec![blank]),
            (json!({"password": "x", "email": null}), vec![("email", "presence", "null".to_owned())]),
            (json!({"password": "x", "email": ""}), vec![("email", "presence", "\"\"".to_owned())]),
            (json!({"password": "x", "email": 12}), vec![("email", "custom.string", "12".to_owned())]),
            (json!({"password": "x", "email": false}), vec![("email", "custom.string", "false".to_owned())]),
            (
                json!({"password": "x", "email": []}),
                vec![("email", "presence", "[]".to_owned()), ("email", "custom.string", "[]".to_owned())],
            ),
            (json!({"password": "x", "email": "a@b", "id": 77}), vec![("id", "absence", "77".to_owned())]),
            (json!({"password": "x", "email": "a@b", "id": "7"}), vec![("id", "absence", "7".to_owned())]),
            (json!({"password": "x", "email": "a@b", "id": false}), vec![("id", "absence", "0".to_owned())]),
            (json!({"password": "x", "email": "a@b", "id": {"a": 1}}), vec![]),
        ] {
            assert_eq!(codes(&given), expected, "{given}");
        }
    }

    #[test]
    fn lower_cases_the_email_where_case_does_not_count() {
        let settings = Settings { case_sensitive_email: false, ..testing::loopback() };
        let data = json!({"email": "ALICE@b"}).as_object().unwrap().clone();
        let draft = Draft::read(&settings, &Rules::new(&settings), testing::CLIENT, data).ok().unwrap();
        assert_eq!(draft.properties["email"], json!("alice@b"));
    }

    #[test]
    fn counts_levels_as_loopback_does() {
        let settings = testing::loopback();
        let nested = |levels: usize| {
            let mut value = json!(1);
            for _ in 0..levels {
                value = json!({ "a": value });
            }
            json!({ "extra": value }).as_object().unwrap().clone()
        };
        let rules = Rules::new(&settings);
        assert!(Draft::read(&settings, &rules, testing::CLIENT, nested(31)).is_ok());
        let deep = Draft::read(&settings, &rules, testing::CLIENT, nested(32));
        assert!(matches!(deep, Err(Fault::TooDeep(32))));
    }
}
