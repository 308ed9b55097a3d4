//! Notices to the service manager: datagrams to the socket that `NOTIFY_SOCKET` names.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// The socket of a service manager.
#[derive(Debug)]
pub struct Notifier {
    socket: UnixDatagram,
    manager: SocketAddr,
    has_failed: AtomicBool,
}

/// A manager that takes no datagram must not keep the gate from serving.
const TIMEOUT: Duration = Duration::from_secs(1);

impl Notifier {
    /// The manager that `NOTIFY_SOCKET` names: a path, or `@` and an abstract name. `None` without one. An address that
    /// cannot be used is logged.
    pub fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let name = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        match Self::new(&name) {
            Ok(notifier) => Some(notifier),
            Err(error) => {
                tracing::warn!(%error, "`NOTIFY_SOCKET` cannot be used; the service manager is told nothing");
                None
            }
        }
    }

    fn new(name: &OsStr) -> io::Result<Self> {
        let manager = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => return Err(io::Error::other("it is neither a path nor `@` and an abstract name")),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { socket, manager, has_failed: AtomicBool::new(false) })
    }

    /// The gate serves. `status` is a line for `systemctl status`.
    pub fn ready(&self, status: &str) {
        self.send(&format!("READY=1\nSTATUS={}", one_line(status)));
    }

    /// The files are read again. [`Notifier::ready`] ends it.
    pub fn reloading(&self) {
        // `Type=notify-reload` compares it with the time of its signal.
        let now = clock_gettime(ClockId::Monotonic);
        let micros = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}"));
    }

    /// The gate stops.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=stopping: requests under way are finished first");
    }

    /// The gate is alive.
    pub fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    /// Sends a notice. The first failure is logged.
    fn send(&self, notice: &str) {
        let Err(error) = self.socket.send_to_addr(notice.as_bytes(), &self.manager) else { return };
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            tracing::warn!(%error, "the service manager cannot be told of the gate's state");
        }
    }
}

/// The time between two notices of life: half of what the watchdog waits. `None` = it does not watch this process.
pub fn watchdog_interval(variable: impl Fn(&str) -> Option<OsString>) -> Option<Duration> {
    let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
    let is_mine =
        variable("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == Some(u64::from(std::process::id()));
    let micros = number("WATCHDOG_USEC").filter(|micros| *micros > 0 && is_mine)?;
    Some(Duration::from_micros(micros.div_ceil(2)))
}

/// A notice has one assignment on each line.
fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 512];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn notices_reach_a_path_and_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("portcullis-test-{}", std::process::id());
        let named = SocketAddr::from_abstract_name(&name).unwrap();
        let managers = [
            (UnixDatagram::bind(&path).unwrap(), OsString::from(&path)),
            (UnixDatagram::bind_addr(&named).unwrap(), OsString::from(format!("@{name}"))),
        ];
        for (manager, address) in managers {
            let variable = |name: &str| (name == "NOTIFY_SOCKET").then(|| address.clone());
            let notifier = Notifier::from_environment(variable).unwrap();
            notifier.ready("serving\nSTOPPING=1");
            assert_eq!(received(&manager), "READY=1\nSTATUS=serving STOPPING=1");
            notifier.reloading();
            let reloading = received(&manager);
            let micros = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
            assert!(micros.parse::<u64>().unwrap() > 0, "{reloading}");
            notifier.stopping();
            assert!(received(&manager).starts_with("STOPPING=1\n"));
            notifier.alive();
            assert_eq!(received(&manager), "WATCHDOG=1");
        }
    }

    #[test]
    fn a_manager_that_is_gone_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let notifier = Notifier::new(folder.path().join("nothing").as_os_str()).unwrap();
        notifier.ready("serving");
        notifier.alive();
        assert!(notifier.has_failed.load(Ordering::Relaxed));
        for unusable in ["vsock:2:1", "relative", ""] {
            assert!(Notifier::from_environment(|_| Some(unusable.into())).is_none(), "{unusable}");
        }
    }

    #[test]
    fn the_watchdog_is_told_at_half_of_its_time_and_only_by_the_process_it_watches() {
        let interval = |usec: Option<&str>, pid: Option<&str>| {
            watchdog_interval(|name| match name {
                "WATCHDOG_USEC" => usec.map(OsString::from),
                "WATCHDOG_PID" => pid.map(OsString::from),
                _ => None,
            })
        };
        let own = std::process::id().to_string();
        assert_eq!(interval(Some("30000000"), None), Some(Duration::from_secs(15)));
        assert_eq!(interval(Some("30000000"), Some(&own)), Some(Duration::from_secs(15)));
        for (usec, pid) in [(None, None), (Some("0"), None), (Some("soon"), None), (Some("5"), Some("1"))] {
            assert_eq!(interval(usec, pid), None, "{usec:?} {pid:?}");
        }
    }
}
