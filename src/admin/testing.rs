//! A store in memory behind commands, for tests.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    command::AdminCommand,
    execute::{ExecuteError, execute},
    output::Output,
    services::Services,
};
use crate::{
    accounts::{self, Accounts},
    clock::{Clock, Timestamp},
    hasher::{self, Hasher},
    limit::{self, Limits},
    store::{self, Engine, KeyRules},
};

/// The moment at which every test begins.
pub(crate) const START: Timestamp = Timestamp(1_795_294_271_688);

/// Services on an empty store, with cheap passwords.
pub(crate) async fn services() -> Services {
    services_with(|_| {}).await
}

/// The same, with some settings of one's own.
pub(crate) async fn services_with(change: impl FnOnce(&mut accounts::Settings)) -> Services {
    let mut settings = accounts::Settings { blocklist: false, ..accounts::testing::standard() };
    change(&mut settings);
    let keys: KeyRules = settings.keys();
    let store = store::open(&store::Settings { engine: Engine::Memory, keys }).await.unwrap();
    let cheap = hasher::Settings { memory_kib: 8, iterations: 1, parallelism: 1, workers: 1, queue: 8 };
    let hasher = Hasher::new(cheap).unwrap();
    let limits = Arc::new(Limits::new(&limit::Settings::default()));
    let clock = Clock::manual(START);
    let accounts = Accounts::new(Arc::clone(&store), hasher, limits, clock.clone(), settings);
    Services::new(store, move || accounts.clone(), clock, "memory:".to_owned())
}

/// Runs a command given as the JSON that travels over the socket.
pub(crate) async fn tell(services: &Services, command: Value) -> Result<Output, ExecuteError> {
    let command: AdminCommand = serde_json::from_value(command).unwrap();
    execute(command, services).await
}

/// Adds an account of this name, and gives it these roles.
pub(crate) async fn add(services: &Services, name: &str, roles: &[&str]) -> Output {
    let draft = json!({
        "email": format!("{name}@example.com"), "username": name, "realm": null, "id": null,
        "roles": roles, "password": "a-good-password",
    });
    tell(services, json!({"user-add": draft})).await.unwrap()
}
