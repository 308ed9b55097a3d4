use std::{fs, path::PathBuf, time::Duration};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    admin::{Services, testing::START},
    cli::testing::backend,
    clock::Timestamp,
    identity::{Lifetimes, PasswordHash, TokenHash},
    store::{Change, Store, TokenState, User, UserKey},
};

const HASH: &str = "$2a$10$ATwcScovmgypgz2TVazF7.kItRD7/lxlHT8.IYmvgtWnNYNXRiX5K";

struct Bench {
    folder: TempDir,
    backend: Backend,
}

impl Bench {
    async fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), backend: backend().await }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    async fn import(&mut self, files: ImportFiles) -> anyhow::Result<Value> {
        let mut report = run(&files, &Names::new(None, None), true, &mut self.backend).await?;
        let mut json = Vec::new();
        report.write_json(&mut json)?;
        Ok(serde_json::from_slice(&json)?)
    }

    async fn import_memory(&mut self, dump: &Value) -> Value {
        let file = Some(self.write("db.json", &dump.to_string()));
        self.import(ImportFiles { file, ..no_files() }).await.unwrap()
    }

    fn services(&self) -> &Services {
        match &self.backend {
            Backend::Here(services) => services,
            Backend::Gate(_) | Backend::Import(_) => panic!("a backend of its own"),
        }
    }

    fn store(&self) -> &dyn Store {
        &*self.services().store
    }

    async fn user(&self, id: &str) -> User {
        self.store().user(&UserId::parse(id)).await.unwrap().unwrap()
    }

    async fn standing(&self, token: &str) -> Option<TokenState> {
        let session = self.store().load_session(&TokenHash::of(token)).await.unwrap()?;
        let subject = session.subject.load();
        Some(session.token_state(&subject, START, &Lifetimes::default()))
    }
}

fn no_files() -> ImportFiles {
    ImportFiles { file: None, users: None, tokens: None, roles: None, role_mappings: None, acls: None }
}

/// The memory connector's file: rows are texts of JSON.
fn dump(next: i64, models: &Value) -> Value {
    let models: Map<String, Value> = models
        .as_object()
        .unwrap()
        .iter()
        .map(|(model, rows)| {
            let key = |row: &Value| row["id"].as_str().map_or_else(|| row["id"].to_string(), str::to_owned);
            let rows = rows.as_array().unwrap().iter();
            let keys = rows
                .clone()
                .enumerate()
                .map(|(n, row)| if row["id"].is_null() { format!("n{n}") } else { key(row) });
            let rows = keys.zip(rows).map(|(key, row)| (key, Value::String(row.to_string())));
            (model.clone(), Value::Object(rows.collect()))
        })
        .collect();
    json!({"ids": {"User": next, "AccessToken": 5}, "models": models})
}

fn shop() -> Value {
    json!({
        "User": [
            {"nick": "al", "username": "alice", "password": HASH, "email": "alice@example.com", "id": 1, "realm": null},
            {"username": "bob", "password": HASH, "email": "bob@example.com", "id": 2, "emailVerified": true,
             "verificationToken": "v"},
        ],
        "AccessToken": [
            {"id": "t1", "ttl": 1_209_600, "created": START.to_string(), "userId": 1},
            {"id": "t2", "ttl": 0.5, "scopes": ["reset"], "created": "2020-01-01T00:00:00.000Z", "userId": 2},
        ],
        "Role": [{"name": "admin", "id": 1}],
        "RoleMapping": [{"principalType": "USER", "principalId": "2", "roleId": 1, "id": 1}],
        "ACL": [{"model": "Order", "property": "*", "accessType": "READ", "permission": "ALLOW",
                 "principalType": "ROLE", "principalId": "admin", "id": 1}],
        "Order": [{"id": 1}],
    })
}

