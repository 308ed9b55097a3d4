//! Converts and validates the properties that a client sends for a user (docs/loopback-3.28.md section 2.1).

mod depth;
mod names;
mod typed;
mod violation;

use serde_json::{Map, Value};

use super::{
    Fault, Property, Reader, Settings, ValidationRule, Violation,
    inspect::shown,
    password::{Rules, Secret},
    query::{Kind, moment},
};
use crate::{
    identity::{UserId, canonical_address, is_email},
    javascript::{number_to_text, to_number},
    store::{KeyRules, User, UserKey},
};
use names::name_faults;
use violation::violation;

pub(super) use depth::depth_exceeds;
pub(super) use names::MAX_NAME;
pub(super) use typed::typed;

/// Maximum depth of a user's properties; the properties themselves are level 0. LoopBack crashes on deeper ones.
pub(super) const MAX_DEPTH: usize = 32;

/// Names that LoopBack does not store: the relation, and the members of every JavaScript object.
const RESERVED_NAMES: [&str; 7] = [
    "accessTokens",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// A user to be written. Its names have not been compared with those of other users yet.
pub(super) struct Draft {
    /// The properties to store: the declared ones first, in the model's order, then the others as sent.
    pub properties: Map<String, Value>,
    /// The id, if the client chose one.
    pub id: Option<UserId>,
    /// The password. `None` is a violation for a complete user.
    pub secret: Option<Secret>,
    /// The violations so far, in LoopBack's order.
    pub violations: Vec<Violation>,
    /// Whether the creation asks for the mail that confirms the address.
    pub confirms: bool,
    /// The reader of that mail.
    pub reader: Reader,
    /// Whether the username or its realm is new.
    renamed: bool,
    /// For messages: the email as the client sent it, and the username as it will be stored.
    pub shown_email: String,
    pub shown_username: String,
}

/// How an `emailVerified` that a client sends is treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verified {
    /// It becomes `false`, as in a registration of LoopBack.
    Never,
    /// It is stored.
    AsSent,
    /// It is dropped; the stored value stays.
    Dropped,
}

/// What a draft must contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    Password,
    Nothing,
}

/// The changes that a client requests.
pub(super) struct Patch {
    /// The properties as sent, without the id, the password and the verification token.
    pub data: Map<String, Value>,
    /// The new password, if one was sent.
    pub secret: Option<Secret>,
}

impl Draft {
    /// Reads all properties of a new user.
    pub(super) fn read(
        settings: &Settings,
        rules: &Rules,
        verified: Verified,
        data: Map<String, Value>,
    ) -> Result<Self, Fault> {
        Self::replacing(settings, rules, verified, data, None)
    }

    /// As [`Draft::read`], for a replacement of `old`. Unchanged names are not validated again.
    pub(super) fn replacing(
        settings: &Settings,
        rules: &Rules,
        verified: Verified,
        mut data: Map<String, Value>,
        old: Option<&User>,
    ) -> Result<Self, Fault> {
        let id = settings.key.take(&mut data);
        let Patch { mut data, secret } = Patch::read(settings, rules, data)?;
        if let Some(secret) = &secret {
            let sent = |name: &str| data.get(name).and_then(Value::as_str);
            rules.accept_beside(secret, &[sent("email"), sent("username")])?;
        }
        for property in &settings.properties {
            if let Some(default) = property.default.as_ref().filter(|_| !data.contains_key(&property.name)) {
                data.insert(property.name.clone(), default.clone());
            }
        }
        let old = old.map(|old| &old.properties);
        let mut draft = Self::of(settings, verified, Patch { data, secret }, Needs::Password, old);
        draft.id = settings.key.choice(id.as_ref());
        if let Some(given) = id.filter(|_| draft.id.is_none()).and_then(|id| id_given(settings, &id)) {
            draft.violations.insert(0, given);
        }
        Ok(draft)
    }

