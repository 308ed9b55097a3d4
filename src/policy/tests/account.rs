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
    assert_eq!(named(&standard(), &with(&bare, json!({"member": {}}))), is("member", "users"));

    let two = named(&standard(), &with(&both, json!({"customer": {}, "person": {}}))).unwrap_err();
    assert!(two.iter().any(|line| line.contains("user_model = \"customer\"")), "{two:?}");
    let none = named(&standard(), &with(&both, json!({}))).unwrap_err();
    assert!(none.iter().any(|line| line.contains("nobody can log in")), "{none:?}");
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
    assert_eq!(verdict(&set, "GET /api/users/1", user("1"), None), "allow User#/acls/5");
}
