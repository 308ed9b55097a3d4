//! Too much of something: requests of one client, and passwords to hash.

use serde_json::json;

use portcullis::accounts::Actor;

use super::{PASSWORD, ask};
use crate::support::{App, Client, GUARD, Gate, Response, Setup};

fn retry_after(answer: &Response) -> u64 {
    let wait = answer.field("retry-after").unwrap_or_else(|| panic!("{}", answer.head));
    wait.parse().unwrap()
}

#[test]
fn logins_of_one_client_are_limited_whatever_they_bring() {
    for profile in ["standard", "loopback3"] {
        let app = App::echo();
        let gate =
            Gate::start(Setup::new(&app).set("profile", profile).set("limits.login_per_client", "3/hour"));
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        let wrong = json!({"username": "ann", "password": "not-my-password"});
        let right = json!({"username": "ann", "password": PASSWORD});
        // The sign-up was the first.
        for _ in 0..2 {
            assert_eq!(ask(&mut client, "POST", "/api/users/login", "", &wrong).status, 401, "{profile}");
        }
        for body in [&wrong, &right] {
            let answer = ask(&mut gate.client(), "POST", "/api/users/login", "", body).expect(429);
            assert!((1..=1_200).contains(&retry_after(&answer)), "{profile}: {}", answer.head);
            assert_eq!(
                answer.field("ratelimit-policy"),
                Some("\"login_per_client\";q=3;w=3600"),
                "{profile}"
            );
            let error = answer.json()["error"].clone();
            assert_eq!(
                (&error["statusCode"], &error["code"]),
                (&json!(429), &json!("TOO_MANY_REQUESTS")),
                "{profile}"
            );
        }
        // Nothing else is.
        assert_eq!(
            ask(&mut client, "GET", "/api/users/1", &ann.token, &json!(null)).status,
            200,
            "{profile}"
        );
        assert_eq!(ask(&mut client, "POST", "/api/users", "", &json!({})).status, 422, "{profile}");
    }
}

#[test]
fn registrations_of_one_client_are_limited() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("limits.register_per_client", "2/hour"));
    gate.sign_up("ann");
    gate.sign_up("bob");
    let carl = json!({"email": "carl@example.com", "password": PASSWORD});
    let answer = ask(&mut gate.client(), "POST", "/api/users", "", &carl).expect(429);
    assert!(retry_after(&answer) > 0);
    let login = json!({"username": "ann", "password": PASSWORD});
    assert_eq!(ask(&mut gate.client(), "POST", "/api/users/login", "", &login).status, 200);
}

#[test]
fn all_requests_of_one_client_can_be_limited() {
    let app = App::echo();
    let gate = Gate::start(Setup::new(&app).set("limits.requests_per_client", "2/hour"));
    let mut client = gate.client();
    client.get("/open").expect(200);
    client.get("/open").expect(200);
    assert!(retry_after(&client.get("/open").expect(429)) > 0);
    assert_eq!(app.requests().len(), 2);
}

/// A login from this address, behind a proxy that is trusted.
fn login_from(client: &mut Client, address: &str, name: &str, password: &str) -> Response {
    let lines = format!("X-Forwarded-For: {address}\r\nContent-Type: application/json\r\n");
    let body = json!({"username": name, "password": password}).to_string();
    client.ask("POST", "/api/users/login", &lines, body.as_bytes())
}

#[test]
fn an_account_is_slowed_for_strangers_and_its_owner_logs_in() {
    for profile in ["standard", "loopback3"] {
        let app = App::echo();
        let setup = Setup::new(&app).set("profile", profile).set("server.trusted_proxies", "127.0.0.1");
        let gate = Gate::start(setup.set("limits.login_per_account", "5/hour"));
        let ann = gate.sign_up("ann");
        let mut client = gate.client();
        login_from(&mut client, "192.0.2.7", "ann", PASSWORD).expect(200);
        let attack = |client: &mut Client, name: &str| -> Vec<(u16, String)> {
            let attempts = (0..8).map(|number| {
                let answer = login_from(client, &format!("203.0.{number}.1"), name, "not-my-password");
                (answer.status, answer.text().to_owned())
            });
            attempts.collect()
        };
        let known = attack(&mut client, "ann");
        let statuses: Vec<u16> = known.iter().map(|(status, _)| *status).collect();
        assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429], "{profile}");
        assert_eq!(attack(&mut client, "nobody"), known, "{profile}: an unknown name is answered alike");
        let refused = login_from(&mut client, "198.51.100.1", "ann", PASSWORD).expect(429);
        let wait = retry_after(&refused);
        assert!((1..=720).contains(&wait), "{}", refused.head);
        assert_eq!(refused.field("ratelimit-policy"), Some("\"login_per_account\";q=5;w=3600"), "{profile}");
        assert_eq!(refused.field("ratelimit"), Some(&*format!("\"login_per_account\";r=0;t={wait}")));
        // The owner, at the network of the last login.
        login_from(&mut client, "192.0.2.8", "ann", PASSWORD).expect(200);
        gate.wait_for_metric("portcullis_limited_total{limit=\"login_per_account\",mode=\"enforced\"} 7");
        let accounts = gate.parts().rules.current().api.accounts().clone();
        gate.run(accounts.unlock(Actor::Operator, &ann.id.into())).unwrap();
        login_from(&mut client, "198.51.100.1", "ann", PASSWORD).expect(200);
    }
}

