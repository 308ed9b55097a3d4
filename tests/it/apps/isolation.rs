//! Rules, owners, fields and second targets: every one within its app.

use super::{House, ask, policy, who, with};
use crate::support::{App, Gate, answer};

#[test]
fn rules_owners_and_identity_are_those_of_the_app() {
    let house = House::new();
    let setup = house.setup("").policy("notes/note.json", &policy("Note", "/notes", "$owner"));
    let gate = Gate::start(setup);
    let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    assert_eq!((ann.id, bob.id), (1, 2), "the owners of the rows of `shop` and of `notes`");
    let mut client = gate.client();
    for (host, path, of, others) in
        [("shop.test", "/orders/7", &ann, &bob), ("notes.test", "/notes/7", &bob, &ann)]
    {
        ask(&mut client, host, &format!("GET {path}"), &with(&of.token)).expect(200);
        ask(&mut client, host, &format!("GET {path}"), &with(&others.token)).expect(403);
        ask(&mut client, host, &format!("GET {path}"), "").expect(401);
    }
    for (app, host, id) in [(&house.shop, "shop.test", "1"), (&house.notes, "notes.test", "2")] {
        let (asked, forwarded): (Vec<_>, Vec<_>) =
            app.requests().into_iter().partition(|request| request.field("x-portcullis-lookup").is_some());
        assert_eq!(asked.len(), 2, "of both users, and of none without a token");
        assert!(asked.iter().all(|request| request.field("host") == Some(host)));
        let [forwarded] = &*forwarded else { panic!("{forwarded:?}") };
        assert_eq!(forwarded.field("x-forwarded-user"), Some(id));
        assert!(!forwarded.head.contains(&ann.token) && !forwarded.head.contains(&bob.token));
    }
    assert!(house.rest.requests().is_empty() && house.tools.requests().is_empty());
}

#[test]
fn a_cached_owner_is_no_other_apps() {
    let house = House::new();
    let cached = |name: &str| {
        policy(name, "/rows", "$owner")
            .replace("\"field\": \"/ownerId\"", "\"field\": \"/ownerId\", \"cache\": \"1m\"")
    };
    let setup = house
        .setup("")
        .policy("shop/order.json", &cached("Order"))
        .policy("notes/note.json", &cached("Note"));
    let gate = Gate::start(setup);
    let (ann, bob) = (with(&gate.sign_up("ann").token), with(&gate.sign_up("bob").token));
    let mut client = gate.client();
    for _ in 0..2 {
        assert_eq!(who(&mut client, "shop.test", "/rows/7", &ann), "shop");
        assert_eq!(who(&mut client, "notes.test", "/rows/7", &ann), "403");
        assert_eq!(who(&mut client, "notes.test", "/rows/7", &bob), "notes");
        assert_eq!(who(&mut client, "shop.test", "/rows/7", &bob), "403");
    }
}

#[test]
fn a_destination_is_within_the_app() {
    let house = House::new();
    let open = policy("Order", "/orders", "$everyone");
    let setup = house.setup("").policy("shop/order.json", &open);
    let setup = setup.policy("tools/tool.json", &policy("Tool", "/tools", "$everyone"));
    let gate = Gate::start(setup);
    let mut client = gate.client();
    let mut moved = |to: &str| {
        let moved = ask(&mut client, "shop.test", "MOVE /orders/1", &format!("Destination: {to}\r\n"));
        (moved.status, moved.text().to_owned())
    };
    assert_eq!(moved("/orders/2").0, 200);
    assert_eq!(moved("http://shop.test/orders/2").0, 200);
    for (to, why) in [
        ("/tools/2", "it is the path of another app"),
        ("http://shop.test/tools/2", "it is the path of another app"),
        ("/%74ools/2", "it is the path of another app"),
        ("http://notes.test/notes/2", "it is on another host"),
        ("http://elsewhere.test/pages/2", "it is on another host"),
    ] {
        let (status, text) = moved(to);
        assert!(status == 400 && text.contains(why), "{to}: {status} {text}");
    }
    assert_eq!(house.shop.requests().len(), 2);
}