    /// The user with a patch applied.
    pub(super) fn patched(settings: &Settings, verified: Verified, old: &User, patch: Patch) -> Self {
        let mut merged = old.properties.clone();
        let mut data = patch.data;
        if verified == Verified::Dropped {
            data.shift_remove("emailVerified");
        }
        merged.extend(data);
        let whole = Patch { data: merged, secret: patch.secret };
        Self::of(settings, Verified::AsSent, whole, Needs::Nothing, Some(&old.properties))
    }

    fn of(
        settings: &Settings,
        verified: Verified,
        whole: Patch,
        needs: Needs,
        old: Option<&Map<String, Value>>,
    ) -> Self {
        let Patch { data, secret } = whole;
        let mut violations = Vec::new();
        for property in &settings.properties {
            let value = data.get(&property.name);
            match property.name.as_str() {
                "password" if needs == Needs::Password && secret.is_none() => {
                    violations.push(violation("password", ValidationRule::Blank, shown(None)));
                }
                "email" => violations.extend(email_faults(value)),
                "password" | "verificationToken" => {}
                name if name == settings.key.name => {}
                _ => violations.extend(property_fault(property, value)),
            }
        }
        let shown_email = shown(data.get("email"));
        let mut properties = ordered(settings, data, verified);
        violations.extend(name_faults(settings, &mut properties, old));
        let shown_username = shown(properties.get("username"));
        let is_new = |name: &str| old.is_none_or(|old| old.get(name) != properties.get(name));
        let renamed = is_new("username") || is_new("realm");
        let confirms = settings.verify_on_register;
        let (id, reader) = (None, Reader::default());
        Self { properties, id, secret, violations, confirms, reader, renamed, shown_email, shown_username }
    }

    /// The key of the email. `None` for a malformed one, which is not compared with others.
    pub(super) fn email_key(&self, keys: KeyRules) -> Option<UserKey> {
        let malformed = self.violations.iter().any(|violation| violation.property == "email");
        let email = self.text("email").filter(|_| !malformed)?;
        Some(keys.email(self.realm(), email))
    }

    /// The key of the username; `None` for an empty one.
    pub(super) fn username_key(&self, keys: KeyRules) -> Option<UserKey> {
        Some(keys.username(self.realm(), self.text("username")?))
    }

    /// The keys of all spellings that could be taken for this username, if it is new.
    pub(super) fn alike_keys(&self, keys: KeyRules) -> Vec<UserKey> {
        if self.renamed { keys.alikes(&self.properties) } else { Vec::new() }
    }

    /// The violation that a taken name is.
    pub(super) fn taken(&self, key: &UserKey) -> Violation {
        match key {
            UserKey::Email(_) => violation("email", ValidationRule::EmailTaken, self.shown_email.clone()),
            UserKey::Username(_) | UserKey::Alike(_) => self.username_taken(),
        }
    }

    pub(super) fn username_taken(&self) -> Violation {
        violation("username", ValidationRule::UsernameTaken, self.shown_username.clone())
    }

    /// The property of a unique name, and its value in this draft.
    pub(super) fn name(&self, key: &UserKey) -> (&'static str, Option<&str>) {
        let name = match key {
            UserKey::Email(_) => "email",
            UserKey::Username(_) | UserKey::Alike(_) => "username",
        };
        (name, self.text(name))
    }

