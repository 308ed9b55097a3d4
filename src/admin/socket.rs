//! The admin socket of a running gate.

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

/// The admin socket of a running gate. Dropping it aborts the connections; [`AdminSocket::close`] ends them in order.
#[derive(Debug)]
pub struct AdminSocket {
    services: Arc<Services>,
    serving: JoinHandle<()>,
    path: PathBuf,
    stop: oneshot::Sender<()>,
}

impl AdminSocket {
    /// Opens the socket of a gate that has locked its store. No other gate of this store is running, so an existing
    /// socket is replaced.
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
        // A reload may change the settings.
        let accounts = move || parts.accounts();
        let services = Services::new(store, accounts, clock, store_name(&config.store));
        let services = Arc::new(services.with_live(running.live.clone()));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving =
            Handle::current().spawn(serve_admin_socket(listener, Arc::clone(&services), async move {
                // A dropped sender also means shutdown.
                let _ = stopped.await;
            }));
        tracing::info!(socket = %path.display(), "taking commands");
        Ok(Self { services, serving, path, stop })
    }

    /// Ends the connections and removes the socket. The gate still has the store locked, so the socket cannot be that
    /// of the next gate.
    pub async fn close(self) {
        // First, so that `healthcheck` does not report a stopping gate as ready.
        self.services.ready.store(false, Ordering::Release);
        let _ = self.stop.send(());
        let _ = self.serving.await;
        // It may have been removed already.
        let _ = fs::remove_file(self.path);
    }
}
