//! Which model the accounts are.

use super::*;

fn named(settings: &Settings, files: &[Source]) -> Result<(String, String), Vec<String>> {
    let (set, findings) = compile(settings, files, &stored());
    let account = set.as_ref().and_then(PolicySet::account);
    account
        .map(|account| (account.name.clone(), account.plural.clone()))
        .ok_or_else(|| findings.iter().map(ToString::to_string).collect())
}

#[test]
fn is_user_or_what_takes_its_place() {
    let customer = json!({"name": "customer", "base": "User", "plural": "clients"});
    let person = json!({"name": "person", "base": "customer", "plural": "folk"});
    let config = |entries: Value| file("model-config.json", &entries.to_string());
    let with = |definitions: &[Value], entries: Value| {
        let mut files = sources(definitions);
        files.push(config(entries));
        files
    };
    let is = |name: &str, plural: &str| Ok((name.to_owned(), plural.to_owned()));
    let both = [customer.clone(), person.clone()];
    let wanted = |name: &str| Settings { user_model: Some(name.into()), ..standard() };
    assert_eq!(named(&standard(), &[]), is("User", "users"));
    assert_eq!(named(&standard(), &sources(&both)), is("User", "users"));
    assert_eq!(named(&wanted("person"), &sources(&both)), is("person", "folk"));
    assert_eq!(named(&standard(), &with(&both, json!({"User": {}, "customer": {}}))), is("User", "users"));
    let hidden = json!({"User": {"public": false}, "customer": {}});
    assert_eq!(named(&standard(), &with(&both, hidden)), is("customer", "clients"));
    let own = [json!({"name": "User", "base": "User", "hidden": ["phone"]})];
    assert_eq!(named(&standard(), &sources(&own)), is("User", "users"));
    let bare = [json!({"name": "member", "base": "User"})];
    assert_eq!(named(&standard(), &with(&bare, json!({"member": {}}))), is("member", "members"));

    let two = named(&standard(), &with(&both, json!({"customer": {}, "person": {}}))).unwrap_err();
    assert!(two.iter().any(|line| line.contains("user_model = \"customer\"")), "{two:?}");
    let none = named(&standard(), &with(&both, json!({}))).unwrap_err();
    assert!(none.iter().any(|line| line.contains("no user can log in")), "{none:?}");
    let typo = named(&wanted("custmer"), &sources(&both)).unwrap_err();
    assert!(typo.iter().any(|line| line.contains("did you mean `customer`?")), "{typo:?}");
}

#[test]
fn tells_what_its_file_says() {
    let file = json!({
        "name": "Person", "base": "User", "hidden": ["phone"], "ttl": 60,
        "options": {"emailVerificationRequired": true, "realmDelimiter": ":"},
        "properties": {
            "phone": "string",
            "username": {"type": "string", "required": true},
            "age": {"type": "Number", "default": 18},
            "tags": ["string"]
        }
    });
    let settings = Settings { user_model: Some("Person".into()), ..standard() };
    let set = set(&settings, &[file]);
    let account = set.account().unwrap();
    assert_eq!(account.hidden, ["password", "verificationToken", "phone"]);
    assert_eq!((account.ttl, account.max_ttl), (Some(60.0), None));
    assert_eq!(account.email_verification_required, Some(true));
    assert_eq!(account.realm_delimiter.as_deref(), Some(":"));
    let property = |name: &str| account.properties.iter().find(|property| property.name == name).unwrap();
    assert!(property("username").required && property("password").required && !property("realm").required);
    assert_eq!((property("age").kind.as_str(), &property("age").default), ("number", &Some(json!(18))));
    assert_eq!(property("emailVerified").kind, "boolean");
    assert_eq!(property("tags").kind, "array");
    assert_eq!(verdict(&set, "GET /api/people/1", user("1"), None), "allow User#/acls/5");
}

