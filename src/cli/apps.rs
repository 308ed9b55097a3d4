//! Which of several apps a command is about.

use std::path::Path;

use anyhow::Context;

use crate::{app, config::Config};

/// A host and the rest of a target, which may be a whole URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Located<'t> {
    pub(super) host: &'t str,
    pub(super) target: &'t str,
}

impl<'t> Located<'t> {
    /// Splits a URL. `host`: of the command line.
    ///
    /// # Errors
    /// If both name a host, and not the same.
    pub(super) fn read(target: &'t str, host: Option<&'t str>) -> anyhow::Result<Self> {
        let rest = ["http://", "https://"].iter().find_map(|scheme| target.strip_prefix(scheme));
        let Some(rest) = rest else { return Ok(Self { host: host.unwrap_or_default(), target }) };
        let (of_url, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if let Some(host) = host.filter(|host| !host.eq_ignore_ascii_case(of_url)) {
            anyhow::bail!("the URL names `{of_url}`, and `--host` says `{host}`; leave one of them out");
        }
        Ok(Self { host: of_url, target: if target.is_empty() { "/" } else { target } })
    }

    fn path(&self) -> &'t str {
        self.target.split('?').next().unwrap_or_default()
    }
}

/// The configuration of the app that takes a request.
///
/// # Errors
/// If no app does.
pub(super) fn of_request(config: &Config, located: &Located<'_>) -> anyhow::Result<Config> {
    let Some(router) = app::router(config) else { return Ok(config.clone()) };
    let found = router.find(located.host, located.path());
    let index = found.map_err(|why| anyhow::anyhow!(app::no_app(why, located.host, located.path())))?;
    config.each_app().into_iter().nth(index).context("there is no such app")
}

/// The configuration of an app by its name.
///
/// # Errors
/// If there is no such app, or several and no name.
pub(super) fn named(config: &Config, name: Option<&str>) -> anyhow::Result<Config> {
    let Some(name) = name else {
        anyhow::ensure!(config.apps.is_empty(), "there are several apps: say which, {}", names(config));
        return Ok(config.clone());
    };
    let mut apps = config.each_app().into_iter();
    apps.find(|app| app.app_name() == Some(name))
        .with_context(|| format!("there is no app `{name}`; there are {}", names(config)))
}

/// The configuration of the app whose policies are in one of these folders, or the named one.
///
/// # Errors
/// If it is neither, or several apps have their policies there.
pub(super) fn of_folder(config: &Config, folders: &[&Path], name: Option<&str>) -> anyhow::Result<Config> {
    if name.is_some() || config.apps.is_empty() {
        return named(config, name);
    }
    let same = |app: &Config| folders.iter().any(|folder| is_same(folder, &app.policies.dir));
    let mut found = config.each_app();
    found.retain(same);
    if found.len() > 1 {
        let names: Vec<_> = found.iter().filter_map(Config::app_name).collect();
        anyhow::bail!(
            "several apps have their policies there: say with `--app` whose settings count, `{}`",
            names.join("`, `")
        );
    }
    found.pop().with_context(|| {
        format!("no app has its policies there: say with `--app` whose settings count, {}", names(config))
    })
}

/// The configuration of the app that a recorded request was for.
///
/// # Errors
/// If the configuration has no such app any more.
pub(super) fn recorded(config: &Config, name: Option<&str>) -> anyhow::Result<Config> {
    let recorded = match name {
        Some(name) => format!("the request was for the app `{name}`"),
        None => "the line of the request names no app".to_owned(),
    };
    named(config, name).map_err(|_| match config.apps.len() {
        0 => anyhow::anyhow!(
            "{recorded}, and the configuration has no `[[apps]]`; name the configuration of that time with `-c FILE`"
        ),
        _ => anyhow::anyhow!(
            "{recorded}, and the configuration has the apps {}; name the configuration of that time with `-c FILE`",
            names(config)
        ),
    })
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

fn names(config: &Config) -> String {
    let names = config.apps.iter().map(|app| format!("`{}`", app.name));
    let names: Vec<String> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
