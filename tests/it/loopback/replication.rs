//! Replication as LoopBack's suite `replication.rest` has it: what its routes are judged as, and the model of changes.

use portcullis::store::Change;
use serde_json::json;

use super::ask;
use crate::support::{App, Gate, Setup};

/// A model whose readers, pullers and writers are three roles.
fn gate(profile: &str) -> (App, Gate) {
    let rule = |role: &str, access: &str| json!({"principalType": "ROLE", "principalId": role, "permission": "ALLOW", "accessType": access});
    let car = json!({"name": "Car", "base": "PersistedModel", "plural": "Cars", "trackChanges": true, "acls": [
        {"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
        rule("reader", "READ"), rule("puller", "READ"), rule("puller", "REPLICATE"), rule("writer", "READ"), rule("writer", "WRITE"),
    ]});
    let app = App::echo();
    let gate = Gate::start(
        Setup::new(&app)
            .set("profile", profile)
            .set("policies.unmatched", "deny")
            .policy("car.json", &car.to_string()),
    );
    (app, gate)
}

#[test]
fn a11_readers_pull_and_writers_push() {
    for (profile, known) in [("loopback3", 401), ("standard", 403)] {
        let (_app, gate) = gate(profile);
        let mut batch = Vec::new();
        let mut callers = vec![(String::new(), "")];
        for (role, name) in [("reader", "emery"), ("puller", "alice"), ("writer", "peter")] {
            let user = gate.sign_up(name);
            batch.push(Change::CreateRole { name: role.to_owned() });
            batch.push(Change::Grant { role: role.to_owned(), user: user.id.into() });
            callers.push((user.token, role));
        }
        gate.run(gate.parts().store.commit(batch)).unwrap();
        let mut client = gate.client();
        for (line, reader, puller, writer) in [
            ("GET /api/Cars", true, true, true),
            ("POST /api/Cars", false, false, true),
            ("POST /api/Cars/diff", true, true, true),
            ("GET /api/Cars/changes", true, true, true),
            ("GET /api/Cars/checkpoint", true, true, true),
            ("POST /api/Cars/create-updates", true, true, true),
            // To pull is more than to read, and who may write may.
            ("POST /api/Cars/checkpoint", false, true, true),
            ("POST /api/Cars/bulk-update", false, false, true),
            ("GET /api/Cars/1/changes/last", true, true, true),
            ("PUT /api/Cars/1/changes/last", false, false, true),
            ("GET /api/Cars/change-stream", true, true, true),
        ] {
            for (token, role) in &callers {
                let allowed = match *role {
                    "reader" => reader,
                    "puller" => puller,
                    "writer" => writer,
                    _ => false,
                };
                let (method, target) = line.split_once(' ').unwrap();
                let expected = match (allowed, token.is_empty()) {
                    (true, _) => 200,
                    (false, true) => 401,
                    (false, false) => known,
                };
                let body = match target.rsplit('/').next() {
                    _ if method == "GET" => json!(null),
                    Some("diff" | "create-updates" | "bulk-update") => json!([]),
                    _ => json!({}),
                };
                let found = ask(&mut client, method, target, token, &body).status;
                assert_eq!(found, expected, "{profile}: {line} as {role}");
            }
        }
    }
}

#[test]
fn a11_the_model_of_changes_is_served() {
    // LoopBack gives it no rules: all may, unless the default is to deny.
    for (profile, expected) in [("loopback3", 200), ("standard", 401)] {
        let (app, gate) = gate(profile);
        let mut client = gate.client();
        for target in ["/api/Car-changes", "/api/car-changes/count", "/api/Car-changes/7"] {
            assert_eq!(client.get(target).status, expected, "{profile} {target}");
        }
        let forwarded = app.requests().len();
        assert_eq!(forwarded, if expected == 200 { 3 } else { 0 });
    }
}
