//! Policies of one app are replaced, and no other app notices.

use std::fs;

use super::{House, ask, policy, who, with};
use crate::{
    process::support::wait_until,
    support::{Gate, Setup},
};

/// `Customer` in the place of `User`.
const PUBLIC: &str = r#"{"Customer": {"public": true}}"#;

/// A model that holds the accounts, whose tokens live for so long.
fn customer(ttl: u32) -> String {
    format!(r#"{{"name": "Customer", "base": "User", "plural": "users", "acls": [], "ttl": {ttl}}}"#)
}

/// How long a new token of ann's lives.
fn ttl(gate: &Gate) -> serde_json::Value {
    let body = r#"{"email": "ann@example.com", "password": "a-good-password"}"#;
    let fields = format!("Content-Type: application/json\r\nContent-Length: {}", body.len());
    let mut client = gate.client();
    client.send(format!("POST /api/users/login HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n\r\n{body}"));
    client.response_to("POST").expect(200).json()["ttl"].clone()
}

fn write(gate: &Gate, name: &str, text: &str) {
    fs::write(gate.path("policies").join(name), text).unwrap();
}

fn status(gate: &Gate, host: &str, path: &str) -> u16 {
    ask(&mut gate.client(), host, &format!("GET {path}"), "").status
}

#[test]
fn a_broken_set_is_refused_for_its_app_alone() {
    let house = House::new();
    let gate = house.gate();
    write(&gate, "notes/note.json", &policy("Note", "/notes", "$everyone").replace("ALLOW", "ALOW"));
    gate.wait_for_metric("portcullis_config_last_reload_success 0");
    assert_eq!(status(&gate, "notes.test", "/notes"), 200, "the old set stays");
    let ready = gate.admin().get("/readyz?strict").expect(503);
    assert!(ready.text().contains("app `notes`: note.json:"), "{}", ready.text());
    // Another app's new set is taken up meanwhile, and the failure stays told.
    write(&gate, "rest/page.json", &policy("Page", "/pages", "$authenticated"));
    wait_until("the set of `rest`", || (status(&gate, "a.test", "/pages") == 401).then_some(()));
    gate.wait_for_metric("portcullis_config_last_reload_success 0");
    // The mended one ends it.
    write(&gate, "notes/note.json", &policy("Note", "/notes", "$authenticated"));
    gate.wait_for_metric("portcullis_config_last_reload_success 1");
    assert_eq!(status(&gate, "notes.test", "/notes"), 401);
}

#[test]
fn all_is_read_again_on_demand_or_nothing() {
    let house = House::new();
    let gate = house.gate();
    write(&gate, "shop/order.json", &policy("Order", "/orders", "$everyone"));
    write(&gate, "notes/note.json", "{");
    let error = gate.reload().unwrap_err();
    assert!(error.starts_with("app `notes`: note.json:1:"), "{error}");
    assert_eq!(status(&gate, "notes.test", "/notes"), 200);
    // What was good is not lost: its folder is watched.
    wait_until("the set of `shop`", || (status(&gate, "shop.test", "/orders") == 200).then_some(()));
    write(&gate, "shop/order.json", &policy("Order", "/orders", "$authenticated"));
    write(&gate, "notes/note.json", &policy("Note", "/notes", "$authenticated"));
    assert_eq!(gate.reload(), Ok(()));
    assert_eq!((status(&gate, "shop.test", "/orders"), status(&gate, "notes.test", "/notes")), (401, 401));
}

#[test]
fn a_changed_account_model_is_taken_up_by_all_apps() {
    let house = House::new();
    let gate = Gate::start(
        house
            .setup("")
            .policy("notes/customer.json", &customer(70))
            .policy("notes/model-config.json", PUBLIC),
    );
    let ann = with(&gate.sign_up("ann").token);
    assert_eq!(ttl(&gate), 70);
    write(&gate, "notes/customer.json", &customer(80));
    wait_until("the new model", || (ttl(&gate) == 80).then_some(()));
    // A second one is refused, and names both.
    write(&gate, "shop/model-config.json", PUBLIC);
    write(&gate, "shop/customer.json", &customer(90));
    let error = gate.reload().unwrap_err();
    assert!(
        error.contains("`notes`") && error.contains("`shop`") && error.contains("one set of accounts"),
        "{error}"
    );
    assert_eq!(ttl(&gate), 80);
    assert_eq!(who(&mut gate.client(), "shop.test", "/tools/1", &ann), "tools");
}

#[test]
fn an_account_model_that_two_apps_share_is_changed_in_both() {
    let house = House::new();
    let setup = ["shop", "notes"].iter().fold(house.setup(""), |setup, app| {
        let setup = setup.policy(&format!("{app}/model-config.json"), PUBLIC);
        setup.policy(&format!("{app}/customer.json"), &customer(70))
    });
    let gate = Gate::start(setup);
    gate.sign_up("ann");
    assert_eq!(ttl(&gate), 70);
    write(&gate, "notes/customer.json", &customer(80));
    gate.wait_for_metric("portcullis_config_last_reload_success 0");
    assert_eq!(ttl(&gate), 70, "one alone is refused");
    write(&gate, "shop/customer.json", &customer(80));
    wait_until("the new model", || (ttl(&gate) == 80).then_some(()));
    // No reload of everything is needed, and nothing of the failure is left.
    gate.wait_for_metric("portcullis_config_last_reload_success 1");
}

#[test]
fn stored_rules_are_for_all_apps() {
    use portcullis::{accounts::Actor, store::AclRow};
    let house = House::new();
    let gate = house.gate();
    let rule = AclRow {
        id: "1".into(),
        model: Some("Note".into()),
        property: Some("*".into()),
        access_type: Some("*".into()),
        permission: Some("DENY".into()),
        principal_type: Some("ROLE".into()),
        principal_id: Some("$everyone".into()),
    };
    assert_eq!(status(&gate, "notes.test", "/notes"), 200);
    let accounts = gate.parts().accounts();
    gate.run(accounts.add_rule(Actor::Operator, rule)).unwrap();
    wait_until("the stored rule", || (status(&gate, "notes.test", "/notes") == 401).then_some(()));
    assert_eq!(status(&gate, "a.test", "/pages"), 200);
}

#[test]
fn a_first_table_of_apps_opens_nothing_of_a_running_gate() {
    let house = House::new();
    let gate = Gate::start(Setup::new(&house.rest).set("policies.unmatched", "deny"));
    let refused = gate.client().get("/anything").status;
    assert!(refused >= 400, "{refused}");
    let file = gate.path("portcullis.toml");
    let table = "[[apps]]\nname = \"a\"\nhosts = []\npolicies = { unmatched = \"allow\" }\n";
    fs::write(&file, format!("{}\n{table}", fs::read_to_string(&file).unwrap())).unwrap();
    assert_eq!(gate.reload(), Ok(()));
    assert_eq!(gate.client().get("/anything").status, refused);
}
