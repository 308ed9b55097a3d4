//! Sockets that the service manager has opened: socket activation, as sd_listen_fds(3) has it.

use std::{ffi::OsString, io, os::fd::OwnedFd};

use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

/// The sockets by their names (`FileDescriptorName=`).
#[derive(Debug, Default)]
pub struct SocketsFromManager {
    /// In the place of `server.http`.
    pub http: Option<OwnedFd>,
    /// In the place of `server.https`.
    pub https: Option<OwnedFd>,
    /// In the place of `admin.listen`.
    pub admin: Option<OwnedFd>,
}

/// Why sockets of the service manager cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketsError {
    /// It is for none of the listeners.
    #[error(
        "the service manager passes a socket called `{0}`; write `FileDescriptorName=http`, `https` or `admin` into its unit"
    )]
    Unknown(String),
    /// A listener has one address.
    #[error("the service manager passes two sockets called `{0}`; a listener takes one `ListenStream=`")]
    Twice(String),
    /// `LISTEN_FDS` is no number.
    #[error("`LISTEN_FDS` is `{0}`, which is no number of sockets")]
    Count(String),
    /// There is no such descriptor, or the system forbids to take it.
    #[error(
        "the socket `{name}` of the service manager cannot be taken; a filter of system calls has to allow pidfd_getfd"
    )]
    System {
        /// The name of the socket.
        name: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// The first descriptor (`SD_LISTEN_FDS_START`).
const FIRST: i32 = 3;

/// The sockets that are passed to this process; none without a manager.
///
/// # Errors
/// [`SocketsError`].
pub fn sockets(variable: impl Fn(&str) -> Option<OsString>) -> Result<SocketsFromManager, SocketsError> {
    let text = |name| variable(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    // A process that this one was started by may have been meant.
    if text("LISTEN_PID") != std::process::id().to_string() {
        return Ok(SocketsFromManager::default());
    }
    let count = text("LISTEN_FDS");
    let count: i32 = count.parse().map_err(|_| SocketsError::Count(count))?;
    let names = text("LISTEN_FDNAMES");
    let names = names.split(':').chain(std::iter::repeat(""));
    by_name((0..count).map(|at| FIRST.saturating_add(at)).zip(names))
}

fn by_name<'n>(passed: impl Iterator<Item = (i32, &'n str)>) -> Result<SocketsFromManager, SocketsError> {
    let mut sockets = SocketsFromManager::default();
    for (descriptor, name) in passed {
        let place = match name {
            "http" => &mut sockets.http,
            "https" => &mut sockets.https,
            "admin" => &mut sockets.admin,
            other => return Err(SocketsError::Unknown(other.to_owned())),
        };
        let taken = take(descriptor)
            .map_err(|source| SocketsError::System { name: name.to_owned(), source: source.into() })?;
        if place.replace(taken).is_some() {
            return Err(SocketsError::Twice(name.to_owned()));
        }
    }
    Ok(sockets)
}

/// A duplicate of a descriptor of this process. To own the descriptor itself takes `unsafe`, because the number could belong
/// to another part of the process; it stays open.
fn take(descriptor: i32) -> rustix::io::Result<OwnedFd> {
    let this: Pid = getpid();
    pidfd_getfd(pidfd_open(this, PidfdFlags::empty())?, descriptor, PidfdGetfdFlags::empty())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, os::fd::AsRawFd};

    use super::*;

    fn variables(pid: &str, count: &str, names: &str) -> impl Fn(&str) -> Option<OsString> {
        let all = [("LISTEN_PID", pid), ("LISTEN_FDS", count), ("LISTEN_FDNAMES", names)]
            .map(|(name, value)| (name, OsString::from(value)));
        move |wanted| all.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
    }

    #[test]
    fn sockets_go_where_their_names_say() {
        let (one, two) =
            (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let passed = [(one.as_raw_fd(), "admin"), (two.as_raw_fd(), "http")];
        let sockets = by_name(passed.into_iter()).unwrap();
        let address = |socket: Option<OwnedFd>| TcpListener::from(socket.unwrap()).local_addr().unwrap();
        assert_eq!(address(sockets.admin), one.local_addr().unwrap());
        assert_eq!(address(sockets.http), two.local_addr().unwrap());
        assert!(sockets.https.is_none());
    }

    #[test]
    fn wrong_sockets_are_refused_by_name() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let descriptor = listener.as_raw_fd();
        let twice = by_name([(descriptor, "http"), (descriptor, "http")].into_iter()).unwrap_err();
        assert!(matches!(twice, SocketsError::Twice(name) if name == "http"));
        let unknown = by_name([(descriptor, "portcullis.socket")].into_iter()).unwrap_err();
        assert!(
            unknown.to_string().contains("`portcullis.socket`; write `FileDescriptorName=http`"),
            "{unknown}"
        );
        let missing = by_name([(i32::MAX, "https")].into_iter()).unwrap_err();
        assert!(matches!(missing, SocketsError::System { name, .. } if name == "https"));
        let own = std::process::id().to_string();
        assert!(matches!(sockets(variables(&own, "many", "http")), Err(SocketsError::Count(_))));
    }

    #[test]
    fn variables_for_another_process_are_left_alone() {
        for pid in ["1", "", "self"] {
            let passed = sockets(variables(pid, "2", "x:y")).unwrap();
            assert!(passed.http.is_none() && passed.https.is_none() && passed.admin.is_none());
        }
    }
}
