//! The client side of the admin socket.

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

/// The reason why the gate did not execute a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The connection was closed.
    #[error("the gate on `{path}` went away")]
    Gone {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The answer cannot be parsed.
    #[error("the gate on `{path}` gave an answer that cannot be read; is it another version?")]
    Unreadable { path: PathBuf },
    /// The command exceeds the size limit.
    #[error("the command is larger than {MAX_REQUEST_BYTES} bytes")]
    TooLarge,
    /// The gate refused the command.
    #[error("{0}")]
    Refused(String),
}

impl Client {
    /// Connects to the gate. Returns `None` if the socket does not exist or no process listens on it. The gate refuses
    /// commands for another store than its own.
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

    /// Sends a command and returns the answer.
    pub(crate) async fn call(&mut self, command: &AdminCommand) -> Result<Output, ClientError> {
        let request = RequestRef { store: self.store_name.as_deref(), command };
        let mut line = serde_json::to_vec(&request).map_err(|error| self.gone(error.into()))?;
        line.push(b'\n');
        if line.len() > MAX_REQUEST_BYTES {
            return Err(ClientError::TooLarge);
        }
        self.writer.write_all(&line).await.map_err(|error| self.gone(error))?;
        let mut line = Vec::new();
        // A bound, so that a broken peer cannot fill the memory of the command.
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
