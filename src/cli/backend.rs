//! The place where a command on the store runs: the running gate, or this process.

use std::{
    io::{self, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;

use super::args::Global;
use crate::{
    accounts::Accounts,
    admin::{
        AdminCommand, Client, ClientError, Output, Row, SOCKET_NAME, Services, execute, execute_import,
        store_name,
    },
    app,
    clock::Clock,
    config::{self, Config, ConfigErrors},
    hasher::Hasher,
    limit::Limits,
    policy::Severity,
    store::{self, Engine, Loader, StoreError},
};

/// The running gate, or the opened store.
#[derive(Debug)]
pub(super) enum Backend {
    /// A gate is running and has locked the store.
    Gate(Client),
    /// No gate is running. This process has opened the store.
    Here(Box<Services>),
    /// No gate is running. This process has opened the store for an import.
    Import(Box<Loader>),
}

/// The configuration of a command. A running gate is reached even if the file has been damaged since its start.
#[derive(Debug)]
pub(super) struct Site {
    config: Config,
    broken: Option<ConfigErrors>,
}

impl Site {
    /// Loads the configuration. If it has errors and a gate answers, it is only used to reach that gate, and the errors
    /// are printed with a warning.
    ///
    /// # Errors
    /// All errors, if no gate answers.
    pub(super) fn find(global: &Global) -> Result<Self, ConfigErrors> {
        let sources = super::sources(global);
        let config_errors = match config::load(&sources) {
            Ok(loaded) => return Ok(Self::from(loaded.config)),
            Err(config_errors) => config_errors,
        };
        let Some(config) = config::salvage(&sources) else { return Err(config_errors) };
        let socket = socket(&config);
        // Only a gate that answers is proof that the readable part of the configuration is the right one.
        if UnixStream::connect(&socket).is_err() {
            return Err(config_errors);
        }
        let errors = config_errors.0.iter().filter(|finding| finding.severity == Severity::Error);
        let mut text: String = errors.map(|finding| format!("{finding}\n")).collect();
        text.push_str(&format!(
            "warning: the configuration cannot be read; the gate that answers on `{}` was started before, and is asked\n",
            whole(&socket)
        ));
        let _ = io::stderr().write_all(text.as_bytes());
        Ok(Self { config, broken: Some(config_errors) })
    }

    /// The readable part of the configuration.
    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// The configuration, if it has no errors.
    ///
    /// # Errors
    /// All errors.
    pub(super) fn whole(&self) -> Result<&Config, ConfigErrors> {
        self.broken.clone().map_or(Ok(&self.config), Err)
    }
}

impl From<Config> for Site {
    fn from(config: Config) -> Self {
        Self { config, broken: None }
    }
}

impl Backend {
    /// Connects to the gate of this store, or opens the store.
    pub(super) async fn open(site: &Site) -> anyhow::Result<Self> {
        if let Some(gate) = Self::reach(site).await? {
            return Ok(gate);
        }
        Self::here(site.whole()?).await
    }

    /// As [`Backend::open`], for a store that must exist. A command that only reads must not create one.
    pub(super) async fn open_existing(site: &Site) -> anyhow::Result<Self> {
        if let Some(gate) = Self::reach(site).await? {
            return Ok(gate);
        }
        let config = site.whole()?;
        match &config.store.engine {
            Engine::Sled(folder) if !config.store.engine.has_files() => anyhow::bail!(
                "there is no store in `{}`, and {}; {}",
                whole(folder),
                no_gate_message(config),
                config_hint(config)
            ),
            Engine::Sled(_) | Engine::Memory => {}
        }
        Self::here(config).await
    }

    async fn here(config: &Config) -> anyhow::Result<Self> {
        let store_name = store_name(&config.store);
        let model = app::account_model(config);
        let store = or_locked(config, store::open(&app::store_settings(config, model.as_ref())).await)?;
        let hasher = Hasher::new(config.password.hasher).context("cannot hash passwords")?;
        let limits = Arc::new(Limits::new(&config.limits));
        let settings = app::account_settings(config, model.as_ref());
        let accounts = Accounts::new(Arc::clone(&store), hasher, limits, Clock::System, settings);
        let services = Services::new(store, move || accounts.clone(), Clock::System, store_name);
        Ok(Self::Here(Box::new(services.with_config(config))))
    }

    /// Connects to the gate of this store, or opens the store without loading all rows.
    pub(super) async fn open_for_import(site: &Site) -> anyhow::Result<Self> {
        if let Some(gate) = Self::reach(site).await? {
            return Ok(gate);
        }
        let config = site.whole()?;
        let settings = app::store_settings(config, app::account_model(config).as_ref());
        Ok(Self::Import(Box::new(or_locked(config, store::open_for_import(&settings))?)))
    }

    async fn reach(site: &Site) -> anyhow::Result<Option<Self>> {
        let gate = Self::running_gate(site).await?;
        let config = &site.config;
        match &config.store.engine {
            Engine::Memory if gate.is_none() && site.broken.is_none() => {
                anyhow::bail!("{}, and a store in memory is nowhere else", no_gate_message(config))
            }
            Engine::Memory | Engine::Sled(_) => Ok(gate),
        }
    }

    /// Tells where the first command has created a store, because the gate must use the same configuration.
    pub(super) fn report_new_store(site: &Site) {
        let folder = match &site.config.store.engine {
            Engine::Sled(folder) => folder,
            Engine::Memory => return,
        };
        let file = site.config.file();
        let whose = if file.exists() {
            format!("as `{}` says", whole(file))
        } else {
            format!("there is no `{}`, so that is the default", whole(file))
        };
        let text = format!("note: a new store was made in `{}`; {whose}\n", whole(folder));
        let _ = io::stderr().write_all(text.as_bytes());
    }

    /// Connects to the gate of this store; `None` if none is running.
    pub(super) async fn running_gate(site: &Site) -> anyhow::Result<Option<Self>> {
        // With errors, the readable part may name another store, so the names are not compared.
        let store_name = site.broken.is_none().then(|| store_name(&site.config.store));
        Ok(Client::connect(&socket(&site.config), store_name).await?.map(Self::Gate))
    }

    /// Runs a command.
    pub(super) async fn call(&mut self, command: AdminCommand) -> anyhow::Result<Output> {
        match self {
            Self::Gate(client) => match (client.call(&command).await, command) {
                // A single row that is too large cannot be split, and stays an error.
                (Err(ClientError::TooLarge), AdminCommand::Import { run, rows }) if rows.len() > 1 => {
                    self.import_in_halves(run, rows).await
                }
                (answer, _) => Ok(answer?),
            },
            Self::Here(services) => Ok(execute(command, services).await?),
            Self::Import(loader) => Ok(execute_import(command, loader)?),
        }
    }

    /// Closes the store.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Gate(_) => {}
            Self::Here(services) => services.store.close().await?,
            Self::Import(loader) => loader.close(),
        }
        Ok(())
    }

    // The socket limits the size of a message; rows of an import can be large.
    async fn import_in_halves(&mut self, run: u32, mut rows: Vec<Row>) -> anyhow::Result<Output> {
        let second = rows.split_off(rows.len() / 2);
        let mut outcomes = Vec::new();
        for rows in [rows, second] {
            if let Output::Imported(half) = Box::pin(self.call(AdminCommand::Import { run, rows })).await? {
                outcomes.extend(half);
            }
        }
        Ok(Output::Imported(outcomes))
    }
}

