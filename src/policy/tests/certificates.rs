//! Rules for clients that show a certificate.

use super::*;

fn robots() -> Value {
    json!({
        "name": "Job",
        "routes": [{"path": "/jobs", "property": "list"}, {"path": "/jobs/{id}", "property": "show"}],
        "acls": [
            rule("$everyone", "DENY"),
            {"principalType": "CERTIFICATE", "principalId": "CN=robot,O=Example", "permission": "ALLOW"},
            {"principalType": "CERTIFICATE", "principalId": "CN=old", "permission": "DENY"},
            rule("clerk", "ALLOW"),
            {"principalType": "USER", "principalId": "7", "permission": "DENY", "property": "show"},
        ],
    })
}

#[test]
fn a_certificate_is_a_principal_with_a_token_and_without() {
    let set = set(&standard(), &[robots()]);
    let clerk = ["clerk".into()];
    let showing = |subject| Caller { certificate: Some(subject), ..ANONYMOUS };
    let robot = showing("CN=robot,O=Example");
    for (caller, request, expected) in [
        (ANONYMOUS, "GET /jobs", "401 job.json#/acls/0"),
        (robot, "GET /jobs", "allow job.json#/acls/1"),
        // Exactly this subject.
        (showing("CN=robot"), "GET /jobs", "401 job.json#/acls/0"),
        (showing("CN=robot,O=Example,C=DE"), "GET /jobs", "401 job.json#/acls/0"),
        (showing("cn=robot,o=example"), "GET /jobs", "401 job.json#/acls/0"),
        (showing(""), "GET /jobs", "401 job.json#/acls/0"),
        // A certificate is more exact than a role, and a user than a certificate.
        (
            Caller { certificate: Some("CN=old"), roles: &clerk, ..user("3") },
            "GET /jobs",
            "403 job.json#/acls/2",
        ),
        (Caller { roles: &clerk, ..user("3") }, "GET /jobs", "allow job.json#/acls/3"),
        (Caller { user: Some("7"), ..robot }, "GET /jobs/1", "403 job.json#/acls/4"),
        (Caller { user: Some("8"), ..robot }, "GET /jobs/1", "allow job.json#/acls/1"),
    ] {
        assert_eq!(verdict(&set, request, caller, None), expected, "{caller:?} {request}");
    }
}

#[test]
fn a_rule_for_no_subject_matches_no_client() {
    let nameless = json!({
        "name": "Job", "routes": [{"path": "/jobs"}],
        "acls": [
            rule("$everyone", "DENY"),
            {"principalType": "CERTIFICATE", "principalId": "", "permission": "ALLOW"},
            {"principalType": "certificate", "principalId": "CN=a", "permission": "ALLOW"},
        ],
    });
    let set = set(&standard(), &[nameless]);
    for subject in ["", "CN=a"] {
        let caller = Caller { certificate: Some(subject), ..ANONYMOUS };
        assert_eq!(verdict(&set, "GET /jobs", caller, None), "401 job.json#/acls/0", "{subject}");
    }
}
