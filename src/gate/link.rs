//! Links with a token in the query that lead to public pages.

use crate::{
    credential::Place,
    policy::{Action, Caller, Decision, Permit, PolicySet, Served},
    refusal::Refusal,
};

use super::decision::ANONYMOUS;

/// The permit of a request whose token in the query has expired: only for pages of the app that are public.
pub(super) fn without_stale<'r>(
    permit: Result<Permit<'r>, Refusal>,
    stale: Option<Refusal>,
    action: &Action<'_, '_>,
) -> Result<Permit<'r>, Refusal> {
    match stale {
        Some(stale) if permit.is_err() || action.served != Served::App => Err(stale),
        _ => permit,
    }
}

/// Falls back to an anonymous caller if the token of a link lacks the scope (a reset token, say) and the page
/// is public. Methods of LoopBack models stay closed in profile `loopback3`. A caller without a token has its certificate
/// still. `place`: where the token came from.
pub(super) fn open_page<'s>(
    set: &'s PolicySet,
    action: &Action<'s, '_>,
    place: Option<Place>,
    certificate: Option<&str>,
) -> Option<Permit<'s>> {
    if place != Some(Place::Param) || action.served != Served::App || action.takes.is_some() {
        return None;
    }
    match set.decide(action, Caller { certificate, ..ANONYMOUS }, None) {
        Decision::Permit(permit) => Some(permit),
        Decision::Denial(_) | Decision::Ask(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::{self, Settings, Source, Stored, Unmatched};

    #[test]
    fn without_its_token_a_caller_has_its_certificate_still() {
        let rule = |kind: &str, id: &str, permission: &str| json!({"principalType": kind, "principalId": id, "permission": permission});
        let file = |name: &str, acls: serde_json::Value| {
            let text =
                json!({"name": name, "routes": [{"path": format!("/{name}")}], "acls": acls}).to_string();
            Source { name: format!("{name}.json"), text }
        };
        let sources = [
            file("open", json!([rule("ROLE", "$everyone", "ALLOW"), rule("CERTIFICATE", "CN=old", "DENY")])),
            file(
                "jobs",
                json!([rule("ROLE", "$everyone", "DENY"), rule("CERTIFICATE", "CN=robot", "ALLOW")]),
            ),
        ];
        let settings = Settings {
            api_root: "/api".into(),
            users_plural: None,
            user_model: None,
            is_one_of_several: false,
            unmatched: Unmatched::Deny,
            default_allow: false,
            acl_error_status: None,
            loopback: false,
            short_routes: false,
            restrict_reset_scope: None,
            set_users_keys: Vec::new(),
            serves_accounts: true,
            current_user_literal: None,
        };
        let (set, _) = policy::compile(&settings, &sources, &Stored::default());
        let set = set.unwrap();
        let opens = |path: &str, place, certificate| {
            open_page(&set, &set.action("GET", path, None), place, certificate).is_some()
        };
        let by_link = Some(Place::Param);
        assert!(opens("/open", by_link, None) && opens("/open", by_link, Some("CN=robot")));
        assert!(!opens("/open", by_link, Some("CN=old")));
        assert!(opens("/jobs", by_link, Some("CN=robot")));
        assert!(!opens("/jobs", by_link, None));
        assert!(!opens("/open", Some(Place::Header), None) && !opens("/open", None, None));
    }
}
