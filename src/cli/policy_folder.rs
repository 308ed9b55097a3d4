//! Reads the files of the policies folder besides the policies.

use std::{fs, io, path::Path};

use crate::{
    app,
    policy::{Finding, Source},
};

/// Reads the `*.cases.json` files in the order of their names. Files that cannot be read become findings.
///
/// # Errors
/// If the folder cannot be read.
pub(super) fn cases(folder: &Path) -> io::Result<(Vec<Source>, Vec<Finding>)> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".cases.json") && !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    let (mut found, mut findings) = (Vec::new(), Vec::new());
    for name in names {
        match app::read_policy_file(folder, &name) {
            Ok(text) => found.push(Source { name, text }),
            Err(finding) => findings.push(finding),
        }
    }
    Ok((found, findings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_cases_in_order_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.cases.json", "a.cases.json", "a.json", ".c.cases.json", "notes.txt"] {
            fs::write(folder.path().join(name), "[]").unwrap();
        }
        fs::create_dir(folder.path().join("d.cases.json")).unwrap();
        let (found, findings) = cases(folder.path()).unwrap();
        let names: Vec<String> = found.into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a.cases.json", "b.cases.json"]);
        let told: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["d.cases.json:1:1: error: this is a folder, not a file; rename it"]);
        assert!(cases(&folder.path().join("none")).is_err());
    }
}
