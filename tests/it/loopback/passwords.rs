//! The permissions of a login's token and a reset's token, as in LoopBack's suite `user-password`.

use serde_json::{Value, json};

use super::ask;
use crate::{api::recovery::house, support::Gate};

/// The password of every account that a gate signs up.
const PASSWORD: &str = "a-good-password";

/// A new name, a new password by PATCH, by its old one, and by itself alone: the statuses, in this order.
fn statuses(gate: &Gate, token: &str) -> [u16; 4] {
    let requests = [
        ("PATCH", "/api/users/1", json!({"nick": "n"})),
        ("PATCH", "/api/users/1", json!({"password": PASSWORD})),
        ("POST", "/api/users/change-password", json!({"oldPassword": PASSWORD, "newPassword": PASSWORD})),
        ("POST", "/api/users/reset-password", json!({"newPassword": PASSWORD})),
    ];
    requests.map(|(method, target, body)| ask(&mut gate.client(), method, target, token, &body).status)
}

#[test]
fn what_the_two_settings_leave_to_each_token() {
    for (setting, regular, reset) in [
        ("", [200, 200, 204, 204], [200, 200, 204, 204]),
        ("users.restrict_reset_password_token_scope", [200, 200, 204, 401], [401, 401, 401, 204]),
        ("users.reject_password_changes_via_patch_or_replace", [200, 401, 204, 204], [200, 401, 204, 204]),
    ] {
        let settings: Vec<(&str, &str)> =
            [(setting, "true")].into_iter().filter(|(key, _)| !key.is_empty()).collect();
        let (receiver, gate) = house("loopback3", &settings);
        let ann = gate.sign_up("ann");
        assert_eq!(statuses(&gate, &ann.token), regular, "a login's token, {setting}");
        let email = json!({"email": "ann@example.com"});
        ask(&mut gate.client(), "POST", "/api/users/reset", "", &email).expect(204);
        let payload: Value = receiver.event("reset.requested");
        let token = payload["accessToken"]["id"].as_str().unwrap();
        assert_eq!(statuses(&gate, token), reset, "a reset's token, {setting}");
    }
}
