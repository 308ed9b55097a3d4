//! The settings of mails.

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use rustls::ClientConfig;

use super::address::SmtpAddress;
use crate::templates::Language;

/// The settings of mails: `[mail]` in docs/settings.md.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The mail server; `None` = mails are written to `outbox`.
    pub smtp: Option<SmtpSettings>,
    /// The folder of mails without a server.
    pub outbox: PathBuf,
    /// The sender: `noreply@example.com` or `Shop <noreply@example.com>`.
    pub from: String,
    /// The site's name, as mails call it.
    pub site: String,
    /// The URL of the site, without a slash at its end.
    pub url: String,
    /// A folder of templates that replace the built-in ones.
    pub templates: Option<PathBuf>,
    /// The languages in order of preference.
    pub languages: Vec<Language>,
}

/// The mail server.
#[derive(Clone)]
pub struct SmtpSettings {
    /// Where it is, and the login there.
    pub address: SmtpAddress,
    /// The TLS parameters.
    pub tls: Arc<ClientConfig>,
    /// The time limit of each step but the last.
    pub timeout: Duration,
    /// The time limit of the answer to a whole mail: [`SmtpSettings::answer_timeout`].
    pub answer_timeout: Duration,
    /// The name by which the gate introduces itself; `None` = an address literal, which some servers refuse.
    pub hello: Option<String>,
}

impl SmtpSettings {
    /// How long the answer to a whole mail may take where each other answer may take `timeout`. RFC 5321 section
    /// 4.5.3.2.6: at least 10 minutes, because a mail whose answer is not waited for is sent once more.
    #[must_use]
    pub fn answer_timeout(timeout: Duration) -> Duration {
        timeout.max(Duration::from_secs(600))
    }
}

impl PartialEq for SmtpSettings {
    /// TLS parameters are equal if they are the same: nothing else can be told of them.
    fn eq(&self, other: &Self) -> bool {
        let rest = |of: &Self| (of.address.clone(), of.timeout, of.answer_timeout, of.hello.clone());
        rest(self) == rest(other) && Arc::ptr_eq(&self.tls, &other.tls)
    }
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpSettings").field("address", &self.address).finish_non_exhaustive()
    }
}
