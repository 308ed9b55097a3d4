//! The settings (docs/configuration.md): flags beat `PORTCULLIS_SECTION__KEY` variables beat the file.
//!
//! `inputs` lays the sources over each other, `keys` gives every key its type and its default, and `finish` makes
//! the [`Config`] of it. Each of them reports what is wrong and goes on, so that all mistakes are told at once.

mod address;
mod amount;
mod choices;
#[cfg(test)]
mod docs;
mod doubts;
mod finish;
mod inputs;
mod keys;
mod live;
mod mistake;
mod own;
mod schema;
mod secret;
mod setting;
mod settings;
mod shown;
mod syntax;
mod unbuilt;
mod variables;

use std::{
    collections::BTreeSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{limit, store};

use finish::Finish;
use inputs::Inputs;
use keys::{RawConfig, Reader};
use live::Origin;
use mistake::{Place, Report};

pub use amount::in_seconds;
pub use live::Taken;
pub use mistake::{Mistake, Mistakes};
pub(crate) use own::arrives;
pub use schema::schema;
pub use secret::Secret;
pub use settings::{
    AdminSettings, Algorithm, ApiSettings, Balance, Certificate, CorsOrigins, CorsSettings,
    CredentialsSettings, ForwardAuthSettings, IdentitySettings, Listen, LogFormat, LogSettings, MailSettings,
    PagesSettings, PasswordSettings, PoliciesSettings, Preset, Profile, Scheme, ServerSettings, TlsSettings,
    TlsVersion, UpstreamAddress, UpstreamSettings, UsersSettings, WebhookSettings,
};
pub use shown::{Shown, as_toml, shown};

/// Where settings come from.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file that was asked for by name; it must be there. `None`: the one that `PORTCULLIS_CONFIG` names, else
    /// `portcullis.toml` in the working directory if it is there.
    pub file: Option<PathBuf>,
    /// The environment's variables.
    pub env: Vec<(String, String)>,
    /// Settings of the command line: `("server.http", "127.0.0.1:80")`.
    pub flags: Vec<(String, String)>,
}

/// Settings without an error.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What is allowed and yet doubtful.
    pub warnings: Vec<Mistake>,
}

/// Finished and valid settings: every value in its range, every path counted from the config file, every secret read.
#[derive(Clone, Debug)]
pub struct Config {
    /// What set the defaults.
    pub profile: Profile,
    /// The listeners.
    pub server: ServerSettings,
    /// TLS towards clients.
    pub tls: TlsSettings,
    /// The app.
    pub upstream: UpstreamSettings,
    /// The User API.
    pub api: ApiSettings,
    /// The User model's settings.
    pub users: UsersSettings,
    /// More places to look for credentials in.
    pub credentials: CredentialsSettings,
    /// New passwords.
    pub password: PasswordSettings,
    /// The policy files, and what they leave open.
    pub policies: PoliciesSettings,
    /// Which store.
    pub store: store::Settings,
    /// How long a replica may go without seeing changes.
    pub max_staleness: Duration,
    /// Rates per client.
    pub limits: limit::Settings,
    /// The rate of logins per account.
    pub login_per_account: Option<limit::Rate>,
    /// Headers towards the app.
    pub identity: IdentitySettings,
    /// Pages of other origins.
    pub cors: CorsSettings,
    /// Our own pages.
    pub pages: PagesSettings,
    /// Mail.
    pub mail: MailSettings,
    /// Events.
    pub webhook: WebhookSettings,
    /// The listener for other proxies.
    pub forward_auth: ForwardAuthSettings,
    /// The listener for health and metrics.
    pub admin: AdminSettings,
    /// The log.
    pub log: LogSettings,
    set: BTreeSet<String>,
    origin: Origin,
}

impl Sources {
    /// The sources of this process: its environment, the file that `-c` names, and the settings of its flags.
    #[must_use]
    pub fn from_environment(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self { file, env, flags }
    }
}

impl Config {
    /// Whether a key was set somewhere, rather than left at its default: `is_set("users.ttl")`.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains(key)
    }

    /// The keys of a section that were set, without its name.
    pub fn set_in(&self, section: &str) -> impl Iterator<Item = &str> {
        self.set.iter().filter_map(move |key| key.strip_prefix(section)?.strip_prefix('.'))
    }
}

