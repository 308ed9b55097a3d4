//! Several servers of the app: one that is down, probes, and who stays where.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
    time::Instant,
};

use crate::support::{App, GUARD, Gate, Setup, answer};

/// An address where nothing listens.
fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An app whose every answer is its name.
fn named(name: &'static str) -> App {
    App::answering(move |_| answer("200 OK", "", name))
}

fn before(servers: &[String], settings: &[(&str, &str)]) -> Gate {
    let setup = Setup::before(&servers.join(","));
    Gate::start(settings.iter().fold(setup, |setup, (key, value)| setup.set(key, value)))
}

#[test]
fn e2_a_refused_connection_goes_to_the_next_server_whatever_the_method() {
    let app = App::echo();
    for servers in [
        [format!("http://{}", closed()), app.url()],
        [app.url(), format!("http://{}", closed())],
        ["unix:/nonexistent/app.sock".to_owned(), app.url()],
    ] {
        for balance in ["least-connections", "hash"] {
            // A gate of its own each time, that has yet to find out which one is down.
            for method in ["GET", "POST", "PATCH", "DELETE"] {
                let gate = before(&servers, &[("upstream.balance", balance)]);
                for _ in 0..2 {
                    let told = gate.client().ask(method, "/a", "", b"body").expect(200).json();
                    assert_eq!((&told["method"], &told["body"]), (&method.into(), &"body".into()));
                }
            }
        }
    }
}

#[test]
fn e2_when_all_servers_are_down_the_answer_is_one_502() {
    let gate = before(&[format!("http://{}", closed()), format!("http://{}", closed())], &[]);
    for _ in 0..3 {
        gate.client().get("/a").expect(502);
    }
}

#[test]
fn e2_an_owner_look_up_goes_to_the_next_server_too() {
    let app = App::answering(|request| match request.field("x-portcullis-lookup") {
        Some(_) => answer("200 OK", "Content-Type: application/json\r\n", r#"{"ownerId": 1}"#),
        None => answer("200 OK", "", "the note"),
    });
    let setup = Setup::before(&format!("http://{},{}", closed(), app.url())).set("policies.unmatched", "deny").policy(
        "notes.json",
        r#"{"name": "Note", "routes": [{"path": "/notes/{id}"}], "owner": {"lookup": "/notes/{id}", "field": "/ownerId"},
            "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "DENY"},
                     {"principalType": "ROLE", "principalId": "$owner", "permission": "ALLOW"}]}"#,
    );
    let gate = Gate::start(setup);
    let ann = gate.sign_up("ann");
    let line = format!("Authorization: {}\r\n", ann.token);
    assert_eq!(gate.client().ask("GET", "/notes/7", &line, b"").expect(200).text(), "the note");
}

#[test]
fn e2_a_server_whose_probe_fails_gets_no_requests_until_it_is_well_again() {
    let status = Arc::new(AtomicU16::new(503));
    let (tell, told) = mpsc::channel();
    let says = Arc::clone(&status);
    let sick = App::answering(move |request| {
        if request.target() == "/health?deep=1" {
            let _ = tell.send(());
            return answer(&format!("{} Said", says.load(Ordering::Relaxed)), "", "");
        }
        answer("200 OK", "", "sick")
    });
    let well = named("well");
    let gate = before(&[sick.url(), well.url()], &[("upstream.health_path", "/health?deep=1")]);
    let asked = || gate.client().get("/a").expect(200).text().to_owned();
    let wait_until = |done: &dyn Fn() -> bool| {
        let began = Instant::now();
        while !done() {
            assert!(began.elapsed() < GUARD);
            told.recv_timeout(GUARD).expect("it is probed again and again");
        }
    };
    told.recv_timeout(GUARD).expect("it is probed at once");
    wait_until(&|| (0..4).all(|_| asked() == "well"));
    status.store(204, Ordering::Relaxed);
    wait_until(&|| (0..4).any(|_| asked() == "sick"));
    let probe = sick.requests().into_iter().find(|request| request.target().starts_with("/health")).unwrap();
    assert_eq!(probe.line(), "GET /health?deep=1 HTTP/1.1");
    assert_eq!(probe.field("host"), Some(sick.address().to_string().as_str()));
    assert!(
        well.requests().iter().any(|request| request.target() == "/health?deep=1"),
        "and so is the other"
    );
}

#[test]
fn e2_when_every_probe_fails_requests_are_still_tried() {
    let app = App::answering(|request| match request.target() {
        "/health" => answer("500 Broken", "", ""),
        _ => answer("200 OK", "", "it works all the same"),
    });
    let gate = before(&[app.url(), app.url()], &[("upstream.health_path", "/health")]);
    for _ in 0..3 {
        gate.client().get("/a").expect(200);
    }
}

#[test]
fn e3_behind_a_trusted_proxy_a_client_stays_with_its_server_and_clients_spread() {
    let apps = [named("0"), named("1"), named("2")];
    let servers: Vec<_> = apps.iter().map(App::url).collect();
    let gate = before(&servers, &[("upstream.balance", "hash"), ("server.trusted_proxies", "127.0.0.1/32")]);
    let mut proxy = gate.client();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for client in 1..60 {
        let line = format!("X-Forwarded-For: 198.51.100.{client}\r\n");
        let first = proxy.ask("GET", "/a", &line, b"").expect(200).text().to_owned();
        for _ in 0..2 {
            assert_eq!(proxy.ask("GET", "/a", &line, b"").expect(200).text(), first);
        }
        *seen.entry(first).or_default() += 1;
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}
