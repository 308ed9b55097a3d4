//! The listener for health and metrics.

use crate::support::{App, Gate};

#[test]
fn health_readiness_and_metrics() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.admin();
    for path in ["/healthz", "/readyz", "/startupz"] {
        assert_eq!(client.get(path).expect(200).text(), "ok\n", "{path}");
    }
    let metrics = client.get("/metrics").expect(200);
    assert!(metrics.text().contains("# TYPE portcullis_requests_total counter\n"), "{}", metrics.text());
    client.get("/other").expect(404);
    assert_eq!(app.connections(), 0);
}

#[test]
fn none_of_it_is_on_the_public_listener() {
    let app = App::echo();
    let gate = Gate::start(crate::support::Setup::new(&app).set("policies.unmatched", "deny"));
    for path in ["/healthz", "/readyz", "/startupz", "/metrics"] {
        gate.client().get(path).expect(401);
    }
}

#[test]
fn a_store_that_is_closed_makes_it_unready() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.admin();
    gate.run(gate.parts().store.close()).unwrap();
    assert!(client.get("/readyz").expect(503).text().starts_with("not ready: "));
    client.get("/healthz").expect(200);
}
