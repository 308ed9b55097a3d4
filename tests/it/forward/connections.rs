//! Connections on both sides: order, reuse, and what ends them.

use std::{
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use crate::support::{App, GUARD, Gate, answer};

#[test]
fn pipelined_requests_are_answered_in_order() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send(
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\
         POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\ntwo\
         POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\n\
         GET /api/users/1 HTTP/1.1\r\nHost: a\r\n\r\n\
         GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n\
         GET /never HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    for (target, body) in [("/1", ""), ("/2", "two"), ("/3", "three")] {
        let told = client.response().expect(200).json();
        assert_eq!((&told["target"], &told["body"]), (&target.into(), &body.into()));
    }
    client.response().expect(401);
    let last = client.response().expect(200);
    assert_eq!(last.json()["target"], "/5");
    assert_eq!(last.field("connection"), Some("close"));
    client.expect_close();
    let lines: Vec<_> = app.requests().iter().map(|request| request.line().to_owned()).collect();
    assert_eq!(lines, ["GET /1 HTTP/1.1", "POST /2 HTTP/1.1", "POST /3 HTTP/1.1", "GET /5 HTTP/1.1"]);
}

#[test]
fn a_request_split_anywhere_is_the_same_request() {
    let app = App::echo();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.send_by_bytes("POST /a?b=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    let told = client.response().expect(200).json();
    assert_eq!((&told["target"], &told["body"]), (&"/a?b=1".into(), &"hello".into()));
    // Two requests, cut in the middle of the second one's head.
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HT");
    assert_eq!(client.response().json()["target"], "/1");
    client.send("TP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().json()["target"], "/2");
}

#[test]
fn one_connection_to_the_app_serves_all_that_come_one_after_the_other() {
    let app = App::echo();
    let gate = Gate::open(&app);
    for _ in 0..3 {
        let mut client = gate.client();
        for _ in 0..5 {
            client.get("/a").expect(200);
        }
    }
    assert_eq!(app.connections(), 1);
    assert_eq!(app.requests().len(), 15);
}

#[test]
fn the_connection_that_came_back_last_is_used_first() {
    let (tell, told) = mpsc::channel();
    let (first, may_first) = mpsc::channel::<()>();
    let may_first = Mutex::new(may_first);
    let app = App::start(move |connection| {
        while let Some(request) = connection.request() {
            if request.line().contains("/wait") {
                tell.send(()).unwrap();
                may_first.lock().unwrap().recv_timeout(GUARD).unwrap();
            }
            connection.send(answer("200 OK", "", connection.number.to_string()));
        }
    });
    let gate = Gate::open(&app);
    let (mut slow, mut quick) = (gate.client(), gate.client());
    slow.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    told.recv_timeout(GUARD).unwrap();
    assert_eq!(quick.get("/a").text(), "1", "the first connection is busy");
    assert_eq!(quick.get("/a").text(), "1");
    first.send(()).unwrap();
    assert_eq!(slow.response().text(), "0");
    for _ in 0..3 {
        assert_eq!(quick.get("/a").text(), "0", "it came back last");
    }
    assert_eq!(app.connections(), 2);
}

#[test]
fn a_connection_that_the_app_has_closed_costs_no_client_an_answer() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        let request = connection.request().unwrap();
        connection.send(answer("200 OK", "", &request.body));
        // Without a word of it in the answer.
        connection.close();
        tell.send(()).unwrap();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for body in ["one", "two", "three"] {
        assert_eq!(client.ask("POST", "/a", "", body.as_bytes()).expect(200).text(), body);
        told.recv_timeout(GUARD).unwrap();
    }
    assert_eq!((app.connections(), app.requests().len()), (3, 3));
}

/// An app that answers `/a` and leaves without a word after any other request, once a connection has served.
fn dies() -> App {
    App::start(|connection| {
        while let Some(request) = connection.request() {
            if request.target() != "/a" && (request.target() == "/always" || connection.number == 0) {
                return;
            }
            connection.send(answer("200 OK", "", &request.body));
        }
    })
}

fn sent(app: &App, target: &str) -> usize {
    app.requests().iter().filter(|request| request.target() == target).count()
}

#[test]
fn e1_an_idempotent_request_is_sent_once_more_on_a_new_connection() {
    for method in ["GET", "OPTIONS", "PUT", "DELETE"] {
        let body: &[u8] = if method == "PUT" { b"body" } else { b"" };
        let app = dies();
        let gate = Gate::open(&app);
        let mut client = gate.client();
        client.get("/a").expect(200);
        let answer = client.ask(method, "/once", "", body).expect(200);
        assert_eq!(answer.body, body, "{method}");
        assert_eq!((sent(&app, "/once"), app.connections()), (2, 2), "{method}");
    }
}

#[test]
fn e1_it_is_tried_again_only_once() {
    let app = dies();
    let gate = Gate::open(&app);
    let mut client = gate.client();
    client.get("/a").expect(200);
    client.get("/always").expect(502);
    assert_eq!(sent(&app, "/always"), 2);
    // On a new connection it is the app's own doing, and not tried again at all.
    client.get("/always").expect(502);
    assert_eq!(sent(&app, "/always"), 3);
}

#[test]
fn e1_a_request_that_is_not_idempotent_is_never_sent_twice() {
    // A body that a method does not define goes on a new connection at once, so the others have none.
    let requests: [(&str, &[u8]); 5] =
        [("POST", b"x"), ("PATCH", b"x"), ("LOCK", b""), ("MKCOL", b""), ("X-OWN", b"")];
    for (method, body) in requests {
        let app = dies();
        let gate = Gate::open(&app);
        let mut client = gate.client();
        client.get("/a").expect(200);
        client.ask(method, "/once", "", body).expect(502);
        assert_eq!(sent(&app, "/once"), 1, "{method}");
    }
}

#[test]
fn e1_after_a_byte_of_an_answer_or_of_a_streamed_body_nothing_is_sent_again() {
    let app = App::start(|connection| {
        while let Some(head) = connection.head() {
            match head.split(' ').nth(1) {
                Some("/a") => assert!(connection.send(answer("200 OK", "", ""))),
                Some("/half") => return assert!(connection.send("HTTP/1.1 2")),
                Some("/early") => return assert!(connection.send("HTTP/1.1 103 Early Hints\r\n\r\n")),
                _ => return assert_eq!(connection.take(70_000).len(), 70_000),
            }
        }
    });
    let gate = Gate::open(&app);
    for (method, target, body) in [("GET", "/half", 0), ("GET", "/early", 0), ("PUT", "/big", 80_000)] {
        let mut client = gate.client();
        client.get("/a").expect(200);
        let before = app.connections();
        let answer = client.ask(method, target, "", &vec![b'x'; body]);
        assert!(matches!(answer.status, 502 | 103), "{}", answer.head);
        gate.client().get("/a").expect(200);
        assert_eq!(
            app.connections(),
            before + 1,
            "{target}: one for the next request, none for a second try"
        );
    }
}

#[test]
fn e1_an_app_that_closes_without_a_word_after_each_answer_costs_nothing() {
    let app = App::start(|connection| {
        let request = connection.request().unwrap();
        connection.send(answer("200 OK", "", &request.body));
        connection.close();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for number in 0..300 {
        let body = number.to_string();
        let answered = client.ask("GET", "/a", "", b"").expect(200);
        assert_eq!(answered.text(), "");
        // An idempotent one with a body.
        assert_eq!(client.ask("PUT", "/a", "", body.as_bytes()).expect(200).text(), body);
    }
}

/// The least that Linux delays an acknowledgement (`TCP_DELACK_MIN`).
const DELAYED_ACK: Duration = Duration::from_millis(40);

#[test]
fn e10_a_part_of_an_answer_is_acknowledged_at_once() {
    const ROUNDS: u32 = 100;
    for parts in [
        ["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", "body"],
        ["HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbo", "dy"],
        ["HTTP/1.1 200 OK\r\n", "Content-Length: 4\r\n\r\nbody"],
        ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", "0\r\n\r\n"],
    ] {
        let app = App::start(move |connection| {
            // As apps are without a word: the second part waits until the first one is acknowledged.
            connection.socket().set_tcp_nodelay(false).unwrap();
            while connection.request().is_some() {
                parts.iter().all(|part| connection.send(part));
            }
        });
        let gate = Gate::open(&app);
        let mut client = gate.client();
        let began = Instant::now();
        for _ in 0..ROUNDS {
            assert_eq!(client.get("/parts").expect(200).text(), "body");
        }
        // No matter how slow this machine is, delayed acknowledgements are slower.
        assert!(began.elapsed() < DELAYED_ACK * ROUNDS, "{parts:?}: {:?}", began.elapsed());
        assert_eq!(app.connections(), 1);
    }
}

#[test]
fn bytes_of_the_app_beyond_its_answer_reach_no_client() {
    const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    let (go, may_go) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let may_go = Mutex::new(may_go);
    let app = App::start(move |connection| {
        while let Some(request) = connection.request() {
            let mut bytes = answer("200 OK", "", "good");
            if request.line().contains("/at-once") {
                bytes.extend_from_slice(POISON.as_bytes());
            }
            connection.send(bytes);
            if request.line().contains("/later") {
                may_go.lock().unwrap().recv_timeout(GUARD).unwrap();
                connection.send(POISON);
                tell.send(()).unwrap();
            }
        }
    });
    let gate = Gate::open(&app);
    let (mut client, mut stranger) = (gate.client(), gate.client());
    assert_eq!(client.get("/at-once").text(), "good");
    assert_eq!(stranger.get("/a").text(), "good");
    assert_eq!(client.get("/later").text(), "good");
    go.send(()).unwrap();
    told.recv_timeout(GUARD).unwrap();
    assert_eq!(stranger.get("/a").text(), "good");
    assert_eq!(client.get("/a").text(), "good");
}

/// Stock waitress, cheroot and many a handler for Python's `http.server` write a body where the status or the method
/// has none, and it comes after the kernel was asked.
#[test]
fn b11_a_body_that_must_not_be_reaches_no_one() {
    const POISON: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    let app = App::start(|connection| {
        while let Some(request) = connection.request() {
            let status = request.target().trim_start_matches('/').to_owned();
            let surplus = request.line().starts_with("HEAD ")
                || status.starts_with('2') && status != "200"
                || status.starts_with('3');
            connection.send(match (&*status, surplus) {
                ("204" | "304", _) => format!("HTTP/1.1 {status} X\r\n\r\n").into_bytes(),
                (_, true) => b"HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n".to_vec(),
                _ => answer("200 OK", "", "good"),
            });
            if surplus {
                // The next request is answered before it is read.
                connection.send(POISON);
            }
        }
    });
    let gate = Gate::open(&app);
    let (mut client, mut stranger) = (gate.client(), gate.client());
    for (method, target) in [("HEAD", "/200"), ("GET", "/204"), ("GET", "/304"), ("DELETE", "/204")] {
        for _ in 0..20 {
            client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            client.response_to(method);
            assert_eq!(stranger.get("/200").text(), "good", "{method} {target}");
        }
    }
    assert_eq!(app.connections(), 81, "one is shared by all that have a body");
}

#[test]
fn an_app_that_closes_after_each_answer_is_believed() {
    let app = App::start(|connection| {
        connection.request().unwrap();
        connection.send(answer("200 OK", "Connection: close\r\n", "bye"));
        connection.hang();
    });
    let gate = Gate::open(&app);
    let mut client = gate.client();
    for _ in 0..3 {
        let response = client.get("/a").expect(200);
        assert_eq!(response.field("connection"), None, "the client's connection stays: {}", response.head);
    }
    assert_eq!(app.connections(), 3);
}

#[test]
fn a_client_that_leaves_ends_the_work_for_it() {
    let (tell, told) = mpsc::channel();
    let app = App::start(move |connection| {
        let head = connection.head().unwrap();
        if head.contains("/streaming") {
            connection.send("HTTP/1.1 200 OK\r\n\r\nfirst");
        }
        tell.send(()).unwrap();
        assert!(connection.hang());
        tell.send(()).unwrap();
    });
    let gate = Gate::open(&app);
    for request in [
        "GET /thinking HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /streaming HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /uploading HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf",
    ] {
        let mut client = gate.client();
        client.send(request);
        told.recv_timeout(GUARD).unwrap();
        // An orderly end could be that of its sending half alone.
        client.socket().set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(client);
        told.recv_timeout(GUARD).expect("the gate closes towards the app");
    }
    for path in ["/thinking", "/uploading"] {
        assert_eq!(gate.log.access(path)["status"], 499);
    }
}

#[test]
fn two_cores_serve_as_one() {
    let app = App::echo();
    let gate = Gate::start(crate::support::Setup::new(&app).set("server.threads", "2"));
    let ann = gate.sign_up("ann");
    let asking = |number: usize| {
        let (mut client, token) = (gate.client(), ann.token.clone());
        move || {
            for _ in 0..20 {
                let target = format!("/{number}");
                let told = client
                    .ask("GET", &target, &format!("Authorization: {token}\r\n"), b"")
                    .expect(200)
                    .json();
                assert_eq!(told["target"], target.as_str());
                assert!(
                    told.to_string().contains("X-Forwarded-User"),
                    "a token of one core holds on the other"
                );
            }
        }
    };
    let threads: Vec<_> = (0..8).map(|number| thread::spawn(asking(number))).collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