/// Opens a store; explains a lock that a gate holds without answering.
fn or_locked<T>(config: &Config, opened: Result<T, StoreError>) -> anyhow::Result<T> {
    match opened {
        // The gate is there but its socket is not: it is starting, stopping, or has another `data_dir`.
        Err(locked @ StoreError::Locked { .. }) => Err(locked).with_context(|| no_gate_message(config)),
        opened => Ok(opened?),
    }
}

/// The message that no gate answers, with the path of the socket.
pub(super) fn no_gate_message(config: &Config) -> String {
    format!("no gate answers on `{}`", whole(&socket(config)))
}

/// The message about which configuration determined the path.
pub(super) fn config_hint(config: &Config) -> String {
    let file = config.file();
    if file.exists() {
        format!("that is where `{}` says to look; `-c FILE` names another configuration", whole(file))
    } else {
        format!(
            "there is no `{}` either: go to the gate's folder, or name its configuration with `-c FILE`",
            whole(file)
        )
    }
}

/// The absolute path: a relative one would not tell which folder is meant.
fn whole(path: &Path) -> String {
    std::path::absolute(path).as_deref().unwrap_or(path).display().to_string()
}

fn socket(config: &Config) -> PathBuf {
    config.server.data_dir.join(SOCKET_NAME)
}
