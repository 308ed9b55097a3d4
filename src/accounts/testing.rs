//! Settings and parts for the tests of accounts and of the API.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use serde_json::{Map, Value, json};

use super::{Accounts, Actor, Fault, IssuedToken, Key, Links, Login, Property, Registration, Settings};
use crate::{
    clock::{Clock, Timestamp},
    hasher::{self, Hasher},
    limit::{self, Limits},
    policy::Reach,
    store::{self, Engine, Store},
};

/// A client.
pub(crate) const CLIENT: Actor<'static> = Actor::Client {
    address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    request_id: "r1",
    session: None,
    reach: Reach::Everyone,
    by_cookie: false,
};

/// The defaults of profile `loopback3`.
pub(crate) fn loopback() -> Settings {
    Settings {
        model: "User".to_owned(),
        loopback: true,
        ttl: 1_209_600.0,
        max_ttl: 31_556_926.0,
        allow_eternal_tokens: false,
        sliding_ttl: false,
        access_token_id_length: 64,
        max_tokens: 0,
        email_verification_required: false,
        realm_required: false,
        realm_delimiter: None,
        case_sensitive_email: true,
        min_length: 1,
        max_bytes: 72,
        blocklist: false,
        breached: None,
        site_names: Vec::new(),
        hidden: Vec::new(),
        key: Key::default(),
        principal_type: None,
        properties: Property::complete(Vec::new(), &Key::default()),
        reset_ttl: 900.0,
        restrict_reset_scope: false,
        reject_password_changes: false,
        verify_on_register: false,
        mail_from: "noreply@example.com".to_owned(),
        links: Links { base: "http://localhost:8080".to_owned(), api: "/api/users".to_owned(), pages: true },
        events: false,
        mails: Vec::new(),
        registration: Registration::Open,
        rename: true,
    }
}

/// The defaults of profile `standard`.
pub(crate) fn standard() -> Settings {
    Settings { loopback: false, min_length: 8, max_bytes: 1024, blocklist: true, ..loopback() }
}

/// Accounts on a memory store, with cheap hashes and a clock that stands.
pub(crate) struct TestAccounts {
    pub(crate) accounts: Accounts,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
}

/// Accounts without limits.
pub(crate) async fn fixture(settings: Settings) -> TestAccounts {
    limited_fixture(settings, &limit::Settings::default()).await
}

/// Accounts with limits.
pub(crate) async fn limited_fixture(settings: Settings, limits: &limit::Settings) -> TestAccounts {
    let store = store::Settings { engine: Engine::Memory, keys: settings.keys() };
    let store = store::open(&store).await.unwrap();
    let cheap = hasher::Settings { memory_kib: 8, iterations: 1, parallelism: 1, workers: 1, queue: 64 };
    let hasher = Hasher::new(cheap).unwrap();
    let clock = Clock::manual(Timestamp(1_795_294_271_688));
    let limits = Arc::new(Limits::new(limits));
    let accounts = Accounts::new(store.clone(), hasher, limits, clock.clone(), settings);
    TestAccounts { accounts, store, clock }
}

/// A good password.
pub(crate) const GOOD: &str = "a-good-password";

/// Accounts with Ann in them, of realm `r1`.
pub(crate) async fn with_ann(settings: Settings) -> TestAccounts {
    let fixture = fixture(settings).await;
    let ann = json!({"email": "ann@b.c", "username": "ann", "password": GOOD, "realm": "r1"});
    fixture.register(&ann).await.unwrap();
    fixture
}

/// How Ann logs in.
pub(crate) fn ann() -> Value {
    json!({"email": "ann@b.c", "password": GOOD})
}

/// A JSON object's map.
pub(crate) fn map(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

impl TestAccounts {
    /// Registers, as a client.
    pub(crate) async fn register(&self, data: &Value) -> Result<store::User, Fault> {
        self.accounts.register(CLIENT, map(data)).await
    }

    /// Logs in, as a client.
    pub(crate) async fn login(&self, body: &Value) -> Result<IssuedToken, Fault> {
        let login = Login::read(self.accounts.settings(), &map(body))?;
        self.accounts.login(CLIENT, login).await
    }
}
