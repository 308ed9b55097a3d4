//! Stores a batch of imported rows. The store decides which rows it accepts.

use super::{error::ExecuteError, find::without_realm};
use crate::{
    admin::{
        output::{Output, RowOutcome},
        row::Row,
        services::Services,
        why::Why,
    },
    identity::UsernameError,
    store::{Change, ImportOutcome, ImportRow, Loader, Outcome, SkipReason, UserKey, UsernameWarning},
};

/// Starts an import run.
pub(super) async fn start(services: &Services) -> Result<Output, ExecuteError> {
    Ok(run_of(services.store.commit(vec![Change::StartImport]).await?))
}

/// As [`start`], in a store that was opened for the import.
pub(super) fn start_here(loader: &mut Loader) -> Result<Output, ExecuteError> {
    Ok(run_of(loader.import(vec![Change::StartImport])?))
}

/// Stores rows.
pub(super) async fn store_rows(
    services: &Services,
    run: u32,
    rows: Vec<Row>,
) -> Result<Output, ExecuteError> {
    Ok(row_outcomes(services.store.commit(changes(run, rows)).await?))
}

/// As [`store_rows`], in a store that was opened for the import.
pub(super) fn store_rows_here(loader: &mut Loader, run: u32, rows: Vec<Row>) -> Result<Output, ExecuteError> {
    Ok(row_outcomes(loader.import(changes(run, rows))?))
}

fn changes(run: u32, rows: Vec<Row>) -> Vec<Change> {
    let change = |row| {
        let row = match row {
            Row::NextUserId(next) => return Change::RaiseNextUserId(next),
            Row::TextIds => return Change::UseTextIds,
            Row::User(user) => ImportRow::User(user.into_user()),
            Row::Token(token) => ImportRow::Token(token),
            Row::Role(role) => ImportRow::Role(role),
            Row::Mapping(mapping) => ImportRow::Mapping(mapping),
            Row::Acl(row) => ImportRow::Acl(row),
        };
        Change::Import { run, row: Box::new(row) }
    };
    rows.into_iter().map(change).collect()
}

fn run_of(outcomes: Vec<Outcome>) -> Output {
    let run = outcomes.into_iter().find_map(|outcome| match outcome {
        Outcome::ImportRun(run) => Some(run),
        _ => None,
    });
    Output::ImportRun(run.unwrap_or(1))
}

fn row_outcomes(outcomes: Vec<Outcome>) -> Output {
    let to_row_outcome = |outcome| match outcome {
        Outcome::Imported(outcome) => row_outcome(outcome),
        // Bounds and switches of a run have no outcome of their own, but each row needs one: they are matched by place.
        _ => RowOutcome::Taken,
    };
    Output::Imported(outcomes.into_iter().map(to_row_outcome).collect())
}

fn row_outcome(outcome: ImportOutcome) -> RowOutcome {
    match outcome {
        ImportOutcome::Taken => RowOutcome::Taken,
        ImportOutcome::Updated => RowOutcome::Updated,
        ImportOutcome::Present => RowOutcome::Present,
        ImportOutcome::Warned(warning) => RowOutcome::Noted(match warning {
            UsernameWarning::Alike(name) => {
                Why::of("its username differs from another user's in letter case or width alone:", name)
            }
            UsernameWarning::Username(name, fault) => Why::of(username_note(fault), name),
        }),
        ImportOutcome::Role { id, taken } => RowOutcome::Role { id, taken },
        ImportOutcome::Skipped(reason) => skip_outcome(reason),
    }
}

fn username_note(fault: UsernameError) -> &'static str {
    match fault {
        UsernameError::OtherAddress => {
            "its username is an email address that is not its own, and does not go to the app as a name:"
        }
        UsernameError::LooksLikeId => "its username reads as another account's id:",
        UsernameError::Reserved => "its username is one that rules, frameworks or logs read as no user's:",
        UsernameError::Separator => "its username holds a character that separates values in headers:",
    }
}

fn skip_outcome(reason: SkipReason) -> RowOutcome {
    RowOutcome::Left(match reason {
        SkipReason::Changed(id) => {
            return RowOutcome::Kept(Why::of(
                "it was changed here since an earlier import, and stays so: user",
                id,
            ));
        }
        SkipReason::SameId(id) => {
            return RowOutcome::Kept(Why::of("another row of this import has the id", id));
        }
        SkipReason::Registered(id) => Why::of("another user was registered here with the id", id),
        SkipReason::Deleted(id) => Why::of("deleted here since an earlier import: user", id),
        SkipReason::NamesTaken(keys) => match &*keys {
            [UserKey::Email(email)] => Why::of("another user has the email", without_realm(email)),
            [UserKey::Username(name)] => Why::of("another user has the username", without_realm(name)),
            _ => "another user has the email and the username".into(),
        },
        SkipReason::Ended => "it was ended here since an earlier import".into(),
        SkipReason::EndedAll(id) => Why::of("all sessions were ended here since an earlier import: user", id),
        SkipReason::NoRole(id) => Why::of("there is no role with the id", id),
        SkipReason::Revoked => "the role was taken from the user here since an earlier import".into(),
    })
}
