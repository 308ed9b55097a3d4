//! Reads the files in a thread, so that rows are read and validated while earlier ones are stored.
//!
//! Files are checked to their ends before the first row is passed on, so that a broken file stores nothing. Rows that
//! belong to accounts follow the accounts, in whatever order the files have them. For that a file may be read several
//! times.

mod sink;

use std::{
    sync::{Arc, atomic::AtomicU64},
    thread,
};

use serde_json::Value;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::{
    Item, Kind, Raw, collection,
    memory::{self, Survey},
    names::Names,
    rows,
    source::Source,
};
use crate::cli::args::ImportFiles;

pub(super) use sink::{ReadError, Sink};

/// The messages of the thread.
#[derive(Debug)]
pub(super) enum Event {
    /// All files have been checked. Contains what is known about them besides the rows.
    Ready {
        /// `ids` of the account model.
        next_user_id: Option<Value>,
        /// Collections of the app, with their numbers of rows.
        others: Vec<(String, usize)>,
        /// The number of rows, estimated from lines.
        rows: usize,
    },
    /// Some rows of a kind.
    Rows(Kind, Vec<Item>),
}

/// The receiving side of the thread.
#[derive(Debug)]
pub(super) struct Reading {
    /// The messages. An error is the last one.
    pub(super) events: Receiver<Result<Event, ReadError>>,
    /// The number of bytes to check first.
    pub(super) total: u64,
    /// The number of bytes read.
    pub(super) read: Arc<AtomicU64>,
}

impl Reading {
    /// Opens the files and starts the thread.
    pub(super) fn start(files: &ImportFiles, names: &Names) -> Result<Self, ReadError> {
        let read = Arc::<AtomicU64>::default();
        let open = |path: &Option<_>| path.as_deref().map(|path| Source::open(path, &read)).transpose();
        let reader = Reader {
            memory: open(&files.file)?,
            collections: [
                (Kind::Role, open(&files.roles)?),
                (Kind::User, open(&files.users)?),
                (Kind::Token, open(&files.tokens)?),
                (Kind::Mapping, open(&files.role_mappings)?),
                (Kind::Acl, open(&files.acls)?),
            ],
            names: names.clone(),
        };
        let files = reader.collections.iter().filter_map(|(_, file)| file.as_ref());
        let total = reader.memory.iter().chain(files).map(|file| file.size).sum();
        // Bounded, so that a fast reader does not fill the memory while the store syncs.
        let (sender, events) = channel(CHUNKS);
        let work = move || {
            if let Err(error) = reader.read(&sender) {
                let _ = sender.blocking_send(Err(error));
            }
        };
        thread::Builder::new().name("import".to_owned()).spawn(work).map_err(ReadError::Thread)?;
        Ok(Self { events, total, read })
    }
}

struct Reader {
    memory: Option<Source>,
    /// In the order in which they are stored.
    collections: [(Kind, Option<Source>); 5],
    names: Names,
}

impl Reader {
    fn read(&self, to: &Sender<Result<Event, ReadError>>) -> Result<(), ReadError> {
        let given = self.collections.iter().filter(|(_, file)| file.is_some()).map(|(kind, _)| *kind);
        let survey = match &self.memory {
            Some(source) => memory::survey(source, &self.names, &given.collect::<Vec<_>>())?,
            None => Survey::default(),
        };
        let found: Vec<Kind> = survey.collections.iter().filter_map(|(_, kind)| *kind).collect();
        let passes = self.passes(&found);
        let Survey { collections, next_user_id, others, mut rows } = survey;
        for source in self.collections.iter().filter_map(|(_, source)| source.as_ref()) {
            rows = rows.saturating_add(match collection::is_array(source)? {
                true => collection::check_array(source)?,
                false => collection::count_lines(source)?,
            });
        }
        let reading = rows::Reading { names: &self.names, collections: &collections };
        let mut chunks = Chunks { to, reading, kind: Kind::Role, rows: Vec::new() };
        if to.blocking_send(Ok(Event::Ready { next_user_id, others, rows })).is_err() {
            return Ok(());
        }
        let mut passes = passes.into_iter().peekable();
        for (kind, source) in &self.collections {
            if let Some(pass) = passes.next_if(|pass| pass.first() == Some(kind))
                && let Some(memory) = &self.memory
            {
                let read = memory::rows(memory, &collections, &pass, &mut |row| chunks.add(row));
                chunks.settle(read)?;
            }
            if let Some(source) = source {
                let sink: Sink<'_> = &mut |row| chunks.add(row);
                let read = match collection::is_array(source)? {
                    true => collection::array(source, *kind, sink),
                    false => collection::lines(source, *kind, sink),
                };
                chunks.settle(read)?;
            }
        }
        chunks.send();
        Ok(())
    }

    /// The passes over the memory connector's file: collections that can be read together because the file has them in
    /// the order of storing, and no file of its own comes in between.
    fn passes(&self, found: &[Kind]) -> Vec<Vec<Kind>> {
        let mut passes: Vec<Vec<Kind>> = Vec::new();
        let place = |kind: Kind| found.iter().position(|other| *other == kind);
        let mut last = None;
        for (kind, file) in &self.collections {
            if let Some(at) = place(*kind) {
                match passes.last_mut().filter(|_| last.is_some_and(|last| last < at)) {
                    Some(pass) => pass.push(*kind),
                    None => passes.push(vec![*kind]),
                }
                last = Some(at);
            }
            if file.is_some() {
                last = None;
            }
        }
        passes
    }
}

/// Collects rows into messages.
struct Chunks<'c> {
    to: &'c Sender<Result<Event, ReadError>>,
    reading: rows::Reading<'c>,
    kind: Kind,
    rows: Vec<Item>,
}

impl Chunks<'_> {
    fn add(&mut self, Raw { kind, row }: Raw) -> bool {
        if (kind != self.kind || self.rows.len() >= CHUNK) && !self.send() {
            return false;
        }
        self.kind = kind;
        self.rows.push(rows::convert(kind, row, self.reading));
        true
    }

    fn send(&mut self) -> bool {
        let rows = std::mem::take(&mut self.rows);
        rows.is_empty() || self.to.blocking_send(Ok(Event::Rows(self.kind, rows))).is_ok()
    }

    /// If the receiver is gone, an error of the reader has no meaning.
    fn settle(&self, read: Result<(), ReadError>) -> Result<(), ReadError> {
        if self.to.is_closed() { Ok(()) } else { read }
    }
}

/// Rows of a message, which are stored in one commit.
pub(super) const CHUNK: usize = 1_000;

/// Messages that may wait.
const CHUNKS: usize = 4;
