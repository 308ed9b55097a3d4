//! The app of the demo: a few pages and notes, without users.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Html,
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A note. `ownerId` is what the gate asks for to decide `$owner`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Note {
    id: usize,
    owner_id: Option<i64>,
    text: String,
}

#[derive(Debug, Deserialize)]
struct NewNote {
    text: String,
}

type Notes = Arc<Mutex<Vec<Note>>>;

/// Serves the app on a listener until the runtime ends.
pub(super) fn start(listener: TcpListener) -> anyhow::Result<SocketAddr> {
    listener.set_nonblocking(true).context("cannot use the app's port")?;
    let listener = tokio::net::TcpListener::from_std(listener).context("cannot use the app's port")?;
    let address = listener.local_addr().context("the app's port is gone")?;
    let serving = axum::serve(listener, router());
    // It ends with the runtime.
    tokio::runtime::Handle::current().spawn(async move { serving.await });
    Ok(address)
}

fn router() -> Router {
    let note = |id, owner, text: &str| Note { id, owner_id: Some(owner), text: text.to_owned() };
    let notes = vec![note(1, 1, "ann: buy milk"), note(2, 2, "bob: call the bank")];
    Router::new()
        .route("/", get(|| async { Html("<h1>The old app</h1>\n<p>It has never heard of users.</p>\n") }))
        .route("/about", get(|| async { Html("<h1>About</h1>\n<p>Written long ago.</p>\n") }))
        .route("/notes", get(list).post(add))
        .route("/notes/{id}", get(show))
        .route("/reports", get(|| async { Json(Value::from(["monthly"].to_vec())) }))
        .route("/reports/{name}", get(|| async { Json(Value::from("all is well")) }))
        .route("/whoami", get(whoami))
        .with_state(Arc::new(Mutex::new(notes)))
}

async fn list(State(notes): State<Notes>) -> Json<Vec<Note>> {
    Json(notes.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

async fn show(State(notes): State<Notes>, Path(id): Path<usize>) -> Result<Json<Note>, StatusCode> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.iter().find(|note| note.id == id).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

/// The owner is the user that the gate names. This is safe because clients reach the app through the gate only.
async fn add(
    State(notes): State<Notes>,
    headers: HeaderMap,
    Json(new): Json<NewNote>,
) -> Result<(StatusCode, Json<Note>), StatusCode> {
    let owner = headers.get("x-forwarded-user").and_then(|id| id.to_str().ok()?.parse().ok());
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    if notes.len() >= MAX_NOTES {
        return Err(StatusCode::INSUFFICIENT_STORAGE);
    }
    let note = Note { id: notes.len() + 1, owner_id: owner, text: new.text };
    notes.push(note.clone());
    Ok((StatusCode::CREATED, Json(note)))
}

/// Shows the identity headers of the gate.
async fn whoami(headers: HeaderMap) -> Json<Value> {
    let ours = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-"));
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let seen: Map<String, Value> =
        ours.map(|(name, value)| (name.to_string(), Value::String(text(value)))).collect();
    Json(Value::Object(seen))
}

/// Maximum number of notes of the demo.
const MAX_NOTES: usize = 1_000;