/// What was left, a sorted line each, with the places less their folders.
fn left_lines(report: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let line =
        |left: &Value| format!("{} {}: {}", text(&left["kind"]), text(&left["place"]), text(&left["why"]));
    let mut lines: Vec<String> = report["left"].as_array().unwrap().iter().map(line).collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn tally(taken: usize, updated: usize, present: usize, left: usize) -> Value {
    json!({"taken": taken, "updated": updated, "present": present, "left": left})
}

#[tokio::test]
async fn takes_a_whole_app_over() {
    let mut bench = Bench::new().await;
    let report = bench.import_memory(&dump(9, &shop())).await;
    assert_eq!(report["users"], tally(2, 0, 0, 0));
    assert_eq!(report["tokens"], tally(2, 0, 0, 0));
    for kind in ["roles", "role_mappings", "acls"] {
        assert_eq!(report[kind], tally(1, 0, 0, 0), "{kind}");
    }
    assert_eq!(report["left"], json!([]));
    assert_eq!(report["not_accounts"], json!([{"model": "Order", "rows": 1}]));

    let alice = bench.user("1").await;
    let shown = Value::Object(alice.properties.clone()).to_string();
    assert_eq!(shown, r#"{"realm":null,"username":"alice","email":"alice@example.com","nick":"al"}"#);
    assert_eq!(alice.password.as_ref().map(PasswordHash::expose), Some(HASH));
    let bob = bench.user("2").await;
    assert!(bob.email_verified() && !bob.properties.contains_key("verificationToken"));
    let sha256_of_v = "4c94485e0c21ae6c41ce1dfe7b6bfaceea5ab68e40a2476f50208e526f506080";
    assert_eq!(bob.verification.as_deref(), Some(sha256_of_v));

    assert_eq!(bench.standing("t1").await, Some(TokenState::Live), "however short its id");
    assert_eq!(bench.standing("t2").await, Some(TokenState::Expired));
    let session = bench.store().load_session(&TokenHash::of("t2")).await.unwrap().unwrap();
    assert_eq!((session.ttl, &*session.scopes), (Some(0.5), &["reset".to_owned()][..]));
    assert_eq!(&*session.subject.load().roles, &["admin".into()]);
    assert_eq!(bench.store().acl_rows().await.unwrap()[0].model.as_deref(), Some("Order"));

    let outcome = bench.store().commit(vec![Change::CreateUser(Default::default())]).await.unwrap();
    let crate::store::Outcome::User(next) = &outcome[0] else { panic!("a user") };
    assert_eq!(next.id, UserId::Number(9), "`ids.User` is the next one");
}

#[tokio::test]
async fn can_be_done_twice() {
    let mut bench = Bench::new().await;
    bench.import_memory(&dump(3, &shop())).await;
    let report = bench.import_memory(&dump(3, &shop())).await;
    assert_eq!((&report["users"], &report["tokens"]), (&tally(0, 0, 2, 0), &tally(0, 0, 2, 0)));
    for kind in ["roles", "role_mappings", "acls"] {
        assert_eq!(report[kind], tally(0, 0, 1, 0), "{kind}");
    }
}

#[tokio::test]
async fn a_later_dump_brings_what_changed_there() {
    let mut bench = Bench::new().await;
    bench.import_memory(&dump(3, &shop())).await;
    for email in ["second@example.com", "third@example.com"] {
        let mut later = shop();
        later["User"][0]["email"] = email.into();
        let report = bench.import_memory(&dump(3, &later)).await;
        assert_eq!(report["users"], tally(0, 1, 1, 0), "{email}");
        assert_eq!(bench.user("1").await.email(), Some(email));
        assert_eq!(bench.standing("t1").await, Some(TokenState::Live));
    }
}

#[tokio::test]
async fn what_changed_here_is_kept() {
    let mut bench = Bench::new().await;
    bench.import_memory(&dump(3, &shop())).await;
    let changed =
        User { disabled: true, password: Some(PasswordHash::new("new".into())), ..bench.user("1").await };
    bench.store().commit(vec![Change::UpdateUser(changed)]).await.unwrap();
    bench.store().commit(vec![Change::DeleteToken(TokenHash::of("t2"))]).await.unwrap();
    let mut later = shop();
    later["User"][0]["email"] = "new@example.com".into();
    let newer = json!({"id": "t3", "ttl": 60, "created": START.plus(Duration::from_secs(1)).to_string(), "userId": 2});
    later["AccessToken"].as_array_mut().unwrap().push(newer);
    let report = bench.import_memory(&dump(3, &later)).await;
    assert_eq!((&report["users"], &report["tokens"]), (&tally(0, 0, 1, 1), &tally(1, 0, 1, 1)));
    let alice = bench.user("1").await;
    assert!(alice.disabled && alice.email() == Some("alice@example.com"));
    assert_eq!(bench.standing("t2").await, None, "a session that ended here stays ended");
    assert!(bench.standing("t3").await.is_some());

    let everywhere = Change::RevokeTokens { user: UserId::Number(2), except: None };
    bench.store().commit(vec![everywhere]).await.unwrap();
    let report = bench.import_memory(&dump(3, &later)).await;
    assert_eq!(report["tokens"]["left"], json!(2), "{report:#}");
    assert_eq!(bench.standing("t3").await, None);
}

#[tokio::test]
async fn an_id_that_is_in_use_here_is_handed_to_nobody() {
    let mut bench = Bench::new().await;
    let here = [
        Change::CreateUser(crate::store::UserDraft {
            properties: json!({"email": "here@example.com"}).as_object().unwrap().clone(),
            ..Default::default()
        }),
        Change::CreateRole { name: "guest".into() },
        Change::Grant { role: "guest".into(), user: UserId::Number(1) },
    ];
    bench.store().commit(here.into()).await.unwrap();
    let mut models = shop();
    let theirs = json!({"principalType": "USER", "principalId": 1, "roleId": 1, "id": 2});
    models["RoleMapping"].as_array_mut().unwrap().push(theirs);
    let theirs =
        json!({"model": "*", "permission": "ALLOW", "principalType": "USER", "principalId": "1", "id": 2});
    models["ACL"].as_array_mut().unwrap().push(theirs);
    let report = bench.import_memory(&dump(3, &models)).await;
    for kind in ["users", "tokens", "role_mappings", "acls"] {
        assert_eq!(report[kind], tally(1, 0, 0, 1), "{kind}");
    }
    assert_eq!(bench.user("1").await.email(), Some("here@example.com"));
    assert_eq!(bench.standing("t1").await, None, "a session of the dump's user 1 is none of this one's");
    let roles = bench.store().roles().await.unwrap();
    let named = |name: &str| roles.iter().find(|role| role.name == name).unwrap().id.clone();
    assert_ne!(named("guest"), named("admin"));
    let mappings = bench.store().role_mappings().await.unwrap();
    let holders = |role: &str| {
        mappings.iter().filter(|m| m.role_id == named(role)).map(|m| &*m.principal_id).collect::<Vec<_>>()
    };
    assert_eq!((holders("guest"), holders("admin")), (vec!["1"], vec!["2"]));
}

#[tokio::test]
async fn rows_that_make_no_sense_are_named_with_their_places() {
    let mut bench = Bench::new().await;
    let users = bench.write(
        "users.ndjson",
        concat!(
            r#"{"id":1,"email":"a@example.com","password":"plain text"}"#,
            "\n\n",
            r#"{"email":"no-id@example.com"}"#,
            "\n7\n",
            r#"{"id":2,"email":"a@example.com"}"#,
            "\n",
        ),
    );
    let tokens = bench.write(
        "tokens.json",
        &json!([
            {"id": "a", "userId": 1, "ttl": 60, "created": "yesterday"},
            {"id": "b", "userId": null, "ttl": 60, "created": START.to_string()},
            {"id": "c", "userId": 1, "ttl": "soon", "created": START.to_string()},
            {"id": "d", "userId": 1, "ttl": 60, "created": START.to_string(), "principalType": "Admin"},
            {"userId": 1, "ttl": 60, "created": START.to_string()},
        ])
        .to_string(),
    );
    let mappings = bench.write(
        "mappings.json",
        r#"[{"id":1,"roleId":9,"principalType":"USER","principalId":1},{"roleId":1,"principalType":"USER"}]"#,
    );
    let files =
        ImportFiles { users: Some(users), tokens: Some(tokens), role_mappings: Some(mappings), ..no_files() };
    let report = bench.import(files).await.unwrap();
    insta::assert_snapshot!(left_lines(&report), @r"
    role mappings 0: there is no role with the id `9`
    role mappings 1: it has no `principalId`
    tokens 0: its `created` is not a moment
    tokens 1: it belongs to no user
    tokens 2: its `ttl` is not a number
    tokens 3: it belongs to accounts of another kind, `Admin`
    tokens 4: it has no `id`
    users users.ndjson:3: it has no `id` that is a whole number or a text
    users users.ndjson:4: the row is not a JSON object
    users users.ndjson:5: another user has the email `a@example.com`
    ");
    assert_eq!(
        report["notes"][0]["what"].as_str().unwrap().split(':').next(),
        Some("its password is not a bcrypt hash")
    );
    assert!(bench.user("1").await.password.is_none());
}

#[tokio::test]
async fn takes_what_mongoexport_writes() {
    let mut bench = Bench::new().await;
    let users = bench.write(
        "users.json",
        concat!(
            r#"{"_id":{"$oid":"5f0a00000000000000000001"},"email":"m@example.com","password":"$2a$10$ATwcScovmgypgz2TVazF7.kItRD7/lxlHT8.IYmvgtWnNYNXRiX5K","age":{"$numberLong":"40"},"seen":{"$date":"2026-11-21T20:51:11.688Z"}}"#,
            "\n"
        ),
    );
    let tokens = bench.write(
        "tokens.json",
        r#"[{"_id":"abc","ttl":{"$numberInt":"1209600"},"created":{"$date":{"$numberLong":"1795294271688"}},"userId":{"$oid":"5f0a00000000000000000001"}}]"#,
    );
    let files = ImportFiles { users: Some(users), tokens: Some(tokens), ..no_files() };
    bench.import(files).await.unwrap();
    let user = bench.user("5f0a00000000000000000001").await;
    assert_eq!(user.properties["age"], json!(40));
    assert_eq!(user.properties["seen"], json!("2026-11-21T20:51:11.688Z"));
    assert!(!user.properties.contains_key("_id"));
    assert_eq!(bench.standing("abc").await, Some(TokenState::Live));
    let outcome = bench.store().commit(vec![Change::CreateUser(Default::default())]).await.unwrap();
    let crate::store::Outcome::User(next) = &outcome[0] else { panic!("a user") };
    assert!(matches!(&next.id, UserId::Text(id) if id.len() == 24), "{}", next.id);
}

#[tokio::test]
async fn takes_what_an_sql_dump_writes() {
    let mut bench = Bench::new().await;
    let users = bench.write(
        "u.json",
        r#"[{"id":"7","email":"s@example.com","emailverified":1,"verificationtoken":null}]"#,
    );
    let tokens = bench.write(
        "t.json",
        r#"[{"id":"abc","ttl":"60","scopes":"[\"x\"]","created":"2026-11-21 20:51:11.688","userid":"7"}]"#,
    );
    let roles = bench.write("r.json", r#"[{"id":3,"name":"clerk"}]"#);
    let mappings = bench.write("m.json", r#"[{"id":4,"principaltype":"USER","principalid":"7","roleid":3}]"#);
    let files = ImportFiles {
        users: Some(users),
        tokens: Some(tokens),
        roles: Some(roles),
        role_mappings: Some(mappings),
        ..no_files()
    };
    let report = bench.import(files).await.unwrap();
    assert_eq!(report["left"], json!([]));
    let user = bench.user("7").await;
    assert!(user.email_verified());
    assert_eq!(
        Value::Object(user.properties).to_string(),
        r#"{"email":"s@example.com","emailVerified":true}"#
    );
    let session = bench.store().load_session(&TokenHash::of("abc")).await.unwrap().unwrap();
    assert_eq!((session.ttl, session.created), (Some(60.0), Timestamp(1_795_294_271_688)));
    assert_eq!(&*session.subject.load().roles, &["clerk".into()]);
}

#[tokio::test]
async fn a_broken_file_stops_everything() {
    let mut bench = Bench::new().await;
    let broken = bench.write("db.json", "{\"models\": {\n  \"User\": {,}\n}}");
    let cut = bench.write("cut.json", "[{\"id\":1,\"email\":\"a@b\"},\n{\"id\":2,\"em");
    let array = bench.write("array.json", "[]");
    let other = bench.write("other.json", r#"{"models":{"Customer":{}}}"#);
    for (files, part) in [
        (
            ImportFiles { file: Some(broken), ..no_files() },
            "db.json:2:12`: broken JSON: key must be a string",
        ),
        (ImportFiles { users: Some(cut), ..no_files() }, "cut.json:2:11`: broken JSON: EOF"),
        (
            ImportFiles { file: Some(array), ..no_files() },
            "is not the memory connector's file: it holds no JSON object",
        ),
        (
            ImportFiles { file: Some(other), ..no_files() },
            "has no collection `User`, only `Customer`; --user-model",
        ),
        (ImportFiles { file: Some("none.json".into()), ..no_files() }, "cannot read `none.json`"),
    ] {
        let error = bench.import(files).await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(bench.store().counters().users, 0);
}

#[tokio::test]
async fn sessions_alone_go_to_nobody_who_registered_here() {
    let mut bench = Bench::new().await;
    let here = vec![Change::CreateUser(crate::store::UserDraft::default())];
    bench.store().commit(here).await.unwrap();
    let row = json!([{"id": "abc", "ttl": 60, "created": START.to_string(), "userId": 1}]);
    let mapping = json!([{"id": 1, "roleId": 1, "principalType": "USER", "principalId": 1}]);
    let roles = json!([{"id": 1, "name": "admin"}]);
    let files = ImportFiles {
        tokens: Some(bench.write("t.json", &row.to_string())),
        roles: Some(bench.write("r.json", &roles.to_string())),
        role_mappings: Some(bench.write("m.json", &mapping.to_string())),
        ..no_files()
    };
    let report = bench.import(files).await.unwrap();
    assert_eq!((&report["tokens"], &report["role_mappings"]), (&tally(0, 0, 0, 1), &tally(0, 0, 0, 1)));
    assert_eq!(bench.standing("abc").await, None);
}

#[tokio::test]
async fn of_two_roles_with_one_name_only_the_first_counts() {
    let mut bench = Bench::new().await;
    let mut models = shop();
    models["Role"] = json!([{"name": "admin", "id": 1}, {"name": "admin", "id": 2}]);
    models["RoleMapping"] = json!([{"principalType": "USER", "principalId": "1", "roleId": 2, "id": 1}]);
    let report = bench.import_memory(&dump(3, &models)).await;
    assert_eq!((&report["roles"], &report["role_mappings"]), (&tally(1, 0, 0, 1), &tally(0, 0, 0, 1)));
    assert!(bench.store().role_mappings().await.unwrap().is_empty());
}

#[tokio::test]
async fn more_rows_than_a_batch_and_no_secret_in_the_report() {
    let mut bench = Bench::new().await;
    let row = |n: usize| json!({"id": n, "email": format!("u{}@example.com", n % 2_100), "password": HASH});
    let tokens: Vec<Value> =
        (0..3).map(|n| json!({"id": format!("secret{n}"), "created": 5, "userId": null})).collect();
    let users: Vec<Value> = (1..=2_200).map(row).collect();
    let models = json!({"User": users, "AccessToken": tokens});
    let report = bench.import_memory(&dump(3, &models)).await;
    assert_eq!(report["users"], tally(2_100, 0, 0, 100));
    assert!(!report.to_string().contains("secret"));
    let found = bench.store().find_user(&UserKey::Email("u7@example.com".into())).await.unwrap().unwrap();
    assert_eq!(found.id, UserId::Number(7));
}

#[tokio::test]
async fn a_broken_line_is_left_and_the_next_is_read() {
    let mut bench = Bench::new().await;
    let text = concat!(
        "\u{feff}{\"id\":1}\r\n",
        "{\"id\":2,\"tags\":[1,\n",
        "{\"id\":3}{\"id\":4}\n",
        "{\"id\":5,,}\n",
        "{\n  \"id\": 6,\n  \"address\": {\n    \"city\": \"x\"\n  }\n}\n",
        "{\"id\":7,\"n\":1e999}\n",
        "{\"id\":8,\"deep\":",
    )
    .to_owned()
        + &"[".repeat(300)
        + "\n{\"id\":9}\n{\"id\":10,\"em";
    let users = Some(bench.write("u.ndjson", &text));
    let report = bench.import(ImportFiles { users, ..no_files() }).await.unwrap();
    assert_eq!((&report["users"], &report["unreadable"]), (&tally(5, 0, 0, 5), &json!(5)), "{report:#}");
    let places: Vec<&str> = report["left"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["place"].as_str()?.rsplit(':').next())
        .collect();
    assert_eq!(places, ["2", "4", "11", "12", "14"]);
    assert_eq!(report["reasons"][0]["rows"], json!(5));
    let ids: Vec<String> =
        bench.store().users(None, 99).await.unwrap().iter().map(|user| user.id.to_string()).collect();
    assert_eq!(ids, ["1", "3", "4", "6", "9"]);
    assert_eq!(bench.user("6").await.properties["address"]["city"], "x");
}

#[tokio::test]
async fn what_belongs_to_accounts_may_stand_before_them() {
    let mut bench = Bench::new().await;
    let mut models = shop();
    let mut turned = Map::new();
    for model in ["RoleMapping", "ACL", "AccessToken", "Role", "User", "Order"] {
        turned.insert(model.into(), models[model].take());
    }
    // Another account has bob's name: what is bob's is left, wherever it stands.
    turned["User"][1]["email"] = "alice@example.com".into();
    let report = bench.import_memory(&dump(9, &Value::Object(turned))).await;
    for kind in ["users", "tokens"] {
        assert_eq!(report[kind], tally(1, 0, 0, 1), "{kind}");
    }
    assert_eq!((&report["roles"], &report["role_mappings"]), (&tally(1, 0, 0, 0), &tally(0, 0, 0, 1)));
    assert!(bench.standing("t1").await.is_some() && bench.standing("t2").await.is_none());
}

#[tokio::test]
async fn a_hash_that_asks_for_too_much_is_not_taken() {
    let mut bench = Bench::new().await;
    let argon = |memory: u32| {
        format!("$argon2id$v=19$m={memory},t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
    };
    let rows = [HASH.replace("$10$", "$31$"), argon(4_194_304), argon(256), "$2x$10$x".into(), HASH.into()];
    let rows: Vec<Value> =
        (1..).zip(rows).map(|(id, password)| json!({"id": id, "password": password})).collect();
    let report = bench.import_memory(&dump(9, &json!({"User": rows}))).await;
    assert_eq!(report["users"], tally(5, 0, 0, 0));
    let notes = report["notes"].as_array().unwrap();
    let told: Vec<bool> =
        notes.iter().map(|note| note["what"].as_str().unwrap().contains("too much work")).collect();
    assert_eq!(told, [true, true, false]);
    let mut kept = Vec::new();
    for id in ["1", "2", "3", "4", "5"] {
        kept.push(bench.user(id).await.password.is_some());
    }
    assert_eq!(kept, [false, false, true, false, true]);
}

#[tokio::test]
async fn many_rows_with_one_reason_are_one_paragraph() {
    let mut bench = Bench::new().await;
    let users: Vec<Value> = (0..2_500).map(|n| json!({"id": n, "email": "same@example.com"})).collect();
    let file = Some(bench.write("db.json", &dump(3, &json!({"User": users})).to_string()));
    let files = ImportFiles { file, ..no_files() };
    let report = run(&files, &Names::new(None, None), false, &mut bench.backend).await.unwrap();
    let text = report.to_text();
    assert!(text.contains("1 taken, 0 updated, 0 already here, 2499 left"), "{text}");
    assert!(text.contains("… and 2496 more users for this reason"), "{text}");
    assert!(text.lines().count() < 15, "{text}");
}

/// Names as the policies make them.
fn names(definitions: &[Value], user_model: &str) -> Names {
    let settings = crate::policy::Settings {
        api_root: "/api".into(),
        users_plural: None,
        user_model: Some(user_model.into()),
        is_one_of_several: false,
        unmatched: crate::policy::Unmatched::Deny,
        default_allow: true,
        acl_error_status: None,
        loopback: true,
        short_routes: false,
        restrict_reset_scope: None,
        set_users_keys: Vec::new(),
        serves_accounts: true,
        current_user_literal: None,
    };
    let source = |definition: &Value| crate::policy::Source {
        name: format!("{}.json", definition["name"].as_str().unwrap()),
        text: definition.to_string(),
    };
    let sources: Vec<_> = definitions.iter().map(source).collect();
    let (set, findings) = crate::policy::compile(&settings, &sources, &crate::policy::Stored::default());
    let set = set.unwrap_or_else(|| panic!("{findings:#?}"));
    Names::new(set.account(), None)
}

async fn import_as(bench: &mut Bench, names: &Names, models: &Value) -> Value {
    let file = Some(bench.write("db.json", &dump(9, models).to_string()));
    let mut report = run(&ImportFiles { file, ..no_files() }, names, true, &mut bench.backend).await.unwrap();
    let mut json = Vec::new();
    report.write_json(&mut json).unwrap();
    serde_json::from_slice(&json).unwrap()
}

#[tokio::test]
async fn a3_rows_of_derived_models_come_over() {
    let definitions = [
        json!({"name": "customer", "base": "User"}),
        json!({"name": "accessToken", "base": "AccessToken"}),
        json!({"name": "team", "base": "Role"}),
        json!({"name": "member", "base": "RoleMapping"}),
        json!({"name": "rule", "base": "ACL"}),
    ];
    let mut shop = shop();
    for (built_in, own) in [
        ("User", "customer"),
        ("AccessToken", "accessToken"),
        ("Role", "team"),
        ("RoleMapping", "member"),
        ("ACL", "rule"),
    ] {
        shop[own] = shop[built_in].take();
        // What stands under LoopBack's own names is from before, and nothing to the app.
        shop[built_in] = json!([{"id": 77}]);
    }
    let mut bench = Bench::new().await;
    let report = import_as(&mut bench, &names(&definitions, "customer"), &shop).await;
    assert_eq!(report["users"], tally(2, 0, 0, 0), "{report}");
    assert_eq!(report["tokens"], tally(2, 0, 0, 0));
    for kind in ["roles", "role_mappings", "acls"] {
        assert_eq!(report[kind], tally(1, 0, 0, 0), "{kind}");
    }
    assert_eq!(bench.standing("t1").await, Some(TokenState::Live), "nobody is logged out");
    let others: Vec<&str> = report["not_accounts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|other| other["model"].as_str())
        .collect();
    assert_eq!(others, ["User", "AccessToken", "Role", "RoleMapping", "ACL", "Order"]);
}

#[tokio::test]
async fn a3_several_models_of_one_base_are_told() {
    let definitions = [
        json!({"name": "customer", "base": "User"}),
        json!({"name": "webToken", "base": "AccessToken"}),
        json!({"name": "appToken", "base": "AccessToken"}),
    ];
    let names = names(&definitions, "customer");
    let mut bench = Bench::new().await;
    let users = json!([{"id": 1, "email": "a@b.c"}]);
    let token = json!([{"id": "t1", "ttl": 60, "created": START.to_string(), "userId": 1}]);
    let models = json!({"customer": users, "webToken": token, "appToken": token});
    let file = Some(bench.write("db.json", &dump(9, &models).to_string()));
    let error = run(&ImportFiles { file, ..no_files() }, &names, true, &mut bench.backend).await.unwrap_err();
    let told = format!("{error:#}");
    assert!(
        told.contains("several collections that could hold the tokens: ") && told.contains("`webToken`"),
        "{told}"
    );
    // One of them without rows leaves no doubt.
    let report =
        import_as(&mut bench, &names, &json!({"customer": users, "webToken": token, "appToken": []})).await;
    assert_eq!(report["tokens"], tally(1, 0, 0, 0));
}

#[tokio::test]
async fn a7_rows_have_the_key_that_the_model_names() {
    let definitions = [
        json!({"name": "User", "base": "User", "properties": {"pk": {"id": true}}}),
        json!({"name": "AccessToken", "base": "AccessToken", "properties": {"key": {"type": "string", "id": true}}}),
    ];
    let names = names(&definitions, "User");
    let mut bench = Bench::new().await;
    let models = json!({
        "User": [{"pk": 3, "email": "a@b.c", "password": HASH}, {"pk": "k9", "email": "b@b.c"}],
        "AccessToken": [{"key": "t1", "ttl": 60, "created": START.to_string(), "userId": 3}],
    });
    let report = import_as(&mut bench, &names, &models).await;
    assert_eq!((&report["users"], &report["tokens"]), (&tally(2, 0, 0, 0), &tally(1, 0, 0, 0)), "{report}");
    assert_eq!(report["missed"], Value::Null);
    assert!(!bench.user("3").await.properties.contains_key("pk") && bench.standing("t1").await.is_some());
    bench.user("k9").await;
    // A database's export says `_id`, or what the table has.
    let users = Some(bench.write("users.ndjson", "{\"_id\":{\"$oid\":\"5f0000000000000000000001\"},\"email\":\"c@b.c\"}\n{\"pk\":12,\"email\":\"d@b.c\"}\n"));
    let report = run(&ImportFiles { users, ..no_files() }, &names, false, &mut bench.backend).await.unwrap();
    assert!(report.missed().is_none(), "{}", report.to_text());
    bench.user("5f0000000000000000000001").await;
    bench.user("12").await;
}

#[tokio::test]
async fn a7_an_import_that_took_nothing_is_no_success() {
    let names = names(&[json!({"name": "User", "base": "User", "properties": {"pk": {"id": true}}})], "User");
    let mut bench = Bench::new().await;
    for (models, expected) in [
        (json!({"User": [{"email": "a@b.c"}], "Role": [{"id": 1, "name": "admin"}]}), "no account was taken"),
        (json!({"User": []}), "nothing was taken"),
    ] {
        let report = import_as(&mut bench, &names, &models).await;
        assert!(report["missed"].as_str().unwrap().starts_with(expected), "{report}");
    }
    let taken = json!({"User": [{"pk": 1, "email": "a@b.c"}]});
    for _ in 0..2 {
        assert_eq!(
            import_as(&mut bench, &names, &taken).await["missed"],
            Value::Null,
            "twice is as good as once"
        );
    }
}

#[tokio::test]
async fn a4_only_what_is_of_the_account_models_principal_type_counts() {
    let tokens = json!({"accessTokens": {"type": "hasMany", "model": "accessToken",
        "polymorphic": {"foreignKey": "userId", "discriminator": "principalType"}}});
    let definitions = [
        json!({"name": "OneUser", "base": "User", "plural": "one", "relations": tokens}),
        json!({"name": "AnotherUser", "base": "User", "plural": "another", "relations": tokens}),
        json!({"name": "accessToken", "base": "AccessToken"}),
    ];
    let token = |id: &str, kind: Value| json!({"id": id, "ttl": 60, "created": START.to_string(), "userId": 1, "principalType": kind});
    let mapping =
        |id: i64, kind: &str| json!({"id": id, "roleId": id, "principalType": kind, "principalId": "1"});
    let models = json!({
        "OneUser": [{"id": 1, "email": "a@b.c"}],
        "AnotherUser": [{"id": 1, "email": "a@b.c"}],
        "accessToken": [token("t1", "OneUser".into()), token("t2", "AnotherUser".into()), token("t3", Value::Null), token("t4", "USER".into())],
        "Role": [{"id": 1, "name": "one"}, {"id": 2, "name": "user"}, {"id": 3, "name": "another"}],
        "RoleMapping": [mapping(1, "OneUser"), mapping(2, "USER"), mapping(3, "AnotherUser")],
    });
    let mut bench = Bench::new().await;
    let report = import_as(&mut bench, &names(&definitions, "OneUser"), &models).await;
    assert_eq!(report["tokens"], tally(1, 0, 0, 3), "{report}");
    assert_eq!(
        left_lines(&report),
        "role mappings 2: the app has several user models, so that a mapping of type USER names none of them\n\
         tokens accessToken row 2: it belongs to accounts of another kind, `AnotherUser`\n\
         tokens accessToken row 3: the app has several user models, and it does not say whose user it belongs to\n\
         tokens accessToken row 4: the app has several user models, and it does not say whose user it belongs to"
    );
    let session = bench.store().load_session(&TokenHash::of("t1")).await.unwrap().unwrap();
    assert_eq!(session.subject.load().roles.iter().map(|role| &**role).collect::<Vec<_>>(), ["one"]);
}

#[tokio::test]
async fn c7_no_account_is_left_for_its_username() {
    let mut bench = Bench::new().await;
    let rows: Vec<Value> = (1..)
        .zip(["victim", "Victim", "12345", "other@example.com", "a,b", "$owner", "u7@example.com"])
        .map(|(id, name)| json!({"id": id, "username": name, "email": format!("u{id}@example.com")}))
        .collect();
    let report = bench.import_memory(&dump(9, &json!({"User": rows}))).await;
    assert_eq!(report["users"], tally(7, 0, 0, 0));
    let notes = report["notes"].as_array().unwrap();
    let told: Vec<&str> =
        notes.iter().map(|note| note["what"].as_str().unwrap().rsplit(' ').next().unwrap()).collect();
    assert_eq!(told, ["`Victim`", "`12345`", "`other@example.com`", "`a,b`", "`$owner`"]);
    let keys = bench.services().accounts().settings().keys();
    for (name, id) in [("victim", 1), ("Victim", 2)] {
        let found = bench.store().find_user(&keys.username(None, name)).await.unwrap();
        assert_eq!(found.map(|user| user.id), Some(id.into()), "{name}");
    }
    let again = bench.import_memory(&dump(9, &json!({"User": rows}))).await;
    assert_eq!(again["users"], tally(0, 0, 7, 0));
}
