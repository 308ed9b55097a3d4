//! The ruleset in force, for `explain` in the running gate: its inputs, and the owner that the app returns to a look-up
//! like that of a request.

use std::{io, rc::Rc, thread};

use serde::{Deserialize, Serialize};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::oneshot,
};

use super::{
    apps::Apps,
    reload::{Reloader, RulesetInputs},
    status::About,
};
use crate::{
    clock::Clock,
    connection::{Deadlines, TICK},
    forward::{self, Forwarder},
    gate::{self, Ruleset},
    policy::{self, Caller, CurrentUser, Decision, OwnerVerdict, Source, Stored},
    store::Store,
};

/// The reason why the state of the gate is not available.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// No app takes the request.
    #[error("{0}")]
    NoApp(String),
    /// The queue of reloads is full.
    #[error("the gate is busy with other reloads; try again")]
    Busy,
    /// The system cannot start a thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The system cannot start a runtime.
    #[error("cannot start a runtime")]
    Runtime(#[source] io::Error),
    /// The thread has ended.
    #[error("the look-up of the owner ended early")]
    EndedEarly(#[source] oneshot::error::RecvError),
}

/// Access to the ruleset in force and to the app. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    pub(super) reloader: Reloader,
    pub(super) apps: Apps,
    pub(super) about: About,
}

/// A hypothetical request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HypotheticalRequest {
    /// The host, if there are several apps.
    #[serde(default)]
    pub host: String,
    /// The method.
    pub method: String,
    /// Raw path and query.
    pub target: String,
    /// The body, if it is JSON.
    pub body: Option<serde_json::Value>,
    /// The subject of the certificate that the client shows.
    #[serde(default)]
    pub certificate: Option<String>,
    /// The scopes of the token.
    pub scopes: Vec<String>,
    /// Whether the caller owns the row, if that is given; otherwise the app is asked.
    pub owner: Option<bool>,
}

/// The caller of a hypothetical request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HypotheticalCaller {
    /// The user's id; `None` = anonymous.
    pub user: Option<String>,
    /// The roles, sorted.
    pub roles: Vec<String>,
    /// Whether the user has an email address or a username.
    pub named: bool,
}

/// All inputs of the gate's decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct InForce {
    /// The app that takes the request, if there are several.
    #[serde(default)]
    pub app: Option<String>,
    /// The policy files.
    pub sources: Vec<Source>,
    /// The roles and rules of the store.
    pub stored: Stored,
    /// The settings of the policies.
    pub settings: policy::Settings,
    /// The digest of the ruleset.
    pub digest: String,
    /// The owner.
    pub owner: OwnerAnswer,
    /// The reason why the last reload failed, if it did.
    pub refused: Option<String>,
}

/// What the ruleset of an app is made of.
#[derive(Clone, Debug)]
pub struct InputsOfApp {
    /// The name of the app, if there are several.
    pub app: Option<String>,
    /// The settings of the policies.
    pub settings: policy::Settings,
    /// The policy files.
    pub sources: Vec<Source>,
    /// The roles and rules of the store.
    pub stored: Stored,
}

/// The answer of the app about the owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerAnswer {
    /// The app was not asked, because the decision does not depend on it.
    NotAsked,
    /// The app was asked and has answered.
    Said {
        /// The target of the look-up.
        target: String,
        /// Whether the caller owns the row.
        owner: bool,
    },
    /// The app was asked and gave no valid answer. A real request is refused with 503.
    Failed {
        /// The target of the look-up.
        target: String,
        /// The reason.
        reason: String,
    },
}

impl Live {
    /// The inputs of the decision about this request.
    ///
    /// # Errors
    /// When the gate is stopping, or a thread cannot be started.
    pub async fn decision_inputs(
        &self,
        request: HypotheticalRequest,
        hypothetical: HypotheticalCaller,
    ) -> Result<InForce, LiveError> {
        let index = self.app_of(&request)?;
        let inputs = self.inputs().await?.into_iter().nth(index).ok_or(LiveError::Busy)?;
        let refused = self.about.last.to_view().failure;
        let app = inputs.config.app_name().map(str::to_owned);
        let set = &inputs.ruleset.set;
        let digest = set.digest.clone();
        let (sources, stored, settings) = (inputs.sources, inputs.stored, set.settings().clone());
        // The app is asked only if a real request would ask it: `explain` must not cause other load.
        let asks = request.owner.is_none() && asks(&inputs.ruleset, &request, &hypothetical);
        let owner = if asks {
            let (sender, receiver) = oneshot::channel();
            let parts = self.apps.iter().nth(index).ok_or(LiveError::Busy)?;
            let (forward, ruleset) = (parts.forward.clone(), inputs.ruleset);
            // On a separate thread: a `Forwarder` is not `Send`, and `block_on` panics inside a runtime.
            thread::Builder::new()
                .name("explain".into())
                .spawn(move || {
                    // The caller may have given up.
                    let _ = sender.send(ask_app(forward, &ruleset, &request, &hypothetical));
                })
                .map_err(LiveError::Thread)?;
            receiver.await.map_err(LiveError::EndedEarly)??
        } else {
            OwnerAnswer::NotAsked
        };
        Ok(InForce { app, sources, stored, settings, digest, owner, refused })
    }

