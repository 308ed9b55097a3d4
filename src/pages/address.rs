//! The link that changes an address, which was mailed to the new one.

use super::{
    answer::Answer,
    form_key::Bound,
    input::{Transport, Visit},
    login::noting,
    notice::{Notice, Notices},
    state::{ACCOUNT, Pages},
    view::View,
};
use crate::{
    accounts::{AddressLink, Fault},
    policy::AccountMethod,
};

impl Pages {
    /// `GET address`.
    pub(super) async fn show_address(&self, visit: &Visit<'_>) -> Answer {
        match self.address_of_link(visit).await {
            Ok(link) => self.address_view(visit, &link).render("address.html"),
            Err(answer) => answer,
        }
    }

    fn address_view<'p, 'v>(&'p self, visit: &'p Visit<'v>, link: &AddressLink) -> View<'p, 'v> {
        View::new(self, visit).with("address", &link.address)
    }

    async fn address_of_link(&self, visit: &Visit<'_>) -> Result<AddressLink, Answer> {
        if visit.transport == Transport::Clear {
            return Err(self.message(visit, "clear"));
        }
        let token = visit.param("token").unwrap_or_default();
        match self.accounts.address_link(&token).await {
            Ok(Some(link)) => Ok(link),
            Ok(None) => Err(self.dead_link(visit, "bad_address")),
            Err(fault) => Err(self.notices(visit, &fault).on(self.dead_link(visit, "bad_address"))),
        }
    }

    /// `POST address`.
    pub(super) async fn change_address(&self, visit: &Visit<'_>) -> Answer {
        let link = match self.address_of_link(visit).await {
            Ok(link) => link,
            Err(answer) => return answer,
        };
        // The session of this browser stays, if it is the user's own.
        let own = visit.session.filter(|session| link.is_of(session)).map(|session| session.hash);
        let (_, refused) = self.form_or(visit, Bound::Browser);
        let actor = visit.actor_for(AccountMethod::Confirm, None);
        let changed = match (refused, actor) {
            (Some(notices), _) => Err(notices),
            (None, None) => Err(Notices::from(Notice::new(403, "error.denied"))),
            (None, Some(actor)) => match self.accounts.change_address(actor, &link, own).await {
                Ok(()) => Ok(()),
                Err(Fault::SessionEnded | Fault::UnknownUser(_)) => {
                    return self.dead_link(visit, "bad_address");
                }
                Err(fault) => Err(self.notices(visit, &fault)),
            },
        };
        match changed {
            Ok(()) if own.is_some() => Answer::redirect(&format!("{ACCOUNT}?note=address")),
            Ok(()) => Answer::redirect(&noting("address")),
            Err(notices) => {
                notices.on(self.address_view(visit, &link).errors(&notices).render("address.html"))
            }
        }
    }
}
