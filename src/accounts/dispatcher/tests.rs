use std::sync::Mutex;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::{
    accounts::{
        Actor, Reset, Settings,
        testing::{self, CLIENT, TestAccounts, fixture, map},
    },
    identity::TokenHash,
    notify::Webhook,
};

const GOOD: &str = "a-good-password";

const PACE: Pace = Pace {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(20),
    idle: Duration::from_secs(60),
    give_up: Duration::from_secs(3600),
};

/// A receiver that answers what `answer` says, and keeps what it took.
struct Receiver {
    url: String,
    taken: Arc<Mutex<Vec<Value>>>,
    _task: tokio::task::JoinHandle<()>,
}

impl Receiver {
    async fn new(answer: impl Fn(&Value) -> u16 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&taken);
        let answer = Arc::new(answer);
        let task = tokio::runtime::Handle::current().spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let event = read(&mut stream).await;
                let status = answer(&event);
                if status == 204 {
                    keep.lock().unwrap().push(event);
                }
                let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream
                    .write_all(if status == 204 { b"HTTP/1.1 204 x\r\n\r\n" } else { head.as_bytes() })
                    .await;
            }
        });
        Self { url, taken, _task: task }
    }

    fn types(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        taken.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    fn last(&self) -> Value {
        self.taken.lock().unwrap().last().unwrap().clone()
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> Value {
    let mut got = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let count = stream.read(&mut buffer).await.unwrap();
        got.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&got).into_owned();
        if let Some((_, body)) = text.split_once("\r\n\r\n")
            && let Ok(event) = serde_json::from_str(body)
        {
            return event;
        }
        assert!(count > 0, "an event ended early: {text}");
    }
}

impl Dispatcher {
    /// Sends what is due, and waits for it. Returns the number of events that left the outbox.
    pub(super) async fn round(&mut self) -> usize {
        let mut delivered = 0;
        self.outdated = true;
        loop {
            self.fill().await;
            let Some(sent) = self.sending.join_next_with_id().await else { return delivered };
            delivered += usize::from(self.finished(sent).await);
            self.outdated = false;
        }
    }
}

fn with_events(settings: Settings) -> Settings {
    Settings { events: true, ..settings }
}

fn dispatcher(fixture: &TestAccounts, receiver: &Receiver) -> Dispatcher {
    let (accounts, wake_up) = (fixture.accounts.clone(), Arc::clone(&fixture.accounts.wake_up));
    let outlet = Outlet::webhook(Webhook::new(&receiver.url, "s").unwrap());
    Dispatcher::new(move || accounts.clone(), wake_up, outlet, PACE)
}

/// Delivers until nothing is left.
async fn deliver(fixture: &TestAccounts, dispatcher: &mut Dispatcher) {
    while !fixture.store.outbox(1).await.unwrap().is_empty() {
        if dispatcher.round().await == 0 {
            let until = dispatcher.waits.values().map(|wait| wait.until).min().unwrap();
            tokio::time::sleep_until(until).await;
        }
    }
}

async fn ann(fixture: &TestAccounts) {
    let data = json!({"username": "ann", "email": "ann@b.c", "password": GOOD});
    fixture.register(&data).await.unwrap();
}

async fn reset(fixture: &TestAccounts, email: &str) {
    let reset = Reset::read(&fixture.accounts, &map(&json!({ "email": email }))).unwrap();
    fixture.accounts.request_reset(CLIENT, reset).await.unwrap();
}

#[tokio::test]
async fn tells_what_happened_in_order_and_no_secret() {
    let fixture = fixture(with_events(testing::standard())).await;
    let receiver = Receiver::new(|_| 204).await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    ann(&fixture).await;
    let issued = fixture.login(&json!({"username": "ann", "password": GOOD})).await.unwrap();
    fixture.login(&json!({"username": "ann", "password": "wrong"})).await.unwrap_err();
    let session = fixture.accounts.session(issued.id.expose()).await.unwrap();
    fixture.accounts.logout(CLIENT, &session).await.unwrap();
    let stored = serde_json::to_string(&fixture.store.outbox(10).await.unwrap()).unwrap();
    assert!(!stored.contains(issued.id.expose()) && !stored.contains(GOOD), "{stored}");
    deliver(&fixture, &mut dispatcher).await;
    assert_eq!(receiver.types(), ["user.registered", "login.succeeded", "login.failed", "logout"]);
    let first = receiver.taken.lock().unwrap()[0].clone();
    assert_eq!(first["user"], json!({"id": 1, "email": "ann@b.c", "username": "ann"}));
    assert_eq!((&first["client"], &first["requestId"]), (&json!("192.0.2.1"), &json!("r1")));
    assert_eq!(first["ts"], json!("2026-11-21T20:51:11.688Z"));
    assert_eq!(first["id"].as_str().unwrap().len(), 32);
}

