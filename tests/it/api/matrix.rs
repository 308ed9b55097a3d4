//! The permission matrix: every kind of caller × every route × the answer, in one snapshot. A route without a row
//! fails, and so does a row whose request is another route's.

use std::{collections::BTreeSet, fmt::Write, path::Path, time::Duration};

use portcullis::{
    accounts::TokenRequest,
    app,
    config::{self, Sources},
    identity::UserId,
    policy::{PolicySet, Severity, Source, Stored, compile},
    store::Change,
};
use serde_json::{Value, json};

use super::{PASSWORD, ask};
use crate::support::{App, Gate, Setup, SignedUp, answer};

/// The caller. The owner is the user that the row belongs to, or is; each cell has users of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Anonymous,
    UnknownToken,
    ExpiredToken,
    Owner,
    OtherUser,
    Editor,
    Disabled,
}

const CALLERS: [(Caller, &str); 7] = [
    (Caller::Anonymous, "anonymous"),
    (Caller::UnknownToken, "unknown"),
    (Caller::ExpiredToken, "expired"),
    (Caller::Owner, "owner"),
    (Caller::OtherUser, "other"),
    (Caller::Editor, "editor"),
    (Caller::Disabled, "disabled"),
];

/// A request of each route; `{id}` is the owner's id, which is also their note's.
const ROWS: &[(&str, &str)] = &[
    ("unmatched", "GET /nowhere"),
    ("no-such-method", "POST /api/users/{id}/nope"),
    ("User.create", "POST /api/users"),
    ("User.patchOrCreate", "PATCH /api/users"),
    ("User.replaceOrCreate", "PUT /api/users"),
    ("User.replaceOrCreate", "POST /api/users/replaceOrCreate"),
    ("User.upsertWithWhere", "POST /api/users/upsertWithWhere"),
    ("User.updateAll", "POST /api/users/update"),
    ("User.find", "GET /api/users"),
    ("User.findOne", "GET /api/users/findOne"),
    ("User.count", "GET /api/users/count"),
    ("User.findById", "GET /api/users/{id}"),
    ("User.exists", "HEAD /api/users/{id}"),
    ("User.exists", "GET /api/users/{id}/exists"),
    ("User.replaceById", "PUT /api/users/{id}"),
    ("User.replaceById", "POST /api/users/{id}/replace"),
    ("User.prototype.patchAttributes", "PATCH /api/users/{id}"),
    ("User.deleteById", "DELETE /api/users/{id}"),
    ("User.createChangeStream", "GET /api/users/change-stream"),
    ("User.createChangeStream", "POST /api/users/change-stream"),
    ("User.login", "POST /api/users/login"),
    ("User.logout", "POST /api/users/logout"),
    ("User.confirm", "GET /api/users/confirm"),
    ("User.prototype.verify", "POST /api/users/{id}/verify"),
    ("User.resetPassword", "POST /api/users/reset"),
    ("User.changePassword", "POST /api/users/change-password"),
    ("User.setPassword", "POST /api/users/reset-password"),
    ("User.prototype.__get__accessTokens", "GET /api/users/{id}/accessTokens"),
    ("User.prototype.__create__accessTokens", "POST /api/users/{id}/accessTokens"),
    ("User.prototype.__delete__accessTokens", "DELETE /api/users/{id}/accessTokens"),
    ("User.prototype.__count__accessTokens", "GET /api/users/{id}/accessTokens/count"),
    ("User.prototype.__findById__accessTokens", "GET /api/users/{id}/accessTokens/x"),
    ("User.prototype.__updateById__accessTokens", "PUT /api/users/{id}/accessTokens/x"),
    ("User.prototype.__destroyById__accessTokens", "DELETE /api/users/{id}/accessTokens/x"),
    ("Report.reports", "GET /reports"),
    ("Report.reports", "GET /reports/7/lines"),
    ("Report.reports", "DELETE /reports/7"),
    ("Note.list", "GET /notes"),
    ("Note.create", "POST /notes"),
    ("Note.show", "GET /notes/{id}"),
    ("Public.home", "GET /"),
    ("Public.home", "HEAD /"),
    ("Public.about", "GET /about"),
];

/// The parts of a valid request.
fn body(line: &str, cell: usize) -> Value {
    match line {
        "POST /api/users" => json!({"email": format!("new-{cell}@example.com"), "password": PASSWORD}),
        "POST /api/users/login" => json!({"username": format!("owner-{cell}"), "password": PASSWORD}),
        "PUT /api/users/{id}" | "POST /api/users/{id}/replace" => {
            json!({"email": format!("moved-{cell}@example.com"), "password": PASSWORD})
        }
        "POST /api/users/reset" => json!({"email": format!("owner-{cell}@example.com")}),
        "POST /api/users/change-password" => {
            json!({"oldPassword": PASSWORD, "newPassword": "another-good-password"})
        }
        "POST /api/users/reset-password" => json!({"newPassword": "another-good-password"}),
        _ if line.starts_with("POST") || line.starts_with("PUT") || line.starts_with("PATCH") => json!({}),
        _ => Value::Null,
    }
}

fn samples() -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    app::read_policies(&folder).unwrap()
}

fn settings(profile: &str) -> portcullis::policy::Settings {
    let flags = vec![("profile".to_owned(), profile.to_owned())];
    let loaded = config::load(&Sources { file: None, env: Vec::new(), flags }).unwrap();
    app::policy_settings(&loaded.config)
}