/// Reads all sources.
///
/// # Errors
/// Every mistake of all of them, warnings too.
pub fn load(sources: &Sources) -> Result<Loaded, Mistakes> {
    load_in(Path::new(""), sources)
}

/// The settings as far as they can be read, the defaults in place of what cannot: they say where a gate runs that was
/// started before the mistakes were made, and nothing may be served or stored by them.
#[must_use]
pub fn salvage(sources: &Sources) -> Option<Config> {
    let file = File::choose(Path::new(""), sources);
    let mut report = Report::new(&file.shown);
    let mut inputs = Inputs::default();
    if let Some(text) = file.read(&mut report) {
        inputs.salvage_file(&text, &mut report);
    }
    inputs.add_environment(&sources.env, &mut report);
    inputs.add_flags(&sources.flags, &mut report);
    let mut reader = Reader::new(&inputs, &mut report);
    let profile = reader.profile;
    let raw = RawConfig::read(&mut reader)?;
    let set = inputs.keys().map(str::to_owned).collect();
    let config = Finish { profile, base: file.folder(), set, report: &mut report }.config(raw);
    let origin = Origin { file: file.path, sources: sources.clone(), ..Origin::default() };
    Some(Config { origin, ..config })
}

fn load_in(working_directory: &Path, sources: &Sources) -> Result<Loaded, Mistakes> {
    let file = File::choose(working_directory, sources);
    let mut report = Report::new(&file.shown);
    let mut inputs = Inputs::default();
    if let Some(text) = file.read(&mut report) {
        inputs.add_file(&text, &mut report);
    }
    inputs.add_environment(&sources.env, &mut report);
    inputs.add_flags(&sources.flags, &mut report);

    let mut reader = Reader::new(&inputs, &mut report);
    let profile = reader.profile;
    let raw = RawConfig::read(&mut reader);
    let changed = reader.into_changed();
    unbuilt::report(&changed, &inputs, &mut report);
    let set = inputs.keys().map(str::to_owned).collect();
    let config = raw.map(|raw| Finish { profile, base: file.folder(), set, report: &mut report }.config(raw));
    if let Some(config) = &config {
        doubts::report(&changed, config, &mut report);
    }
    let warnings = report.close()?;
    let keys = RawConfig::read(&mut Reader::new(&inputs, &mut Report::new(&file.shown))).map(Arc::new);
    let (folder, sources) = (working_directory.to_owned(), sources.clone());
    let origin = Origin { folder, sources, file: file.path, started: keys.clone(), keys };
    // Without a config a default is wrong, and the report has just refused it.
    config
        .map(|config| Loaded { config: Config { origin, ..config }, warnings })
        .ok_or_else(|| Mistakes(Vec::new()))
}

/// The config file.
struct File {
    path: PathBuf,
    /// As messages name it.
    shown: PathBuf,
    /// Whether it was asked for by name: then it must be there.
    named: bool,
}

impl File {
    fn choose(working_directory: &Path, sources: &Sources) -> Self {
        let variable = sources.env.iter().find(|(name, value)| name == CONFIG_VARIABLE && !value.is_empty());
        let named = sources.file.clone().or_else(|| variable.map(|(_, path)| PathBuf::from(path)));
        let is_named = named.is_some();
        let shown = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        Self { path: working_directory.join(&shown), shown, named: is_named }
    }

    /// The file's text; `None` when there is none, which is a mistake where it was named.
    fn read(&self, report: &mut Report) -> Option<String> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == ErrorKind::NotFound && !self.named => None,
            Err(error) => {
                let cause = error.to_string().to_lowercase();
                let message = format!("cannot read the config file: {cause}");
                let fix = "name a TOML file that this user may read".to_owned();
                report.error(&Place::Default, "unreadable-file", message, Some(fix));
                None
            }
        }
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

/// Read where no file is named.
const DEFAULT_FILE: &str = "portcullis.toml";

/// Names the file where `-c` does not.
const CONFIG_VARIABLE: &str = "PORTCULLIS_CONFIG";

#[cfg(test)]
mod tests;
