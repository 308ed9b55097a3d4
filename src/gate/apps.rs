//! The apps behind the gate: mostly one, else one for each `[[apps]]`.

use std::sync::Arc;

use super::{
    implied::MethodOverride,
    router::{Misrouted, Router},
    rules::RulesView,
};
use crate::{
    forward::{Forwarder, Names},
    observe::metrics::CoreGauges,
    refusal::Refusal,
    wire::RequestHead,
};

/// What the settings say about an app.
#[derive(Debug)]
pub struct AppSettings {
    /// Its name; `None` = it is the only one.
    pub name: Option<Box<str>>,
    /// The names of fields that are forwarded.
    pub names: Names,
    /// `[upstream] method_override`.
    pub method_override: MethodOverride,
    /// The public URL of this site, if it leads to the app: one of the sites from which a cookie is good.
    pub public_url: Option<String>,
    /// The audience of its assertions.
    pub audience: Box<str>,
}

/// An app, as one core sees it.
#[derive(Debug)]
pub struct App {
    /// Its settings.
    pub settings: Arc<AppSettings>,
    /// Connections to its servers.
    pub forwarder: Forwarder,
    /// Its rules in force.
    pub rules: RulesView,
}

/// All apps, as one core sees them.
#[derive(Debug)]
pub struct Apps {
    first: App,
    others: Vec<App>,
    /// `None` = there is one app, which takes every request.
    router: Option<Arc<Router>>,
}

impl App {
    /// Adds what it has under way on this core.
    pub fn add_gauges(&self, gauges: &mut CoreGauges) {
        self.forwarder.add_gauges(self.settings.name.as_deref(), gauges);
        self.rules.add_gauges(gauges);
    }
}

impl Apps {
    /// The only app.
    #[must_use]
    pub fn only(app: App) -> Self {
        Self { first: app, others: Vec::new(), router: None }
    }

    /// Several apps. `router` answers with their indexes, `first` being 0.
    #[must_use]
    pub fn several(first: App, others: Vec<App>, router: Arc<Router>) -> Self {
        Self { first, others, router: Some(router) }
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &App> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The app of a request, or why it has none. `forwarded_host`: the host that a trusted proxy names, or that of the head;
    /// an app may believe either.
    pub(super) fn of(&self, head: &RequestHead, forwarded_host: &str) -> Result<&App, Misrouted> {
        // With one app a request is not even looked at.
        let Some(router) = &self.router else { return Ok(&self.first) };
        let (host, path) = (head.host(), head.path());
        let app = self.find(router, host, path)?;
        let is_same = host == forwarded_host || std::ptr::eq(self.find(router, forwarded_host, path)?, app);
        if is_same { Ok(app) } else { Err(Misrouted::Host) }
    }

    fn find(&self, router: &Router, host: &str, path: &str) -> Result<&App, Misrouted> {
        let index = router.find(host, path)?;
        index.checked_sub(1).map_or(Some(&self.first), |at| self.others.get(at)).ok_or(Misrouted::Host)
    }

    /// Whether another path of a host reaches the same app.
    pub(super) fn is_same(&self, app: &App, host: &str, path: &str) -> bool {
        let Some(router) = &self.router else { return true };
        self.find(router, host, path).is_ok_and(|other| std::ptr::eq(app, other))
    }

    /// The app of a host and a path.
    pub(super) fn at(&self, host: &str, path: &str) -> Option<&App> {
        let Some(router) = &self.router else { return Some(&self.first) };
        self.find(router, host, path).ok()
    }

    /// The app for the refusal of a request that has none.
    pub(super) fn any(&self) -> &App {
        &self.first
    }
}

/// RFC 9110 section 15.5.20 for a host.
impl From<Misrouted> for Refusal {
    fn from(why: Misrouted) -> Self {
        match why {
            Misrouted::Host => Self::UnknownHost,
            Misrouted::Path => Self::NothingHere,
            Misrouted::Ambiguous => {
                let message = "the path has an escape or a `;` that servers read differently, and another app by it; \
                               write the path plainly (app-path)";
                Self::BadRequest { status: 400, message: message.to_owned() }
            }
        }
    }
}
