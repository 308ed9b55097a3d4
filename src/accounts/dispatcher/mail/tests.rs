use std::{path::Path, sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::{
    accounts::{
        Actor, Dispatcher, Outlet, Pace, Reset, Settings, WakeUps,
        testing::{self, CLIENT, GOOD, TestAccounts, fixture, map},
    },
    mail::{self, testing::FakeServer},
    observe::metrics::{Gauges, Metrics},
    policy::Reach,
};

const PACE: Pace = Pace {
    first: Duration::from_millis(5),
    longest: Duration::from_millis(20),
    idle: Duration::from_secs(60),
    give_up: Duration::from_secs(3600),
};

/// Accounts that send mails by these settings.
async fn accounts(settings: Settings, mails: mail::Settings) -> TestAccounts {
    let fixture = fixture(Settings { mails: Message::ALL.to_vec(), ..settings }).await;
    let mailer = Arc::new(Mailer::new(mails).unwrap());
    TestAccounts { accounts: fixture.accounts.clone().with_mailer(Some(mailer)), ..fixture }
}

/// The same with files in a folder.
async fn with_files(settings: Settings, folder: &Path) -> TestAccounts {
    accounts(settings, mail::testing::settings(folder)).await
}

fn dispatcher(fixture: &TestAccounts, metrics: &Arc<Metrics>) -> Dispatcher {
    let accounts = fixture.accounts.clone();
    let outlet = Outlet::mail(Arc::clone(metrics));
    Dispatcher::new(move || accounts.clone(), Arc::<WakeUps>::default(), outlet, PACE)
}

/// Delivers until nothing is left; the mails by their names, in order.
async fn delivered(fixture: &TestAccounts, folder: &Path) -> Vec<(String, String)> {
    let mut dispatcher = dispatcher(fixture, &Metrics::new());
    while dispatcher.round().await > 0 {}
    assert!(fixture.store.outbox(1).await.unwrap().is_empty());
    taken(folder)
}

/// The files of a folder, which are removed.
fn taken(folder: &Path) -> Vec<(String, String)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.split_once('-').unwrap().1.rsplit_once('-').unwrap().0.to_owned();
        let text = std::fs::read_to_string(path).unwrap().replace("=\r\n", "").replace("=3D", "=");
        std::fs::remove_file(path).unwrap();
        (name, text)
    };
    paths.iter().map(read).collect()
}

fn names(mails: &[(String, String)]) -> Vec<&str> {
    mails.iter().map(|(name, _)| name.as_str()).collect()
}

/// The token of the first link of a mail.
fn token(mail: &str) -> String {
    let rest = mail.split_once("token=").expect("the mail has a link").1;
    rest.chars().take_while(char::is_ascii_alphanumeric).collect()
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
async fn a_reset_is_a_mail_with_a_link_that_sets_a_password_once() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    reset(&fixture, "ann@b.c").await;
    reset(&fixture, "none@b.c").await;
    let stored = serde_json::to_string(&fixture.store.outbox(10).await.unwrap()).unwrap();
    assert!(!stored.contains("token"), "{stored}");
    let mails = delivered(&fixture, folder.path()).await;
    assert_eq!(names(&mails), ["reset"], "an address without an account gets no mail");
    assert!(mails[0].1.contains("To: ann@b.c"), "{}", mails[0].1);
    let session = fixture.accounts.session(&token(&mails[0].1)).await.unwrap();
    let Actor::Client { address, request_id, reach, .. } = CLIENT else { panic!("not a client") };
    let actor = Actor::Client { address, request_id, session: Some(&session), reach, by_cookie: false };
    fixture.accounts.reset_password(actor, &session, "another-good-one").await.unwrap();
    fixture.login(&json!({"username": "ann", "password": "another-good-one"})).await.unwrap();
    let mails = delivered(&fixture, folder.path()).await;
    assert_eq!(names(&mails), ["password-changed"]);
}