/// The table in docs/interface.md, "Events", against events of every type that it has.
#[tokio::test]
async fn the_fields_of_events_are_documented_and_no_others() {
    let page = crate::docs::read("docs/interface.md");
    let rows = page.split("| type | more fields |").nth(1).unwrap().lines().skip(2);
    let rows = rows.take_while(|row| row.starts_with('|'));
    let names = |cell: &str| -> Vec<String> {
        let ticked = cell.split('`').skip(1).step_by(2);
        let names = ticked.filter(|name| name.chars().all(|c| c.is_ascii_alphabetic() || c == '.'));
        names.map(str::to_owned).collect()
    };
    let mut documented: std::collections::BTreeMap<_, _> = rows
        .map(|row| row.split(" | ").collect::<Vec<_>>())
        .map(|cells| (names(cells[0]).remove(0), names(cells[1])))
        .collect();

    let fixture = fixture(with_events(testing::standard())).await;
    let receiver = Receiver::new(|_| 204).await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    ann(&fixture).await;
    fixture.login(&json!({"username": "ann", "password": "wrong"})).await.unwrap_err();
    fixture.accounts.add_role(Actor::Operator, "editor").await.unwrap();
    let user = || async { fixture.accounts.user(&1.into()).await.unwrap() };
    fixture.accounts.grant(Actor::Operator, &user().await, "editor").await.unwrap();
    fixture.accounts.patch(CLIENT, user().await, map(&json!({"email": "other@b.c"}))).await.unwrap();
    fixture.accounts.request_verification(CLIENT, "1").await.unwrap();
    reset(&fixture, "other@b.c").await;
    deliver(&fixture, &mut dispatcher).await;

    let known = ["id", "type", "ts", "user", "client", "requestId"];
    let events = std::mem::take(&mut *receiver.taken.lock().unwrap());
    let mut met = std::collections::BTreeSet::new();
    for event in events {
        let kind = event["type"].as_str().unwrap();
        let fields: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
        let more: Vec<&str> = fields.iter().copied().filter(|field| !known.contains(field)).collect();
        assert_eq!(fields.len() - more.len(), known.len(), "{event}");
        assert_eq!(more, *documented.entry(kind.to_owned()).or_default(), "{kind}");
        met.insert(kind.to_owned());
    }
    documented.retain(|kind, _| !met.contains(kind));
    assert!(documented.is_empty(), "no event of {documented:?} was seen");
}

