//! Lines of the audit log (docs/interface.md, "Events"). A line never contains a token, a password or other input of a
//! client.

use tracing::info;

use super::Actor;
use crate::identity::UserId;

/// Writes the line of an account event.
pub(super) fn record(event: &'static str, actor: Actor<'_>, user: Option<&UserId>, reason: Option<&str>) {
    let (client, request_id) = match actor {
        Actor::Client { address, request_id, .. } => (Some(address.to_string()), Some(request_id)),
        Actor::Operator => (None, None),
    };
    let by = client.is_none().then_some("operator");
    info!(
        target: "audit",
        event,
        user.id = user.map(tracing::field::display),
        client,
        request_id,
        by,
        reason,
        "{event}"
    );
}

/// Writes the line of a role change.
pub(super) fn role(actor: Actor<'_>, user: Option<&UserId>, role: &str, what: &'static str) {
    let client = match actor {
        Actor::Client { address, .. } => Some(address.to_string()),
        Actor::Operator => None,
    };
    let by = client.is_none().then_some("operator");
    let user = user.map(tracing::field::display);
    info!(target: "audit", event = "role.changed", user.id = user, role, what, client, by, "role.changed");
}

/// Writes the line of a mail that will not be sent.
pub(super) fn mail(user: Option<&UserId>, mail: &str, reason: &str) {
    let user = user.map(tracing::field::display);
    info!(target: "audit", event = "delivery.given_up", user.id = user, mail, reason, "delivery.given_up");
}

/// Writes the line of a change of a stored rule.
pub(super) fn rule(actor: Actor<'_>, rule: &str, what: &'static str) {
    let by = matches!(actor, Actor::Operator).then_some("operator");
    info!(target: "audit", event = "rule.changed", rule, what, by, "rule.changed");
}

#[cfg(test)]
mod tests {
    use std::{
        fmt::Write,
        sync::{Arc, Mutex},
    };

    use serde_json::json;
    use tracing::{
        Event, Subscriber,
        field::{Field, Visit},
    };
    use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt};

    use crate::accounts::testing::{self, CLIENT};

    /// Keeps every audit line as text.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            write!(self.0, "{field}={value:?} ").unwrap();
        }
    }

    impl<S: Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let mut line = Line(String::new());
            event.record(&mut line);
            if event.metadata().target() == "audit" {
                self.0.lock().unwrap().push(line.0);
            }
        }
    }

    #[tokio::test]
    async fn tells_who_did_what_and_no_secret() {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::registry().with(lines.clone());
        // Were there one listener alone, tracing would ask whichever thread writes such a line first, and another
        // test's has none.
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        let _guard = tracing::subscriber::set_default(subscriber);
        let fixture = testing::fixture(testing::loopback()).await;
        fixture.register(&json!({"email": "ann@b.c", "password": "s3cret-one"})).await.unwrap();
        fixture.login(&json!({"email": "ann@b.c", "password": "s3cret-two"})).await.unwrap_err();
        fixture.login(&json!({"email": "s3cret-typed-here", "password": "x"})).await.unwrap_err();
        let issued = fixture.login(&json!({"email": "ann@b.c", "password": "s3cret-one"})).await.unwrap();
        let session = fixture.accounts.session(issued.id.expose()).await.unwrap();
        fixture.accounts.logout(CLIENT, &session).await.unwrap();

        let lines = lines.0.lock().unwrap().clone();
        let events = ["user.registered", "login.failed", "login.failed", "login.succeeded", "logout"];
        assert_eq!(lines.len(), events.len(), "{lines:?}");
        for (line, event) in lines.iter().zip(events) {
            assert!(line.contains(&format!("event=\"{event}\"")), "{line}");
            assert!(line.contains("client=\"192.0.2.1\"") && line.contains("request_id=\"r1\""), "{line}");
            assert!(!line.contains("s3cret") && !line.contains(issued.id.expose()), "{line}");
        }
        assert!(lines[1].contains("user.id=1 ") && lines[1].contains("reason=\"wrong password\""));
        assert!(!lines[2].contains("user.id"), "{}", lines[2]);
    }
}
