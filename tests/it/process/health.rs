//! `healthcheck`, and the admin listener.

use super::support::House;

#[test]
fn healthcheck_tells_whether_the_gate_is_ready() {
    let house = House::new();
    let error = house.run("healthcheck").refused();
    assert!(error.contains("no gate answers on") && error.contains("admin.sock"), "{error}");
    let gate = house.serve();
    house.ok("healthcheck");
    gate.kill();
    // The socket is still there, and no process behind it.
    assert!(house.path("data/admin.sock").exists());
    house.run("healthcheck").refused();
    let _gate = house.serve();
    house.ok("healthcheck");
}

#[test]
fn healthcheck_of_another_store_is_no_health() {
    let house = House::new();
    let _gate = house.serve();
    let error = house.run("healthcheck --set store.url=sled:other").refused();
    assert!(error.contains("the gate uses the store"), "{error}");
}

#[test]
fn the_admin_listener_tells_of_health_and_numbers() {
    let house = House::with("[admin]\nlisten = \"127.0.0.1:0\"\n");
    let gate = house.serve();
    let line: serde_json::Value = serde_json::from_str(&gate.logged("\"serving\"")).unwrap();
    let admin = line["admin"].as_str().unwrap();
    let admin = super::support::Http(admin.parse().unwrap());
    gate.http.register("ann");
    gate.http.login("ann");
    for target in ["/healthz", "/readyz", "/startupz"] {
        assert_eq!(admin.get(target, ""), 200, "{target}");
    }
    let page = admin.send("GET /metrics", "", &serde_json::Value::Null).body;
    for line in
        ["portcullis_tokens_live 1", r#"portcullis_requests_total{route="User.login",status="200"} 1"#]
    {
        assert!(page.contains(line), "`{line}` is not in\n{page}");
    }
    for target in ["/healthz", "/readyz", "/metrics"] {
        assert_ne!(gate.http.get(target, ""), 200, "{target} is on the public listener");
    }
}
