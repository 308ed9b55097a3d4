//! Sockets: one accepting listener a core, and the life of a connection.

mod bind;
mod connection;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    forward::{Deadlines, Peer, Scratch, Socket, TICK, Times},
    gate::{Core, Gate},
    limit::Connections,
    wire::{HeadLimits, RequestHead},
};

pub use bind::{Address, BindError, Bound, Listener, bind};

/// How connections are served.
#[derive(Debug)]
pub struct Settings {
    /// Bounds of a request head.
    pub head: HeadLimits,
    /// The longest waits.
    pub times: Times,
    /// Connections at a time, of all cores.
    pub max_connections: usize,
    /// Connections of one client at a time.
    pub per_client: Connections,
}

/// What all cores share.
#[derive(Debug)]
pub struct Shared {
    settings: Settings,
    open: AtomicUsize,
    draining: AtomicBool,
    wake: Box<[Notify]>,
}

/// One core's server.
pub struct Server {
    gate: Arc<Gate>,
    core: Core,
    shared: Arc<Shared>,
    index: usize,
    deadlines: Rc<Deadlines>,
    spare: RefCell<Vec<Spare>>,
    running: Cell<usize>,
    idle: Notify,
}

/// Buffers that no connection needs now.
type Spare = (RequestHead, Box<Scratch>);

/// A core keeps so many sets of buffers: what a busy core uses at once, about 5 MiB.
const SPARES: usize = 64;
/// After the system refused a connection (no descriptor, no memory), how long until the next try.
const BREATHER: Duration = Duration::from_millis(50);
/// Pools are swept this often, in ticks.
const SWEEP: u32 = 20;

impl Shared {
    /// For so many cores.
    #[must_use]
    pub fn new(settings: Settings, cores: usize) -> Arc<Self> {
        let wake = (0..cores).map(|_| Notify::new()).collect();
        Arc::new(Self { settings, open: AtomicUsize::new(0), draining: AtomicBool::new(false), wake })
    }

    /// No new connection or request is taken from now on; those under way end.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        for core in &self.wake {
            core.notify_one();
        }
    }

    /// Whether [`Shared::drain`] was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Connections that are open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

impl Server {
    /// A core's server; its `deadlines` are the ones that its forwarder has.
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
            shared,
            index,
            deadlines,
            spare: RefCell::default(),
            running: Cell::new(0),
            idle: Notify::new(),
        })
    }

    /// Accepts until it is told to drain, then waits for the requests under way, `grace` at the most.
    pub async fn run(self: Rc<Self>, listener: Listener, grace: Duration) {
        let ticking = tokio::task::spawn_local(Rc::clone(&self).tick());
        // One core asks for all.
        let probed = if self.index == 0 { self.core.forwarder.probed() } else { 0 };
        let probes: Vec<_> = (0..probed)
            .map(|at| {
                let server = Rc::clone(&self);
                tokio::task::spawn_local(async move { server.core.forwarder.probe(at).await })
            })
            .collect();
        let told = async {
            if let Some(wake) = self.shared.wake.get(self.index) {
                wake.notified().await;
            }
        };
        tokio::select! {
            () = self.accept(&listener) => {}
            () = told => {}
        }
        drop(listener);
        self.deadlines.wake_all();
        let ended = async {
            while self.running.get() > 0 {
                self.idle.notified().await;
            }
        };
        if tokio::time::timeout(grace, ended).await.is_err() {
            tracing::warn!(
                connections = self.running.get(),
                "the grace of the shutdown is over; the rest is cut"
            );
        }
        ticking.abort();
        probes.iter().for_each(tokio::task::JoinHandle::abort);
        self.core.access.borrow_mut().tick();
    }

    async fn accept(self: &Rc<Self>, listener: &Listener) {
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => self.welcome(socket, peer),
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(BREATHER).await;
                }
            }
        }
    }

    /// Gives the connection its task, or closes it when there are too many.
    fn welcome(self: &Rc<Self>, socket: Socket, peer: Peer) {
        if self.shared.open.fetch_add(1, Ordering::Relaxed) >= self.shared.settings.max_connections {
            self.shared.open.fetch_sub(1, Ordering::Relaxed);
            tracing::warn!(
                max = self.shared.settings.max_connections,
                "too many connections; one was closed"
            );
            return;
        }
        let place = self.shared.settings.per_client.enter(peer.ip());
        if place.is_none() {
            self.shared.open.fetch_sub(1, Ordering::Relaxed);
            return;
        }
        self.running.set(self.running.get() + 1);
        let server = Rc::clone(self);
        tokio::task::spawn_local(async move {
            let _place = place;
            let _counted = Counted(&server);
            server.connection(socket, peer).await;
        });
    }

    async fn tick(self: Rc<Self>) {
        let mut ticks: u32 = 0;
        let mut interval = tokio::time::interval(TICK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            ticks = ticks.wrapping_add(1);
            self.deadlines.tick();
            self.core.access.borrow_mut().tick();
            if ticks.is_multiple_of(SWEEP) {
                self.core.forwarder.sweep();
            }
        }
    }

    fn borrow_buffers(&self) -> Spare {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    fn return_buffers(&self, (head, mut scratch): Spare) {
        let mut spare = self.spare.borrow_mut();
        // A buffer that one request made large is not kept for all that follow.
        if spare.len() < SPARES && !scratch.is_swollen() {
            scratch.clear();
            spare.push((head, scratch));
        }
    }
}

/// A connection that is open, until this is dropped, also by a panic.
struct Counted<'s>(&'s Server);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.shared.open.fetch_sub(1, Ordering::Relaxed);
        self.0.running.set(self.0.running.get().saturating_sub(1));
        self.0.idle.notify_one();
    }
}
