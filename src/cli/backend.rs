//! Where a command on the store is run: in the running gate, or here.

use std::path::PathBuf;

use anyhow::Context;

use super::{
    admin::{AdminCommand, Client, ClientError, Services, Settings},
    execute::execute,
    output::Output,
};
use crate::{
    clock::Clock,
    hasher::{self, Hasher},
    store::{self, StoreError},
};

/// What has to be known to reach the store.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The socket of a running gate.
    pub(super) socket: PathBuf,
    /// The store.
    pub(super) store: store::Settings,
    /// For passwords.
    pub(super) hasher: hasher::Settings,
    /// For commands.
    pub(super) settings: Settings,
}

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
    pub(super) async fn open(place: &Place) -> anyhow::Result<Self> {
        if let Some(client) = Client::connect(&place.socket, &place.settings.store_name).await? {
            return Ok(Self::Gate(client));
        }
        let store = match store::open(&place.store).await {
            Err(locked @ StoreError::Locked { .. }) => {
                let silent = format!("nobody answers on `{}`", place.socket.display());
                return Err(anyhow::Error::new(locked).context(silent));
            }
            opened => opened?,
        };
        let hasher = Hasher::new(place.hasher).context("cannot hash passwords")?;
        let services = Services::new(store, hasher, Clock::System, place.settings.clone());
        Ok(Self::Here(Box::new(services)))
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

    async fn halves(&mut self, mut rows: Vec<super::import::Row>) -> anyhow::Result<Output> {
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
