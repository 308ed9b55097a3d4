//! Builds the JSON that the webhook receives.

use serde_json::{Map, Value, json};

use crate::{
    accounts::{
        Accounts, Fault, Reset, change::ATTEMPTS, key::id_value, recover::RESET_SCOPE, verify::verification,
    },
    encoding::{hex, percent_encoded},
    identity::TokenId,
    javascript::number_to_json,
    store::{Change, CommitError, OutboxEntry, Token, User},
};

/// Prefix of the name of a reset token. The event's id follows, so that a second delivery of the event replaces its own
/// token.
const RESET_NAME: &str = "(password reset)";

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
        if entry.kind != "reset.requested" {
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
                if user.disabled || (self.settings.email_verification_required && !user.email_verified()) {
                    return Ok(None);
                }
                payload.insert("user".to_owned(), shown(&user));
                self.reset_payload(&user, &envelope_id(entry)).await?
            }
            "verification.requested" => {
                let Some(user) = self.recipient(entry).await? else { return Ok(None) };
                let Some(email) = user.email().map(str::to_owned) else { return Ok(None) };
                payload.insert("user".to_owned(), shown(&user));
                self.verification_payload(&user, email).await?
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

    async fn recipient(&self, entry: &OutboxEntry) -> Result<Option<User>, Fault> {
        match &entry.user {
            Some(id) => Ok(self.store.user(id).await?),
            None => self.addressee(entry).await,
        }
    }

    /// Creates a token that resets the password. A token of an earlier delivery of the same event ends. In profile
    /// `standard` tokens of earlier events end, too.
    async fn reset_payload(&self, user: &User, event: &str) -> Result<Map<String, Value>, Fault> {
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
            name: Some(format!("{RESET_NAME} {event}")),
            epoch: user.epoch,
            // `sliding_ttl` does not apply: the token is valid for `reset_ttl` and no longer.
            fixed: true,
            used: None,
        };
        let before = self.store.tokens(Some(&user.id)).await?;
        let is_reset = |token: &Token| token.name.as_deref().is_some_and(|name| name.starts_with(RESET_NAME));
        let before: Vec<Token> = before.into_iter().filter(is_reset).collect();
        let kept = if self.settings.loopback { MAX_RESETS - 1 } else { 0 };
        let surplus = before.len().saturating_sub(kept);
        let ended =
            before.into_iter().enumerate().filter(|(at, old)| *at < surplus || old.name == token.name);
        let mut batch: Vec<Change> = ended.map(|(_, old)| Change::DeleteToken(old.hash)).collect();
        batch.push(Change::CreateToken(token.clone()));
        self.commit(batch).await?;
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

    fn reset_url(&self, id: &TokenId) -> String {
        // The origin is a setting. A link built from the request's `Host` would let a client send the token to its own
        // site.
        format!("{}/.portcullis/reset-password?access_token={}", self.settings.links.base, id.expose())
    }

    /// Creates a token that confirms the address. The previous one becomes invalid.
    async fn verification_payload(&self, user: &User, email: String) -> Result<Map<String, Value>, Fault> {
        let mut random = [0_u8; VERIFICATION_BYTES];
        getrandom::fill(&mut random).map_err(|_| Fault::NoRandomness)?;
        let token = hex(random);
        self.expect_verification(user, &email, &token).await?;
        let links = &self.settings.links;
        let user_id = user.id.to_string();
        let uid = percent_encoded(&user_id);
        let url = format!("{}{}/confirm?uid={uid}&redirect=%2F&token={token}", links.base, links.api);
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

    /// Stores the hash of the token with the user. All earlier tokens become invalid.
    async fn expect_verification(&self, user: &User, email: &str, token: &str) -> Result<(), Fault> {
        let mut user = user.clone();
        for _ in 0..ATTEMPTS {
            if user.email() != Some(email) {
                // The address has changed. The next attempt writes to the new one.
                return Err(Fault::Contended);
            }
            let expecting = User { verification: Some(verification(token)), ..user.clone() };
            match self.store.commit(vec![Change::UpdateUser(expecting)]).await {
                Ok(_) => return Ok(()),
                Err(CommitError::Stale { .. }) => user = self.user(&user.id).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(Fault::Contended)
    }
}

fn envelope_id(entry: &OutboxEntry) -> String {
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
