//! Tokens that a user makes for scripts.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Owner;
use crate::{
    accounts::{Fault, IssuedToken, TokenRequest},
    encoding::hex,
    pages::{
        answer::Answer,
        device,
        form::Form,
        input::Visit,
        login::shown,
        notice::{Notice, Notices},
        state::{ACCOUNT, Pages},
    },
    policy::AccountMethod,
    store::Token,
};

/// How many tokens for scripts a user may have.
const MAX_TOKENS: usize = 50;

/// The longest name of a token, in characters.
const MAX_NAME: usize = 80;

/// The days that a token may live.
const DAYS: [u32; 4] = [7, 30, 90, 365];

const SECONDS_PER_DAY: f64 = 86_400.0;

/// What happened to the list.
pub(super) enum Outcome {
    Made(Box<IssuedToken>),
    Refused(Notices),
}

/// What makes a form good for one token: it names the tokens that there were when it was shown.
fn once(tokens: &[Token]) -> String {
    let digest = tokens.iter().fold(Sha256::new(), |digest, token| digest.chain_update(token.hash.0));
    hex(digest.finalize())
}

impl Pages {
    /// `GET account/tokens`.
    pub(super) async fn show_tokens(
        &self,
        visit: &Visit<'_>,
        owner: &Owner<'_>,
        outcome: Option<Outcome>,
    ) -> Answer {
        let may = |method| visit.reach(method, Some(owner.session)).is_some();
        if !may(AccountMethod::ListTokens) {
            let notices = super::denied();
            return notices.on(self.owned(visit, owner).errors(&notices).render("account_error.html"));
        }
        let tokens = match self.script_tokens(visit, owner).await {
            Ok(tokens) => tokens,
            Err(fault) => return self.notices(visit, &fault).on(self.told(visit, "nothing", ACCOUNT)),
        };
        let rows: Vec<Value> = tokens.iter().map(|token| self.token_row(token)).collect();
        let form = Form::read(visit).unwrap_or_default();
        let is_refused = matches!(outcome, Some(Outcome::Refused(_)));
        let typed = |name| if is_refused { shown(form.text(name)) } else { "" };
        let days = form.text("days").parse().ok().filter(|days| is_refused && DAYS.contains(days));
        let view = self
            .owned(visit, owner)
            .with("tokens", rows)
            .with("can_make", may(AccountMethod::CreateTokens))
            .with("can_end", may(AccountMethod::DeleteToken))
            .with("once", once(&tokens))
            .with("days", DAYS)
            .with("chosen", days.unwrap_or(90))
            .with("name", typed("name"))
            .with("scope", typed("scope"));
        match outcome {
            // The only answer that shows it.
            Some(Outcome::Made(issued)) => {
                view.with("made", issued.id.expose()).render("account_tokens.html")
            }
            Some(Outcome::Refused(notices)) => {
                notices.on(view.with("made", Value::Null).errors(&notices).render("account_tokens.html"))
            }
            None => view.with("made", Value::Null).render("account_tokens.html"),
        }
    }

    fn token_row(&self, token: &Token) -> Value {
        let used = self.accounts.last_use(token);
        let end = token.end_by(&self.accounts.settings().lifetimes(), used);
        #[expect(clippy::cast_possible_truncation, reason = "a moment in ms is far below 2^52")]
        let end = end.filter(|end| end.is_finite()).map(|end| end as i64);
        json!({
            "handle": token.hash.handle().as_str(),
            "name": token.name,
            "scopes": token.scopes.join(", "),
            "used": used.map(|used| used.at().0),
            "place": used.map(|used| used.client().to_string()),
            "end": end,
        })
    }

    async fn script_tokens(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Result<Vec<Token>, Fault> {
        let mut tokens = self.live_tokens(visit, owner).await?;
        tokens.retain(|token| token.name.as_deref().is_some_and(|name| !device::is_reserved(name)));
        Ok(tokens)
    }

    /// `POST account/tokens`: ends one, or makes one.
    pub(super) async fn change_tokens(&self, visit: &Visit<'_>, owner: &Owner<'_>) -> Answer {
        let form = match self.owned_form(visit, owner) {
            Ok(form) => form,
            Err(notices) => return self.show_tokens(visit, owner, Some(Outcome::Refused(notices))).await,
        };
        if form.is_on("end") {
            return match self.ended_token(visit, owner, form.text("end")).await {
                Ok(()) => Answer::redirect(&format!("{ACCOUNT}/tokens")),
                Err(notices) => self.show_tokens(visit, owner, Some(Outcome::Refused(notices))).await,
            };
        }
        let outcome = match self.made_token(visit, owner, &form).await {
            Ok(issued) => Outcome::Made(Box::new(issued)),
            Err(notices) => Outcome::Refused(notices),
        };
        self.show_tokens(visit, owner, Some(outcome)).await
    }

    async fn ended_token(&self, visit: &Visit<'_>, owner: &Owner<'_>, handle: &str) -> Result<(), Notices> {
        let actor = super::actor(visit, owner, AccountMethod::DeleteToken).ok_or_else(super::denied)?;
        match self.accounts.end_token(actor, &owner.user, handle).await {
            // It ended in another tab.
            Ok(()) | Err(Fault::UnknownToken(_)) => Ok(()),
            Err(fault) => Err(self.notices(visit, &fault)),
        }
    }

    async fn made_token(
        &self,
        visit: &Visit<'_>,
        owner: &Owner<'_>,
        form: &Form<'_>,
    ) -> Result<IssuedToken, Notices> {
        let actor = super::actor(visit, owner, AccountMethod::CreateTokens).ok_or_else(super::denied)?;
        let name = form.text("name").trim();
        // The gate's own names begin with a parenthesis.
        if name.is_empty() || name.chars().count() > MAX_NAME || device::is_reserved(name) {
            return Err(Notice::of("name", "error.token_name").into());
        }
        let days = form.text("days").parse().ok().filter(|days| DAYS.contains(days));
        let days = days.ok_or_else(|| Notices::from(Notice::of("days", "error.token_days")))?;
        let told = |fault: Fault| self.notices(visit, &fault);
        let tokens = self.script_tokens(visit, owner).await.map_err(told)?;
        // A reload of the page that shows a token sends its form again.
        if form.text("once") != once(&tokens) {
            return Err(Notice::new(422, "error.token_again").into());
        }
        if tokens.len() >= MAX_TOKENS {
            return Err(Notice::new(422, "error.token_many").into());
        }
        let user = self.proven(visit, owner, form).await?;
        let scopes =
            form.text("scope").split([',', ' ']).filter(|scope| !scope.is_empty()).map(str::to_owned);
        let request = TokenRequest {
            ttl: Some(f64::from(days) * SECONDS_PER_DAY),
            scopes: scopes.collect(),
            name: Some(name.to_owned()),
            fixed: true,
            host: None,
        };
        self.accounts.issue_own(actor, user, request).await.map_err(told)
    }
}
