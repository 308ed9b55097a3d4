//! The rules of each app in force, and what they are made of.

use std::{sync::Arc, time::Instant};

use super::watch::latest;
use crate::{
    app::{
        PolicyError,
        folder::{Content, Folder},
        policies::{RulesetBuilder, SharedModel, stored},
    },
    config::Config,
    gate::{Rules, Ruleset},
    policy::{PolicySet, Source, Stored},
};

/// The rules of all apps.
pub(in crate::app) struct Rulesets {
    pub(super) builder: RulesetBuilder,
    /// In the order of the configuration, at least one.
    pub(super) apps: Vec<AppRules>,
    pub(super) stored: Stored,
    /// The account model of all.
    model: SharedModel,
}

/// The rules of an app.
pub(super) struct AppRules {
    /// The configuration as it is for this app.
    pub(super) config: Config,
    pub(super) folder: Folder,
    /// The files in force.
    pub(super) sources: Vec<Source>,
    /// Files with another account model that are not in force: it is not that of the other apps.
    refused: Option<Vec<Source>>,
    pub(super) rules: Arc<Rules>,
}

pub(super) type Read = Result<Vec<Source>, PolicyError>;

impl Rulesets {
    /// Reads and compiles everything. Also returns the last change of the store that is included.
    ///
    /// # Errors
    /// The first error of an app's policies.
    pub(super) async fn load(builder: RulesetBuilder) -> Result<(Self, u64), PolicyError> {
        let configs = builder.config.each_app();
        let mut folders: Vec<_> = configs.iter().map(|app| Folder::new(app.policies.dir.clone())).collect();
        let mut sources = Vec::new();
        for (app, folder) in configs.iter().zip(&mut folders) {
            sources.push(folder.read().map_err(|error| error.of_app(app.app_name()))?);
        }
        // Determined before the rows are read, so that a change in between is read twice and not missed.
        let seen = latest(&*builder.store).await;
        let stored = stored(&*builder.store).await?;
        let (rulesets, model) = make(&builder, &configs, &sources, &stored)?;
        let parts = configs.into_iter().zip(folders).zip(sources).zip(rulesets);
        let app = |(((config, folder), sources), ruleset)| {
            let rules = Arc::new(Rules::new(ruleset));
            AppRules { config, folder, sources, refused: None, rules }
        };
        Ok((Self { apps: parts.map(app).collect(), builder, stored, model }, seen))
    }

    /// Reads the folder of an app if it has changed and is stable.
    pub(super) fn poll(&mut self, app: usize, now: Instant) -> Option<Read> {
        self.apps.get_mut(app)?.folder.poll(now)
    }

    /// Replaces the rules of all apps under another configuration; their files are read again. All or none.
    pub(super) fn replace_all(&mut self, config: &Config) -> Result<(), PolicyError> {
        let contents: Vec<Content> = self.apps.iter().map(|app| app.folder.peek()).collect();
        let (reads, seen): (Vec<Read>, Vec<_>) =
            contents.into_iter().map(|content| (content.read, content.seen)).unzip();
        let result = self.try_replace_all(config, reads);
        let blamed = result.as_ref().err().map(PolicyError::app);
        for (app, seen) in self.apps.iter_mut().zip(seen) {
            // The files of the others may be good and new: each of these apps gets them on its own.
            if blamed.is_none_or(|blamed| blamed == app.config.app_name()) {
                app.folder.remember(seen);
            }
        }
        result
    }

    fn try_replace_all(&mut self, config: &Config, reads: Vec<Read>) -> Result<(), PolicyError> {
        let configs = config.each_app();
        let named = configs.iter().zip(reads);
        let sources = named.map(|(app, read)| read.map_err(|error| error.of_app(app.app_name())));
        let sources = sources.collect::<Result<Vec<_>, _>>()?;
        let (rulesets, model) = make(&self.builder, &configs, &sources, &self.stored)?;
        for ((app, config), (ruleset, sources)) in
            self.apps.iter_mut().zip(configs).zip(rulesets.into_iter().zip(sources))
        {
            app.rules.replace(ruleset);
            (app.config, app.sources, app.refused) = (config, sources, None);
        }
        self.model = model;
        Ok(())
    }

