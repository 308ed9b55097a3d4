//! Asks for the rules to be made anew.

use std::sync::{Arc, mpsc::SyncSender};

use tokio::sync::oneshot;

use crate::{
    gate::Ruleset,
    policy::{Source, Stored},
};

/// Asks for the rules to be made anew. Cheap to clone; the thread ends with the last one.
#[derive(Clone, Debug)]
pub(in crate::app) struct Reloader {
    pub(super) requests: SyncSender<Request>,
}

/// What is wanted, and whom to tell what became of it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) what: What,
    pub(super) answer: oneshot::Sender<Result<(), String>>,
}

#[derive(Debug)]
pub(super) enum What {
    /// The files are read now, also if nothing seems to have changed.
    Files,
    /// The store has other rows now: they are compiled with the files in force.
    Rows(Stored),
    /// The files may have changed: they are looked at now.
    Look,
    /// It is asked what the set in force was made of.
    Tell(oneshot::Sender<MadeOf>),
}

/// The set in force, and what it was made of.
#[derive(Debug)]
pub(in crate::app) struct MadeOf {
    pub(in crate::app) sources: Vec<Source>,
    pub(in crate::app) stored: Stored,
    pub(in crate::app) ruleset: Arc<Ruleset>,
}
