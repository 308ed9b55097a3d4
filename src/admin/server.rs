//! The server side of the admin socket.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinSet,
    time::timeout,
};

use super::{
    error_chain::whole_chain,
    execute::execute,
    protocol::{Answer, MAX_REQUEST_BYTES, Request},
    services::Services,
};

/// Maximum number of concurrent clients. Others wait in the socket's backlog.
const MAX_CONNECTIONS: usize = 16;

/// Time without a request after which a client is disconnected.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The reason why the socket could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The folder could not be created.
    #[error("cannot make `{path}`")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The system could not listen on the path.
    #[error("cannot listen on `{path}`")]
    Listen {
        /// The socket.
        path: PathBuf,
        /// The error of the system.
        #[source]
        source: io::Error,
    },
}

/// Listens on `path`, readable and writable by the owner only. Replaces the socket of a dead gate: the caller has
/// locked the store, so no other gate is running.
///
/// # Errors
/// [`SocketError`] when the folder cannot be written, or the path is too long for a socket.
pub fn bind_admin_socket(path: &Path) -> Result<UnixListener, SocketError> {
    listen(path).map_err(|source| SocketError::Listen { path: path.to_owned(), source })
}

/// Answers commands until `shutdown` completes.
pub async fn serve_admin_socket(
    listener: UnixListener,
    services: Arc<Services>,
    shutdown: impl Future<Output = ()>,
) {
    let mut clients = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = clients.join_next(), if !clients.is_empty() => {}
            // Not accepted above the limit: the client waits in the backlog instead of being refused.
            accepted = listener.accept(), if clients.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => {
                    clients.spawn(handle_connection(stream, Arc::clone(&services)));
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the admin socket could not take a connection");
                    // Out of descriptors, say: without a pause this loop would take a whole core.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    // Bound to a temporary name and renamed, so that the socket never exists with other permissions.
    let fresh = path.with_extension(format!("sock.{}", std::process::id()));
    // Left by a process with the same id that was killed.
    remove_if_there(&fresh)?;
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn handle_connection(stream: UnixStream, services: Arc<Services>) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Ok(Some(line)) = timeout(IDLE_TIMEOUT, next_line(&mut reader)).await {
        let answer = match line {
            Ok(line) => answer(&line, &services).await,
            Err(refusal) => {
                // The rest of an overlong line must not be read as the next command.
                let _ = say(&mut writer, &Answer::Error(refusal)).await;
                return;
            }
        };
        if say(&mut writer, &answer).await.is_err() {
            return;
        }
    }
}

/// The next line; `None` at the end.
async fn next_line(reader: &mut BufReader<OwnedReadHalf>) -> Option<Result<Vec<u8>, String>> {
    let mut line = Vec::new();
    let limit = u64::try_from(MAX_REQUEST_BYTES).unwrap_or(u64::MAX);
    let read = reader.take(limit).read_until(b'\n', &mut line).await.ok()?;
    if read == 0 {
        return None;
    }
    if line.last() != Some(&b'\n') {
        return Some(Err(format!("a command has to be one line of at most {MAX_REQUEST_BYTES} bytes")));
    }
    Some(Ok(line))
}

async fn answer(line: &[u8], services: &Services) -> Answer {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        // serde's message may quote the line, which may contain a password.
        Err(error) => {
            return Answer::Error(format!(
                "the gate does not know this command (column {}); is the command line of another version?",
                error.column()
            ));
        }
    };
    // A command for another store would otherwise change this one's data.
    if let Some(store) = request.store.filter(|store| *store != services.store_name) {
        return Answer::Error(format!(
            "the gate uses the store `{}`, the command means `{store}`; give both the same configuration",
            services.store_name
        ));
    }
    match execute(request.command, services).await {
        Ok(output) => Answer::Ok(output),
        Err(error) => Answer::Error(whole_chain(&error)),
    }
}

async fn say(writer: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    timeout(IDLE_TIMEOUT, writer.write_all(&line)).await.map_err(io::Error::from)?
}