    /// The realm. An empty one counts, too.
    fn realm(&self) -> Option<&str> {
        self.properties.get("realm").and_then(Value::as_str)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

impl Patch {
    /// Reads what a client sent. The id has been removed before.
    pub(super) fn read(
        settings: &Settings,
        rules: &Rules,
        mut data: Map<String, Value>,
    ) -> Result<Self, Fault> {
        if depth_exceeds(&data, MAX_DEPTH) {
            return Err(Fault::TooDeep(MAX_DEPTH));
        }
        let secret = match data.shift_remove("password") {
            Some(Value::String(text)) => Some(rules.accept(&text)?),
            _ => None,
        };
        // LoopBack drops properties with the name of a relation or of a member of every object.
        data.retain(|name, _| !RESERVED_NAMES.contains(&name.as_str()) && !name.starts_with("__"));
        // INVARIANT: a client never chooses the token that confirms its own address (docs/loopback-3.28.md section 11,
        // defect 4).
        data.shift_remove("verificationToken");
        if let Some(Value::String(email)) = data.get_mut("email") {
            if !settings.loopback {
                *email = canonical_address(email);
            }
            if !settings.case_sensitive_email {
                *email = email.to_lowercase();
            }
        }
        for property in settings.properties.iter().filter(|property| property.list) {
            if let Some(value) = data.get_mut(&property.name) {
                *value = property.as_list(value.take())?;
            }
        }
        Ok(Self { data, secret })
    }
}

/// LoopBack converts the id to a number first, and silently drops one that is not a number.
fn id_given(settings: &Settings, id: &Value) -> Option<Violation> {
    let key = &settings.key;
    let number = to_number(id);
    if id.is_null() || (number.is_nan() && !key.text) {
        return None;
    }
    let given = if key.text { shown(Some(id)) } else { number_to_text(number) };
    Some(violation(key.name.clone(), ValidationRule::IdGiven, given))
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

fn email_faults(email: Option<&Value>) -> Vec<Violation> {
    let mut rules = Vec::new();
    if is_blank(email) {
        rules.push(ValidationRule::Blank);
    }
    match email {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if text.is_empty() || is_email(text) => {}
        Some(Value::String(_)) => rules.push(ValidationRule::EmailMalformed),
        Some(_) => rules.push(ValidationRule::EmailNoText),
    }
    rules.into_iter().map(|rule| violation("email", rule, shown(email))).collect()
}

/// The violation of a property that the model declares.
fn property_fault(property: &Property, value: Option<&Value>) -> Option<Violation> {
    if property.required && is_blank(value) {
        return Some(violation(property.name.clone(), ValidationRule::Blank, shown(value)));
    }
    let given = value.filter(|value| !value.is_null())?;
    let bad_date = property.kind == Kind::Date && !property.list && moment(given).is_none();
    bad_date.then(|| violation(property.name.clone(), ValidationRule::NoDate, "Invalid Date".to_owned()))
}

/// The declared properties, converted and in the model's order, then the others as sent.
fn ordered(settings: &Settings, mut data: Map<String, Value>, verified: Verified) -> Map<String, Value> {
    let mut properties = Map::new();
    for property in &settings.properties {
        let Some(value) = data.shift_remove(&property.name) else { continue };
        let value = match property.name.as_str() {
            "emailVerified" if verified == Verified::Dropped => continue,
            // LoopBack omits this guard for batches (docs/loopback-3.28.md section 11, defect 5). Here it applies to
            // them, too.
            "emailVerified" if verified == Verified::Never && !value.is_null() => false.into(),
            // A list has been converted already; a stored value of another type stays.
            _ if property.list => value,
            _ => typed(property.kind, value),
        };
        properties.insert(property.name.clone(), value);
    }
    properties.extend(data);
    properties
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use serde_json::json;

    use super::*;
    use crate::accounts::testing;

    fn read(data: &Value) -> Draft {
        let settings = testing::loopback();
        let map = data.as_object().unwrap().clone();
        Draft::read(&settings, &Rules::new(&settings), Verified::Never, map).ok().unwrap()
    }

    fn codes(data: &Value) -> Vec<(&'static str, &'static str, String)> {
        let plain = |name: Cow<'static, str>| match name {
            Cow::Borrowed(name) => name,
            Cow::Owned(name) if name == "id" => "id",
            Cow::Owned(name) => panic!("`{name}` is not LoopBack's own"),
        };
        read(data).violations.into_iter().map(|v| (plain(v.property), v.rule.code(), v.shown)).collect()
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
            (json!({"toString": 1, "__a": 1, "accessTokens": 1, "tostring": 1}), r#"{"tostring":1}"#),
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
        let draft = Draft::read(&settings, &Rules::new(&settings), Verified::AsSent, data).ok().unwrap();
        assert_eq!(draft.properties["emailVerified"], json!(true));
    }

    #[test]
    fn knows_two_words_for_no() {
        let settings = testing::loopback();
        for (given, expected) in [("false", false), ("0", false), ("", false), ("FALSE", true), ("no", true)]
        {
            let data = json!({"email": "a@b", "emailVerified": given}).as_object().unwrap().clone();
            let draft = Draft::read(&settings, &Rules::new(&settings), Verified::AsSent, data).ok().unwrap();
            assert_eq!(draft.properties["emailVerified"], json!(expected), "{given}");
        }
    }

    #[test]
    fn c7_names_have_one_spelling_in_standard() {
        let settings = testing::standard();
        let rules = Rules::new(&settings);
        let read = |data: Value| {
            let data = data.as_object().unwrap().clone();
            Draft::read(&settings, &rules, Verified::Never, data).ok().unwrap()
        };
        let draft = read(json!({
            "username": "e\u{301}va", "realm": "u\u{308}", "email": "E\u{301}va@EXAMPLE.com", "password": "a-good-password"
        }));
        assert!(draft.violations.is_empty(), "{:?}", draft.violations);
        let kept = r#"{"realm":"ü","username":"éva","email":"Éva@example.com"}"#;
        assert_eq!(Value::Object(draft.properties).to_string(), kept);
        for (name, value, code) in [
            ("username", json!("admin\u{200b}"), "custom.visible"),
            ("username", json!(" admin"), "custom.visible"),
            ("username", json!(["ad\u{ad}min"]), "custom.visible"),
            ("realm", json!("r\u{202e}"), "custom.visible"),
            ("email", json!("a\u{200d}b@example.com"), "custom.email"),
            ("email", json!("ab@exam\u{200b}ple.com"), "custom.email"),
            ("username", json!("x".repeat(2_000)), "length.max"),
        ] {
            let mut data = json!({"email": "ann@example.com", "password": "a-good-password"});
            data[name] = value.clone();
            let faults = read(data).violations;
            assert!(
                faults.iter().any(|fault| fault.property == name && fault.rule.code() == code),
                "{value}: {faults:?}"
            );
        }
    }

    #[test]
    fn c7_a_name_that_is_there_already_may_stay() {
        let settings = testing::standard();
        let old = User {
            id: 1.into(),
            properties: testing::map(&json!({"username": "admin\u{200b}", "email": "a@X.de"})),
            password: None,
            verification: None,
            networks: Vec::new(),
            epoch: 0,
            revision: 0,
            disabled: false,
        };
        let patched = |data: Value| {
            let patch = Patch::read(&settings, &Rules::new(&settings), testing::map(&data)).ok().unwrap();
            Draft::patched(&settings, Verified::AsSent, &old, patch).violations.len()
        };
        assert_eq!(patched(json!({"nick": "x"})), 0);
        assert_eq!(patched(json!({"username": "root\u{200b}"})), 1);
    }

    #[test]
    fn a_taken_username_is_shown_as_it_is_kept() {
        let draft = read(&json!({"email": "a@b", "password": "x", "username": ["x"]}));
        let key = KeyRules::default().username(None, "x");
        assert_eq!(draft.taken(&key).shown, "\"x\"");
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
        let draft = Draft::read(&settings, &Rules::new(&settings), Verified::Never, data).ok().unwrap();
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
        assert!(Draft::read(&settings, &rules, Verified::Never, nested(31)).is_ok());
        let deep = Draft::read(&settings, &rules, Verified::Never, nested(32));
        assert!(matches!(deep, Err(Fault::TooDeep(32))));
    }
}
