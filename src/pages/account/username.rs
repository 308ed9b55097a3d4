//! The username of a user.

use serde_json::{Map, json};

use super::{Owner, actor, denied};
use crate::{
    pages::{
        answer::Answer,
        form::Form,
        input::Visit,
        login::shown,
        notice::{Notice, Notices},
        state::{ACCOUNT, Pages},
        view::View,
    },
    policy::AccountMethod,
};

impl Pages {
    /// `GET account/username`.
    pub(super) fn username_view<'p, 'v>(
        &'p self,
        visit: &'p Visit<'v>,
        owner: &'p Owner<'_>,
    ) -> View<'p, 'v> {
        self.owned(visit, owner).with("username", owner.user.username().unwrap_or_default())
    }

    /// `POST account/username`.
    pub(super) async fn change_username(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Answer {
        match self.changed_username(visit, owner).await {
            Ok(()) => Answer::redirect(&format!("{ACCOUNT}?note=username")),
            Err(notices) => {
                let form = Form::read(visit).unwrap_or_default();
                let view = self.username_view(visit, owner).with("username", shown(form.text("username")));
                notices.on(view.errors(&notices).render("account_username.html"))
            }
        }
    }

    async fn changed_username(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Result<(), Notices> {
        let form = self.owned_form(visit, owner)?;
        let username = form.text("username").trim();
        if username.is_empty() {
            return Err(Notice::of("username", "error.username_invalid").into());
        }
        let actor = actor(visit, owner, AccountMethod::PatchAttributes).ok_or_else(denied)?;
        let user = self.proven(visit, owner, &form).await?;
        let data = Map::from_iter([("username".to_owned(), json!(username))]);
        let changed = self.accounts.patch(actor, user, data).await;
        changed.map(drop).map_err(|fault| self.notices(visit, &fault))
    }
}