#[test]
fn a_shadow_tells_what_a_limit_would_refuse() {
    let app = App::echo();
    let setup = Setup::new(&app).set("limits.requests_per_client", "2/hour");
    let setup = setup.set("limits.login_per_account", "1/hour");
    let gate = Gate::start(setup.set("limits.shadow", "requests_per_client,login_per_account"));
    let mut client = gate.client();
    for _ in 0..5 {
        client.get("/open").expect(200);
    }
    gate.wait_for_metric("portcullis_limited_total{limit=\"requests_per_client\",mode=\"shadow\"} 3");
    let body = json!({"username": "ann", "password": "not-my-password"});
    for _ in 0..3 {
        assert_eq!(ask(&mut client, "POST", "/api/users/login", "", &body).status, 401);
    }
    gate.wait_for_metric("portcullis_limited_total{limit=\"login_per_account\",mode=\"shadow\"} 2");
}

const ROUTES: &str = r#"{
    "name": "Shop",
    "routes": [
        {"path": "/search", "methods": ["GET", "POST"], "limit": "2/hour"},
        {"path": "/orders/{id}", "methods": ["GET"]},
        {"path": "/orders/{id}", "methods": ["POST", "DELETE"], "limit": "3/hour"}
    ],
    "acls": [{"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW"}]
}"#;

#[test]
fn a_route_has_a_limit_for_each_caller() {
    for profile in ["standard", "loopback3"] {
        let app = App::echo();
        let setup = Setup::new(&app).set("profile", profile).policy("shop.json", ROUTES);
        let gate = Gate::start(setup.set("upstream.method_override", "judge"));
        let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
        let mut client = gate.client();
        let mut send =
            |method: &str, target: &str, token: &str| ask(&mut client, method, target, token, &json!(null));
        for token in [&*ann.token, &bob.token, ""] {
            for status in [200, 200, 429, 429] {
                assert_eq!(send("GET", "/search?q=x", token).status, status, "{profile}");
            }
            assert_eq!(send("GET", "/orders/1", token).status, 200, "{profile}: without a limit");
        }
        let refused = send("POST", "/search", &ann.token).expect(429);
        assert_eq!(refused.field("ratelimit-policy"), Some("\"routes\";q=2;w=3600"), "{profile}");
        assert!(retry_after(&refused) > 0);
        // Both readings are of one route: each request counts once.
        for status in [200, 200, 200, 429] {
            assert_eq!(send("POST", "/orders/1?_method=DELETE", &ann.token).status, status, "{profile}");
        }
        // Another reading cannot get around a limit.
        for status in [200, 200, 200, 429] {
            assert_eq!(send("GET", "/orders/1?_method=DELETE", &bob.token).status, status, "{profile}");
        }
        gate.reload().unwrap();
        let again = ask(&mut gate.client(), "GET", "/search", &ann.token, &json!(null));
        assert_eq!(again.status, 429, "{profile}: a reload forgets nothing");
    }
}