#[tokio::test]
async fn the_mail_and_the_webhook_do_not_end_each_others_tokens() {
    for settings in [testing::standard(), testing::loopback()] {
        let folder = tempfile::tempdir().unwrap();
        let fixture = with_files(Settings { events: true, ..settings }, folder.path()).await;
        ann(&fixture).await;
        reset(&fixture, "ann@b.c").await;
        fixture.accounts.request_verification(CLIENT, "1").await.unwrap();
        let entries = fixture.store.outbox(10).await.unwrap();
        let of = |kind: &str| entries.iter().find(|entry| entry.kind == kind).unwrap();
        let payload = fixture.accounts.payload(of("reset.requested")).await.unwrap().unwrap();
        let confirm = fixture.accounts.payload(of("verification.requested")).await.unwrap().unwrap();
        let mut dispatcher = dispatcher(&fixture, &Metrics::new());
        while dispatcher.round().await > 0 {}
        let mails = taken(folder.path());
        let mut kinds = names(&mails);
        kinds.sort_unstable();
        assert_eq!(kinds, ["confirm", "reset"]);
        let reset = &mails.iter().find(|(name, _)| name == "reset").unwrap().1;
        for id in [payload["accessToken"]["id"].as_str().unwrap(), &token(reset)] {
            fixture.accounts.session(id).await.unwrap();
        }
        assert_eq!(fixture.accounts.tokens(&1.into()).await.unwrap().len(), 2);
        let link = token(&mails.iter().find(|(name, _)| name == "confirm").unwrap().1);
        assert_ne!(confirm["verificationToken"], json!(link));
        fixture.accounts.confirm(CLIENT, "1", &link).await.unwrap();
        let webhook = confirm["verificationToken"].as_str().unwrap();
        fixture.accounts.confirm(CLIENT, "1", webhook).await.unwrap_err();
        // A second request ends both, where newer ones do.
        let is_loopback = fixture.accounts.settings().loopback;
        self::reset(&fixture, "ann@b.c").await;
        while dispatcher.round().await > 0 {}
        for id in [payload["accessToken"]["id"].as_str().unwrap(), &token(reset)] {
            assert_eq!(fixture.accounts.session(id).await.is_ok(), is_loopback);
        }
        let newer = taken(folder.path());
        assert_eq!(names(&newer), ["reset"]);
        fixture.accounts.session(&token(&newer[0].1)).await.unwrap();
    }
}

#[tokio::test]
async fn changes_are_told_to_their_owner_and_a_new_address_to_the_old_one_too() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    let user = fixture.accounts.user(&1.into()).await.unwrap();
    let patch = json!({"email": "new@b.c", "password": "another-good-one"});
    fixture.accounts.patch(CLIENT, user, map(&patch)).await.unwrap();
    let mails = delivered(&fixture, folder.path()).await;
    assert_eq!(
        told(&mails),
        [("address-changed", "ann@b.c"), ("address-changed", "new@b.c"), ("password-changed", "new@b.c")]
    );
    assert!(mails.iter().all(|(name, text)| name != "address-changed" || text.contains("new@b.c")));
}

/// Names and recipients of mails, sorted.
fn told(mails: &[(String, String)]) -> Vec<(&str, &str)> {
    let to = |text| str::lines(text).find_map(|line| line.strip_prefix("To: ")).unwrap();
    let mut told: Vec<(&str, &str)> = mails.iter().map(|(name, text)| (name.as_str(), to(text))).collect();
    told.sort_unstable();
    told
}

#[tokio::test]
async fn another_username_and_a_token_for_scripts_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    let user = || async { fixture.accounts.user(&1.into()).await.unwrap() };
    fixture
        .accounts
        .patch(CLIENT, user().await, map(&json!({"nick": "a", "username": "ann"})))
        .await
        .unwrap();
    assert!(delivered(&fixture, folder.path()).await.is_empty());
    fixture.accounts.patch(CLIENT, user().await, map(&json!({"username": "bob"}))).await.unwrap();
    let mails = delivered(&fixture, folder.path()).await;
    assert_eq!(told(&mails), [("username-changed", "ann@b.c")]);

    let request = crate::accounts::TokenRequest::default();
    fixture.accounts.issue_own(CLIENT, user().await, request.clone()).await.unwrap();
    let by_client = delivered(&fixture, folder.path()).await;
    assert_eq!(told(&by_client), [("token-made", "ann@b.c")]);
    fixture.accounts.issue(&1.into(), request).await.unwrap();
    let by_operator = delivered(&fixture, folder.path()).await;
    assert_eq!(told(&by_operator), [("token-made", "ann@b.c")]);
    assert!(by_client[0].1.contains("192.0.2.1") && by_operator[0].1.contains("An operator of the site"));
    let row = crate::accounts::NewToken::read(fixture.accounts.settings(), &map(&json!({}))).unwrap();
    fixture.accounts.add_token(CLIENT, &user().await, row).await.unwrap();
    assert_eq!(told(&delivered(&fixture, folder.path()).await), [("token-made", "ann@b.c")]);
}

