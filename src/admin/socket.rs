//! The admin socket of a running gate, from its start to its end.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};

use super::{
    protocol::SOCKET_NAME,
    server::{SocketError, bind_admin_socket, serve_admin_socket},
    services::Services,
    store_name::store_name,
};
use crate::{app::Running, config::Config};

/// The socket on which a running gate takes commands. Dropping it ends the conversations: [`AdminSocket::close`] does
/// that in order.
#[derive(Debug)]
pub struct AdminSocket {
    services: Arc<Services>,
    serving: JoinHandle<()>,
    path: PathBuf,
    stop: oneshot::Sender<()>,
}

impl AdminSocket {
    /// Opens the socket of a gate that holds its store: no other gate on this store can be alive, so that a socket
    /// that lies there may be replaced.
    ///
    /// # Errors
    /// [`SocketError`] when the folder cannot be written, or the path is too long for a socket.
    pub fn open(running: &Running, config: &Config) -> Result<Self, SocketError> {
        let folder = &config.server.data_dir;
        fs::create_dir_all(folder).map_err(|source| SocketError::Folder { path: folder.clone(), source })?;
        let path = folder.join(SOCKET_NAME);
        let listener = bind_admin_socket(&path)?;
        let parts = running.parts.clone();
        let (store, clock) = (Arc::clone(&parts.store), parts.clock.clone());
        // A reload may bring other settings.
        let accounts = move || parts.accounts();
        let services = Services::new(store, accounts, clock, store_name(&config.store));
        let services = Arc::new(services.with_live(running.live.clone()));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving =
            Handle::current().spawn(serve_admin_socket(listener, Arc::clone(&services), async move {
                // A sender that is dropped means the same.
                let _ = stopped.await;
            }));
        tracing::info!(socket = %path.display(), "taking commands");
        Ok(Self { services, serving, path, stop })
    }

    /// Ends the conversations and removes the socket, while the gate still holds its store: the socket of the next
    /// gate is not there yet.
    pub async fn close(self) {
        self.services.ready.store(false, Ordering::Release);
        let _ = self.stop.send(());
        let _ = self.serving.await;
        // It may be gone already.
        let _ = fs::remove_file(self.path);
    }
}
