//! `pages templates` and `mail templates`: write the built-in templates into a folder, to begin with.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::Context as _;
use serde_json::json;

use super::{Exit, print, print_json};

/// Writes files. One that is there stays as it is: it may have been changed. `key`: the setting that names such a folder.
pub(super) fn write(
    files: impl Iterator<Item = (&'static str, &'static str)>,
    folder: &Path,
    key: &str,
    json: bool,
) -> anyhow::Result<Exit> {
    let (mut written, mut kept) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let is_new = write_new(&folder.join(name), text)?;
        if is_new { written.push(name) } else { kept.push(name) }
    }
    if json {
        print_json(&json!({ "written": written, "kept": kept }))?;
        return Ok(Exit::Done);
    }
    let shown = folder.display();
    print(&format!("{} files are written into `{shown}`\n", written.len()))?;
    if !kept.is_empty() {
        print(&format!("these were there and are left as they are: {}\n", kept.join(", ")))?;
    }
    print(&format!(
        "set `{key}` to it, and delete the files that you do not change: the built-in ones get better with each version\n"
    ))?;
    Ok(Exit::Done)
}

/// Writes a file, unless there is one.
fn write_new(path: &Path, text: &str) -> anyhow::Result<bool> {
    let failed = || format!("cannot write `{}`", path.display());
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(failed)?;
    }
    match File::create_new(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).with_context(failed).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(failed),
    }
}