#[tokio::test]
async fn the_owner_of_a_deleted_account_is_told_in_their_language() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    let data = json!({"email": "ann@b.c", "password": GOOD, "language": "de"});
    fixture.register(&data).await.unwrap();
    assert!(fixture.accounts.delete(CLIENT, "1").await.unwrap());
    assert!(!fixture.accounts.delete(CLIENT, "1").await.unwrap());
    let mails = delivered(&fixture, folder.path()).await;
    assert_eq!(told(&mails), [("account-deleted", "ann@b.c")]);
    assert!(mails[0].1.contains("lang=\"de\""), "{}", mails[0].1);
}

#[tokio::test]
async fn a_login_from_a_new_network_is_told_and_the_first_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    let from = |address: &str| Actor::Client {
        address: address.parse().unwrap(),
        request_id: "r",
        session: None,
        reach: Reach::Everyone,
        by_cookie: false,
    };
    for (address, expected) in [
        ("192.0.2.1", false),
        ("192.0.2.200", false),
        ("198.51.100.7", true),
        ("198.51.100.8", false),
        ("2001:db8::1", true),
        ("192.0.2.1", false),
    ] {
        let body = map(&json!({"username": "ann", "password": GOOD}));
        let login = crate::accounts::Login::read(fixture.accounts.settings(), &body).unwrap();
        fixture.accounts.login(from(address), login).await.unwrap();
        let mails = delivered(&fixture, folder.path()).await;
        assert_eq!(names(&mails) == ["new-login"], expected, "{address}: {mails:?}");
        assert!(!expected || mails[0].1.contains(address));
    }
}

#[tokio::test]
async fn the_owner_of_an_address_hears_of_a_second_registration() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    let mut dispatcher = dispatcher(&fixture, &Metrics::new());
    for (data, expected) in [
        (json!({"email": "ann@b.c", "password": GOOD}), 1),
        // A second one within the hour is not told again.
        (json!({"email": "ann@b.c", "password": GOOD}), 0),
        (json!({"email": "ann@b.c", "username": "ann", "password": GOOD}), 0),
        (json!({"email": "ann@b.c", "password": "short"}), 0),
    ] {
        fixture.register(&data).await.unwrap_err();
        while dispatcher.round().await > 0 {}
        assert_eq!(taken(folder.path()).len(), expected, "{data}");
    }
}

#[tokio::test]
async fn an_operator_is_told_nothing_of_taken_names_by_mail() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    let data = map(&json!({"email": "ann@b.c", "password": GOOD}));
    fixture.accounts.register(Actor::Operator, data).await.unwrap_err();
    assert!(delivered(&fixture, folder.path()).await.is_empty());
}

#[tokio::test]
async fn only_the_mails_of_the_setting_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    let settings = Settings { mails: vec![Message::Reset], ..testing::standard() };
    let fixture = TestAccounts {
        accounts: crate::accounts::Accounts { settings: Arc::new(settings), ..fixture.accounts.clone() },
        ..fixture
    };
    ann(&fixture).await;
    fixture.accounts.request_verification(CLIENT, "1").await.unwrap();
    fixture.accounts.set_password(Actor::Operator, &1.into(), "another-good-one").await.unwrap();
    reset(&fixture, "ann@b.c").await;
    assert_eq!(names(&delivered(&fixture, folder.path()).await), ["reset"]);
}

#[tokio::test]
async fn what_is_obsolete_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    fixture.accounts.request_verification(CLIENT, "1").await.unwrap();
    fixture.accounts.confirm_email(Actor::Operator, &1.into()).await.unwrap();
    reset(&fixture, "ann@b.c").await;
    fixture.accounts.invite(Actor::Operator, "bob@b.c").await.unwrap();
    fixture.accounts.set_password(Actor::Operator, &2.into(), "another-good-one").await.unwrap();
    fixture.accounts.disable(Actor::Operator, &1.into()).await.unwrap();
    assert!(delivered(&fixture, folder.path()).await.is_empty());
}

