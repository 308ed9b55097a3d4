use std::fs;

use super::*;
use crate::config;

const POLICY: &str = r#"{"name": "Order", "base": "PersistedModel", "plural": "orders", "acls": [
    {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
    {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW", "accessType": "READ"},
    {"principalType": "ROLE", "principalId": "clerk", "permission": "ALLOW"}]}"#;

/// A folder with one policy, and its configuration.
fn folder() -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/order.json"), POLICY).unwrap();
    let file = folder.path().join("portcullis.toml");
    fs::write(&file, "[password]\nmemory_kib = 8\niterations = 1\n").unwrap();
    let sources = config::Sources { file: Some(file), env: Vec::new(), flags: Vec::new() };
    let config = config::load(&sources).unwrap().config;
    (folder, config)
}

fn asked(who: &str, roles: &[&str]) -> Explain {
    Explain {
        who: Some(who.parse().unwrap()),
        method: Some("GET".into()),
        target: Some("/api/orders/7".into()),
        host: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        certificate: None,
        scopes: Vec::new(),
        owner: None,
        body: None,
        request_id: None,
        log: None,
    }
}

fn who(config: &Config, name: &str, roles: &[&str]) -> anyhow::Result<Person> {
    let explain = asked(name, roles);
    person(config, explain.who.as_ref().unwrap(), &explain).map(|(_, person)| person)
}

#[test]
fn without_a_store_an_id_is_believed() {
    let (_folder, config) = folder();
    let clerk = who(&config, "id:7", &["clerk", "clerk"]).unwrap();
    assert_eq!((clerk.user.as_deref(), clerk.describe()), (Some("7"), "user 7 (clerk)".to_owned()));
    assert_eq!(who(&config, "7", &[]).unwrap().user.as_deref(), Some("7"));
    assert_eq!(who(&config, "anonymous", &[]).unwrap(), Person::default());
    let nobody = who(&config, "a@b", &[]).unwrap_err().to_string();
    assert!(nobody.contains("name the user as `id:7`"), "{nobody}");
    let explain = asked("anonymous", &["clerk"]);
    let global = Global { config: None, json: false, set: Vec::new() };
    assert!(run(&global, &explain).unwrap_err().to_string().contains("leave `--role` out"));
    assert!(!config.server.data_dir.exists(), "to explain makes nothing");
}

#[test]
fn with_a_store_a_name_and_its_roles_are_known() {
    let (folder, config) = folder();
    let line = |words: &str| {
        let file = folder.path().join("portcullis.toml").display().to_string();
        let words = words.split(' ').map(str::to_owned).chain(["-c".to_owned(), file]);
        crate::cli::run(std::iter::once("portcullis".to_owned()).chain(words).map(Into::into)).unwrap()
    };
    let secret = folder.path().join("password");
    fs::write(&secret, "a-good-password").unwrap();
    line("role add clerk");
    line(&format!("user add --email a@b --id 7 --role clerk --password-file {}", secret.display()));
    let person = who(&config, "a@b", &["extra"]).unwrap();
    assert_eq!((person.user.as_deref(), person.describe()), (Some("7"), "user 7 (clerk, extra)".to_owned()));
    assert!(who(&config, "id:8", &[]).is_err(), "nobody has this id");
    assert_eq!(line("explain --as a@b GET /api/orders/7"), Exit::Done);
    assert_eq!(line("explain --as anonymous GET /api/orders/../7 --json"), Exit::Done);
}

#[test]
fn a_person_reads_a_table() {
    let (_folder, config) = folder();
    let analysis = analyze(&config, &Stored::default()).unwrap();
    let person = Person { user: Some("7".into()), ..Person::default() };
    let inquiry = Inquiry {
        method: "GET",
        path: "/api/orders/7",
        query: None,
        body: None,
        model_id: None,
        caller: person.caller(),
        owner: None,
    };
    let question = Question {
        app: None,
        method: "GET",
        target: "/api/orders/7",
        person: &person,
        source: Some("the files in policies"),
        differs: None,
        told: Some(&OwnerAnswer::Said { target: "/api/orders/7".into(), owner: false }),
    };
    insta::assert_snapshot!(show::text(&question, &analysis.explain(&inquiry), Paint::none()), @r#"
    deny 403 by order.json#/acls/0
    allow if the row is theirs: the gate asks GET /api/orders/7 (say it with --owner yes or no)

      request    GET /api/orders/7
      caller     user 7, without a role
      route      Order.findById
      method     findById READ
      row        7
      owner      not theirs, says the app (GET /api/orders/7)
      by         the files in policies

       SCORE  RULE                SAYS               HERE
       7632   order.json#/acls/1  $owner ALLOW READ  the owner of the row is not given: the caller is taken not to be the owner
       7508   order.json#/acls/2  clerk ALLOW        the caller has no role `clerk`
    *  7495   order.json#/acls/0  $everyone DENY     decides

      runner-up  default
      to turn    let the caller own the row: `order.json#/acls/1` then allows it
      or         give user 7 the role `clerk`: `order.json#/acls/2` then allows it (this turns 13 other verdicts, too)
      or         add to `Order`, for this: {"model":"Order","principalType":"USER","principalId":"7","permission":"ALLOW","accessType":"READ","property":"findById"}
    "#);
}

#[test]
fn what_never_reaches_the_rules_says_so() {
    let refused = RequestLine::read("GET", "/a//b").unwrap_err();
    let explanation = refused_explanation(&refused);
    assert_eq!((explanation.status, &*explanation.winner), (Some(400), "double-slash"));
    assert!(explanation.flip.starts_with("no rule is asked: double-slash"), "{}", explanation.flip);
}

#[test]
fn a_recorded_request_is_decided_again() {
    let (folder, config) = folder();
    let digest = analyze(&config, &Stored::default()).unwrap().set().digest.clone();
    let log = folder.path().join("access.jsonl");
    let record = |id: &str, owner: &str, decision: &str, policy: &str| {
        format!(
            r#"{{"request_id":"{id}","method":"GET","path":"/api/orders/7","status":200,"user":"3","decision":"{decision}","rule":"order.json#/acls/1","facts":{{"policy":"{policy}","model":"Order","property":"findById","access_type":"READ","model_id":"7","roles":[],"scopes":[],"owner":{owner}}}}}"#
        )
    };
    let lines = [
        "not json".to_owned(),
        record("r1", "true", "allow", &digest),
        record("r2", "false", "allow", &digest),
        record("r3", "false", "allow", "old"),
    ];
    fs::write(&log, lines.join("\n")).unwrap();
    let global = Global { config: None, json: false, set: Vec::new() };
    let again = |id: &str| replay::run(&config, &global, id, &log);
    assert_eq!(again("r1").unwrap(), Exit::Done);
    assert_eq!(again("r2").unwrap(), Exit::Failed, "the same policies say something else");
    assert_eq!(again("r3").unwrap(), Exit::Done, "the policies have changed");
    assert!(again("r4").unwrap_err().to_string().contains("no JSON line of the request `r4`"));
}