fn set(profile: &str) -> PolicySet {
    let stored = Stored { roles: vec!["editor".to_owned()], rules: Vec::new() };
    compile(&settings(profile), &samples(), &stored).0.unwrap()
}

#[test]
fn the_sample_policies_compile_without_findings() {
    for profile in ["standard", "loopback3"] {
        let stored = Stored { roles: vec!["editor".to_owned()], rules: Vec::new() };
        let (set, findings) = compile(&settings(profile), &samples(), &stored);
        assert!(set.is_some() && findings.is_empty(), "{profile}: {findings:#?}");
        // Without the role, the rules for it are doubtful, and nothing is broken.
        let (set, findings) = compile(&settings(profile), &samples(), &Stored::default());
        assert!(set.is_some() && findings.iter().all(|finding| finding.severity == Severity::Warning));
    }
}

#[test]
fn every_route_has_a_row_and_every_row_its_route() {
    for profile in ["standard", "loopback3"] {
        let set = set(profile);
        let mut covered = BTreeSet::new();
        for (route, line) in ROWS {
            let (verb, target) = line.split_once(' ').unwrap();
            let target = target.replace("{id}", "7");
            let action = set.action(verb, &target, None);
            let expected =
                if *route == "no-such-method" && profile == "standard" { "unmatched" } else { route };
            assert_eq!(action.route, expected, "{profile}: {line}");
            covered.insert(action.route_index as usize);
        }
        let left: Vec<String> = set
            .routes()
            .enumerate()
            .filter(|(index, route)| {
                !covered.contains(index) && (*route != "no-such-method" || profile != "standard")
            })
            .map(|(_, route)| format!("(\"{route}\", \"\"),"))
            .collect();
        assert!(left.is_empty(), "{profile}: routes without a row:\n{}", left.join("\n"));
    }
}

/// A gate before an app whose notes belong to the user with the same number.
fn house(profile: &str) -> (App, Gate) {
    let app = App::answering(|request| {
        let note = request.line().strip_prefix("GET /notes/").and_then(|rest| rest.split(' ').next());
        let body = note.map_or_else(String::new, |id| format!(r#"{{"id":{id},"ownerId":{id}}}"#));
        answer("200 OK", "Content-Type: application/json\r\n", body)
    });
    let mut setup =
        Setup::new(&app).set("profile", profile).set("policies.unmatched", "deny").with_manual_clock();
    for source in samples() {
        setup = setup.policy(&source.name, &source.text);
    }
    let gate = Gate::start(setup);
    gate.run(gate.parts().store.commit(vec![Change::CreateRole { name: "editor".to_owned() }])).unwrap();
    (app, gate)
}

/// The owner of a cell and the caller's token.
fn cast(gate: &Gate, caller: Caller, cell: usize) -> (SignedUp, String) {
    let parts = gate.parts();
    let owner = gate.sign_up(&format!("owner-{cell}"));
    let token = match caller {
        Caller::Anonymous => String::new(),
        Caller::UnknownToken => "x".repeat(64),
        Caller::ExpiredToken => {
            let request =
                TokenRequest { ttl: Some(1.0), scopes: Vec::new(), name: None, fixed: true, host: None };
            let minted = gate.run(parts.accounts().issue(&UserId::Number(owner.id), request)).unwrap();
            gate.advance(Duration::from_secs(1));
            minted.id.expose().to_owned()
        }
        Caller::Owner => owner.token.clone(),
        Caller::OtherUser => gate.sign_up(&format!("other-{cell}")).token,
        Caller::Editor => {
            let editor = gate.sign_up(&format!("editor-{cell}"));
            let grant = Change::Grant { role: "editor".to_owned(), user: UserId::Number(editor.id) };
            gate.run(parts.store.commit(vec![grant])).unwrap();
            editor.token
        }
        Caller::Disabled => {
            let mut user = gate.run(parts.accounts().user(&UserId::Number(owner.id))).unwrap();
            user.disabled = true;
            gate.run(parts.store.commit(vec![Change::UpdateUser(user)])).unwrap();
            owner.token.clone()
        }
    };
    (owner, token)
}

#[test]
fn every_caller_and_every_route() {
    let mut table = String::new();
    let mut cell = 0;
    for profile in ["standard", "loopback3"] {
        let (_app, gate) = house(profile);
        let mut client = gate.client();
        let names: String = CALLERS.iter().map(|(_, name)| format!("{name:>10}")).collect();
        writeln!(table, "{profile:<83}{names}").unwrap();
        for (route, line) in ROWS {
            write!(table, "{route:<42} {line:<40}").unwrap();
            for (caller, _) in CALLERS {
                cell += 1;
                let (owner, token) = cast(&gate, caller, cell);
                let (verb, target) = line.split_once(' ').unwrap();
                let target = target.replace("{id}", &owner.id.to_string());
                let answer = ask(&mut client, verb, &target, &token, &body(line, cell));
                write!(table, "{:>10}", answer.status).unwrap();
                if answer.field("connection").is_some_and(|word| word.eq_ignore_ascii_case("close")) {
                    client = gate.client();
                }
            }
            table.push('\n');
        }
        table.push('\n');
    }
    insta::assert_snapshot!(table);
}
