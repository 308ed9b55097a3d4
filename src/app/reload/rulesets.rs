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
            AppRules { config, folder, sources, rules }
        };
        Ok((Self { apps: parts.map(app).collect(), builder, stored, model }, seen))
    }

    /// Reads the folder of an app if it has changed and is stable.
    pub(super) fn poll(&mut self, app: usize, now: Instant) -> Option<Read> {
        self.apps.get_mut(app)?.folder.poll(now)
    }

    /// Replaces the rules of all apps: their files are read again, and the configuration may be another one. All or none.
    pub(super) fn replace_all(&mut self) -> Result<(), PolicyError> {
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
            (app.config, app.sources) = (config, sources);
        }
        self.model = model;
        Ok(())
    }

    /// Replaces the rules of one app by those of other files. The other apps follow if the account model has changed.
    pub(super) fn replace_one(&mut self, index: usize, read: Read) -> Result<(), PolicyError> {
        let Some(app) = self.apps.get(index) else { return Ok(()) };
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
        let model = shared_model(&self.builder.config, &models)?;
        if model == self.model {
            let ruleset = self.builder.ruleset(&app.config, set, model.as_ref())?;
            app.rules.replace(ruleset);
        } else {
            let configs: Vec<_> = self.apps.iter().map(|app| app.config.clone()).collect();
            let all = self.apps.iter().enumerate();
            let all: Vec<_> = all
                .map(|(at, app)| if at == index { sources.clone() } else { app.sources.clone() })
                .collect();
            let (rulesets, model) = make(&self.builder, &configs, &all, &self.stored)?;
            for (app, ruleset) in self.apps.iter().zip(rulesets) {
                app.rules.replace(ruleset);
            }
            self.model = model;
        }
        if let Some(app) = self.apps.get_mut(index) {
            app.sources = sources;
        }
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
