//! Builds the JSON that the webhook receives.

use serde_json::{Map, Value, json};

use crate::{
    accounts::{
        Accounts, Fault, Reset,
        change::ATTEMPTS,
        key::id_value,
        recover::{RESET_NAME, RESET_SCOPE},
        verify::expecting,
    },
    encoding::{hex, percent_encoded},
    identity::TokenId,
    javascript::number_to_json,
    store::{Change, CommitError, OutboxEntry, Token, User},
};

/// The copy of an event that a token is created for. Each has its own, and neither ends the other's: the mail and the
/// webhook are two deliveries of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Copy {
    Webhook,
    Mail,
}

impl Copy {
    const fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }
}

/// Maximum number of live reset tokens of a user in profile `loopback3`. LoopBack keeps all of them.
const MAX_RESETS: usize = 10;

/// Subject and text of LoopBack's mail (docs/loopback-3.28.md section 5).
const SUBJECT: &str = "Thanks for Registering";
const TEXT: &str = "Please verify your email by opening this link in a web browser:\n\t";

/// Length of a verification token in bytes, as in LoopBack (docs/loopback-3.28.md section 5).
const VERIFICATION_BYTES: usize = 64;

impl Accounts {
    /// The user of a reset request that holds only an address.
    pub(super) async fn addressee(&self, entry: &OutboxEntry) -> Result<Option<User>, Fault> {
        if !matches!(entry.kind.as_str(), "reset.requested" | "mail:reset") {
            return Ok(None);
        }
        match entry.body.get("more").and_then(Reset::of_event) {
            Some(reset) => self.user_to_reset(&reset).await,
            None => Ok(None),
        }
    }

    /// The event as it is posted; `None` when it is obsolete because its user is gone.
    pub(super) async fn payload(&self, entry: &OutboxEntry) -> Result<Option<Value>, Fault> {
        let mut payload = self.envelope(entry);
        let more = match entry.kind.as_str() {
            "reset.requested" => {
                let Some(user) = self.recipient(entry).await? else { return Ok(None) };
                // Checked at delivery, not at the request: in profile `standard` the request looks no user up.
                if !self.may_reset(&user, entry) {
                    return Ok(None);
                }
                payload.insert("user".to_owned(), shown(&user));
                self.reset_payload(&user, &envelope_id(entry)).await?
            }
            "verification.requested" => {
                let Some(user) = self.recipient(entry).await? else { return Ok(None) };
                let Some(email) = user.email().map(str::to_owned) else { return Ok(None) };
                payload.insert("user".to_owned(), shown(&user));
                self.verification_payload(&user, email, &envelope_id(entry)).await?
            }
            _ => match entry.body.get("more") {
                Some(Value::Object(more)) => more.clone(),
                _ => Map::new(),
            },
        };
        payload.extend(more);
        Ok(Some(Value::Object(payload)))
    }

    fn envelope(&self, entry: &OutboxEntry) -> Map<String, Value> {
        let field = |name: &str| entry.body.get(name).cloned().unwrap_or_default();
        let mut user = Map::new();
        if let Some(id) = &entry.user {
            user.insert("id".to_owned(), id_value(id));
        }
        if let Value::Object(known) = field("user") {
            user.extend(known);
        }
        let mut envelope = Map::new();
        envelope.insert("id".to_owned(), field("id"));
        envelope.insert("type".to_owned(), entry.kind.clone().into());
        envelope.insert("ts".to_owned(), field("ts"));
        envelope.insert("user".to_owned(), if user.is_empty() { Value::Null } else { user.into() });
        envelope.insert("client".to_owned(), field("client"));
        envelope.insert("requestId".to_owned(), field("requestId"));
        envelope
    }

    /// Whether a user gets a link that sets a new password. It proves the address, so an unconfirmed one gets it, too,
    /// except for what LoopBack's API would refuse (docs/loopback-3.28.md section 6.1).
    pub(super) fn may_reset(&self, user: &User, entry: &OutboxEntry) -> bool {
        let is_refused = || self.settings.loopback && self.settings.email_verification_required;
        let is_of_page = || entry.body.get("more").is_some_and(Reset::is_of_page);
        !user.disabled && (user.email_verified() || !is_refused() || is_of_page())
    }

    pub(super) async fn recipient(&self, entry: &OutboxEntry) -> Result<Option<User>, Fault> {
        match &entry.user {
            Some(id) => Ok(self.store.user(id).await?),
            None => self.addressee(entry).await,
        }
    }

