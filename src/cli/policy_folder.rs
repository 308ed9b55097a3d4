//! The policies folder as files in memory (INTERFACE.md section 5).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::translate;
use crate::{
    config::Config,
    policy::{Source, Stored, compile},
};

/// LoopBack's other configuration files, which often lie beside `model-config.json`: no policies.
const COMPANIONS: [&str; 4] = ["datasources", "middleware", "component-config", "config"];

/// The files of the folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The policies and `model-config.json`, by name.
    pub(super) sources: Vec<Source>,
    /// `*.cases.json`, by name.
    pub(super) cases: Vec<Source>,
}

/// Why the folder could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    #[error("cannot read `{path}`")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("there is no .json file in `{0}`; with no policy at all nothing would be reachable")]
    Empty(PathBuf),
}

/// Reads the folder, in the order of the names.
pub(super) fn read(folder: &Path) -> Result<Folder, FolderError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| FolderError::Unreadable { path, source }
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let name = entry.map_err(unreadable(folder))?.file_name();
        names.extend(name.into_string().ok().filter(|name| name.ends_with(".json")));
    }
    names.sort_unstable();
    let mut found = Folder::default();
    for name in names {
        let kind = kind(&name);
        if kind == Kind::Other {
            continue;
        }
        let path = folder.join(&name);
        let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
        match kind {
            Kind::Cases => found.cases.push(Source { name, text }),
            _ => found.sources.push(Source { name, text }),
        }
    }
    if found.sources.is_empty() {
        return Err(FolderError::Empty(folder.to_owned()));
    }
    Ok(found)
}

/// What the accounts are called: as the policies say it, as far as they can be read.
pub(super) fn account_model(config: &Config) -> String {
    let sources = read(&config.policies.dir).map(|folder| folder.sources).unwrap_or_default();
    let (set, _) = compile(&translate::policy(config), &sources, &Stored::default());
    let named = set.and_then(|set| account_name(&set));
    named.or_else(|| config.api.user_model.clone()).unwrap_or_else(|| "User".to_owned())
}

fn account_name(_set: &crate::policy::PolicySet) -> Option<String> {
    None
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Policy,
    Cases,
    Other,
}

fn kind(name: &str) -> Kind {
    if name.ends_with(".cases.json") {
        return Kind::Cases;
    }
    let stem = name.strip_suffix(".json").unwrap_or(name);
    // `config.json`, and `config.production.json` as LoopBack lays it over that.
    let first = stem.split('.').next().unwrap_or(stem);
    let other = name.starts_with('.') || name.ends_with(".schema.json") || COMPANIONS.contains(&first);
    if other || (first == "model-config" && stem != first) { Kind::Other } else { Kind::Policy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_files_apart() {
        for (name, expected) in [
            ("order.json", Kind::Policy),
            ("model-config.json", Kind::Policy),
            ("model-config.local.json", Kind::Other),
            ("order.cases.json", Kind::Cases),
            ("policy.schema.json", Kind::Other),
            ("datasources.json", Kind::Other),
            ("datasources.production.json", Kind::Other),
            ("config.json", Kind::Other),
            (".hidden.json", Kind::Other),
            ("configuration.json", Kind::Policy),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }

    #[test]
    fn reads_in_order_and_refuses_an_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(FolderError::Empty(_))));
        for name in ["b.json", "a.json", "a.cases.json", "notes.txt", "config.json"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let found = read(folder.path()).unwrap();
        let names = |sources: &[Source]| sources.iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&found.sources), ["a.json", "b.json"]);
        assert_eq!(names(&found.cases), ["a.cases.json"]);
        assert!(matches!(read(&folder.path().join("none")), Err(FolderError::Unreadable { .. })));
    }
}
