//! The rate limits of requests: by client, by token and by route.

use crate::{
    limit::{LimitKind, RouteLimit},
    policy::Action,
    refusal::Refusal,
};

use super::{Ruleset, request::Request, session::Known};

impl Request<'_> {
    /// Counts a request of the client.
    pub(super) fn check_client_rate(&self) -> Result<(), Refusal> {
        self.gate.limits.check(LimitKind::Request, self.context.client).map_err(Refusal::TooMany)
    }

    /// Counts a request with a token.
    pub(super) fn check_token_rate(&self, session: Option<&Known>) -> Result<(), Refusal> {
        let Some(known) = session else { return Ok(()) };
        self.gate.limits.check_token(&known.session.hash).map_err(Refusal::TooMany)
    }

    /// Counts a request to a route that has a limit. A request that is judged as several counts once for each route.
    pub(super) fn check_route_rate(
        &self,
        action: &Action<'_, '_>,
        session: Option<&Known>,
    ) -> Result<(), Refusal> {
        let Some(limit) = self.rules.limit(action.route_index) else { return Ok(()) };
        let (first, latest) = self.record.limited.get();
        if [first, latest].contains(&action.route_index) {
            return Ok(());
        }
        // Index 0 has no limit, so it stands for none.
        let first = if first == 0 { action.route_index } else { first };
        self.record.limited.set((first, action.route_index));
        let user = session.map(|known| &known.subject.id);
        self.gate.limits.check_route(limit, user, self.context.client).map_err(Refusal::TooMany)
    }
}

impl Ruleset {
    /// The limit of a route.
    fn limit(&self, route_index: u32) -> Option<&RouteLimit> {
        // Empty where no route has a limit, which then costs no more than this.
        self.limits.get(route_index as usize)?.as_ref()
    }
}
