//! Which app takes a request.

use super::{House, ask, policy, who, with};
use crate::support::{Authority, Gate, Http2, Setup, http2::END_STREAM};

#[test]
fn a_host_leads_to_its_app_in_whatever_spelling() {
    let house = House::new();
    let gate = house.gate();
    let ann = with(&gate.sign_up("ann").token);
    let mut client = gate.client();
    for (host, path, app) in [
        ("shop.test", "/orders/7", "shop"),
        ("SHOP.Test", "/orders/7", "shop"),
        ("shop.test:8443", "/orders/7", "shop"),
        ("shop.test.", "/orders/7", "shop"),
        ("Shop.test.:1", "/orders/7", "shop"),
        ("notes.test", "/notes", "notes"),
        ("a.notes.test", "/notes", "notes"),
        ("A.NOTES.test.:80", "/notes", "notes"),
        ("shop.test", "/tools", "tools"),
        ("shop.test", "/tools/1", "tools"),
        ("elsewhere.test", "/pages", "rest"),
        ("127.0.0.1", "/pages", "rest"),
        ("[::1]:80", "/pages", "rest"),
        // One label, as in a certificate.
        ("a.b.notes.test", "/pages", "rest"),
        ("a.b.notes.test", "/notes", "403"),
        ("shop.test.evil.test", "/orders/7", "403"),
        ("notes.test", "/tools", "403"),
    ] {
        assert_eq!(who(&mut client, host, path, &ann), app, "{host} {path}");
    }
    for app in house.all() {
        let requests = app.requests();
        let forwarded = requests.iter().filter(|request| request.field("x-portcullis-lookup").is_none());
        for request in forwarded {
            assert_eq!(request.field("host"), request.field("x-forwarded-host"), "{}", request.head);
        }
    }
    let shown: Vec<String> =
        house.shop.requests().iter().map(|r| r.field("host").unwrap().to_owned()).collect();
    assert!(shown.contains(&"SHOP.Test".to_owned()), "the host is forwarded as it was sent: {shown:?}");
}

#[test]
fn a_host_that_no_app_has_is_misdirected_and_a_path_that_none_has_is_not_there() {
    let house = House::new();
    let only = house.tables("").split("\n[[apps]]\nname = \"rest\"").next().unwrap().to_owned();
    // Without the app for every other host, and with one that has only a part of its host.
    let only = only.replacen("path = \"/\"", "path = \"/orders\"", 1);
    let setup = Setup::new(&house.rest).tables(&only);
    let setup = setup
        .policy("shop/order.json", &policy("Order", "/orders", "$everyone"))
        .policy("notes/note.json", &policy("Note", "/notes", "$everyone"))
        .policy("tools/tool.json", &policy("Tool", "/tools", "$everyone"));
    let gate = Gate::start(setup);
    let mut client = gate.client();
    for host in ["elsewhere.test", "127.0.0.1", "xnotes.test", "a.b.notes.test", "test"] {
        let refused = ask(&mut client, host, "GET /orders", "").expect(421);
        assert_eq!(refused.json()["error"]["code"], "MISDIRECTED_REQUEST", "{host}");
    }
    for path in ["/", "/orderss", "/Orders", "/order", "/api/users", "/tool"] {
        let refused = ask(&mut client, "shop.test", &format!("GET {path}"), "").expect(404);
        assert_eq!(refused.json()["error"]["code"], "NOT_FOUND", "{path}");
    }
    assert_eq!(who(&mut client, "shop.test", "/orders", ""), "shop");
    assert_eq!(who(&mut client, "shop.test", "/orders/", ""), "shop");
    let mut without = gate.client();
    without.send("GET /orders HTTP/1.0\r\n\r\n");
    assert_eq!(without.response().status, 400, "a request without a host has no app");
    assert!(house.rest.requests().is_empty(), "nothing has gone to the app of no table");
    gate.wait_for_metric("portcullis_requests_total{route=\"other\",status=\"4xx\"} 5");
    let line = gate.log.wait_for(|line| line["stream"] == "access" && line["status"] == 421);
    assert!(line.get("app").is_none(), "{line}");
}

#[test]
fn a_path_that_another_server_reads_as_another_apps_is_refused() {
    let house = House::new();
    let gate = house.gate();
    let ann = with(&gate.sign_up("ann").token);
    let mut client = gate.client();
    for path in [
        "/%74ools",
        "/%74ools/1",
        "/tools;x",
        "/tools;x/1",
        "/%2574ools",
        "/tools%3bx",
        "/orders%2f..%2ftools",
    ] {
        let refused = ask(&mut gate.client(), "shop.test", &format!("GET {path}"), &ann).expect(400);
        assert!(
            refused.text().contains("app-path") || refused.text().contains("dot-segment"),
            "{path}: {}",
            refused.text()
        );
    }
    assert_eq!(who(&mut client, "shop.test", "/tools/a%20b", &ann), "tools");
    assert_eq!(
        who(&mut client, "shop.test", "/Tools", &ann),
        "403",
        "letter case counts: this is the shop's"
    );
    assert_eq!(who(&mut client, "shop.test", "/toolsmith", &ann), "403");
    assert!(house.tools.requests().iter().all(|request| request.target().starts_with("/tools/a")));
}

