//! Acknowledged writes persist: after a restart, and after kill -9 under load.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, JoinHandle},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::support::{Answer, Gate, House, Http, PASSWORD, wait_until};

#[test]
fn a_restart_keeps_registrations_logins_and_logouts() {
    let house = House::new();
    let gate = house.serve();
    let id = gate.http.register("ann");
    let (kept, ended) = (gate.http.login("ann"), gate.http.login("ann"));
    assert_eq!(gate.http.logout(&ended), 204);
    assert_eq!(gate.stop(), Some(0));

    let gate = house.serve();
    let own = format!("/api/users/{id}");
    assert_eq!(gate.http.get(&own, &kept), 200, "the session is gone");
    assert_eq!(gate.http.get(&own, &ended), 401, "the logout is gone");
    gate.http.login("ann");
    let again = json!({"email": "ann@example.com", "password": PASSWORD});
    assert_eq!(gate.http.send("POST /api/users", "", &again).status, 422, "the registration is gone");
    assert_eq!(gate.http.register("bob"), id + 1, "an id is used twice");
}

#[test]
fn a_stop_lets_the_store_go_for_the_next_one_at_once() {
    let house = House::new();
    for _ in 0..2 {
        let gate = house.serve();
        assert!(house.path("data/admin.sock").exists());
        assert_eq!(gate.stop(), Some(0));
    }
    assert!(house.ok("user list").starts_with("ID"));
}

/// A gate with a request that the app has and has not answered, and the client that waits for it.
fn busy(house: &House) -> (Gate, TcpStream, JoinHandle<io::Result<Answer>>) {
    let app = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = house.command("serve --set server.shutdown_grace=60s --set policies.unmatched=allow");
    command.arg(format!("--set=upstream.servers=http://{}", app.local_addr().unwrap()));
    let gate = Gate::start(command);
    let http = gate.http;
    let client = thread::spawn(move || http.try_send("GET /slow", "", ""));
    let (mut request, _) = app.accept().unwrap();
    assert!(request.read(&mut [0; 4096]).unwrap() > 0);
    (gate, request, client)
}

#[test]
fn a_stop_lets_requests_finish_and_takes_no_new_ones() {
    let house = House::new();
    let (gate, mut request, client) = busy(&house);
    let http = gate.http;
    gate.signal(Signal::TERM);
    gate.logged("stopping");
    wait_until("no new connection is answered", || http.try_send("GET /new", "", "").err());
    request.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate").unwrap();
    let answer = client.join().unwrap().unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "late"));
    assert_eq!(gate.ended(), Some(0));
}

#[test]
fn a_second_signal_does_not_wait() {
    let house = House::new();
    let (gate, request, client) = busy(&house);
    gate.signal(Signal::TERM);
    gate.logged("stopping");
    gate.signal(Signal::TERM);
    assert_eq!(gate.ended(), Some(1));
    assert!(client.join().unwrap().is_err());
    drop(request);
}

/// The writes whose outcome a client knows when the gate dies. A request without an answer is in neither list.
#[derive(Debug, Default)]
struct Known {
    registered: Vec<String>,
    /// Tokens of logins, with the user's id, for which no logout was asked.
    live: Vec<(i64, String)>,
    /// Tokens whose logout was acknowledged.
    ended: Vec<(i64, String)>,
}

impl Known {
    /// Registers, logs in twice and out once, again and again, until the gate is gone.
    fn gather(http: Http, client: usize, done: &AtomicUsize) -> Self {
        let mut known = Self::default();
        for turn in 0.. {
            if known.turn(http, &format!("user-{client}-{turn}"), done).is_err() {
                break;
            }
        }
        known
    }

    fn turn(&mut self, http: Http, name: &str, done: &AtomicUsize) -> io::Result<()> {
        let send = |head: &str, token: &str, body: &Value| -> io::Result<Answer> {
            let body = if body.is_null() { String::new() } else { body.to_string() };
            let answer = http.try_send(head, token, &body)?;
            assert!([200, 204].contains(&answer.status), "{head}: {answer:?}");
            done.fetch_add(1, Ordering::Relaxed);
            Ok(answer)
        };
        let email = format!("{name}@example.com");
        let user = json!({"email": email, "username": name, "password": PASSWORD});
        let id = send("POST /api/users", "", &user)?.json()["id"].as_i64().unwrap();
        self.registered.push(name.to_owned());
        for ends in [false, true] {
            let answer = send("POST /api/users/login", "", &json!({"email": email, "password": PASSWORD}))?;
            let token = answer.json()["id"].as_str().unwrap().to_owned();
            if ends {
                send("POST /api/users/logout", &token, &Value::Null)?;
                self.ended.push((id, token));
            } else {
                self.live.push((id, token));
            }
        }
        Ok(())
    }

    fn must_hold(&self, http: Http) {
        for (id, token) in &self.live {
            assert_eq!(http.get(&format!("/api/users/{id}"), token), 200, "a login of user {id} is gone");
        }
        for (id, token) in &self.ended {
            assert_eq!(http.get(&format!("/api/users/{id}"), token), 401, "a logout of user {id} is gone");
        }
        for name in &self.registered {
            assert_eq!(http.try_login(name, PASSWORD).status, 200, "{name} is gone");
        }
    }
}

#[test]
fn a_kill_under_load_loses_nothing_that_was_acknowledged() {
    let house = House::new();
    let mut known = Vec::<Known>::new();
    for round in 0..3_usize {
        let gate = house.serve();
        let http = gate.http;
        for known in &known {
            known.must_hold(http);
        }
        let mut random = [0];
        getrandom::fill(&mut random).unwrap();
        // The load never stops by itself: the kill falls into the middle of something.
        let (done, enough) = (AtomicUsize::new(0), 30 + usize::from(random[0]) / 4);
        thread::scope(|scope| {
            let done = &done;
            let gather = |client| scope.spawn(move || Known::gather(http, round * 100 + client, done));
            let clients: Vec<_> = (0..6).map(gather).collect();
            wait_until("the load", || (done.load(Ordering::Relaxed) >= enough).then_some(()));
            gate.kill();
            known.extend(clients.into_iter().map(|client| client.join().unwrap()));
        });
    }
    let gate = house.serve();
    assert!(known.iter().map(|known| known.ended.len()).sum::<usize>() > 9, "the load was none");
    for known in &known {
        known.must_hold(gate.http);
    }
    assert_eq!(gate.stop(), Some(0));
}