#[test]
fn each_app_has_its_own_reading_of_requests() {
    let house = House::new();
    let more = "[apps.upstream]\nservers = [\"SERVER\"]\nmethod_override = \"judge\"\nunderscore_headers = [\"x_note\"]\n\
                host = \"server\"\n"
        .replace("SERVER", &house.notes.url());
    let tables = house.tables("");
    let (before, after) = tables.split_once("\n[[apps]]\nname = \"tools\"").unwrap();
    let at = before.rfind("upstream = ").unwrap();
    let (start, end) = before.split_at(at);
    let end = end.split_once('\n').unwrap().1;
    let tables = format!("{start}{end}{more}\n[[apps]]\nname = \"tools\"{after}");
    let setup = crate::support::Setup::new(&house.rest).tables(&tables);
    let setup = setup
        .policy("shop/order.json", &policy("Order", "/orders", "$everyone"))
        .policy("notes/note.json", &policy("Note", "/notes", "$everyone"))
        .policy("tools/tool.json", &policy("Tool", "/tools", "$everyone"))
        .policy("rest/page.json", &policy("Page", "/pages", "$everyone"));
    let gate = Gate::start(setup);
    let mut client = gate.client();
    let fields = "X_Note: 1\r\n";
    ask(&mut client, "notes.test", "GET /notes/1?_method=DELETE", fields).expect(200);
    ask(&mut client, "shop.test", "GET /orders/1?_method=DELETE", fields).expect(400);
    ask(&mut client, "shop.test", "GET /orders/1", fields).expect(200);
    let (note, order) = (house.notes.only_request(), house.shop.only_request());
    assert_eq!((note.field("x_note"), order.field("x_note")), (Some("1"), None));
    assert_eq!(note.field("host"), Some(&*house.notes.address().to_string()));
    assert_eq!(order.field("host"), Some("shop.test"));
}

#[test]
fn a_page_of_one_app_is_another_site_for_the_others() {
    let house = House::new();
    let setup = house.setup("").set("server.public_url", "http://shop.test");
    let setup = setup
        .policy("notes/note.json", &policy("Note", "/notes", "$authenticated"))
        .policy("shop/order.json", &policy("Order", "/orders", "$authenticated"));
    let gate = Gate::start(setup);
    let ann = gate.sign_up("ann");
    let mut client = gate.client();
    // The cookie of the gate, which a browser sends by itself.
    let cookie = format!("__Host-portcullis={}", ann.token);
    let mut post = |host: &str, path: &str, origin: &str| {
        let fields = format!("Cookie: {cookie}\r\nOrigin: {origin}\r\nContent-Length: 0\r\n");
        ask(&mut client, host, &format!("POST {path}"), &fields).status
    };
    assert_eq!(post("notes.test", "/notes", "http://notes.test"), 200);
    assert_eq!(post("shop.test", "/orders", "http://shop.test"), 200);
    assert_eq!(post("notes.test", "/notes", "http://shop.test"), 403, "though it is the public URL");
    assert_eq!(post("shop.test", "/orders", "http://notes.test"), 403);
}

#[test]
fn one_app_that_is_down_takes_no_other_down() {
    let house = House::new();
    let gate = house.gate();
    let ann = with(&gate.sign_up("ann").token);
    let House { shop, notes, .. } = house;
    drop(shop);
    let mut client = gate.client();
    // Its owner look-up fails, and the request with it.
    assert_eq!(who(&mut client, "shop.test", "/orders/1", &ann), "503");
    assert_eq!(who(&mut client, "notes.test", "/notes/1", &ann), "notes");
    assert_eq!(notes.requests().len(), 1);
}

#[test]
fn websockets_reach_their_app_alone() {
    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    const ASK: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut house = House::new();
    house.notes = App::start(|connection| {
        connection.head();
        connection.send(SWITCH);
        connection.send(b"\x81\x05notes");
        connection.hang();
    });
    house.shop = App::answering(|_| answer("404 Not Found", "", "no socket here"));
    let setup = house.setup("").policy("shop/order.json", &policy("Order", "/orders", "$everyone"));
    let gate = Gate::start(setup);
    let mut client = gate.client();
    client.send(format!("GET /notes/1 HTTP/1.1\r\nHost: notes.test\r\n{ASK}\r\n"));
    assert_eq!(client.head().status, 101);
    assert_eq!(client.take(7), b"\x81\x05notes");
    ask(&mut gate.client(), "shop.test", "GET /orders/1", ASK).expect(404);
    ask(&mut gate.client(), "elsewhere.test", "GET /notes/1", ASK).expect(401);
}

#[test]
fn the_servers_of_each_app_are_probed() {
    let house = House::new();
    let setup = house.setup("").set("upstream.health_path", "/alive");
    let gate = Gate::start(setup);
    for app in house.all() {
        let is_probed = || app.requests().iter().any(|request| request.target() == "/alive");
        crate::process::support::wait_until("a probe", || is_probed().then_some(()));
    }
    drop(gate);
}