    /// Compiles the ruleset with the current rows of the store, and waits until it is in force.
    ///
    /// # Errors
    /// The reason why the old ruleset stays in force.
    pub async fn apply_rows(&self, store: &dyn Store) -> Result<(), String> {
        let stored = super::stored_rules(store).await.map_err(|error| error.to_string())?;
        self.reloader.rows(stored).await
    }

    /// The inputs of the rulesets in force, of each app.
    ///
    /// # Errors
    /// When the queue of reloads is full.
    pub async fn sources(&self) -> Result<Vec<InputsOfApp>, LiveError> {
        let one = |inputs: RulesetInputs| InputsOfApp {
            app: inputs.config.app_name().map(str::to_owned),
            settings: inputs.ruleset.set.settings().clone(),
            sources: inputs.sources,
            stored: inputs.stored,
        };
        Ok(self.inputs().await?.into_iter().map(one).collect())
    }

    /// The index of the app that takes a request.
    fn app_of(&self, request: &HypotheticalRequest) -> Result<usize, LiveError> {
        let Some(router) = &self.apps.router else { return Ok(0) };
        let HypotheticalRequest { host, target, .. } = request;
        let path = target.split('?').next().unwrap_or_default();
        router.find(host, path).map_err(|why| LiveError::NoApp(no_app(why, host, path)))
    }

    /// The rulesets in force with their inputs.
    pub(super) async fn inputs(&self) -> Result<Vec<RulesetInputs>, LiveError> {
        self.reloader.inputs().await.ok_or(LiveError::Busy)
    }
}

/// Why no app takes a request, for a person.
#[must_use]
pub fn no_app(why: gate::Misrouted, host: &str, path: &str) -> String {
    let shown = |text: &str| text.escape_debug().to_string();
    match why {
        gate::Misrouted::Host if host.is_empty() => {
            "there are several apps: say which host, as `--host NAME` or as a whole URL".to_owned()
        }
        gate::Misrouted::Host => format!("no app has the host `{}`: the gate answers 421", shown(host)),
        gate::Misrouted::Path => {
            format!(
                "no app of the host `{}` has the path `{}`: the gate answers 404",
                shown(host),
                shown(path)
            )
        }
        gate::Misrouted::Ambiguous => {
            format!("servers disagree about the app of the path `{}`: the gate answers 400", shown(path))
        }
    }
}

/// Decides, and passes the open question about the owner, if there is one, to `ask`.
fn with_question<T>(
    ruleset: &Ruleset,
    request: &HypotheticalRequest,
    hypothetical: &HypotheticalCaller,
    ask: impl FnOnce(&policy::Question<'_>, Caller<'_>) -> T,
) -> Option<T> {
    let roles: Vec<Box<str>> = hypothetical.roles.iter().map(|role| role.as_str().into()).collect();
    let caller = Caller {
        user: hypothetical.user.as_deref(),
        roles: &roles,
        certificate: request.certificate.as_deref(),
        scopes: &request.scopes,
    };
    let target = match ruleset.set.current_user(&request.target, hypothetical.user.as_deref()) {
        CurrentUser::AsSent => request.target.clone(),
        CurrentUser::Replaced(target) => target,
        CurrentUser::Anonymous => return None,
    };
    let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
    let action = ruleset.set.action(&request.method, path, query);
    let action = action.with_body_id(request.body.as_ref().and_then(policy::body_id));
    match ruleset.set.decide(&action, caller, None) {
        Decision::Ask(question) => Some(ask(&question, caller)),
        Decision::Permit(_) | Decision::Denial(_) => None,
    }
}

fn asks(ruleset: &Ruleset, request: &HypotheticalRequest, hypothetical: &HypotheticalCaller) -> bool {
    with_question(ruleset, request, hypothetical, |_, _| ()).is_some()
}

/// Asks the app on a separate runtime in the way of a core: with the same connections, deadlines and parsing.
fn ask_app(
    forward: forward::Settings,
    ruleset: &Ruleset,
    request: &HypotheticalRequest,
    hypothetical: &HypotheticalCaller,
) -> Result<OwnerAnswer, LiveError> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.map_err(LiveError::Runtime)?;
    let answer = with_question(ruleset, request, hypothetical, |question, caller| {
        let target = question.target.clone();
        let deadlines = Rc::new(Deadlines::new(Clock::System));
        let forwarder = Forwarder::new(forward, Rc::clone(&deadlines));
        let answer = runtime.block_on(async {
            // Deadlines are advanced by a ticker, which this runtime does not have yet.
            let mut ticks = tokio::time::interval(TICK);
            let asking = gate::look_up(&forwarder, question, REQUEST_ID);
            tokio::pin!(asking);
            loop {
                tokio::select! {
                    answer = &mut asking => break answer,
                    _ = ticks.tick() => deadlines.tick(),
                }
            }
        });
        match answer {
            Ok(answer) => {
                let owner = question.verdict(&answer, caller, hypothetical.named) == OwnerVerdict::Owner;
                OwnerAnswer::Said { target, owner }
            }
            Err(reason) => OwnerAnswer::Failed { target, reason },
        }
    });
    Ok(answer.unwrap_or(OwnerAnswer::NotAsked))
}

/// The request id of such a look-up in the app's log.
const REQUEST_ID: &str = "explain";