#[tokio::test]
async fn nothing_is_kept_for_nobody() {
    let fixture = fixture(testing::standard()).await;
    ann(&fixture).await;
    reset(&fixture, "ann@b.c").await;
    assert!(fixture.store.outbox(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn tries_again_and_keeps_each_users_order() {
    let fixture = fixture(with_events(testing::standard())).await;
    let failures = Mutex::new(3);
    // The first three events about user 1 are refused; those of user 2 are not.
    let receiver = Receiver::new(move |event| {
        let mut left = failures.lock().unwrap();
        if event["user"]["id"] == json!(1) && *left > 0 {
            *left -= 1;
            return 500;
        }
        204
    })
    .await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    ann(&fixture).await;
    fixture.register(&json!({"email": "bob@b.c", "password": GOOD})).await.unwrap();
    fixture.login(&json!({"username": "ann", "password": GOOD})).await.unwrap();
    assert_eq!(dispatcher.round().await, 1, "no user's event waits for another's");
    deliver(&fixture, &mut dispatcher).await;
    let taken = receiver.taken.lock().unwrap().clone();
    let of_ann: Vec<&Value> = taken.iter().filter(|event| event["user"]["id"] == 1).collect();
    assert_eq!(of_ann.len(), 2);
    assert_eq!(of_ann[0]["type"], "user.registered");
    assert_eq!(of_ann[1]["type"], "login.succeeded");
}

#[tokio::test]
async fn gives_an_event_up_in_the_end() {
    let fixture = fixture(with_events(testing::standard())).await;
    let receiver = Receiver::new(|_| 500).await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    ann(&fixture).await;
    assert_eq!(dispatcher.round().await, 0);
    fixture.clock.advance(PACE.give_up);
    deliver(&fixture, &mut dispatcher).await;
    assert!(receiver.types().is_empty());
}

#[tokio::test]
async fn a_reset_token_is_made_at_delivery_and_the_one_before_ends() {
    let fixture = fixture(with_events(testing::standard())).await;
    let refused = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&refused);
    let receiver = Receiver::new(move |event| {
        let mut seen = seen.lock().unwrap();
        if event["type"] == "reset.requested" && seen.is_empty() {
            seen.push(event.clone());
            return 503;
        }
        204
    })
    .await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    ann(&fixture).await;
    reset(&fixture, "ann@b.c").await;
    assert!(fixture.store.tokens(None).await.unwrap().is_empty(), "nothing before the delivery");
    deliver(&fixture, &mut dispatcher).await;
    let event = receiver.last();
    assert_eq!(event["email"], "ann@b.c");
    assert_eq!(event["user"]["id"], 1);
    let token = &event["accessToken"];
    assert_eq!(
        (&token["ttl"], &token["scopes"], &token["userId"]),
        (&json!(900), &json!(["reset-password"]), &json!(1))
    );
    let id = token["id"].as_str().unwrap();
    assert!(event["url"].as_str().unwrap().starts_with("http://localhost:8080/.portcullis/"), "{event}");
    let before = refused.lock().unwrap()[0]["accessToken"]["id"].as_str().unwrap().to_owned();
    assert_ne!(before, id);
    assert!(fixture.store.load_session(&TokenHash::of(&before)).await.unwrap().is_none());
    assert!(fixture.store.load_session(&TokenHash::of(id)).await.unwrap().is_some());
}

/// LoopBack lets every reset token live; here the latest ten do, and `standard` keeps the last one only.
#[tokio::test]
async fn loopback_keeps_the_tokens_of_earlier_resets() {
    for (settings, kept) in [(testing::loopback(), 10), (testing::standard(), 1)] {
        let fixture = fixture(with_events(settings)).await;
        let receiver = Receiver::new(|_| 204).await;
        let mut dispatcher = dispatcher(&fixture, &receiver);
        ann(&fixture).await;
        for _ in 0..12 {
            reset(&fixture, "ann@b.c").await;
            deliver(&fixture, &mut dispatcher).await;
        }
        assert_eq!(fixture.store.tokens(None).await.unwrap().len(), kept);
        let last = receiver.last()["accessToken"]["id"].as_str().unwrap().to_owned();
        assert!(fixture.store.load_session(&TokenHash::of(&last)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn an_unknown_address_gets_the_same_answer_and_no_letter() {
    let fixture = fixture(with_events(testing::standard())).await;
    let receiver = Receiver::new(|_| 204).await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    reset(&fixture, "nobody@b.c").await;
    assert_eq!(fixture.store.outbox(10).await.unwrap().len(), 1, "as much is written as for a known one");
    deliver(&fixture, &mut dispatcher).await;
    assert!(receiver.types().is_empty());
}

#[tokio::test]
async fn a_verification_token_confirms_once_and_its_own_address_only() {
    let fixture = fixture(with_events(testing::loopback())).await;
    let receiver = Receiver::new(|_| 204).await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    ann(&fixture).await;
    fixture.accounts.request_verification(CLIENT, "1").await.unwrap();
    deliver(&fixture, &mut dispatcher).await;
    let event = receiver.last();
    let token = event["verificationToken"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 128);
    let url = format!("http://localhost:8080/api/users/confirm?uid=1&redirect=%2F&token={token}");
    assert_eq!(event["url"], url);
    let text = format!("Please verify your email by opening this link in a web browser:\n\t{url}");
    let mail = json!({"to": "ann@b.c", "from": "noreply@example.com", "subject": "Thanks for Registering", "text": text});
    assert_eq!(event["mail"], mail);

    // The address moves: what was sent to the old one confirms nothing.
    let user = fixture.accounts.user(&1.into()).await.unwrap();
    fixture.accounts.patch(CLIENT, user, map(&json!({"email": "other@b.c"}))).await.unwrap();
    fixture.accounts.confirm(CLIENT, "1", &token).await.unwrap_err();
    fixture.accounts.request_verification(CLIENT, "1").await.unwrap();
    deliver(&fixture, &mut dispatcher).await;
    let token = receiver.last()["verificationToken"].as_str().unwrap().to_owned();
    fixture.accounts.confirm(CLIENT, "1", &token).await.unwrap();
    assert!(fixture.accounts.user(&1.into()).await.unwrap().email_verified());
    fixture.accounts.confirm(CLIENT, "1", &token).await.unwrap_err();
}

#[tokio::test]
async fn a_registration_asks_for_its_mail_where_that_is_set() {
    let settings = Settings { verify_on_register: true, ..with_events(testing::loopback()) };
    let fixture = fixture(settings).await;
    let receiver = Receiver::new(|_| 204).await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    ann(&fixture).await;
    deliver(&fixture, &mut dispatcher).await;
    assert_eq!(receiver.types(), ["user.registered", "verification.requested"]);
    let operator = map(&json!({"email": "op@b.c", "password": GOOD}));
    fixture.accounts.register(Actor::Operator, operator).await.unwrap();
    deliver(&fixture, &mut dispatcher).await;
    assert_eq!(receiver.last()["type"], "user.registered");
    assert_eq!(receiver.last()["client"], "operator");
}

#[tokio::test]
async fn the_dispatcher_wakes_by_itself() {
    let fixture = fixture(with_events(testing::standard())).await;
    let receiver = Receiver::new(|_| 204).await;
    let running = tokio::runtime::Handle::current().spawn(dispatcher(&fixture, &receiver).run());
    ann(&fixture).await;
    tokio::time::timeout(Duration::from_secs(20), async {
        while receiver.types().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    running.abort();
}

#[tokio::test]
async fn d1_refused_events_of_one_user_hold_up_nobodys_reset() {
    let fixture = fixture(with_events(testing::standard())).await;
    let receiver = Receiver::new(|event| if event["user"]["id"] == 1 { 500 } else { 204 }).await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    ann(&fixture).await;
    fixture.register(&json!({"email": "bob@b.c", "password": GOOD})).await.unwrap();
    for nick in 0..1_000 {
        let user = fixture.accounts.user(&1.into()).await.unwrap();
        fixture.accounts.patch(CLIENT, user, map(&json!({ "nick": nick }))).await.unwrap();
        fixture.login(&json!({"username": "ann", "password": ""})).await.unwrap_err();
    }
    let waiting = fixture.store.outbox(usize::MAX).await.unwrap();
    assert!(waiting.len() < 10, "{} events wait", waiting.len());
    reset(&fixture, "bob@b.c").await;
    // One of bob's a round: he has registered, and asks for a reset.
    dispatcher.round().await;
    dispatcher.round().await;
    assert_eq!(receiver.types(), ["user.registered", "reset.requested"]);
    assert_eq!(receiver.last()["user"]["id"], 2);
}

#[tokio::test]
async fn d1_lines_that_wait_hold_up_none_that_does_not_however_many_they_are() {
    let fixture = fixture(with_events(testing::standard())).await;
    let receiver = Receiver::new(|_| 204).await;
    let mut dispatcher = dispatcher(&fixture, &receiver);
    let wait = Wait { failures: 1, unknown: 0, until: Instant::now() + Duration::from_secs(3600) };
    let mut batch = Vec::new();
    for id in 10..4_010 {
        batch.push(Change::Enqueue { kind: "logout".to_owned(), user: Some(id.into()), body: json!({}) });
        dispatcher.waits.insert(Queue::User(id.into()), wait);
    }
    fixture.store.commit(batch).await.unwrap();
    ann(&fixture).await;
    assert_eq!(dispatcher.round().await, 1);
    assert_eq!(receiver.types(), ["user.registered"]);
}

#[tokio::test]
async fn c6_a_reset_goes_to_the_stored_address() {
    for settings in [testing::standard(), testing::loopback()] {
        let fixture = fixture(with_events(Settings { case_sensitive_email: false, ..settings })).await;
        let receiver = Receiver::new(|_| 204).await;
        let mut dispatcher = dispatcher(&fixture, &receiver);
        let data = json!({"username": "mike", "email": "Mike@Example.com", "password": GOOD});
        fixture.register(&data).await.unwrap();
        for typed in ["mi\u{212a}e@example.com", "m\u{131}ke@example.com", "MIKE@EXAMPLE.COM"] {
            reset(&fixture, typed).await;
            deliver(&fixture, &mut dispatcher).await;
            let event = receiver.last();
            assert_eq!(event["type"], "reset.requested", "{typed}");
            assert_eq!(event["email"], "mike@example.com", "{typed}");
            assert!(!event.to_string().contains(typed), "{event}");
        }
        fixture.accounts.request_verification(CLIENT, "1").await.unwrap();
        deliver(&fixture, &mut dispatcher).await;
        assert_eq!(receiver.last()["mail"]["to"], "mike@example.com");
    }
}