#[test]
fn the_host_of_a_trusted_proxy_has_to_lead_to_the_same_app() {
    let house = House::new();
    let gate = Gate::start(house.setup("").set("server.trusted_proxies", "127.0.0.1"));
    let mut client = gate.client();
    let told = |host: &str| format!("X-Forwarded-Host: {host}\r\n");
    assert_eq!(who(&mut client, "notes.test", "/notes", ""), "notes");
    assert_eq!(who(&mut client, "notes.test", "/notes", &told("a.notes.test:8443")), "notes");
    for other in ["shop.test", "elsewhere.test"] {
        assert_eq!(who(&mut client, "notes.test", "/notes", &told(other)), "421", "{other}");
        assert_eq!(who(&mut client, other, "/notes", &told("notes.test")), "421", "{other}");
    }
    // From any other client the field is nothing.
    let gate = house.gate();
    assert_eq!(who(&mut gate.client(), "notes.test", "/notes", &told("shop.test")), "notes");
}

#[test]
fn over_tls_the_name_of_the_handshake_still_binds() {
    let house = House::new();
    let authority = Authority::new();
    let issued = authority.issue(&["shop.test", "notes.test", "*.notes.test"]);
    let gate = Gate::start(house.setup("").tls(&[&issued]));
    let mut client = gate.tls_client("notes.test", &authority);
    assert_eq!(who(&mut client, "notes.test", "/notes", ""), "notes");
    assert_eq!(who(&mut client, "NOTES.test.:443", "/notes", ""), "notes");
    assert_eq!(who(&mut client, "shop.test", "/notes", ""), "421");
    assert_eq!(who(&mut client, "a.notes.test", "/notes", ""), "421");
}

#[test]
fn over_http2_each_stream_goes_to_its_app() {
    let house = House::new();
    let authority = Authority::new();
    let gate = Gate::start(house.setup("").tls(&[&authority.issue(&["notes.test", "127.0.0.1"])]));
    let ask = |client: &mut Http2, host: &str, path: &str| {
        let fields = [(":method", "GET"), (":scheme", "https"), (":path", path), (":authority", host)];
        let stream = client.headers(END_STREAM, &fields);
        let answer = client.answer(stream).unwrap();
        answer.field("x-app").map_or_else(|| answer.status.to_string(), str::to_owned)
    };
    // By an address there is no name in the handshake, so one connection is for every host.
    let mut client = Http2::open(&gate, "127.0.0.1", &authority);
    for (host, path, app) in [
        ("notes.test", "/notes", "notes"),
        ("elsewhere.test", "/pages", "rest"),
        ("A.Notes.test:8443", "/notes", "notes"),
        ("shop.test", "/orders/1", "401"),
        ("shop.test", "/%74ools", "400"),
        ("elsewhere.test", "/notes", "401"),
    ] {
        assert_eq!(ask(&mut client, host, path), app, "{host} {path}");
    }
    let mut client = Http2::open(&gate, "notes.test", &authority);
    assert_eq!(ask(&mut client, "notes.test", "/notes"), "notes");
    assert_eq!(ask(&mut client, "elsewhere.test", "/pages"), "421");
    assert_eq!(house.rest.requests().len(), 1);
}

#[test]
fn each_app_is_told_in_the_log_and_the_metrics() {
    let house = House::new();
    let gate = house.gate();
    let mut client = gate.client();
    ask(&mut client, "notes.test", "GET /notes", "").expect(200);
    ask(&mut client, "shop.test", "GET /orders/1", "").expect(401);
    let of_notes = gate.log.access("/notes");
    assert_eq!((&of_notes["app"], &of_notes["route"]), (&"notes".into(), &"Note.all".into()));
    assert_eq!(of_notes["upstream"], house.notes.address().to_string());
    assert_eq!(gate.log.access("/orders/1")["app"], "shop");
    gate.wait_for_metric("portcullis_requests_total{app=\"notes\",route=\"Note.all\",status=\"200\"} 1");
    gate.wait_for_metric("portcullis_requests_total{app=\"shop\",route=\"Order.one\",status=\"401\"} 1");
    // With one app nothing of this is there.
    let gate = Gate::open(&house.notes);
    gate.client().get("/x").expect(200);
    assert!(gate.log.access("/x").get("app").is_none());
    assert!(!gate.metrics().contains("app=\""));
}
