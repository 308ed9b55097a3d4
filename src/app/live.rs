//! The rules in force, for `explain` at the running gate: what they were made of, and what the app says of an
//! owner, asked as a request's own look-up is.

use std::{io, rc::Rc, thread};

use serde::{Deserialize, Serialize};
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::oneshot,
};

use super::{
    reload::{MadeOf, Reloader},
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

/// Why the gate cannot tell what is in force.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// Too many reloads wait.
    #[error("the gate is busy with other reloads; try again")]
    Busy,
    /// The system gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The system gives no runtime.
    #[error("cannot start a runtime")]
    Runtime(#[source] io::Error),
    /// The thread is gone.
    #[error("the look-up of the owner ended early")]
    EndedEarly(#[source] oneshot::error::RecvError),
}

/// A way to the rules in force and to the app. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    pub(super) reloader: Reloader,
    pub(super) forward: forward::Settings,
    pub(super) about: About,
}

/// A request that was not sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Imagined {
    /// The verb.
    pub method: String,
    /// The raw path and query.
    pub target: String,
    /// The JSON body.
    pub body: Option<serde_json::Value>,
    /// The token's scopes.
    pub scopes: Vec<String>,
    /// Whether the row is the caller's, where that is said; else the app is asked.
    pub owner: Option<bool>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImaginedCaller {
    /// The user's id; `None` = anonymous.
    pub user: Option<String>,
    /// Sorted.
    pub roles: Vec<String>,
    /// Whether there is an email address or a username.
    pub named: bool,
}

/// All that the gate's decision is a function of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct InForce {
    /// The files.
    pub sources: Vec<Source>,
    /// The store's roles and rows.
    pub stored: Stored,
    /// What the files leave open.
    pub settings: policy::Settings,
    /// The set's digest.
    pub digest: String,
    /// What the app said.
    pub owner: OwnerTold,
    /// Why the last reload was refused, if it was.
    pub refused: Option<String>,
}

/// What the app said of the row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnerTold {
    /// It was not asked: the verdict does not hang on it.
    NotAsked,
    /// It was asked this, and the row is the caller's, or not.
    Said {
        /// The target of the look-up.
        target: String,
        /// Theirs?
        owner: bool,
    },
    /// It was asked this, and gave no answer that counts: such a request is refused with 503.
    Failed {
        /// The target of the look-up.
        target: String,
        /// Why.
        reason: String,
    },
}

impl Live {
    /// What this request would be decided by, now.
    ///
    /// # Errors
    /// When the gate is stopping, or the system gives no thread.
    pub async fn imagine(&self, request: Imagined, asker: ImaginedCaller) -> Result<InForce, LiveError> {
        let made_of = self.made_of().await?;
        let refused = self.about.last.told().failure;
        let set = &made_of.ruleset.set;
        let digest = set.digest.clone();
        let (sources, stored, settings) = (made_of.sources, made_of.stored, set.settings().clone());
        let asks = request.owner.is_none() && asks(&made_of.ruleset, &request, &asker);
        let owner = if asks {
            let (tell, told) = oneshot::channel();
            let (forward, ruleset) = (self.forward.clone(), made_of.ruleset);
            thread::Builder::new()
                .name("explain".into())
                .spawn(move || {
                    // The caller may be gone.
                    let _ = tell.send(ask_app(forward, &ruleset, &request, &asker));
                })
                .map_err(LiveError::Thread)?;
            told.await.map_err(LiveError::EndedEarly)??
        } else {
            OwnerTold::NotAsked
        };
        Ok(InForce { sources, stored, settings, digest, owner, refused })
    }

    /// Compiles with the rows that the store has now, and waits until that is in force.
    ///
    /// # Errors
    /// Why the rules in force stay as they are.
    pub async fn take_rows(&self, store: &dyn Store) -> Result<(), String> {
        let stored = super::stored_rules(store).await.map_err(|error| error.to_string())?;
        self.reloader.rows(stored).await
    }

    /// What the set in force was made of.
    ///
    /// # Errors
    /// When the gate is too busy with reloads to tell.
    pub async fn sources(&self) -> Result<(policy::Settings, Vec<Source>, Stored), LiveError> {
        let made_of = self.made_of().await?;
        let settings = made_of.ruleset.set.settings().clone();
        Ok((settings, made_of.sources, made_of.stored))
    }

    /// The set in force, and what it was made of.
    pub(super) async fn made_of(&self) -> Result<MadeOf, LiveError> {
        self.reloader.made_of().await.ok_or(LiveError::Busy)
    }
}

/// Decides, and hands the question that is left, if there is one, to `ask`.
fn with_question<T>(
    ruleset: &Ruleset,
    request: &Imagined,
    asker: &ImaginedCaller,
    ask: impl FnOnce(&policy::Question<'_>, Caller<'_>) -> T,
) -> Option<T> {
    let roles: Vec<Box<str>> = asker.roles.iter().map(|role| role.as_str().into()).collect();
    let caller = Caller { user: asker.user.as_deref(), roles: &roles, scopes: &request.scopes };
    let target = match ruleset.set.current_user(&request.target, asker.user.as_deref()) {
        CurrentUser::AsSent => request.target.clone(),
        CurrentUser::Replaced(target) => target,
        CurrentUser::Nobody => return None,
    };
    let (path, query) = target.split_once('?').map_or((&*target, None), |(path, query)| (path, Some(query)));
    let action = ruleset.set.action(&request.method, path, query);
    let action = action.with_body_id(request.body.as_ref().and_then(policy::body_id));
    match ruleset.set.decide(&action, caller, None) {
        Decision::Ask(question) => Some(ask(&question, caller)),
        Decision::Permit(_) | Decision::Denial(_) => None,
    }
}

fn asks(ruleset: &Ruleset, request: &Imagined, asker: &ImaginedCaller) -> bool {
    with_question(ruleset, request, asker, |_, _| ()).is_some()
}

/// Asks the app on a runtime of its own, as a core does: the same connections, deadlines and reading of the answer.
fn ask_app(
    forward: forward::Settings,
    ruleset: &Ruleset,
    request: &Imagined,
    asker: &ImaginedCaller,
) -> Result<OwnerTold, LiveError> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let runtime = runtime.map_err(LiveError::Runtime)?;
    let told = with_question(ruleset, request, asker, |question, caller| {
        let target = question.target.clone();
        let deadlines = Rc::new(Deadlines::new(Clock::System));
        let forwarder = Forwarder::new(forward, Rc::clone(&deadlines));
        let answer = runtime.block_on(async {
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
                let owner = question.verdict(&answer, caller, asker.named) == OwnerVerdict::Owner;
                OwnerTold::Said { target, owner }
            }
            Err(reason) => OwnerTold::Failed { target, reason },
        }
    });
    Ok(told.unwrap_or(OwnerTold::NotAsked))
}

/// What the app's log shows of such a look-up.
const REQUEST_ID: &str = "explain";
