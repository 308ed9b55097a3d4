//! Accepts connections, on listeners of each core.

mod adopt;
mod announced;
mod bind;
mod connection;
mod connection_limits;
mod gauges;
mod handshake;
mod handshakes;
mod http2;
mod server;
mod spares;

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::io::Errno;
use tokio::sync::Notify;

use self::{
    connection_limits::{CoreConnections, Refused},
    handshakes::Handshakes,
    spares::Spares,
};
use crate::{
    connection::{Deadline, Deadlines, Peer, Socket, Stage, TICK, set_allowance},
    gate::{Core, Gate, Role},
    observe::LogThrottle,
    tls::ServerTls,
};

pub use self::{
    adopt::{AdoptError, adopt, adopt_tcp},
    bind::{Address, BindError, Bound, Listener, Listeners, Raw, bind},
    connection_limits::Bounds,
    gauges::Question,
};

pub use server::{Server, Settings, Shared};

/// The pause after the system could not accept a connection (no file descriptor, no memory).
const BREATHER: Duration = Duration::from_millis(50);
/// The interval of sweeps of pools and spare buffers, in ticks.
const SWEEP: u32 = 20;
/// The time that streams have to end after the grace period.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// The interval of log lines about refused connections.
const TELL: Duration = Duration::from_secs(1);

impl Shared {
    /// The shared state of this many cores. `tls`: for the listeners that speak it.
    #[must_use]
    pub fn new(settings: Settings, cores: usize, tls: Option<Arc<ServerTls>>) -> Arc<Self> {
        Arc::new(Self {
            settings,
            handshakes: tls.map(Handshakes::new),
            open: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
            draining: AtomicBool::new(false),
            per_core: (0..cores).map(|_| CoreConnections::default()).collect(),
            refused: Refused::default(),
            not_accepted: LogThrottle::default(),
            unannounced: LogThrottle::default(),
            panicked: LogThrottle::default(),
        })
    }

