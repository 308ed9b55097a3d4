//! The page for a user who may not do what the browser asked for.

use super::{answer::Answer, input::Visit, login::address, state::Pages, view::View};

impl Pages {
    /// `target`: what the browser asked for; `None` on the page's own address.
    pub(super) fn denied(&self, visit: &Visit<'_>, target: Option<&str>) -> Answer {
        let Some(target) = target.map(str::to_owned).or_else(|| self.target(visit).ok()) else {
            return self.message(visit, "target");
        };
        // The query of the login page, which the form that logs out takes along.
        let switch = address(&target).split_once('?').map(|(_, query)| query.to_owned());
        let switch = switch.unwrap_or_else(|| "to=/".to_owned());
        let view = View::new(self, visit).with("switch", switch);
        view.render("denied.html").status(403)
    }
}
