//! Policies: files and stored rows in, a [`Ruleset`] out; compiled again when the store's rules change.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    config::Config,
    gate::{Rules, Ruleset},
    observe::metrics::Metrics,
    policy::{self, AccountModel, Finding, Severity, Source, Stored, StoredRule},
    store::{Noticed, Store, StoreError},
};

use super::translate;

/// Why there are no rules to serve under.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The folder or a file of it cannot be read.
    #[error("cannot read the policies in `{path}`")]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is nothing in it.
    #[error("the policies folder `{path}` holds no `.json` file; put at least one there, or set `policies.dir`")]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// The files have mistakes.
    #[error("the policies have mistakes:\n{}", lines(.0))]
    Mistakes(Vec<Finding>),
    /// The store's rows cannot be read.
    #[error("the roles and rules in the store cannot be read")]
    Store(#[from] StoreError),
}

/// A file larger than this is no policy: it is named, not read.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;
/// How often the store is asked whether roles or rules changed.
const POLL: Duration = Duration::from_millis(250);

/// Reads every policy file of a folder, sorted by name (INTERFACE.md section 5).
///
/// # Errors
/// When the folder or a file cannot be read, or there is none.
pub fn read(folder: &Path) -> Result<Vec<Source>, PolicyError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| PolicyError::Unreadable { path, source }
    };
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !is_policy(name) || path.is_dir() {
            continue;
        }
        let size = fs::metadata(&path).map_err(unreadable(&path))?.len();
        if size > LARGEST_FILE {
            let source = io::Error::other(format!("it has {size} bytes; a policy file has at most {LARGEST_FILE}"));
            return Err(PolicyError::Unreadable { path, source });
        }
        let text = fs::read_to_string(&path).map_err(unreadable(&path))?;
        sources.push(Source { name: name.to_owned(), text });
    }
    if sources.is_empty() {
        return Err(PolicyError::Empty { path: folder.to_owned() });
    }
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

/// What the store knows that a set is compiled with.
///
/// # Errors
/// When the store cannot answer.
pub async fn stored(store: &dyn Store) -> Result<Stored, StoreError> {
    let roles = store.roles().await?.into_iter().map(|role| role.name).collect();
    let rule = |row: crate::store::AclRow| StoredRule {
        id: row.id,
        model: row.model,
        property: row.property,
        access_type: row.access_type,
        permission: row.permission,
        principal_type: row.principal_type,
        principal_id: row.principal_id,
    };
    let rules = store.acl_rows().await?.into_iter().map(rule).collect();
    Ok(Stored { roles, rules })
}

/// Loads the rules in force at the start.
pub(super) async fn load(
    config: &Config,
    store: &dyn Store,
    metrics: &Metrics,
) -> Result<(Ruleset, Option<AccountModel>), PolicyError> {
    let sources = read(&config.policies.dir)?;
    compile(config, &sources, &stored(store).await?, metrics)
}

fn compile(
    config: &Config,
    sources: &[Source],
    stored: &Stored,
    metrics: &Metrics,
) -> Result<(Ruleset, Option<AccountModel>), PolicyError> {
    let (set, findings) = policy::compile(&translate::policy(config), sources, stored);
    let Some(set) = set else { return Err(PolicyError::Mistakes(findings)) };
    for finding in &findings {
        tracing::warn!(file = finding.file, line = finding.line, "{finding}");
    }
    let routes: Vec<&str> = set.routes().collect();
    let labels = metrics.register_routes(&routes);
    let model = set.account().cloned();
    tracing::info!(routes = routes.len(), digest = set.digest, "policies are in force");
    Ok((Ruleset { set, labels }, model))
}

/// Compiles again whenever roles or rules in the store change. When that fails, the old set stays.
pub(super) fn watch(
    config: Config,
    store: Arc<dyn Store>,
    rules: Arc<Rules>,
    metrics: Arc<Metrics>,
) -> tokio::task::JoinHandle<()> {
    tokio::runtime::Handle::current().spawn(async move {
        let mut seen = latest(&*store).await;
        loop {
            tokio::time::sleep(POLL).await;
            let changed = match store.changes(seen).await {
                Ok(notices) => {
                    seen = notices.last().map_or(seen, |notice| notice.seq);
                    notices.iter().any(|notice| notice.what == Noticed::Rules)
                }
                Err(StoreError::FeedTruncated) => {
                    seen = latest(&*store).await;
                    true
                }
                Err(StoreError::Closed) => return,
                Err(error) => {
                    tracing::error!(%error, "the changes of the store cannot be read");
                    false
                }
            };
            if changed {
                match load(&config, &*store, &metrics).await {
                    Ok((ruleset, _)) => rules.replace(ruleset),
                    Err(error) => tracing::error!(%error, "the old policies stay in force"),
                }
            }
        }
    })
}

async fn latest(store: &dyn Store) -> u64 {
    store.changes(0).await.ok().and_then(|notices| notices.last().map(|notice| notice.seq)).unwrap_or(0)
}

/// All JSON files but cases, schemas and LoopBack's companions of `model-config.json`.
fn is_policy(name: &str) -> bool {
    let other = [".cases.json", ".schema.json"].iter().any(|end| name.ends_with(end));
    let companion = name.starts_with("model-config.") && name != "model-config.json";
    name.ends_with(".json") && !name.starts_with('.') && !other && !companion
}

fn lines(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_policies_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.json", "a.json", "a.cases.json", "policy.schema.json", "model-config.json", "model-config.local.json", "notes.txt", ".x.json"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        let names: Vec<_> = read(folder.path()).unwrap().into_iter().map(|source| source.name).collect();
        assert_eq!(names, ["a.json", "b.json", "model-config.json"]);
    }

    #[test]
    fn an_empty_or_missing_folder_is_an_error_that_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("holds no `.json` file"), "{error}");
        assert!(matches!(read(&folder.path().join("none")), Err(PolicyError::Unreadable { .. })));
    }
}
