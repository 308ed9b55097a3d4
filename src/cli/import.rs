//! `import loopback`: imports accounts, live sessions, roles and stored rules of a LoopBack 3 app
//! (docs/moving-from-loopback.md).
//!
//! A thread reads and validates the rows (`read`). This side stores them, a thousand at a time, so that memory does not
//! grow with the files. A row that is not valid is skipped and reported with its place. Whether a valid row is stored
//! is decided by the store.

mod collection;
mod item;
mod memory;
mod names;
mod plain;
mod progress;
mod read;
mod report;
mod rows;
mod source;

use std::collections::{HashMap, HashSet};

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::time::timeout;

use super::{args::ImportFiles, backend::Backend};
use crate::{
    admin::{AdminCommand, Output, Row, RowOutcome, Why},
    identity::UserId,
};
use item::{Item, Placed, Raw, RawRow};
use progress::Progress;
use read::{Event, Reading};

pub(super) use item::Kind;
pub(super) use names::Names;
pub(super) use report::Report;

/// Reads the files, stores the valid rows, and returns the report.
///
/// `json`: the report lists every row, and no progress bar is drawn.
pub(super) async fn run(
    files: &ImportFiles,
    names: &Names,
    json: bool,
    backend: &mut Backend,
) -> anyhow::Result<Report> {
    let Reading { mut events, total, read } = Reading::start(files, names)?;
    let mut progress = Progress::new(total, read, json);
    let report = Report::new(json).context("cannot make a temporary file")?;
    let mut import = Import { backend, report, run: 0, roles: None, absent: HashSet::new(), text_ids: false };
    loop {
        // The display goes on while no row arrives.
        match timeout(progress.interval(), events.recv()).await {
            Err(_) => {}
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                progress.clear();
                return Err(error.into());
            }
            Ok(Some(Ok(Event::Ready { next_user_id, others, rows }))) => {
                progress.begin(rows);
                let begun = import.begin(next_user_id, others).await;
                begun.inspect_err(|_| progress.clear())?;
            }
            Ok(Some(Ok(Event::Rows(kind, items)))) => {
                progress.add(items.len());
                let stored = import.store(kind, items).await;
                stored.inspect_err(|_| progress.clear())?;
            }
        }
        progress.show();
    }
    progress.clear();
    Ok(import.report)
}

/// A running import.
struct Import<'b> {
    backend: &'b mut Backend,
    report: Report,
    /// The run's number.
    run: u32,
    /// The ids of roles in this store by their ids in the files; `None` if the files contain no roles.
    roles: Option<Roles>,
    /// The accounts that were skipped. Rows that belong to them are skipped, too: another account here may have the
    /// same id.
    absent: HashSet<UserId>,
    /// Whether the store has been switched to text ids.
    text_ids: bool,
}

#[derive(Default)]
struct Roles {
    names: HashSet<String>,
    ids: HashMap<String, String>,
}

impl Import<'_> {
    async fn begin(
        &mut self,
        next_user_id: Option<Value>,
        others: Vec<(String, usize)>,
    ) -> anyhow::Result<()> {
        self.report.others = others;
        let Output::ImportRun(run) = self.backend.call(AdminCommand::ImportStart).await? else {
            bail!(NO_ANSWER);
        };
        self.run = run;
        // The ids of accounts that were deleted in LoopBack are not issued again, either.
        if let Some(next) = next_user_id.as_ref().and_then(plain::integer).filter(|next| *next > 0) {
            self.send(vec![Row::NextUserId(next)]).await?;
        }
        Ok(())
    }

    async fn store(&mut self, kind: Kind, items: Vec<Item>) -> anyhow::Result<()> {
        let mut places = Vec::with_capacity(items.len());
        let mut rows = Vec::with_capacity(items.len());
        for Item { place, row, note, readable } in items {
            if !readable {
                self.report.unreadable();
            }
            match row.and_then(|row| self.admit(row)) {
                Ok(row) => {
                    places.push((place, note, row.account(), role_id(&row)));
                    rows.push(row);
                }
                Err(why) => self.report.left(kind, place, why)?,
            }
        }
        let Some((first, ..)) = places.first() else { return Ok(()) };
        let stopped =
            format!("stopped at {first}; what came before it is stored, and the import can be repeated");
        self.use_text_ids(&rows).await?;
        // A batch is one commit: on an error the message says up to where the import got.
        let outcomes = self.send(rows).await.context(stopped)?;
        for ((place, note, account, role), outcome) in places.into_iter().zip(outcomes) {
            match (&outcome, kind) {
                (RowOutcome::Left(_), Kind::User) => self.absent.extend(account),
                (RowOutcome::Role { id, .. }, _) => {
                    self.roles.get_or_insert_default().ids.extend(role.map(|role| (role, id.clone())));
                }
                _ => {}
            }
            if let (Some(note), RowOutcome::Taken | RowOutcome::Updated | RowOutcome::Noted(_)) =
                (note, &outcome)
            {
                self.report.note(kind, place.clone(), note.into())?;
            }
            self.report.count(kind, place, outcome)?;
        }
        Ok(())
    }

    /// Checks a row, and replaces the ids of roles by those of this store.
    fn admit(&mut self, mut row: Row) -> Result<Row, Why> {
        // Another person may have the id here; the token or role would be theirs.
        if !matches!(row, Row::User(_)) && row.account().is_some_and(|id| self.absent.contains(&id)) {
            return Err("its user was left".into());
        }
        match &mut row {
            Row::Role(role) => {
                let roles = self.roles.get_or_insert_default();
                if !roles.names.insert(role.name.clone()) {
                    let what = "LoopBack looks at the first role of a name only, and another one is called";
                    return Err(Why::of(what, &role.name));
                }
            }
            // If the files contain no roles, the mappings refer to roles of this store.
            Row::Mapping(mapping) => {
                if let Some(roles) = &self.roles {
                    let Some(id) = roles.ids.get(&mapping.role_id) else {
                        return Err(Why::of("no role was taken with the id", &mapping.role_id));
                    };
                    mapping.role_id.clone_from(id);
                }
            }
            _ => {}
        }
        Ok(row)
    }

    /// Switches the store to text ids before the first account with one, so that no new account gets a number.
    async fn use_text_ids(&mut self, rows: &[Row]) -> anyhow::Result<()> {
        let is_text = |row: &Row| matches!(row, Row::User(user) if matches!(user.id, UserId::Text(_)));
        if !self.text_ids && rows.iter().any(is_text) {
            self.send(vec![Row::TextIds]).await?;
            self.text_ids = true;
        }
        Ok(())
    }

    async fn send(&mut self, rows: Vec<Row>) -> anyhow::Result<Vec<RowOutcome>> {
        let count = rows.len();
        match self.backend.call(AdminCommand::Import { run: self.run, rows }).await? {
            Output::Imported(outcomes) if outcomes.len() == count => Ok(outcomes),
            _ => bail!(NO_ANSWER),
        }
    }
}

fn role_id(row: &Row) -> Option<String> {
    match row {
        Row::Role(role) => Some(role.id.clone()),
        _ => None,
    }
}

const NO_ANSWER: &str = "the gate gave an answer that cannot be read; is it another version?";

#[cfg(test)]
mod tests;
