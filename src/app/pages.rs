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
    mail::Message,
    pages::{self, Logo, Pages, Settings, Shared, Sites},
    templates::TemplateError,
};

/// The file of the templates folder that replaces the style sheet.
const STYLE: &str = "style.css";

/// The largest file that is read, in bytes: each template is in memory.
const MAX_FILE: u64 = 1024 * 1024;

/// Why the pages cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// A file cannot be read.
    #[error("cannot read `{path}` for the pages")]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The logo is no image that browsers show.
    #[error("`pages.logo` is `{0}`: write the path of an image that ends in .svg, .png, .jpg, .webp or .gif")]
    Logo(PathBuf),
    /// A template cannot be used.
    #[error("the pages in `{path}`: {source}")]
    Template {
        /// The folder.
        path: PathBuf,
        /// The reason.
        source: TemplateError,
    },
}

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
    Pages::new(accounts, settings(app)?, shared).map(Some).map_err(|source| broken(app, source))
}

/// Checks the files of the pages.
///
/// # Errors
/// [`PagesError`].
pub fn check_pages(config: &Config) -> Result<(), PagesError> {
    if !config.pages.enabled {
        return Ok(());
    }
    pages::check(&settings(config)?).map_err(|source| broken(config, source))
}

fn settings(app: &Config) -> Result<Settings, PagesError> {
    let from = &app.pages;
    let mut templates = from.templates.as_deref().map(read_folder).transpose()?.unwrap_or_default();
    Ok(Settings {
        title: Some(from.title.clone()).filter(|title| title != DEFAULT_TITLE),
        languages: from.languages.clone(),
        register: from.register,
        sends_mail: app.webhook.url.is_some() || app.mail.messages.contains(&Message::Reset),
        color: from.color,
        logo: from.logo.as_deref().map(logo).transpose()?,
        style: templates.remove(STYLE),
        templates,
        sites: sites(app),
        redirect_hosts: app.users.redirect_hosts.clone(),
    })
}

fn broken(config: &Config, source: TemplateError) -> PagesError {
    PagesError::Template { path: config.pages.templates.clone().unwrap_or_default(), source }
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
    let bytes = read(path)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Logo::new(name, bytes).ok_or_else(|| PagesError::Logo(path.to_owned()))
}

/// The templates and the style sheet of a folder, by file name.
fn read_folder(folder: &Path) -> Result<BTreeMap<String, String>, PagesError> {
    let unreadable = |source| PagesError::Unreadable { path: folder.to_owned(), source };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with('.') || !(name.ends_with(".html") || name == STYLE) {
            continue;
        }
        let no_text = |_| {
            let source = io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
            PagesError::Unreadable { path: path.clone(), source }
        };
        files.insert(name.to_owned(), String::from_utf8(read(&path)?).map_err(no_text)?);
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, PagesError> {
    let unreadable = |source| PagesError::Unreadable { path: path.to_owned(), source };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MAX_FILE {
        let source =
            io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {MAX_FILE} bytes"));
        return Err(unreadable(source));
    }
    fs::read(path).map_err(unreadable)
}