#[test]
fn a_token_has_a_limit() {
    for profile in ["standard", "loopback3"] {
        let app = App::echo();
        let setup = Setup::new(&app).set("profile", profile).set("limits.requests_per_token", "2/hour");
        let gate = Gate::start(setup);
        let ann = gate.sign_up("ann");
        let login = json!({"username": "ann", "password": PASSWORD});
        let mut client = gate.client();
        let other = ask(&mut client, "POST", "/api/users/login", "", &login).expect(200).json();
        let tokens = [&*ann.token, other["id"].as_str().unwrap()];
        for token in tokens {
            for status in [200, 200, 429] {
                let answer = ask(&mut client, "GET", "/open", token, &json!(null));
                assert_eq!(answer.status, status, "{profile}");
            }
        }
        let refused = ask(&mut client, "GET", "/api/users/1", tokens[0], &json!(null)).expect(429);
        assert_eq!(refused.field("ratelimit-policy"), Some("\"requests_per_token\";q=2;w=3600"), "{profile}");
        for _ in 0..4 {
            client.get("/open").expect(200);
        }
    }
}

#[test]
fn an_answer_in_xml_and_a_page_say_when_to_come_back() {
    let app = App::echo();
    let setup = Setup::new(&app).set("profile", "loopback3").set("limits.requests_per_client", "1/hour");
    let gate = Gate::start(setup);
    gate.client().get("/open").expect(200);
    let xml = gate.client().ask("GET", "/open", "Accept: text/xml\r\n", b"").expect(429);
    assert!(retry_after(&xml) > 0 && xml.text().contains("<statusCode>429</statusCode>"), "{}", xml.text());
    let page = gate.client().ask("GET", "/open", "Accept: text/html\r\n", b"").expect(429);
    assert!(retry_after(&page) > 0 && page.field("ratelimit").is_some(), "{}", page.head);
}

#[test]
fn the_limits_of_both_profiles_are_on_by_default() {
    let sources = portcullis::config::Sources { file: None, env: Vec::new(), flags: Vec::new() };
    for profile in ["standard", "loopback3"] {
        let flags = vec![("profile".to_owned(), profile.to_owned())];
        let limits = portcullis::config::load(&portcullis::config::Sources { flags, ..sources.clone() });
        let limits = limits.unwrap().config.limits;
        assert!(limits.login_per_client.is_some() && limits.register_per_client.is_some(), "{profile}");
        assert!(limits.login_per_account.is_some() && limits.shadow.is_empty(), "{profile}");
    }
}

