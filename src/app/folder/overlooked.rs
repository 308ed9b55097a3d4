//! Files that look like policies and are not read.

use std::{fs, path::Path};

use super::{FileState, finding, is_policy};
use crate::policy::{Code, Finding, Severity};

/// Warns of files that could be taken for policies and are not read, because a rule that is not read protects nothing.
/// Errors of the folder are reported by [`read`](super::read).
#[must_use]
pub fn passed_over(folder: &Path) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some((message, fix)) = overlooked(&name, &FileState::at(&entry.path())) {
            let finding = finding(&name, Code::PassedOver, message.to_owned(), fix);
            found.push(Finding { severity: Severity::Warning, ..finding });
        }
    }
    found.sort_by(|a, b| a.file.cmp(&b.file));
    found
}

/// The reason why a file is not read, and the fix.
fn overlooked(name: &str, seen: &FileState) -> Option<(&'static str, &'static str)> {
    let is_ours =
        !name.starts_with('.') && [".cases.json", ".schema.json"].iter().any(|end| name.ends_with(end));
    // Kubernetes keeps the files of a volume in `..data`.
    if is_policy(name) || is_ours || name.starts_with("..") {
        return None;
    }
    let lower = name.to_lowercase();
    match seen {
        FileState::Folder if name.starts_with('.') => None,
        FileState::Folder => {
            Some(("a folder is not looked into, and no file of it is read", "put its policies beside it"))
        }
        FileState::DanglingLink => Some(("this link leads nowhere", "remove or repair it")),
        _ if name.starts_with("model-config.") => Some((
            "LoopBack merges this file into `model-config.json`; here it is not read",
            "write its entries there",
        )),
        _ if name.starts_with('.') && lower.contains(".json") => {
            Some(("a file whose name begins with a dot is not read", "rename it, or move it elsewhere"))
        }
        _ if lower.contains(".json") || lower.ends_with(".yaml") || lower.ends_with(".yml") => {
            Some(("only files whose names end in `.json` are read", "rename it, or move it elsewhere"))
        }
        _ => None,
    }
}
