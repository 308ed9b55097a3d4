//! Reads the settings of the account model that also exist in `[users]` (docs/settings.md).

use crate::javascript;
use crate::policy::Code;
use crate::policy::{
    Settings,
    account::AccountModel,
    app_collections::AppCollections,
    finding::Report,
    json::{Json, Node},
    model::{Model, Models},
};

/// Reads the settings of one model.
pub(super) struct Reader<'a, 'r> {
    pub(super) model: &'a Model,
    pub(super) collections: &'a AppCollections,
    pub(super) settings: &'a Settings,
    pub(super) report: &'a mut Report<'r>,
}

/// Shorter ids can be guessed. `users.access_token_id_length` has the same bounds.
const MIN_ID_LEN: f64 = 16.0;
/// The upper bound of an id, in characters.
const MAX_ID_LEN: f64 = 1_024.0;

impl<'a> Reader<'a, '_> {
    pub(super) fn read(mut self, bare: AccountModel, models: &Models) -> AccountModel {
        let allow_eternal_tokens = self.flag("allowEternalTokens", "allow_eternal_tokens");
        let ttl = self.seconds("ttl", "ttl");
        let max_ttl = self.seconds("maxTTL", "max_ttl");
        let reset_password_token_ttl = self.seconds("resetPasswordTokenTTL", "reset_password_token_ttl");
        // It is bcrypt's cost. Imported hashes keep theirs until the next login (docs/decisions.md section 4).
        if let Some(node) = self.model.setting("saltWorkFactor") {
            let message = "`saltWorkFactor` has no effect: new passwords are hashed with argon2id".to_owned();
            let fix = Some("see `memory_kib` and `iterations` of `[password]`".into());
            self.report.warn(node.at, Code::NoEffect, message, fix);
        }
        AccountModel {
            ttl,
            max_ttl,
            reset_password_token_ttl,
            allow_eternal_tokens,
            restrict_reset_password_token_scope: self
                .flag("restrictResetPasswordTokenScope", "restrict_reset_password_token_scope"),
            email_verification_required: self
                .flag("emailVerificationRequired", "email_verification_required"),
            realm_required: self.flag("realmRequired", "realm_required"),
            realm_delimiter: self.text("realmDelimiter", "realm_delimiter"),
            case_sensitive_email: self.flag("caseSensitiveEmail", "case_sensitive_email"),
            reject_password_changes_via_patch_or_replace: self.flag(
                "rejectPasswordChangesViaPatchOrReplace",
                "reject_password_changes_via_patch_or_replace",
            ),
            access_token_id_length: self.id_length(models),
            ..bare
        }
    }

    /// A boolean, by JavaScript's truth. `null` counts as absent.
    fn flag(&mut self, key: &str, name: &str) -> Option<bool> {
        let node = self.own(key, name)?;
        if node.bool().is_none() {
            let message = format!("`{key}` is {}, which counts as `{}`", node.kind(), node.is_truthy());
            let fix = Some("write `true` or `false`".into());
            self.report.warn(node.at, Code::WrongType, message, fix);
        }
        Some(node.is_truthy())
    }

    fn text(&mut self, key: &str, name: &str) -> Option<String> {
        let node = self.own(key, name)?;
        if node.text().is_none() && node.is_truthy() {
            let message = format!("`{key}` is {}", node.kind());
            self.report.error(node.at, Code::WrongType, message, Some("write a text".into()));
        }
        node.text().map(str::to_owned)
    }

    /// A duration. LoopBack replaces 0 and the empty text by its default.
    fn seconds(&mut self, key: &str, name: &str) -> Option<f64> {
        // A lifetime that LoopBack throws at or counts as expired is an error here, before any token has it.
        let node = self.own(key, name).filter(|node| node.is_truthy())?;
        let seconds = number(node);
        // Only together with `allowEternalTokens`: LoopBack refuses tokens with -1 otherwise
        // (docs/loopback-3.28.md section 1.3).
        let for_ever = key == "ttl"
            && seconds == Some(-1.0)
            && self.model.setting("allowEternalTokens").is_some_and(Node::is_truthy);
        if !for_ever && !seconds.is_some_and(|seconds| seconds > 0.0 && seconds.is_finite()) {
            let message = format!("`{key}` is not a lifetime: every token would be refused");
            let fix = if key == "ttl" {
                "write a number of seconds above 0, or -1 together with `\"allowEternalTokens\": true`"
            } else {
                "write a number of seconds above 0"
            };
            self.report.error(node.at, Code::BadValue, message, Some(fix.into()));
            return None;
        }
        seconds
    }

    /// `accessTokenIdLength`, which is a setting of the access token model.
    fn id_length(&mut self, models: &Models) -> Option<usize> {
        let tokens = self.collections.tokens.first().and_then(|tokens| models.get(&tokens.model))?;
        let node = tokens.setting("accessTokenIdLength").filter(|node| node.is_truthy())?;
        self.overridden("accessTokenIdLength", "access_token_id_length", node);
        let length = number(node).filter(|length| (MIN_ID_LEN..=MAX_ID_LEN).contains(length));
        if length.is_none() {
            let message = "`accessTokenIdLength` is not a length that an id can have".to_owned();
            let fix = Some(format!("write a number from {MIN_ID_LEN} to {MAX_ID_LEN}"));
            self.report.error(node.at, Code::BadValue, message, fix);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between the shortest and the longest"
        )]
        length.map(|length| length as usize)
    }

    /// A setting of the file. Warns if the configuration overrides it.
    fn own(&mut self, key: &str, name: &str) -> Option<&'a Node> {
        let node = self.model.setting(key).filter(|node| !node.is_null())?;
        self.overridden(key, name, node);
        Some(node)
    }

    fn overridden(&mut self, key: &str, name: &str, node: &Node) {
        if self.settings.set_users_keys.iter().any(|set| set == name) {
            let message =
                format!("`{key}` does not count: `users.{name}` is set in the configuration and wins");
            let fix = Some("remove one of them".into());
            self.report.warn(node.at, Code::Overridden, message, fix);
        }
    }
}

/// A number, or a text that JavaScript converts to one.
fn number(node: &Node) -> Option<f64> {
    match &node.value {
        Json::Number(number) => number.as_f64(),
        Json::Text(text) => Some(javascript::text_to_number(text)),
        _ => None,
    }
}
