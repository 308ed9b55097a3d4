//! The command line's end of the socket.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::{
    command::AdminCommand,
    output::Output,
    protocol::{Answer, MAX_ANSWER_BYTES, MAX_REQUEST_BYTES, RequestRef},
};

/// A connection to a running gate.
#[derive(Debug)]
pub(crate) struct Client {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    path: PathBuf,
    store_name: Option<String>,
}

/// Why the gate did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The connection broke.
    #[error("the gate on `{path}` went away")]
    Gone {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The gate answers something else.
    #[error("the gate on `{path}` gave an answer that cannot be read; is it another version?")]
    Unreadable { path: PathBuf },
    /// One row or name is larger than any that makes sense.
    #[error("the command is larger than {MAX_REQUEST_BYTES} bytes")]
    TooLarge,
    /// The gate refused it.
    #[error("{0}")]
    Refused(String),
}

impl Client {
    /// Connects, if a gate is there: `None` when there is no socket, or no gate behind it. A gate with another store
    /// than the named one refuses every command.
    pub(crate) async fn connect(
        path: &Path,
        store_name: Option<String>,
    ) -> Result<Option<Self>, ClientError> {
        match UnixStream::connect(path).await {
            Ok(stream) => {
                let (reader, writer) = stream.into_split();
                let reader = BufReader::new(reader);
                Ok(Some(Self { reader, writer, path: path.to_owned(), store_name }))
            }
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(source) => Err(ClientError::Gone { path: path.to_owned(), source }),
        }
    }

    /// Has a command run.
    pub(crate) async fn call(&mut self, command: &AdminCommand) -> Result<Output, ClientError> {
        let request = RequestRef { store: self.store_name.as_deref(), command };
        let mut line = serde_json::to_vec(&request).map_err(|error| self.gone(error.into()))?;
        line.push(b'\n');
        if line.len() > MAX_REQUEST_BYTES {
            return Err(ClientError::TooLarge);
        }
        self.writer.write_all(&line).await.map_err(|error| self.gone(error))?;
        let mut line = Vec::new();
        let limit = u64::try_from(MAX_ANSWER_BYTES).unwrap_or(u64::MAX);
        let read = (&mut self.reader).take(limit).read_until(b'\n', &mut line).await;
        let read = read.map_err(|error| self.gone(error))?;
        if read == 0 {
            return Err(self.gone(io::ErrorKind::UnexpectedEof.into()));
        }
        match serde_json::from_slice(&line) {
            Ok(Answer::Ok(output)) => Ok(output),
            Ok(Answer::Error(message)) => Err(ClientError::Refused(message)),
            Err(_) => Err(ClientError::Unreadable { path: self.path.clone() }),
        }
    }

    fn gone(&self, source: io::Error) -> ClientError {
        ClientError::Gone { path: self.path.clone(), source }
    }
}