#[tokio::test]
async fn the_language_is_the_accounts_own() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    for (number, language) in [(1, json!("de")), (2, json!("fr")), (3, json!(7))] {
        let email = format!("u{number}@b.c");
        fixture.register(&json!({"email": email, "password": GOOD, "language": language})).await.unwrap();
        reset(&fixture, &email).await;
    }
    let mails = delivered(&fixture, folder.path()).await;
    let german = mails.iter().filter(|(_, text)| text.contains("Passwort")).count();
    assert_eq!((mails.len(), german), (3, 1));
}

/// What became of mails, by the metric.
fn counted(metrics: &Metrics, result: &str) -> u64 {
    let page = metrics.render(&Gauges::default());
    let name = format!("portcullis_mails_total{{result=\"{result}\"}} ");
    page.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_refusal_for_good_is_given_up_and_one_for_now_is_not() {
    let server = FakeServer::new(|command| {
        command
            .contains("<ann@b.c>")
            .then_some("550 no such user")
            .or_else(|| command.contains("RCPT TO:<bob@b.c>").then_some("450 later"))
    })
    .await;
    let fixture = accounts(testing::standard(), server.settings()).await;
    for name in ["ann", "bob", "cy"] {
        let email = format!("{name}@b.c");
        fixture.register(&json!({"email": email, "password": GOOD})).await.unwrap();
        reset(&fixture, &email).await;
    }
    let metrics = Metrics::new();
    let mut dispatcher = dispatcher(&fixture, &metrics);
    dispatcher.round().await;
    let waiting = fixture.store.outbox(10).await.unwrap();
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    assert_eq!(waiting[0].body["more"]["email"], "bob@b.c");
    assert_eq!(server.mails.lock().unwrap().len(), 1);
    let counts = ["sent", "deferred", "given_up"].map(|result| counted(&metrics, result));
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test]
async fn a_server_that_takes_nothing_is_left_alone_for_a_while() {
    let server = FakeServer::new(|command| (command == "greeting").then_some("421 overloaded")).await;
    let fixture = accounts(testing::standard(), server.settings()).await;
    for number in 0..50 {
        let email = format!("u{number}@b.c");
        fixture.register(&json!({"email": email, "password": GOOD})).await.unwrap();
        reset(&fixture, &email).await;
    }
    let pace = Pace { first: Duration::from_secs(3600), longest: Duration::from_secs(3600), ..PACE };
    let mut dispatcher = Dispatcher { pace, ..dispatcher(&fixture, &Metrics::new()) };
    assert_eq!(dispatcher.round().await, 0);
    let tried = server.connections.load(std::sync::atomic::Ordering::Relaxed);
    assert!((1..=8).contains(&tried), "{tried} attempts at a server that is down");
    assert!(dispatcher.pause.is_some_and(|pause| pause.until > Instant::now()));
    dispatcher.round().await;
    assert_eq!(server.connections.load(std::sync::atomic::Ordering::Relaxed), tried);
    assert_eq!(fixture.store.outbox(100).await.unwrap().len(), 50, "none is lost");
}

#[tokio::test]
async fn a_flood_of_resets_is_a_few_mails_and_the_last_link_stays_good() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    let metrics = Metrics::new();
    let mut dispatcher = dispatcher(&fixture, &metrics);
    for _ in 0..9 {
        fixture.clock.advance(Duration::from_secs(1));
        reset(&fixture, "ann@b.c").await;
        while dispatcher.round().await > 0 {}
    }
    let mails = taken(folder.path());
    assert_eq!((mails.len(), counted(&metrics, "given_up")), (5, 4));
    fixture.accounts.session(&token(&mails[4].1)).await.unwrap();
}

/// Delivers until nothing waits.
async fn deliver(fixture: &TestAccounts, dispatcher: &mut Dispatcher) {
    while !fixture.store.outbox(1).await.unwrap().is_empty() {
        if dispatcher.round().await == 0 {
            let until = dispatcher.waits.values().map(|wait| wait.until).min().unwrap();
            tokio::time::sleep_until(until).await;
        }
    }
}

