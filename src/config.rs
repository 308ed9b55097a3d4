//! The settings (docs/configuration.md). Flags override `PORTCULLIS_SECTION__KEY` variables, which override the file.
//!
//! `inputs` merges the sources, `keys` gives every key its type and its default, and `resolve` resolves the [`Config`].
//! Each step reports errors and goes on, so that one run reports all of them.

mod address;
mod amount;
mod apps;
mod choices;
mod code;
#[cfg(test)]
mod docs;
mod finding;
mod hsts;
mod inputs;
mod keys;
mod live;
mod load;
mod own;
mod resolve;
mod resolved;
mod schema;
mod secret;
mod setting;
mod settings;
mod shown;
mod sources;
mod syntax;
mod variables;
mod warnings;

use load::load_in;
use sources::CONFIG_VARIABLE;

pub use amount::in_seconds;
pub(crate) use code::{Code, of_certificate};
pub use finding::{ConfigErrors, ConfigFinding};
pub use live::ReloadedKeys;
pub use load::{Loaded, load, salvage};
pub(crate) use own::arrives;
pub use resolved::Config;
pub use schema::schema;
pub use secret::Secret;
pub use settings::{
    AdminSettings, Algorithm, ApiSettings, AppSettings, Balance, Certificate, CorsOrigins, CorsSettings,
    CredentialsSettings, ForwardAuthSettings, IdentitySettings, Listen, LogFormat, LogSettings, MailSettings,
    PagesSettings, PasswordSettings, PoliciesSettings, Preset, Profile, Scheme, ServerSettings, TlsSettings,
    TlsVersion, UpstreamAddress, UpstreamScheme, UpstreamSettings, UsersSettings, WebhookSettings,
};
pub use shown::{Shown, as_toml, shown};
pub use sources::Sources;

impl Config {
    /// Whether a source sets the key, so that its value is not the default: `is_set("users.ttl")`.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.set.contains(key)
    }

    /// The keys of a section that are set, without the section's name.
    pub fn set_in(&self, section: &str) -> impl Iterator<Item = &str> {
        self.set.iter().filter_map(move |key| key.strip_prefix(section)?.strip_prefix('.'))
    }
}

#[cfg(test)]
mod tests;