/// A `User` with these settings, and the findings of its file.
fn with_settings(settings: &Settings, own: &Value, tokens: &Value) -> (Option<AccountModel>, Vec<String>) {
    let mut user = json!({"name": "User", "base": "User"});
    for (key, value) in own.as_object().unwrap() {
        user[key] = value.clone();
    }
    let mut token = json!({"name": "AccessToken", "base": "AccessToken"});
    token["options"] = tokens.clone();
    let (set, findings) = compile(settings, &sources(&[token, user]), &stored());
    let account = set.and_then(|set| set.account().cloned());
    (account, findings.iter().map(ToString::to_string).collect())
}

#[test]
fn its_settings_are_read_where_loopback_reads_them() {
    let own = json!({
        "ttl": 60, "maxTTL": "120", "emailVerificationRequired": true, "realmDelimiter": ":",
        "options": {"ttl": 30, "realmRequired": true, "caseSensitiveEmail": false, "allowEternalTokens": null},
    });
    let (account, findings) = with_settings(&loopback(), &own, &json!({"accessTokenIdLength": 32}));
    assert!(findings.is_empty(), "{findings:?}");
    let expected = AccountModel {
        ttl: Some(30.0),
        max_ttl: Some(120.0),
        email_verification_required: Some(true),
        realm_delimiter: Some(":".to_owned()),
        realm_required: Some(true),
        case_sensitive_email: Some(false),
        access_token_id_length: Some(32),
        ..with_settings(&loopback(), &json!({}), &json!({})).0.unwrap()
    };
    assert_eq!(account, Some(expected));
}

#[test]
fn a_setting_that_does_something_else_than_it_seems_is_told() {
    let set = Settings { set_users_keys: vec!["ttl".into(), "access_token_id_length".into()], ..loopback() };
    for (own, tokens, expected) in [
        (json!({"ttl": 5}), json!({}), vec!["warning: `ttl` does not count: `users.ttl` is set"]),
        (json!({"maxTTL": 5}), json!({}), vec![]),
        (
            json!({}),
            json!({"accessTokenIdLength": 20}),
            vec!["warning: `accessTokenIdLength` does not count"],
        ),
        (
            json!({}),
            json!({"accessTokenIdLength": 4}),
            vec!["does not count", "error: `accessTokenIdLength` is no"],
        ),
        (json!({"saltWorkFactor": 12}), json!({}), vec!["warning: `saltWorkFactor` has no effect"]),
        (
            json!({"realmRequired": "no"}),
            json!({}),
            vec!["warning: `realmRequired` is a text, which counts as `true`"],
        ),
        (json!({"maxTTL": "soon"}), json!({}), vec!["error: `maxTTL` is not a lifetime"]),
        (
            json!({"maxTTL": -1, "allowEternalTokens": true}),
            json!({}),
            vec!["error: `maxTTL` is not a lifetime"],
        ),
        (json!({"ttl": -1, "allowEternalTokens": true}), json!({}), vec!["does not count"]),
        (json!({"ttl": -1}), json!({}), vec!["does not count", "error: `ttl` is not a lifetime"]),
        (json!({"ttl": 0, "maxTTL": 0}), json!({}), vec!["does not count"]),
        (json!({"realmDelimiter": 5}), json!({}), vec!["error: `realmDelimiter` is a number; write a text"]),
    ] {
        let (_, findings) = with_settings(&set, &own, &tokens);
        assert_eq!(findings.len(), expected.len(), "{own} {tokens}: {findings:?}");
        for text in expected {
            assert!(findings.iter().any(|line| line.contains(text)), "{own} {tokens}: {findings:?}");
        }
    }
}

#[test]
fn the_scope_of_a_reset_follows_the_configuration_where_it_is_set() {
    let user = |restricted: bool| json!({"name": "User", "base": "User", "restrictResetPasswordTokenScope": restricted});
    for (configured, in_file, restricted) in
        [(None, true, true), (None, false, false), (Some(false), true, false), (Some(true), false, true)]
    {
        let settings = Settings { restrict_reset_scope: configured, ..loopback() };
        let set = set(&settings, &[user(in_file)]);
        let action = set.action("POST", "/api/users/reset-password", None);
        let caller = Caller { user: Some("1"), roles: &[], certificate: None, scopes: &[] };
        let permitted = matches!(set.decide(&action, caller, None), Decision::Permit(_));
        assert_eq!(permitted, !restricted, "{configured:?} {in_file}");
    }
}
