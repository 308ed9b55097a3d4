//! Files into rows: the memory connector's file, and one file a collection.

use std::{fs, io, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Placed;
use crate::cli::args::ImportFiles;

/// A row as it stood in its file, or why it is none.
pub(super) type Raw = Placed<Result<Map<String, Value>, String>>;

/// All rows that the files hold.
#[derive(Debug, Default)]
pub(super) struct Collections {
    pub(super) users: Vec<Raw>,
    pub(super) tokens: Vec<Raw>,
    pub(super) roles: Vec<Raw>,
    pub(super) mappings: Vec<Raw>,
    pub(super) acls: Vec<Raw>,
    /// `ids.User`: the number that LoopBack would have given next.
    pub(super) next_user_id: Option<Value>,
    /// Collections that are the app's own: their names and numbers of rows.
    pub(super) others: Vec<(String, usize)>,
}

/// A file that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("cannot read `{path}`")]
    File {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("`{path}:{line}:{column}`: broken JSON: {message}")]
    Json { path: String, line: usize, column: usize, message: String },
    #[error(
        "`{path}` is not the memory connector's file: {why}; a file of one collection goes to --users, --tokens, --roles, --role-mappings or --acls"
    )]
    NotMemory { path: String, why: &'static str },
    #[error("`{path}` has no collection `{name}`, only {}; --user-model says what the accounts are called", listed(.has))]
    NoUsers { path: String, name: String, has: Vec<String> },
}

/// The memory connector's file.
#[derive(Deserialize)]
struct Memory {
    #[serde(default)]
    ids: Map<String, Value>,
    models: Map<String, Value>,
}

/// Reads all files to their ends.
pub(super) fn collections(files: &ImportFiles, user_model: &str) -> Result<Collections, ReadError> {
    let mut found = Collections::default();
    if let Some(path) = &files.file {
        memory(path, user_model, &mut found)?;
    }
    for (path, rows) in [
        (&files.users, &mut found.users),
        (&files.tokens, &mut found.tokens),
        (&files.roles, &mut found.roles),
        (&files.role_mappings, &mut found.mappings),
        (&files.acls, &mut found.acls),
    ] {
        if let Some(path) = path {
            rows.extend(collection(path)?);
        }
    }
    Ok(found)
}

fn memory(path: &Path, user_model: &str, found: &mut Collections) -> Result<(), ReadError> {
    let name = path.display().to_string();
    let text = text(path)?;
    let whole: Value = serde_json::from_str(&text).map_err(|error| broken(&name, &error))?;
    let Value::Object(fields) = &whole else {
        return Err(ReadError::NotMemory { path: name, why: "it holds no JSON object" });
    };
    if !fields.get("models").is_some_and(Value::is_object) {
        return Err(ReadError::NotMemory { path: name, why: "it has no `models`" });
    }
    let memory: Memory = serde_json::from_value(whole)
        .map_err(|_| ReadError::NotMemory { path: name.clone(), why: "its `ids` are no object" })?;
    if !memory.models.contains_key(user_model) {
        let has = memory.models.keys().cloned().collect();
        return Err(ReadError::NoUsers { path: name, name: user_model.to_owned(), has });
    }
    found.next_user_id = memory.ids.get(user_model).cloned();
    for (model, rows) in memory.models {
        let Value::Object(rows) = rows else {
            found.others.push((model, 0));
            continue;
        };
        let into = match &*model {
            model if model == user_model => &mut found.users,
            "AccessToken" => &mut found.tokens,
            "Role" => &mut found.roles,
            "RoleMapping" => &mut found.mappings,
            "ACL" => &mut found.acls,
            _ => {
                found.others.push((model, rows.len()));
                continue;
            }
        };
        // The key of a token's row is the token itself: its place is its number.
        let shows_key = model != "AccessToken";
        into.extend(rows.into_iter().enumerate().map(|(index, (key, row))| Placed {
            place: if shows_key {
                format!("{name}#/models/{model}/{key}")
            } else {
                format!("{name}#/models/{model} row {}", index + 1)
            },
            row: stored_row(row),
        }));
    }
    Ok(())
}

/// The memory connector stores each row as a text of JSON.
fn stored_row(row: Value) -> Result<Map<String, Value>, String> {
    match row {
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(fields)) => Ok(fields),
            Ok(_) => Err("the row is no JSON object".into()),
            Err(error) => Err(format!("the row is broken JSON (column {})", error.column())),
        },
        row => object(row),
    }
}

fn object(row: Value) -> Result<Map<String, Value>, String> {
    match row {
        Value::Object(fields) => Ok(fields),
        _ => Err("the row is no JSON object".into()),
    }
}

/// A JSON array, or one JSON value after the other (NDJSON).
fn collection(path: &Path) -> Result<Vec<Raw>, ReadError> {
    let name = path.display().to_string();
    let text = text(path)?;
    if text.trim_start().starts_with('[') {
        let rows: Vec<Value> = serde_json::from_str(&text).map_err(|error| broken(&name, &error))?;
        let placed = |(index, row)| Placed { place: format!("{name}#/{index}"), row: object(row) };
        return Ok(rows.into_iter().enumerate().map(placed).collect());
    }
    let mut rows = Vec::new();
    let mut stream = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    let (mut line, mut counted) = (1, 0);
    while let Some(row) = stream.next() {
        let row = row.map_err(|error| broken(&name, &error))?;
        // The line on which the row ends: the one that it stands on, in NDJSON.
        let end = stream.byte_offset();
        line += text.get(counted..end).map_or(0, |part| part.bytes().filter(|b| *b == b'\n').count());
        counted = end;
        rows.push(Placed { place: format!("{name}:{line}"), row: object(row) });
    }
    Ok(rows)
}

fn text(path: &Path) -> Result<String, ReadError> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path).map_err(|source| ReadError::File { path: name(), source })?;
    // Some tools begin with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn broken(path: &str, error: &serde_json::Error) -> ReadError {
    let (line, column) = (error.line(), error.column());
    let whole = error.to_string();
    // serde_json ends its text with the place, which the message begins with here.
    let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
    ReadError::Json { path: path.to_owned(), line, column, message }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none at all".into();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
