//! Secrets: never shown, given by value or by file.

use std::{fmt, fs, path::Path};

use super::{
    code::Code,
    finding::{Report, ValueError, quoted},
    keys::Sourced,
    setting::{FilePath, Setting},
};

/// A secret of the settings. It has no `Display`, and its `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret as it was written.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret in plain text, for the part that uses it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Config` derives `Debug`, so this keeps secrets out of every `{:?}`.
        f.write_str("Secret(..)")
    }
}

impl Setting for Secret {
    const SECRET: bool = true;

    fn wanted() -> String {
        "a text in quotes".to_owned()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        Ok(Self(text.to_owned()))
    }
}

/// The secret of `key`: its value, or the content of the file that `key_file` names.
pub(crate) fn resolve(
    key: &str,
    value: &Sourced<Option<Secret>>,
    file: &Sourced<Option<FilePath>>,
    base: &Path,
    report: &mut Report,
) -> Option<Secret> {
    let Some(FilePath(path)) = &file.value else {
        return value.value.clone();
    };
    // Two sources might differ, and the wrong one would be used without notice.
    if value.value.is_some() {
        let fix = format!("keep one of them, best `{key}_file`");
        report.error(&file.place, Code::BothSet, format!("`{key}` and `{key}_file` are both set"), Some(fix));
        return None;
    }
    match read(&base.join(path)) {
        Ok(secret) => Some(secret),
        Err(cause) => {
            let message = format!("cannot read the secret of `{key}_file` from {}: {cause}", quoted(path));
            let fix = "name a file that this user may read, with the secret as its only line".to_owned();
            report.error(&file.place, Code::UnreadableFile, message, Some(fix));
            None
        }
    }
}

fn read(path: &Path) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string().to_lowercase())?;
    // Editors and `echo` end a file with a line break, which is not part of the secret.
    let text = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(Secret(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_it() {
        assert_eq!(format!("{:?}", Some(Secret::new("hush".into()))), "Some(Secret(..))");
    }

    #[test]
    fn one_trailing_newline_is_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        for (text, expected) in [
            ("a", Some("a")),
            ("a\n", Some("a")),
            ("a\r\n", Some("a")),
            ("a \n\n", Some("a \n")),
            ("", None),
            ("\n", None),
        ] {
            let path = folder.path().join("secret");
            fs::write(&path, text).unwrap();
            let found = read(&path).ok();
            assert_eq!(found.as_ref().map(Secret::expose), expected, "{text:?}");
        }
        fs::write(folder.path().join("raw"), b"\xff").unwrap();
        assert!(read(&folder.path().join("raw")).is_err());
        assert!(read(&folder.path().join("none")).is_err());
    }
}
