//! Reads the files of a LoopBack 3 project that concern access.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, bail};
use serde_json::Value;

use super::script::Script;
use crate::policy::Source;

/// The files of a project.
#[derive(Debug, Default)]
pub(super) struct Project {
    /// Model definitions and `model-config.json`, with their paths in the project.
    pub(super) models: Vec<Source>,
    /// The code of the app.
    pub(super) scripts: Vec<Script>,
    /// Other settings by file name, such as `config.json`.
    pub(super) settings: BTreeMap<String, (String, Value)>,
    /// The path of `model-config.json`.
    pub(super) config: String,
    /// Skipped files, with the reason.
    pub(super) skipped: Vec<(String, String)>,
}

/// Folders that do not contain server code of the app.
const IGNORED_FOLDERS: [&str; 9] =
    ["node_modules", "bower_components", "client", "public", "dist", "coverage", "test", "tests", "docs"];

/// Maximum number of files. More of them means that the folder is not a project.
const MAX_FILES: usize = 20_000;

/// Maximum size of a script in bytes. Larger ones are generated.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Maximum depth of folders.
const MAX_DEPTH: usize = 16;

/// The folders of models, unless `_meta.sources` names others.
const MODEL_FOLDERS: [&str; 2] = ["../common/models", "./models"];

impl Project {
    /// Reads the project.
    ///
    /// # Errors
    /// If it cannot be read, or is not a LoopBack 3 project.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let mut files = Vec::new();
        list(root, root, 0, &mut files).with_context(|| format!("cannot read `{}`", root.display()))?;
        files.sort();
        let configs = files.iter().filter(|file| file.ends_with("model-config.json"));
        // The generator puts the file into `server/`.
        let config = configs.min_by_key(|file| (!file.starts_with("server"), file.components().count()));
        let Some(config) = config else {
            bail!(
                "`{}` holds no `model-config.json`, so it is not a LoopBack 3 project; name its top folder",
                root.display()
            );
        };
        let mut project = Self { config: show(config), ..Self::default() };
        let home = config.parent().unwrap_or(Path::new(""));
        let folders = project.model_folders(root, config, home);
        for file in &files {
            project.take(root, file, home, &folders);
        }
        Ok(project)
    }

    /// The folders of models in `model-config.json` that are inside the project.
    fn model_folders(&self, root: &Path, config: &Path, home: &Path) -> Vec<PathBuf> {
        let value: Value = fs::read_to_string(root.join(config))
            .ok()
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default();
        let said = value.pointer("/_meta/sources").and_then(Value::as_array);
        let said = said.map(|list| list.iter().filter_map(Value::as_str).collect::<Vec<_>>());
        let mut folders: Vec<PathBuf> = said
            .unwrap_or_else(|| MODEL_FOLDERS.to_vec())
            .into_iter()
            // Other entries are modules such as `loopback/common/models`: LoopBack's own models, which the gate knows.
            .filter(|source| source.starts_with('.'))
            .filter_map(|source| resolve(home, Path::new(source)))
            .collect();
        folders.extend(MODEL_FOLDERS.iter().filter_map(|source| resolve(home, Path::new(source))));
        folders
    }

    fn take(&mut self, root: &Path, file: &Path, home: &Path, folders: &[PathBuf]) {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (stem, end) = name.rsplit_once('.').unwrap_or((name, ""));
        let shown = show(file);
        let beside = file.parent() == Some(home);
        let of_models =
            file.parent().is_some_and(|parent| folders.iter().any(|folder| parent.starts_with(folder)));
        let is_config = shown == self.config;
        let wanted = match end {
            "json" => beside || of_models,
            // Declarations contain no code, and minified files are generated.
            "js" | "ts" | "mjs" | "cjs" | "coffee" => !name.ends_with(".d.ts") && !name.ends_with(".min.js"),
            _ => false,
        };
        if !wanted {
            return;
        }
        let path = root.join(file);
        let text = match fs::metadata(&path).map(|metadata| metadata.len()) {
            Ok(size) if size > MAX_FILE_BYTES => Err(format!("it has {size} bytes")),
            _ => fs::read_to_string(&path).map_err(|error| error.to_string()),
        };
        let text = match text {
            Ok(text) => text,
            Err(why) => return self.skipped.push((shown, why)),
        };
        if end != "json" {
            self.scripts.push(Script::new(shown, stem.to_owned(), &text));
        } else if is_config || (of_models && !beside) {
            self.models.push(Source { name: shown, text });
        } else {
            match serde_json::from_str(&text) {
                Ok(value) => drop(self.settings.insert(name.to_owned(), (shown, value))),
                Err(error) => self.skipped.push((shown, format!("it is not JSON: {error}"))),
            }
        }
    }
}

/// Lists the files below a folder, relative to `root`. Symlinks are not followed: they may lead out of the project.
fn list(root: &Path, folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if kind.is_dir() {
            let is_ours = !name.starts_with('.') && !IGNORED_FOLDERS.contains(&&*name);
            if is_ours && depth < MAX_DEPTH {
                list(root, &path, depth + 1, files)?;
            }
        } else if kind.is_file() {
            files.extend(path.strip_prefix(root).ok().map(Path::to_owned));
        }
        // Started in `/`, say, the search would otherwise not end.
        if files.len() > MAX_FILES {
            return Err(std::io::Error::other(format!("it holds more than {MAX_FILES} files")));
        }
    }
    Ok(())
}

/// Resolves `path` against `home`; `None` if it leads out of the project.
fn resolve(home: &Path, path: &Path) -> Option<PathBuf> {
    let mut resolved = home.to_owned();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::Normal(name) => resolved.push(name),
            _ => return None,
        }
    }
    Some(resolved)
}

fn show(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