    /// Replaces the rules of one app by those of other files. The other apps follow if the account model has
    /// changed. Returns the apps whose files on disk are now in force, and were not.
    pub(super) fn replace_one(&mut self, index: usize, read: Read) -> Result<Vec<usize>, PolicyError> {
        let Some(app) = self.apps.get_mut(index) else { return Ok(Vec::new()) };
        // What was refused before is no longer on disk.
        app.refused = None;
        let name = app.config.app_name();
        let sources = read.map_err(|error| error.of_app(name))?;
        let set = self.builder.compile(&app.config, &sources, &self.stored);
        let set = set.map_err(|error| error.of_app(name))?;
        if set.account() == app.rules.current().set.account() {
            let ruleset = self.builder.ruleset(&app.config, set, &self.model)?;
            app.rules.replace(ruleset);
            app.sources = sources;
            return Ok(vec![index]);
        }
        app.refused = Some(sources);
        self.replace_refused(index)
    }

    /// Replaces the rules of an app whose account model has changed. Apps that were refused for theirs before may have been
    /// changed together with it, so they are taken along, or else tried again on their own.
    fn replace_refused(&mut self, index: usize) -> Result<Vec<usize>, PolicyError> {
        let waiting = self.apps.iter().enumerate().filter(|(_, app)| app.refused.is_some());
        let waiting: Vec<usize> = waiting.map(|(at, _)| at).collect();
        if waiting.len() > 1 && self.replace_with(&waiting).is_ok() {
            return Ok(waiting);
        }
        self.replace_with(&[index])?;
        for app in self.apps.iter_mut().filter(|app| app.refused.is_some()) {
            app.folder.forget();
        }
        Ok(vec![index])
    }

    /// Puts the refused files of these apps in force, and with them the account model of all. All or none.
    fn replace_with(&mut self, refused: &[usize]) -> Result<(), PolicyError> {
        let configs: Vec<_> = self.apps.iter().map(|app| app.config.clone()).collect();
        let files = self.apps.iter().enumerate().map(|(at, app)| match &app.refused {
            Some(files) if refused.contains(&at) => files.clone(),
            _ => app.sources.clone(),
        });
        let sources: Vec<Vec<Source>> = files.collect();
        let (rulesets, model) = make(&self.builder, &configs, &sources, &self.stored)?;
        let new = rulesets.into_iter().zip(sources);
        for ((at, app), (ruleset, sources)) in self.apps.iter_mut().enumerate().zip(new) {
            app.rules.replace(ruleset);
            app.sources = sources;
            if refused.contains(&at) {
                app.refused = None;
            }
        }
        self.model = model;
        Ok(())
    }

    /// Recompiles with other rows of the store and the files that are in force, not those on disk, so that a new DENY row
    /// takes effect even while a folder is broken.
    pub(super) fn apply_rows(&mut self, stored: Stored) -> Result<(), PolicyError> {
        let configs: Vec<_> = self.apps.iter().map(|app| app.config.clone()).collect();
        let sources: Vec<_> = self.apps.iter().map(|app| app.sources.clone()).collect();
        let (rulesets, model) = make(&self.builder, &configs, &sources, &stored)?;
        for (app, ruleset) in self.apps.iter().zip(rulesets) {
            app.rules.replace(ruleset);
        }
        (self.stored, self.model) = (stored, model);
        Ok(())
    }

    /// Whether no folder is being written.
    pub(super) fn is_settled(&self) -> bool {
        self.apps.iter().all(|app| app.folder.is_settled())
    }
}

/// The rulesets of all apps, or none, with their account model.
fn make(
    builder: &RulesetBuilder,
    configs: &[Config],
    sources: &[Vec<Source>],
    stored: &Stored,
) -> Result<(Vec<Ruleset>, SharedModel), PolicyError> {
    let mut sets: Vec<PolicySet> = Vec::new();
    for (app, sources) in configs.iter().zip(sources) {
        let set = builder.compile(app, sources, stored);
        sets.push(set.map_err(|error| error.of_app(app.app_name()))?);
    }
    let models: Vec<_> = sets.iter().map(PolicySet::account).collect();
    let model = builder.shared_model(configs, &models)?;
    let rulesets = configs.iter().zip(sets);
    let rulesets = rulesets.map(|(app, set)| builder.ruleset(app, set, &model));
    Ok((rulesets.collect::<Result<_, _>>()?, model))
}
