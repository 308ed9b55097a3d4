use std::{os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    sync::oneshot,
    task::JoinHandle,
};

use super::{protocol::MAX_REQUEST_BYTES, *};
use crate::admin::testing;

/// A gate's socket in a folder of its own.
struct Gate {
    folder: TempDir,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Gate {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = bind_admin_socket(&folder.path().join(SOCKET_NAME)).unwrap();
        let services = Arc::new(testing::services().await);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async move {
            let _ = stopped.await;
        };
        #[expect(clippy::disallowed_methods, reason = "the test's own runtime")]
        let task = tokio::spawn(serve_admin_socket(listener, services, shutdown));
        Self { folder, stop, task }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join(SOCKET_NAME)
    }

    async fn client(&self, store: &str) -> Client {
        Client::connect(&self.socket(), Some(store.to_owned())).await.unwrap().unwrap()
    }

    /// What the gate answers to raw bytes, until it closes.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(self.socket()).await.unwrap();
        // A gate that has heard enough stops reading.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }
}

fn command(json: Value) -> AdminCommand {
    serde_json::from_value(json).unwrap()
}

#[tokio::test]
async fn commands_travel_one_after_the_other() {
    let gate = Gate::start().await;
    let mut client = gate.client("memory:").await;
    let done = client.call(&command(json!({"role-add": {"name": "clerk"}}))).await.unwrap();
    assert_eq!(done, Output::Done { message: "role `clerk` is added".into() });
    assert!(
        matches!(client.call(&AdminCommand::RoleList).await, Ok(Output::Roles(roles)) if roles.len() == 1)
    );
    let refused = client.call(&command(json!({"user-show": {"who": {"bare": "x"}}}))).await.unwrap_err();
    assert!(refused.to_string().starts_with("there is no user `x`"), "{refused}");
    assert!(matches!(client.call(&AdminCommand::Health).await, Ok(Output::Done { .. })), "still there");
}

#[tokio::test]
async fn only_the_owner_may_connect() {
    let gate = Gate::start().await;
    let mode = std::fs::metadata(gate.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let others = std::fs::read_dir(gate.folder.path()).unwrap().count();
    assert_eq!(others, 1, "nothing is left of the making");
}

#[tokio::test]
async fn another_store_is_refused() {
    let gate = Gate::start().await;
    let refused = gate.client("sled:/else").await.call(&AdminCommand::Health).await.unwrap_err();
    let said =
        "the gate uses the store `memory:`, the command means `sled:/else`; give both the same configuration";
    assert_eq!(refused.to_string(), said);
}

#[tokio::test]
async fn nonsense_is_answered_without_its_words() {
    let gate = Gate::start().await;
    for line in [
        &b"{\"store\":\"memory:\",\"command\":{\"user-set-password\":{\"password\":\"s3cret\",\"who\":5}}}\n"
            [..],
        b"s3cret\n",
        b"\xff s3cret\n",
        b"s3cret without an end",
    ] {
        let answer = gate.raw(line).await;
        assert!(answer.starts_with("{\"error\":"), "{answer}");
        assert!(!answer.contains("s3cret"), "{answer}");
    }
    assert_eq!(gate.raw(b"").await, "");
}

#[tokio::test]
async fn an_endless_line_is_cut_off() {
    let gate = Gate::start().await;
    let answer = gate.raw(&vec![b'x'; MAX_REQUEST_BYTES + 10]).await;
    assert!(answer.is_empty() || answer.contains("at most 16777216 bytes"), "{answer}");
    let healthy = gate.client("memory:").await.call(&AdminCommand::Health).await;
    assert!(healthy.is_ok());
}

#[tokio::test]
async fn without_a_gate_there_is_no_client() {
    let gate = Gate::start().await;
    let nowhere = Client::connect(&gate.folder.path().join("none.sock"), None).await.unwrap();
    assert!(nowhere.is_none());
    let socket = gate.socket();
    gate.stop.send(()).unwrap();
    gate.task.await.unwrap();
    assert!(socket.exists(), "a dead gate leaves its socket");
    assert!(Client::connect(&socket, None).await.unwrap().is_none());
    let _listener = bind_admin_socket(&socket).unwrap();
    assert!(Client::connect(&socket, None).await.unwrap().is_some(), "the next gate replaces it");
}

#[tokio::test]
async fn a_command_larger_than_any_is_not_sent() {
    let gate = Gate::start().await;
    let mut client = gate.client("memory:").await;
    let name = "x".repeat(MAX_REQUEST_BYTES);
    let refused = client.call(&AdminCommand::RoleAdd { name }).await;
    assert!(matches!(refused, Err(ClientError::TooLarge)));
}

#[test]
fn a_password_is_shown_by_nothing() {
    let draft = json!({"user-set-password": {"who": {"bare": "ann"}, "password": "s3cret"}});
    assert!(!format!("{:?}", command(draft)).contains("s3cret"));
}