    /// Creates a token that resets the password. A token of an earlier delivery of the same copy of the event ends. In
    /// profile `standard` tokens of earlier events end, too.
    pub(super) async fn reset_token(
        &self,
        user: &User,
        event: &str,
        copy: Copy,
    ) -> Result<(TokenId, Token), Fault> {
        let id = self.token_id()?;
        // A reset token in a mail must not be a login token; only LoopBack's default makes it one
        // (docs/loopback-3.28.md section 6.1).
        let restricted = self.settings.restrict_reset_scope || !self.settings.loopback;
        let scopes = if restricted { vec![RESET_SCOPE.to_owned()] } else { Vec::new() };
        let token = Token {
            hash: id.hash(),
            user: user.id.clone(),
            ttl: Some(self.settings.reset_ttl.min(self.settings.max_ttl)),
            created: self.clock.now(),
            scopes,
            name: Some(format!("{RESET_NAME} {event} {}", copy.name())),
            epoch: user.epoch,
            // `sliding_ttl` does not apply: the token is valid for `reset_ttl` and no longer.
            fixed: true,
            host: None,
            used: None,
        };
        let before = self.store.tokens(Some(&user.id)).await?;
        let is_reset = |token: &Token| token.name.as_deref().is_some_and(|name| name.starts_with(RESET_NAME));
        let before: Vec<Token> = before.into_iter().filter(is_reset).collect();
        let surplus =
            if self.settings.loopback { before.len().saturating_sub(MAX_RESETS - 1) } else { before.len() };
        let own = format!("{RESET_NAME} {event} ");
        let is_other_copy = |old: &Token| {
            old.name != token.name && old.name.as_deref().is_some_and(|name| name.starts_with(&own))
        };
        let ends =
            |(at, old): &(usize, Token)| (*at < surplus && !is_other_copy(old)) || old.name == token.name;
        let ended = before.into_iter().enumerate().filter(ends);
        let mut batch: Vec<Change> = ended.map(|(_, old)| Change::DeleteToken(old.hash)).collect();
        batch.push(Change::CreateToken(token.clone()));
        self.commit(batch).await?;
        Ok((id, token))
    }

    async fn reset_payload(&self, user: &User, event: &str) -> Result<Map<String, Value>, Fault> {
        let (id, token) = self.reset_token(user, event, Copy::Webhook).await?;
        let mut shown = Map::new();
        shown.insert("id".to_owned(), id.expose().into());
        shown.insert("ttl".to_owned(), token.ttl.map_or(Value::Null, number_to_json));
        if !token.scopes.is_empty() {
            shown.insert("scopes".to_owned(), json!(token.scopes));
        }
        shown.insert("created".to_owned(), token.created.to_string().into());
        shown.insert("userId".to_owned(), id_value(&user.id));
        let mut more = Map::new();
        // INVARIANT: a mail goes to the stored address. The address that the client sent may be equal to it only under
        // case folding, and may belong to another person.
        more.insert("email".to_owned(), json!(user.email()));
        more.insert("accessToken".to_owned(), shown.into());
        more.insert("url".to_owned(), self.reset_url(&id).into());
        Ok(more)
    }

    pub(super) fn reset_url(&self, id: &TokenId) -> String {
        // The origin is a setting. A link built from the request's `Host` would let a client send the token to its own
        // site.
        format!("{}/.portcullis/reset?token={}", self.settings.links.base, id.expose())
    }

    /// Creates a token that confirms the address. Those of earlier events, and of an earlier delivery, become invalid.
    pub(super) async fn verification_token(
        &self,
        user: &User,
        email: &str,
        event: &str,
        copy: Copy,
    ) -> Result<String, Fault> {
        let mut random = [0_u8; VERIFICATION_BYTES];
        getrandom::fill(&mut random).map_err(|_| Fault::NoRandomness)?;
        let token = hex(random);
        let expected = |known: Option<&str>| expecting(known, &token, event, copy.name());
        self.expect_verification(user, email, expected).await?;
        Ok(token)
    }

    /// The link to LoopBack's route that confirms an address. It leads on to `/`.
    pub(super) fn confirm_url(&self, user: &User, token: &str) -> String {
        let links = &self.settings.links;
        let user_id = user.id.to_string();
        let uid = percent_encoded(&user_id);
        format!("{}{}/confirm?uid={uid}&redirect=%2F&token={token}", links.base, links.api)
    }

    async fn verification_payload(
        &self,
        user: &User,
        email: String,
        event: &str,
    ) -> Result<Map<String, Value>, Fault> {
        let token = self.verification_token(user, &email, event, Copy::Webhook).await?;
        let url = self.confirm_url(user, &token);
        let mail = json!({
            "to": email, "from": self.settings.mail_from, "subject": SUBJECT, "text": format!("{TEXT}{url}"),
        });
        let mut more = Map::new();
        more.insert("email".to_owned(), email.into());
        more.insert("verificationToken".to_owned(), token.into());
        more.insert("url".to_owned(), url.into());
        more.insert("mail".to_owned(), mail);
        Ok(more)
    }

    /// Stores the hash of a token with the user. `expected` makes the stored form of the one before.
    async fn expect_verification(
        &self,
        user: &User,
        email: &str,
        expected: impl Fn(Option<&str>) -> String,
    ) -> Result<(), Fault> {
        let mut user = user.clone();
        for _ in 0..ATTEMPTS {
            if user.email() != Some(email) {
                // The address has changed. The next attempt writes to the new one.
                return Err(Fault::Contended);
            }
            let verification = Some(expected(user.verification.as_deref()));
            let expecting = User { verification, ..user.clone() };
            match self.store.commit(vec![Change::UpdateUser(expecting)]).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Stale { .. }) => user = self.user(&user.id).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }
}

pub(super) fn envelope_id(entry: &OutboxEntry) -> String {
    entry.body.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn shown(user: &User) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), id_value(&user.id));
    for name in ["email", "username", "realm"] {
        if let Some(value) = user.properties.get(name) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(shown)
}
