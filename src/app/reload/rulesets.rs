//! The rules of each app in force, and what they are made of.

use std::{sync::Arc, time::Instant};

use super::watch::latest;
use crate::{
    app::{
        PolicyError,
        folder::Folder,
        policies::{RulesetBuilder, shared_model, stored},
    },
    config::Config,
    gate::{Rules, Ruleset},
    policy::{AccountModel, PolicySet, Source, Stored},
};

/// The rules of all apps.
pub(in crate::app) struct Rulesets {
    pub(super) builder: RulesetBuilder,
    /// In the order of the configuration, at least one.
    pub(super) apps: Vec<AppRules>,
    pub(super) stored: Stored,
    /// The account model of all.
    model: Option<AccountModel>,
}

/// The rules of an app.
pub(super) struct AppRules {
    /// The configuration as it is for this app.
    pub(super) config: Config,
    pub(super) folder: Folder,
    /// The files in force.
    pub(super) sources: Vec<Source>,
    /// Files that were refused because their account model is not that of the other apps.
    refused: Option<Vec<Source>>,
    pub(super) rules: Arc<Rules>,
}

type Read = Result<Vec<Source>, PolicyError>;

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

    /// Replaces the rules of all apps: their files are read again, and the configuration may be another one. All or none.
    pub(super) fn replace_all(&mut self) -> Result<(), PolicyError> {
        let result = self.try_replace_all();
        if let Err(error) = &result {
            // The files of the others may be good and new: each of these apps gets them on its own.
            let others = self.apps.iter_mut().filter(|app| error.app() != app.config.app_name());
            others.for_each(|app| app.folder.forget());
        }
        result
    }

    fn try_replace_all(&mut self) -> Result<(), PolicyError> {
        let configs = self.builder.config.each_app();
        let mut sources = Vec::new();
        for app in &mut self.apps {
            sources.push(app.folder.read().map_err(|error| error.of_app(app.config.app_name()))?);
        }
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
        if let Some(app) = self.apps.get_mut(index) {
            // What was refused before is no longer on disk.
            app.refused = None;
        }
        let Some(app) = self.apps.get(index) else { return Ok(Vec::new()) };
        let name = app.config.app_name();
        let sources = read.map_err(|error| error.of_app(name))?;
        let set = self.builder.compile(&app.config, &sources, &self.stored);
        let set = set.map_err(|error| error.of_app(name))?;
        let currents: Vec<_> = self.apps.iter().map(|app| app.rules.current()).collect();
        let models: Vec<_> = currents
            .iter()
            .enumerate()
            .map(|(at, current)| if at == index { set.account() } else { current.set.account() })
            .collect();
        let model = match shared_model(&self.builder.config, &models) {
            Ok(model) => model,
            Err(conflict) => return self.replace_together(index, sources).map_err(|()| conflict),
        };
        if model == self.model {
            let ruleset = self.builder.ruleset(&app.config, set, model.as_ref())?;
            app.rules.replace(ruleset);
            if let Some(app) = self.apps.get_mut(index) {
                (app.sources, app.refused) = (sources, None);
            }
            return Ok(vec![index]);
        }
        let all = self.apps.iter().enumerate();
        let all = all.map(|(at, app)| if at == index { sources.clone() } else { app.sources.clone() });
        self.replace_with(all.collect())?;
        Ok(vec![index])
    }

    /// Replaces the rules of an app whose account model does not go with those in force, if other apps have been refused for
    /// the same reason before: they may have been changed together.
    fn replace_together(&mut self, index: usize, sources: Vec<Source>) -> Result<Vec<usize>, ()> {
        let waiting = self.apps.iter().enumerate().filter(|(_, app)| app.refused.is_some());
        let changed: Vec<usize> = waiting.map(|(at, _)| at).chain([index]).collect();
        let all = self.apps.iter().enumerate();
        let all: Vec<_> = all
            .map(|(at, app)| match &app.refused {
                _ if at == index => sources.clone(),
                Some(refused) => refused.clone(),
                None => app.sources.clone(),
            })
            .collect();
        let result = self.replace_with(all);
        if result.is_err()
            && let Some(app) = self.apps.get_mut(index)
        {
            app.refused = Some(sources);
        }
        result.map(|()| changed).map_err(|_| ())
    }

    /// Replaces the rules of all apps by those of these files, under the configuration in force.
    fn replace_with(&mut self, sources: Vec<Vec<Source>>) -> Result<(), PolicyError> {
        let configs: Vec<_> = self.apps.iter().map(|app| app.config.clone()).collect();
        let (rulesets, model) = make(&self.builder, &configs, &sources, &self.stored)?;
        for (app, (ruleset, sources)) in self.apps.iter_mut().zip(rulesets.into_iter().zip(sources)) {
            app.rules.replace(ruleset);
            (app.sources, app.refused) = (sources, None);
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
) -> Result<(Vec<Ruleset>, Option<AccountModel>), PolicyError> {
    let mut sets: Vec<PolicySet> = Vec::new();
    for (app, sources) in configs.iter().zip(sources) {
        let set = builder.compile(app, sources, stored);
        sets.push(set.map_err(|error| error.of_app(app.app_name()))?);
    }
    let models: Vec<_> = sets.iter().map(PolicySet::account).collect();
    let model = shared_model(&builder.config, &models)?;
    let rulesets = configs.iter().zip(sets);
    let rulesets = rulesets.map(|(app, set)| builder.ruleset(app, set, model.as_ref()));
    Ok((rulesets.collect::<Result<_, _>>()?, model))
}
