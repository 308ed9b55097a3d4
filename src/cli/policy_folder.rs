//! What the commands read of the policies folder, beside the policies themselves.

use std::{fs, io, path::Path};

use crate::policy::Source;

/// Reads the `*.cases.json` files, in the order of their names.
///
/// # Errors
/// The first file that cannot be read.
pub(super) fn cases(folder: &Path) -> io::Result<Vec<Source>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        if let Some(name) = name.filter(|name| name.ends_with(".cases.json") && !name.starts_with('.')) {
            found.push(Source { name, text: fs::read_to_string(&path)? });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
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
        let names: Vec<String> = cases(folder.path()).unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a.cases.json", "b.cases.json"]);
        assert!(cases(&folder.path().join("none")).is_err());
    }
}
