//! Where a command on the store is run: in the running gate, or here.

use std::sync::Arc;

use anyhow::Context;

use super::{
    admin::{AdminCommand, Client, ClientError, SOCKET_NAME, Services},
    execute::execute,
    import::Row,
    output::Output,
    store_name,
};
use crate::{
    accounts::Accounts,
    app,
    clock::Clock,
    config::Config,
    hasher::Hasher,
    limit::Limits,
    store::{self, Engine, StoreError},
};

/// The running gate, or the store itself.
#[derive(Debug)]
pub(super) enum Backend {
    /// A gate holds the store.
    Gate(Client),
    /// Nobody does: it was opened here.
    Here(Box<Services>),
}

impl Backend {
    /// Reaches the gate that runs on this store, or opens the store.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Self> {
        if let Some(gate) = Self::of_a_gate(config).await? {
            return Ok(gate);
        }
        let socket = config.server.data_dir.join(SOCKET_NAME);
        let store_name = store_name::of(&config.store);
        let silent = || format!("no gate answers on `{}`", socket.display());
        if config.store.engine == Engine::Memory {
            anyhow::bail!("{}, and a store in memory is nowhere else", silent());
        }
        let model = app::account_model(config);
        let store = match store::open(&app::store_settings(config, model.as_ref())).await {
            Err(locked @ StoreError::Locked { .. }) => return Err(locked).with_context(silent),
            opened => opened?,
        };
        let hasher = Hasher::new(config.password.hasher).context("cannot hash passwords")?;
        let limits = Arc::new(Limits::new(&config.limits));
        let settings = app::account_settings(config, model.as_ref());
        let accounts = Accounts::new(Arc::clone(&store), hasher, limits, Clock::System, settings);
        Ok(Self::Here(Box::new(Services::new(store, move || accounts.clone(), Clock::System, store_name))))
    }

    /// The gate that runs on this store; `None` where none does.
    pub(super) async fn of_a_gate(config: &Config) -> anyhow::Result<Option<Self>> {
        let socket = config.server.data_dir.join(SOCKET_NAME);
        Ok(Client::connect(&socket, &store_name::of(&config.store)).await?.map(Self::Gate))
    }

    /// Runs a command.
    pub(super) async fn call(&mut self, command: AdminCommand) -> anyhow::Result<Output> {
        match self {
            Self::Gate(client) => match (client.call(&command).await, command) {
                (Err(ClientError::TooLarge), AdminCommand::Import { rows }) if rows.len() > 1 => {
                    self.halves(rows).await
                }
                (answer, _) => Ok(answer?),
            },
            Self::Here(services) => Ok(execute(command, services).await?),
        }
    }

    /// Gives the store back.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        if let Self::Here(services) = self {
            services.store.close().await?;
        }
        Ok(())
    }

    async fn halves(&mut self, mut rows: Vec<Row>) -> anyhow::Result<Output> {
        let second = rows.split_off(rows.len() / 2);
        let mut fates = Vec::new();
        for rows in [rows, second] {
            if let Output::Imported(half) = Box::pin(self.call(AdminCommand::Import { rows })).await? {
                fates.extend(half);
            }
        }
        Ok(Output::Imported(fates))
    }
}
