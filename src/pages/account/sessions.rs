//! The sessions of a user: which devices are logged in.

use serde::Serialize;

use super::Owner;
use crate::{
    accounts::Fault,
    pages::{
        answer::Answer,
        device,
        input::Visit,
        notice::Notices,
        state::{ACCOUNT, Pages},
    },
    store::Token,
};

/// A login, as the page shows it.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(skip)]
    group: Option<String>,
    handle: String,
    own: bool,
    browser: Option<&'static str>,
    system: Option<&'static str>,
    place: Option<String>,
    used: i64,
    created: i64,
}

impl Row {
    /// Adds the session of another host.
    fn merge(&mut self, other: Self) {
        if other.used > self.used {
            (self.used, self.place) = (other.used, other.place);
        }
        self.own |= other.own;
        self.created = self.created.min(other.created);
    }
}

impl Pages {
    /// `GET account/sessions`.
    pub(super) async fn show_sessions(
        &self,
        visit: &Visit<'_>,
        owner: &Owner<'_>,
        notices: Option<&Notices>,
    ) -> Answer {
        let sessions = match self.live_tokens(visit, owner).await {
            Ok(tokens) => tokens,
            Err(fault) => return self.notices(visit, &fault).on(self.told(visit, "nothing", ACCOUNT)),
        };
        let mut rows: Vec<Row> = Vec::new();
        for row in sessions.iter().filter_map(|token| self.session_row(owner, token)) {
            // Of one login on several hosts there is one row.
            match rows.iter_mut().find(|other| row.group.is_some() && other.group == row.group) {
                Some(other) => other.merge(row),
                None => rows.push(row),
            }
        }
        // This device first, then by the last use.
        rows.sort_by_key(|row| (!row.own, std::cmp::Reverse(row.used)));
        let view = self.owned(visit, owner).with("has_others", rows.len() > 1).with("sessions", rows);
        match notices {
            Some(notices) => notices.on(view.errors(notices).render("account_sessions.html")),
            None => view.render("account_sessions.html"),
        }
    }

    fn session_row(&self, owner: &Owner<'_>, token: &Token) -> Option<Row> {
        let device = device::of(token.name.as_deref()).filter(|_| token.scopes.is_empty())?;
        let used = self.accounts.last_use(token);
        Some(Row {
            group: device::group_of(token).map(str::to_owned),
            handle: token.hash.handle().as_str().to_owned(),
            own: token.hash == owner.session.hash,
            browser: device.browser,
            system: device.system,
            place: used.map(|used| used.client().to_string()),
            used: used.map_or(token.created, |used| used.at()).0,
            created: token.created.0,
        })
    }

    /// The tokens of a user that are good.
    pub(super) async fn live_tokens(
        &self,
        visit: &Visit<'_>,
        owner: &Owner<'_>,
    ) -> Result<Vec<Token>, Fault> {
        let lifetimes = self.accounts.settings().lifetimes();
        let mut tokens = self.accounts.tokens(&owner.user.id).await?;
        #[expect(clippy::cast_precision_loss, reason = "a moment in ms is far below 2^52")]
        let now = visit.now.0 as f64;
        tokens.retain(|token| {
            let end = token.end_by(&lifetimes, self.accounts.last_use(token));
            token.epoch == owner.user.epoch && end.is_some_and(|end| end > now)
        });
        Ok(tokens)
    }

    /// `POST account/sessions`: ends one, or all others.
    pub(super) async fn end_sessions(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Answer {
        let form = match self.owned_form(visit, owner) {
            Ok(form) => form,
            Err(notices) => return self.show_sessions(visit, owner, Some(&notices)).await,
        };
        let ended = match form.text("end") {
            "others" => self.end_others(visit, owner).await,
            handle => self.end_one(visit, owner, handle).await,
        };
        match ended {
            // It ended in another tab.
            Ok(()) | Err(Fault::UnknownToken(_)) => Answer::redirect(&format!("{ACCOUNT}/sessions")),
            Err(fault) => {
                let notices = self.notices(visit, &fault);
                self.show_sessions(visit, owner, Some(&notices)).await
            }
        }
    }

    /// Ends the login that a session belongs to.
    async fn end_one(&self, visit: &Visit<'_>, owner: &Owner<'_>, handle: &str) -> Result<(), Fault> {
        let tokens = self.live_tokens(visit, owner).await?;
        let named = tokens.iter().find(|token| token.hash.handle().as_str() == handle);
        let group = named.and_then(device::group_of);
        for token in tokens.iter().filter(|token| group.is_some() && device::group_of(token) == group) {
            self.accounts.revoke(visit.actor(), token).await?;
        }
        if group.is_some() {
            Ok(())
        } else {
            self.accounts.end_token(visit.actor(), &owner.user, handle).await
        }
    }

    async fn end_others(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Result<(), Fault> {
        let tokens = self.live_tokens(visit, owner).await?;
        let own = tokens.iter().find(|token| token.hash == owner.session.hash).and_then(device::group_of);
        for token in &tokens {
            let is_session = device::of(token.name.as_deref()).is_some() && token.scopes.is_empty();
            let is_own =
                token.hash == owner.session.hash || (own.is_some() && device::group_of(token) == own);
            if is_session && !is_own {
                self.accounts.revoke(visit.actor(), token).await?;
            }
        }
        Ok(())
    }
}
