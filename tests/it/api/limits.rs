//! Too much of something: requests of one client, and passwords to hash.

use serde_json::json;

use super::{PASSWORD, ask};
use crate::support::{App, Gate, Response, Setup};

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

#[test]
fn the_limits_of_both_profiles_are_on_by_default() {
    let sources = portcullis::config::Sources { file: None, env: Vec::new(), flags: Vec::new() };
    for profile in ["standard", "loopback3"] {
        let flags = vec![("profile".to_owned(), profile.to_owned())];
        let limits = portcullis::config::load(&portcullis::config::Sources { flags, ..sources.clone() });
        let limits = limits.unwrap().config.limits;
        assert!(limits.login_per_client.is_some() && limits.register_per_client.is_some(), "{profile}");
    }
}

#[test]
fn passwords_beyond_the_queue_are_a_503_that_says_when_to_come_back() {
    let app = App::echo();
    // Dear enough that the first one is still being hashed when the last one comes.
    let setup = Setup::new(&app).set("password.memory_kib", "65536").set("password.iterations", "4");
    let gate = Gate::start(setup.set("password.workers", "1").set("password.queue", "1"));
    gate.sign_up("ann");
    let body = json!({"username": "ann", "password": "not-my-password"}).to_string();
    let request = format!(
        "POST /api/users/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut clients: Vec<_> = (0..8).map(|_| gate.client()).collect();
    for client in &mut clients {
        client.send(&request);
    }
    let answers: Vec<Response> = clients.iter_mut().map(crate::support::Client::response).collect();
    let (busy, hashed): (Vec<&Response>, Vec<&Response>) =
        answers.iter().partition(|answer| answer.status == 503);
    assert!(!busy.is_empty(), "nobody was sent away");
    assert!(!hashed.is_empty() && hashed.iter().all(|answer| answer.status == 401), "{hashed:?}");
    assert!(busy.iter().all(|answer| retry_after(answer) > 0));
    // What needs no hashing went on, and hashing goes on.
    gate.client().get("/open").expect(200);
    let login = json!({"username": "ann", "password": PASSWORD});
    assert_eq!(ask(&mut gate.client(), "POST", "/api/users/login", "", &login).status, 200);
}