#[test]
fn passwords_beyond_the_queue_are_a_503_that_says_when_to_come_back() {
    let app = App::echo();
    // Dear enough that the first one is still being hashed when the last one comes.
    let setup = Setup::new(&app).set("password.memory_kib", "65536").set("password.iterations", "8");
    let gate = Gate::start(setup.set("password.workers", "1").set("password.queue", "1"));
    gate.sign_up("ann");
    let body = json!({"username": "ann", "password": "not-my-password"}).to_string();
    let request = format!(
        "POST /api/users/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut clients: Vec<_> = (0..8).map(|_| gate.client()).collect();
    // A busy machine takes its time for such hashes.
    let patient = |client: &Client| client.socket().set_read_timeout(Some(GUARD * 10)).unwrap();
    for client in &mut clients {
        patient(client);
        client.send(&request);
    }
    let answers: Vec<Response> = clients.iter_mut().map(crate::support::Client::response).collect();
    let (busy, hashed): (Vec<&Response>, Vec<&Response>) =
        answers.iter().partition(|answer| answer.status == 503);
    assert!(!busy.is_empty(), "no request was refused");
    assert!(!hashed.is_empty() && hashed.iter().all(|answer| answer.status == 401), "{hashed:?}");
    assert!(busy.iter().all(|answer| retry_after(answer) > 0));
    // Requests without hashing were answered, and hashing continues.
    gate.client().get("/open").expect(200);
    let login = json!({"username": "ann", "password": PASSWORD});
    let mut client = gate.client();
    patient(&client);
    assert_eq!(ask(&mut client, "POST", "/api/users/login", "", &login).status, 200);
}

#[test]
fn d2_a_users_row_is_bounded_and_written_so_often() {
    for profile in ["standard", "loopback3"] {
        let app = App::echo();
        let gate = Gate::start(Setup::new(&app).set("profile", profile));
        let (ann, bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
        let mut client = gate.client();
        let mut patch = |token: &str, id: i64, data: &serde_json::Value| {
            ask(&mut client, "PATCH", &format!("/api/users/{id}"), token, data)
        };
        let large = patch(&ann.token, 1, &json!({ "p": "x".repeat(95_000) })).expect(422);
        assert_eq!(large.json()["error"]["code"], "PROPERTIES_TOO_LARGE", "{profile}");
        let many: serde_json::Map<_, _> = (0..300).map(|index| (format!("p{index}"), json!(1))).collect();
        let many = patch(&ann.token, 1, &many.into()).expect(422);
        assert_eq!(many.json()["error"]["code"], "TOO_MANY_PROPERTIES", "{profile}");
        let statuses: Vec<u16> =
            (0..250).map(|nick| patch(&ann.token, 1, &json!({ "nick": nick })).status).collect();
        assert_eq!(statuses[0], 200, "{profile}");
        assert!(
            statuses.contains(&429) && statuses.iter().all(|status| [200, 429].contains(status)),
            "{profile}"
        );
        assert!(retry_after(&patch(&ann.token, 1, &json!({ "nick": "y".repeat(60_000) })).expect(429)) > 0);
        patch(&bob.token, 2, &json!({ "nick": "b" })).expect(200);
    }
}

#[test]
fn d3_new_passwords_of_one_user_keep_no_other_user_out() {
    let app = App::echo();
    // Dear enough that the first one is still being hashed when the last one comes.
    let setup = Setup::new(&app).set("password.memory_kib", "65536").set("password.iterations", "2");
    let gate = Gate::start(setup.set("password.workers", "1").set("password.queue", "64"));
    let (ann, _bob) = (gate.sign_up("ann"), gate.sign_up("bob"));
    let mut clients: Vec<_> = (0..60).map(|_| gate.client()).collect();
    let routes = [
        ("PATCH", "/api/users/1", json!({"password": "another-good-password"})),
        ("PUT", "/api/users/1", json!({"email": "ann@example.com", "password": "another-good-password"})),
        (
            "POST",
            "/api/users/change-password",
            json!({"oldPassword": "x", "newPassword": "another-good-password"}),
        ),
    ];
    for (client, (verb, target, body)) in clients.iter_mut().zip(routes.iter().cycle()) {
        let body = body.to_string();
        client.send(format!(
            "{verb} {target} HTTP/1.1\r\nHost: a\r\nX-Access-Token: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            ann.token,
            body.len()
        ));
    }
    let login = json!({"username": "bob", "password": PASSWORD});
    assert_eq!(ask(&mut gate.client(), "POST", "/api/users/login", "", &login).status, 200);
    let answers: Vec<Response> = clients.iter_mut().map(crate::support::Client::response).collect();
    let refused = answers.iter().filter(|answer| answer.status == 503);
    assert!(refused.clone().count() >= 50, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    assert!(refused.into_iter().all(|answer| retry_after(answer) > 0));
}

#[test]
fn d4_a_filter_of_many_expressions_is_refused() {
    for profile in ["standard", "loopback3"] {
        let app = App::echo();
        let open = r#"{"name": "User", "base": "User", "acls": [
            {"principalType": "ROLE", "principalId": "$everyone", "permission": "ALLOW", "accessType": "READ"}]}"#;
        let setup = Setup::new(&app).set("profile", profile).policy("user.json", open);
        let gate = Gate::start(setup.set("api.users", "users"));
        gate.sign_up("ann");
        let mut client = gate.client();
        for (operator, pattern) in [("regexp", "%5C%5Cw%7B20%7D"), ("like", "a%25"), ("nilike", "%25b")] {
            let one = format!("%7B%22nick%22:%7B%22{operator}%22:%22{pattern}%22%7D%7D");
            let filter = format!("%7B%22where%22:%7B%22or%22:[{}]%7D%7D", vec![one.as_str(); 400].join(","));
            let lines = format!(
                "filter: {}\r\n",
                filter
                    .replace("%7B", "{")
                    .replace("%7D", "}")
                    .replace("%22", "\"")
                    .replace("%5C", "\\")
                    .replace("%25", "%")
            );
            for answer in [
                client.ask("GET", &format!("/api/users?filter={filter}"), "", b""),
                client.ask("GET", "/api/users/findOne", &lines, b""),
            ] {
                assert_eq!(answer.status, 400, "{profile} {operator}: {}", answer.head);
            }
        }
        let filter = "%7B%22where%22:%7B%22username%22:%7B%22regexp%22:%22%5Ea%22%7D%7D%7D";
        let found = client.ask("GET", &format!("/api/users?filter={filter}"), "", b"").expect(200);
        assert_eq!(found.json()[0]["username"], "ann", "{profile}");
    }
}
