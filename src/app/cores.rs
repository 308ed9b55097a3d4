//! One thread and one runtime for each core (docs/decisions.md section 2).

use std::{cell::RefCell, rc::Rc, sync::Arc};

use anyhow::Context as _;
use tokio::{
    runtime::{Builder, LocalOptions},
    sync::{mpsc, oneshot},
};

use super::{
    apps::{AppParts, Apps},
    pulse::{Pulse, QUESTIONS},
};
use crate::{
    config::Config,
    connection::Deadlines,
    forward::Forwarder,
    gate::{self, App, Core, Gate, RequestIds, RulesView},
    listen::{Listeners, Raw, Server, Shared},
    observe::{Log, metrics::Metrics},
};

/// The state that all cores share.
pub(super) struct Common<'a> {
    pub(super) gate: &'a Arc<Gate>,
    pub(super) apps: &'a Apps,
    pub(super) shared: &'a Arc<Shared>,
}

/// Starts a thread for the listeners of each core. Each receiver is notified when its core ends; the pulse reaches the event
/// loops.
pub(super) fn start(
    config: &Config,
    listeners: Vec<Listeners<Raw>>,
    Common { gate, apps, shared }: Common<'_>,
    metrics: &Metrics,
    log: &Log,
) -> anyhow::Result<(Vec<oneshot::Receiver<()>>, Pulse)> {
    let (mut ended, mut askers) = (Vec::new(), Vec::new());
    for (index, raw) in listeners.into_iter().enumerate() {
        let (sender, receiver) = oneshot::channel();
        let (asker, questions) = mpsc::channel(QUESTIONS);
        askers.push(asker);
        let (gate, apps, shared) = (Arc::clone(gate), apps.clone(), Arc::clone(shared));
        let (counters, access) = (metrics.core(), RefCell::new(log.access()));
        let grace = config.server.shutdown_grace;
        let mut random = [0; 8];
        getrandom::fill(&mut random).context("the system gives no random bytes")?;
        let body = move || {
            let runtime =
                // A multi-thread runtime costs 0.3 µs a request more (docs/decisions.md section 2).
                match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
                    Ok(runtime) => runtime,
                    Err(error) => return tracing::error!(%error, "a core has no runtime"),
                };
            runtime.block_on(async {
                let listeners = match raw.start() {
                    Ok(listeners) => listeners,
                    Err(error) => return tracing::error!(%error, "a core has no listener"),
                };
                let deadlines = Rc::new(Deadlines::new(gate.clock.clone()));
                let core = Core {
                    apps: on_core(apps, &deadlines),
                    ids: RequestIds::new(random),
                    metrics: counters,
                    access,
                };
                let server = Server::new(gate, core, shared, index, deadlines);
                tokio::task::spawn_local(Rc::clone(&server).tell_gauges(questions));
                server.run(listeners, grace).await;
            });
            // The receiver may have been dropped.
            let _ = sender.send(());
        };
        std::thread::Builder::new()
            .name(format!("core-{index}"))
            .spawn(body)
            .context("cannot start a thread")?;
        ended.push(receiver);
    }
    Ok((ended, Pulse::new(askers)))
}

/// The apps of one core, each with connections of its own.
fn on_core(Apps { first, others, router }: Apps, deadlines: &Rc<Deadlines>) -> gate::Apps {
    let app = |parts: AppParts| App {
        settings: parts.settings,
        forwarder: Forwarder::new(parts.forward, Rc::clone(deadlines)),
        rules: RulesView::new(parts.rules),
    };
    match router {
        None => gate::Apps::only(app(first)),
        Some(router) => gate::Apps::several(app(first), others.into_iter().map(app).collect(), router),
    }
}
