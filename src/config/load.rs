//! Loads a configuration.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    apps::{self, OF_APP, RawApp},
    code::Code,
    finding::{ConfigErrors, ConfigFinding, Place, Report},
    inputs::Inputs,
    keys::{KeyReader, RawConfig},
    live::Provenance,
    resolve::Resolver,
    resolved::Config,
    sources::{File, Sources},
    warnings,
};
use crate::policy::Severity;

/// A configuration without errors.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings about valid but doubtful settings.
    pub warnings: Vec<ConfigFinding>,
    /// The file, as findings show it.
    shown: PathBuf,
    /// Where the keys are set that differ from their defaults.
    places: Vec<(&'static str, Place)>,
}

impl Loaded {
    /// What was found after the load, such as a mistake in a file that a key names, with the place of the key.
    pub(crate) fn finding(
        &self,
        key: &str,
        severity: Severity,
        code: Code,
        message: String,
        fix: Option<String>,
    ) -> ConfigFinding {
        let place = self.places.iter().find(|(known, _)| *known == key);
        let place = place.map_or(&Place::Default, |(_, place)| place);
        Report::new(&self.shown).finding(place, severity, code, message, fix)
    }
}

/// Loads the configuration from all sources.
///
/// # Errors
/// All findings, including warnings, if one is an error.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    load_in(Path::new(""), sources)
}

/// Loads what is readable, with defaults for the rest. The result only serves to find a gate that was started before
/// the errors were made; nothing may be served or stored under it.
#[must_use]
pub fn salvage(sources: &Sources) -> Option<Config> {
    let file = File::choose(Path::new(""), sources);
    let mut report = Report::new(&file.shown);
    let mut inputs = Inputs::default();
    if let Some(text) = file.read(&mut report) {
        inputs.salvage_file(&text, &mut report);
    }
    inputs.add_environment(&sources.env, &mut report);
    inputs.add_flags(&sources.flags, &mut report);
    let mut reader = KeyReader::new(&inputs, &mut report);
    let profile = reader.profile;
    let raw = RawConfig::read(&mut reader)?;
    let apps = apps::read(&inputs, &mut report);
    let set = inputs.keys().map(str::to_owned).collect();
    let config = Resolver { profile, base: file.folder(), set, report: &mut report }.config(raw, apps);
    let origin = Provenance { file: file.path, sources: sources.clone(), ..Provenance::default() };
    Some(Config { origin, ..config })
}

pub(super) fn load_in(working_directory: &Path, sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let file = File::choose(working_directory, sources);
    let mut report = Report::new(&file.shown);
    let mut inputs = Inputs::default();
    if let Some(text) = file.read(&mut report) {
        inputs.add_file(&text, &mut report);
    }
    inputs.add_environment(&sources.env, &mut report);
    inputs.add_flags(&sources.flags, &mut report);

    let mut reader = KeyReader::new(&inputs, &mut report);
    let profile = reader.profile;
    let raw = RawConfig::read(&mut reader);
    let changed = reader.into_changed();
    let places = changed.clone();
    let apps = apps::read(&inputs, &mut report);
    let changed = changed_of_each(changed, &apps);
    let set = inputs.keys().map(str::to_owned).collect();
    let config =
        raw.map(|raw| Resolver { profile, base: file.folder(), set, report: &mut report }.config(raw, apps));
    if let Some(config) = &config {
        // An entry with an error is missing among the resolved ones; it is reported already.
        let of_apps: Vec<_> = changed.into_iter().zip(config.each_app()).collect();
        warnings::report(&of_apps, &mut report);
    }
    let warnings = report.close()?;
    // Read again into a discarded report, because the first values were consumed by the resolution.
    let keys = RawConfig::read(&mut KeyReader::new(&inputs, &mut Report::new(&file.shown))).map(Arc::new);
    let (folder, sources) = (working_directory.to_owned(), sources.clone());
    let apps = config.as_ref().map(|config| config.apps.clone()).unwrap_or_default();
    let origin = Provenance { folder, sources, file: file.path, started: keys.clone(), keys, apps };
    // `config` is `None` only if a default is invalid. The report contains that error, and `close` has returned it.
    config
        .map(|config| Loaded { config: Config { origin, ..config }, warnings, shown: file.shown, places })
        .ok_or_else(|| ConfigErrors(Vec::new()))
}

/// The changed keys of each app. `changed`: those of all sections.
fn changed_of_each(changed: Vec<(&'static str, Place)>, apps: &[RawApp]) -> Vec<Vec<(&'static str, Place)>> {
    if apps.is_empty() {
        return vec![changed];
    }
    let is_of_app = |key: &str| key.split('.').next().is_some_and(|section| OF_APP.contains(&section));
    let shared: Vec<_> = changed.into_iter().filter(|(key, _)| !is_of_app(key)).collect();
    apps.iter().map(|app| [&*shared, &*app.changed].concat()).collect()
}
