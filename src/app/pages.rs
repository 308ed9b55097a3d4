//! Makes the pages of an app: reads the files of `[pages]`.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    accounts::Accounts,
    config::Config,
    mail::{self, Message},
    pages::{self, Logo, LogoError, OverrideError, Pages, STYLE_FILE, Settings, Shared, Sites},
    templates::TemplateError,
};

/// Why the pages cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// A file cannot be read.
    #[error("`{key}`: cannot read `{path}`")]
    Unreadable {
        /// The key that names it.
        key: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The logo is no image that browsers show.
    #[error("`pages.logo` is `{path}`: {error}")]
    Logo {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: LogoError,
    },
    /// A template cannot be used.
    #[error("`pages.templates`, in `{path}`: {error}")]
    Template {
        /// The folder.
        path: PathBuf,
        /// The reason.
        error: OverrideError,
    },
}

impl PagesError {
    /// The key that it is about.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { key, .. } => key,
            Self::Logo { .. } => LOGO,
            Self::Template { .. } => TEMPLATES,
        }
    }
}

const LOGO: &str = "pages.logo";
const TEMPLATES: &str = "pages.templates";

/// What the pages of all apps share.
pub(super) fn shared() -> anyhow::Result<Shared> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("the system gives no random bytes")?;
    Ok(Shared::new(random))
}

/// The pages of an app; `None` if it has none.
pub(super) fn pages(app: &Config, accounts: Accounts, shared: Shared) -> Result<Option<Pages>, PagesError> {
    if !app.pages.enabled || !app.serves_accounts() {
        return Ok(None);
    }
    let settings = settings(app)?;
    let first = pages::mistakes(&settings.templates).into_iter().next();
    first.map_or(Ok(()), |error| Err(broken(app, error)))?;
    let as_error = |error: TemplateError| broken(app, error.into());
    Pages::new(accounts, settings, shared).map(Some).map_err(as_error)
}

/// Checks the files of the pages, and returns every mistake.
#[must_use]
pub fn check_pages(config: &Config) -> Vec<PagesError> {
    if !config.pages.enabled {
        return Vec::new();
    }
    let mut found: Vec<PagesError> =
        config.pages.logo.as_deref().and_then(|path| logo(path).err()).into_iter().collect();
    let Some(folder) = &config.pages.templates else { return found };
    let (mut templates, unreadable) = read_folder(folder);
    templates.remove(STYLE_FILE);
    found.extend(unreadable);
    found.extend(pages::mistakes(&templates).into_iter().map(|error| broken(config, error)));
    found
}

fn settings(app: &Config) -> Result<Settings, PagesError> {
    let from = &app.pages;
    let sends = |message| app.webhook.url.is_some() || app.mail.messages.contains(&message);
    let (mut templates, unreadable) = from.templates.as_deref().map(read_folder).unwrap_or_default();
    unreadable.into_iter().next().map_or(Ok(()), Err)?;
    Ok(Settings {
        title: Some(from.title.clone()).filter(|title| title != DEFAULT_TITLE),
        languages: from.languages.clone(),
        register: from.register,
        sends_reset: sends(Message::Reset),
        sends_confirm: sends(Message::Confirm),
        color: from.color,
        logo: from.logo.as_deref().map(logo).transpose()?,
        style: templates.remove(STYLE_FILE),
        templates,
        sites: sites(app),
        redirect_hosts: app.users.redirect_hosts.clone(),
    })
}

fn broken(config: &Config, error: OverrideError) -> PagesError {
    PagesError::Template { path: config.pages.templates.clone().unwrap_or_default(), error }
}

/// The hosts that share a login: those of all apps with pages, if the public URL is one of them.
fn sites(config: &Config) -> Option<Sites> {
    let url = config.server.public_url.as_deref()?;
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?.to_ascii_lowercase();
    let apps = config.apps.iter().filter(|app| app.accounts);
    let hosts: Vec<String> = apps.flat_map(|app| app.hosts.iter().cloned()).collect();
    let sites = Sites { origin: format!("{scheme}://{authority}"), hosts };
    // Where the login page would not be served, each host keeps its own.
    (sites.hosts.len() > 1 && sites.has_login_page()).then_some(sites)
}

/// The default of `pages.title`, which names no site.
const DEFAULT_TITLE: &str = "Sign in";

fn logo(path: &Path) -> Result<Logo, PagesError> {
    let bytes = read(LOGO, path)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Logo::new(name, bytes).map_err(|error| PagesError::Logo { path: path.to_owned(), error })
}

/// The templates and the style sheet of a folder, by file name, and the files that cannot be read.
fn read_folder(folder: &Path) -> (BTreeMap<String, String>, Vec<PagesError>) {
    let (mut files, mut unreadable) = (BTreeMap::new(), Vec::new());
    let failed = |source| PagesError::Unreadable { key: TEMPLATES, path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(source) => {
            unreadable.push(failed(source));
            return (files, unreadable);
        }
    };
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(source) => {
                unreadable.push(failed(source));
                continue;
            }
        };
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || !ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        match read(TEMPLATES, &path).and_then(|bytes| text(&path, bytes)) {
            Ok(text) => drop(files.insert(name.to_owned(), text)),
            Err(error) => unreadable.push(error),
        }
    }
    (files, unreadable)
}

/// The endings of the files that are looked at: of those that replace something, and of those that are meant to.
const ENDINGS: [&str; 5] = [".html", ".htm", ".css", ".j2", ".jinja"];

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, PagesError> {
    let unreadable = |source| PagesError::Unreadable { key: TEMPLATES, path: path.to_owned(), source };
    mail::text(bytes).map_err(unreadable)
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, PagesError> {
    mail::read_file(path).map_err(|source| PagesError::Unreadable { key, path: path.to_owned(), source })
}
