//! The sources of a configuration.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::finding::{Place, Report};
use crate::config::code::Code;

/// The sources of a configuration.
#[derive(Clone, Default)]
pub struct Sources {
    /// The file given by name; it must exist. `None` = the file that `PORTCULLIS_CONFIG` names, or `portcullis.toml` in
    /// the working directory if it exists.
    pub file: Option<PathBuf>,
    /// The environment variables.
    pub env: Vec<(String, String)>,
    /// Settings on the command line: `("server.http", "127.0.0.1:80")`.
    pub flags: Vec<(String, String)>,
}

impl Sources {
    /// The sources of this process: its environment, the file of `-c`, and the settings of its flags.
    #[must_use]
    pub fn from_environment(file: Option<PathBuf>, flags: Vec<(String, String)>) -> Self {
        // Lossy: an invalid value is reported with its variable's name later, instead of ending the program here.
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let env = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Self { file, env, flags }
    }
}

/// The config file.
pub(super) struct File {
    pub(super) path: PathBuf,
    /// The path in messages.
    pub(super) shown: PathBuf,
    /// Whether the file was given by name, so that it must exist.
    pub(super) named: bool,
}

impl File {
    pub(super) fn choose(working_directory: &Path, sources: &Sources) -> Self {
        let variable = sources.env.iter().find(|(name, value)| name == CONFIG_VARIABLE && !value.is_empty());
        let named = sources.file.clone().or_else(|| variable.map(|(_, path)| PathBuf::from(path)));
        let is_named = named.is_some();
        let shown = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        Self { path: working_directory.join(&shown), shown, named: is_named }
    }

    /// The text of the file; `None` if it does not exist, which is an error if it was given by name.
    pub(super) fn read(&self, report: &mut Report) -> Option<String> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Some(text),
            // Without a file the defaults apply; a file that was asked for by name must exist, or a typo would start a
            // gate with defaults.
            Err(error) if error.kind() == ErrorKind::NotFound && !self.named => None,
            Err(error) => {
                let cause = error.to_string().to_lowercase();
                let message = format!("cannot read the config file: {cause}");
                let fix = "name a TOML file that this user may read".to_owned();
                report.error(&Place::Default, Code::UnreadableFile, message, Some(fix));
                None
            }
        }
    }

    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}

/// The file that is read if none is given by name.
pub(super) const DEFAULT_FILE: &str = "portcullis.toml";

/// The variable that gives the file's name if `-c` does not.
pub(super) const CONFIG_VARIABLE: &str = "PORTCULLIS_CONFIG";