#[tokio::test]
async fn a_mail_that_may_have_arrived_is_sent_three_times_and_counts() {
    let server = FakeServer::new(|command| (command == ".").then_some("")).await;
    let fixture = accounts(testing::standard(), server.settings()).await;
    ann(&fixture).await;
    let metrics = Metrics::new();
    let mut dispatcher = dispatcher(&fixture, &metrics);
    let copies = || server.commands.lock().unwrap().iter().filter(|command| *command == "DATA").count();
    for (sent, given_up) in [(3, 1), (5, 2), (5, 3)] {
        reset(&fixture, "ann@b.c").await;
        deliver(&fixture, &mut dispatcher).await;
        assert_eq!((copies(), counted(&metrics, "given_up")), (sent, given_up), "five in an hour");
    }
    assert_eq!((counted(&metrics, "sent"), counted(&metrics, "deferred")), (0, 4));
}

#[tokio::test]
async fn a_mail_that_is_not_needed_does_not_end_the_pause() {
    let server = FakeServer::new(|command| (command == "greeting").then_some("421 overloaded")).await;
    let fixture = accounts(testing::standard(), server.settings()).await;
    ann(&fixture).await;
    reset(&fixture, "ann@b.c").await;
    let mut dispatcher = dispatcher(&fixture, &Metrics::new());
    assert_eq!(dispatcher.round().await, 0);
    assert_eq!(dispatcher.pause.map(|pause| pause.failures), Some(1));
    reset(&fixture, "none@b.c").await;
    tokio::time::sleep_until(dispatcher.waits.values().next().unwrap().until).await;
    assert_eq!(dispatcher.round().await, 1, "the address without an account");
    assert_eq!(dispatcher.pause.map(|pause| pause.failures), Some(2));
}

#[tokio::test]
async fn a_mail_that_is_too_old_is_given_up_and_pauses_nothing() {
    let server = FakeServer::new(|command| (command == "greeting").then_some("421 overloaded")).await;
    let fixture = accounts(testing::standard(), server.settings()).await;
    ann(&fixture).await;
    reset(&fixture, "ann@b.c").await;
    fixture.clock.advance(PACE.give_up);
    let metrics = Metrics::new();
    let mut dispatcher = dispatcher(&fixture, &metrics);
    assert_eq!(dispatcher.round().await, 1);
    assert_eq!(counted(&metrics, "given_up"), 1);
    assert!(dispatcher.pause.is_none());
}

#[tokio::test]
async fn mails_whose_settings_are_gone_are_given_up_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = with_files(testing::standard(), folder.path()).await;
    ann(&fixture).await;
    reset(&fixture, "ann@b.c").await;
    let accounts = fixture.accounts.clone().with_mailer(None);
    let fixture = TestAccounts { accounts, ..fixture };
    let metrics = Metrics::new();
    let mut dispatcher = dispatcher(&fixture, &metrics);
    assert_eq!(dispatcher.round().await, 1);
    assert_eq!(counted(&metrics, "given_up"), 1);
    assert!(taken(folder.path()).is_empty());
}

/// Ann with a new address, whose old one is never answered for.
async fn moved(answer: &'static str) -> (FakeServer, TestAccounts) {
    let server = FakeServer::new(move |sent| sent.starts_with("RCPT TO:<ann@b.c>").then_some(answer)).await;
    let fixture = accounts(testing::standard(), server.settings()).await;
    ann(&fixture).await;
    let user = fixture.accounts.user(&1.into()).await.unwrap();
    fixture.accounts.patch(CLIENT, user, map(&json!({"email": "new@b.c"}))).await.unwrap();
    (server, fixture)
}

#[tokio::test]
async fn an_address_that_is_put_off_holds_up_no_other_of_its_user() {
    let (server, fixture) = moved("450 later").await;
    let mut dispatcher = dispatcher(&fixture, &Metrics::new());
    assert_eq!(dispatcher.round().await, 1);
    assert!(server.mails.lock().unwrap()[0].contains("To: new@b.c"));
}

#[tokio::test]
async fn a_mail_that_takes_long_holds_up_no_later_one() {
    let (server, fixture) = moved("wait").await;
    let (accounts, wake_up) = (fixture.accounts.clone(), Arc::clone(&fixture.accounts.wake_up));
    let dispatcher = Dispatcher::new(move || accounts.clone(), wake_up, Outlet::mail(Metrics::new()), PACE);
    let running = tokio::runtime::Handle::current().spawn(dispatcher.run());
    let until_sent = async |count: usize| {
        while server.mails.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    };
    until_sent(1).await;
    // Requested while the first one is still on its way.
    reset(&fixture, "new@b.c").await;
    tokio::time::timeout(Duration::from_secs(10), until_sent(2)).await.expect("a later mail is sent");
    running.abort();
}