    /// Makes each answer end its connection, so that clients reconnect to other gates.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
        self.wake();
    }

    /// Stops accepting connections and requests. Those in progress end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        for of_core in &self.per_core {
            of_core.wake.notify_one();
        }
    }

    /// Whether [`Shared::drain`] was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// The number of open connections.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Server {
    /// A core's server. `deadlines` must be those of its forwarder.
    #[must_use]
    pub fn new(
        gate: Arc<Gate>,
        core: Core,
        shared: Arc<Shared>,
        index: usize,
        deadlines: Rc<Deadlines>,
    ) -> Rc<Self> {
        Rc::new(Self {
            gate,
            core,
            times: Rc::new(shared.settings.times),
            shared,
            index,
            deadlines,
            spares: Spares::default(),
            head: RefCell::default(),
            running: Cell::new(0),
            streams: Cell::new(0),
            idle: Notify::new(),
        })
    }

    /// Accepts connections until the gate drains, then waits at most `grace` for the requests in progress.
    pub async fn run(self: Rc<Self>, listeners: Listeners<Listener>, grace: Duration) {
        let cores = self.shared.per_core.len().max(1);
        set_allowance(self.shared.settings.max_buffer_bytes / cores);
        let ticking = tokio::task::spawn_local(Rc::clone(&self).tick());
        // One core probes for all.
        let probes = if self.index == 0 { self.probes() } else { Vec::new() };
        tokio::select! {
            () = self.accept(listeners.http.as_ref(), Carrier::Plain) => {}
            () = self.accept(listeners.https.as_ref(), Carrier::Tls) => {}
            () = self.accept(listeners.forward_auth.as_ref(), Carrier::ForwardAuth) => {}
            () = self.obey() => {}
        }
        // Before the wait, so that no new client is left in the backlog.
        drop(listeners);
        self.deadlines.enter(Stage::Draining);
        if tokio::time::timeout(grace, self.all_ended()).await.is_err() {
            tracing::warn!(
                connections = self.running.get(),
                "the grace of the shutdown is over; the rest is cut"
            );
            self.deadlines.enter(Stage::Cutting);
            // Streams that can end in order have ended by then; others are cut.
            let _ = tokio::time::timeout(LAST_WORDS, self.all_ended()).await;
        }
        ticking.abort();
        probes.iter().for_each(tokio::task::JoinHandle::abort);
        self.shared.refused.tell(&self.shared.settings.bounds);
        self.core.access.borrow_mut().tick();
    }

    /// Probes the servers of every app.
    fn probes(self: &Rc<Self>) -> Vec<tokio::task::JoinHandle<()>> {
        let apps = self.core.apps.iter().enumerate();
        let all = apps.flat_map(|(app, of)| (0..of.forwarder.probed()).map(move |server| (app, server)));
        let probe = |(app, at)| {
            let server = Rc::clone(self);
            tokio::task::spawn_local(async move {
                if let Some(app) = server.core.apps.iter().nth(app) {
                    app.forwarder.probe(at).await;
                }
            })
        };
        all.map(probe).collect()
    }

    async fn accept(self: &Rc<Self>, listener: Option<&Listener>, carrier: Carrier) {
        let Some(listener) = listener else { return std::future::pending().await };
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => self.welcome(socket, peer, carrier),
                Err(error) => {
                    if let Some(more) = self.shared.not_accepted.say(self.gate.clock.now()) {
                        tracing::warn!(%error, more, "a connection could not be accepted");
                    }
                    // An idle connection has a descriptor that the new one can use.
                    if is_out_of_descriptors(&error) {
                        self.make_room();
                    }
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
    }

    async fn all_ended(&self) {
        while self.running.get() > 0 {
            self.idle.notified().await;
        }
    }

    /// Evicts connections when another core asks for it, and follows the shutdown phases, until no more
    /// connections are accepted.
    async fn obey(&self) {
        let Some(of_core) = self.of_core() else { return };
        loop {
            of_core.wake.notified().await;
            if self.shared.is_draining() {
                return;
            }
            if self.shared.leaving.load(Ordering::Acquire) {
                self.deadlines.enter(Stage::Leaving);
            }
            self.give_up();
        }
    }

    /// Serves a connection by what it begins with.
    async fn accepted(self: &Rc<Self>, socket: Socket, peer: Peer, carrier: Carrier, deadline: &Deadline) {
        let (mut socket, mut peer, mut announced) = (socket, peer, None);
        if carrier != Carrier::ForwardAuth && self.announces(peer) {
            let Some(found) = Box::pin(self.announced(&mut socket, peer, deadline)).await else { return };
            peer = announced.insert(found).peer;
        }
        match carrier {
            Carrier::Plain => self.connection(socket, peer, deadline, Role::Client).await,
            Carrier::ForwardAuth => Box::pin(self.connection(socket, peer, deadline, Role::Proxy)).await,
            Carrier::Tls => Box::pin(self.secured(socket, peer, deadline)).await,
        }
    }

    /// Spawns the task of a connection, or closes it if there are too many.
    fn welcome(self: &Rc<Self>, socket: Socket, peer: Peer, carrier: Carrier) {
        // A proxy asks for many clients, so only the limit for all applies to it.
        let is_counted = carrier != Carrier::ForwardAuth || !self.gate.may_describe(peer.ip());
        let Some(place) = self.enter(if is_counted { peer } else { Peer::Local }) else { return };
        self.running.set(self.running.get() + 1);
        let server = Rc::clone(self);
        let deadline = self.deadlines.deadline();
        // Before its task runs, because the next connection may evict it.
        self.rest(&deadline, self.first_patience());
        tokio::task::spawn_local(async move {
            let _place = place;
            let _counted = Counted(&server, &deadline);
            server.accepted(socket, peer, carrier, &deadline).await;
        });
    }

    /// Ticks while there are deadlines, and sleeps otherwise.
    async fn tick(self: Rc<Self>) {
        let mut ticks: u32 = 0;
        let mut interval = tokio::time::interval(TICK);
        // After a stall, a burst of ticks would only find the same time again.
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            ticks = ticks.wrapping_add(1);
            self.deadlines.tick();
            self.core.access.borrow_mut().tick();
            if ticks.is_multiple_of(SWEEP) {
                self.core.apps.iter().for_each(|app| app.forwarder.sweep());
                self.spares.trim();
            }
            self.give_up();
            self.shared.refused.tell_every(TELL, &self.shared.settings.bounds);
            let is_swept = self.core.apps.iter().all(|app| app.forwarder.is_swept());
            if self.deadlines.is_idle() && is_swept && self.shared.refused.is_told() {
                // Twice: the first call keeps what was lent since the last one.
                self.spares.trim();
                self.spares.trim();
                self.deadlines.sleep().await;
                interval.reset();
            }
        }
    }
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// What a listener's connections speak HTTP over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Plain,
    Tls,
    /// Plain, of a proxy that describes requests.
    ForwardAuth,
}

/// Counts a connection as open until it is dropped, also by a panic.
struct Counted<'s>(&'s Server, &'s Deadline);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if !self.1.is_evicted() {
            // A connection that ends before its first request is still counted as idle.
            if self.1.is_at_rest() {
                self.0.end_rest(self.1);
            }
            self.0.shared.free_place();
        }
        self.0.running.set(self.0.running.get().saturating_sub(1));
        self.0.idle.notify_one();
    }
}
