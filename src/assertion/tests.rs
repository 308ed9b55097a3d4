use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use sha2::{Digest as _, Sha256};

use super::{
    keys::{LIFE, OVERLAP},
    *,
};

const NOW: Timestamp = Timestamp(1_795_294_271_688);

const FACTS: Facts<'static> = Facts {
    audience: "shop",
    user: "7",
    username: None,
    email: None,
    email_verified: false,
    roles: &[],
    request_id: "r1",
    method: "GET",
    path: "/a%20b",
    query: None,
};

fn open(folder: &Path, now: Timestamp) -> Result<Signer, KeysError> {
    Signer::open(folder.join("assertion-keys.json"), "https://gate.example", now)
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// The header and the claims of an assertion that one of the published keys has signed.
fn verified(signer: &Signer, token: &str) -> (Value, Value) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let [header, claims] =
        [header, claims].map(|part| serde_json::from_slice::<Value>(&decoded(part)).unwrap());
    let jwks: Value = serde_json::from_slice(&signer.jwks()).unwrap();
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let public = decoded(key["x"].as_str().unwrap());
    UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &decoded(signature)).unwrap();
    (header, claims)
}

fn ids(signer: &Signer) -> Vec<String> {
    let jwks: Value = serde_json::from_slice(&signer.jwks()).unwrap();
    let ids = jwks["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned());
    ids.collect()
}

#[test]
fn an_assertion_names_the_user_the_app_and_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let signer = open(folder.path(), NOW).unwrap();
    let (header, claims) = verified(&signer, &signer.sign(&FACTS, NOW));
    assert_eq!(header, json!({"alg": "EdDSA", "typ": "JWT", "kid": ids(&signer)[0]}));
    let seconds = 1_795_294_271;
    assert_eq!(
        claims,
        json!({
            "iss": "https://gate.example", "aud": "shop", "sub": "7", "iat": seconds, "nbf": seconds, "exp": seconds + 60,
            "jti": "r1", "htm": "GET", "htp": "/a%20b", "groups": [],
        })
    );
    let roles = ["clerk".into(), "editor".into()];
    let more = Facts {
        username: Some("ann"),
        email: Some("ann@example.com"),
        email_verified: true,
        roles: &roles,
        query: Some("a=1&b"),
        ..FACTS
    };
    let (_, claims) = verified(&signer, &signer.sign(&more, NOW));
    // SHA-256 of `a=1&b`.
    let htq = URL_SAFE_NO_PAD.encode(Sha256::digest("a=1&b"));
    let wanted = json!({
        "preferred_username": "ann", "email": "ann@example.com", "email_verified": true, "groups": ["clerk", "editor"],
        "htq": htq,
    });
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&claims[name], value, "{name}");
    }
    let (_, claims) = verified(&signer, &signer.sign(&Facts { query: Some(""), ..FACTS }, NOW));
    assert!(claims.get("htq").is_none());
}

#[test]
fn no_name_adds_a_claim() {
    let folder = tempfile::tempdir().unwrap();
    let signer = open(folder.path(), NOW).unwrap();
    let odd = "x\",\"sub\":\"1\r\n\0\u{2028}é\\";
    let roles = [odd.into()];
    let facts = Facts {
        username: Some(odd),
        email: Some(odd),
        roles: &roles,
        user: odd,
        path: odd,
        request_id: odd,
        audience: odd,
        ..FACTS
    };
    let token = signer.sign(&facts, NOW);
    assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)), "{token}");
    let (_, claims) = verified(&signer, &token);
    for name in ["preferred_username", "email", "sub", "htp", "jti", "aud"] {
        assert_eq!(claims[name], odd, "{name}");
    }
    assert_eq!(claims["groups"], json!([odd]));
}

#[test]
fn keys_outlive_a_restart_and_are_for_one_user_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), NOW).unwrap();
    let file = folder.path().join("assertion-keys.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let again = open(folder.path(), NOW.plus(Duration::from_secs(5))).unwrap();
    assert_eq!(ids(&first), ids(&again));
    verified(&first, &again.sign(&FACTS, NOW));
    let secret = serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).unwrap()["keys"][0]["d"].clone();
    let jwks = String::from_utf8(first.jwks().to_vec()).unwrap();
    assert!(!jwks.contains(secret.as_str().unwrap()) && !jwks.contains("\"d\""), "{jwks}");
}

#[test]
fn the_next_key_is_kept_before_it_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let signer = open(folder.path(), NOW).unwrap();
    let due = NOW.plus(LIFE - OVERLAP);
    signer.rotate(due).unwrap();
    let both = ids(&signer);
    assert_eq!(both.len(), 2);
    assert_eq!(ids(&open(folder.path(), due).unwrap()), both, "a restart knows them");
    assert_eq!(verified(&signer, &signer.sign(&FACTS, due)).0["kid"], both[0]);
    let later = NOW.plus(LIFE);
    assert_eq!(verified(&signer, &signer.sign(&FACTS, later)).0["kid"], both[1]);
    signer.rotate(later.plus(OVERLAP)).unwrap();
    assert_eq!(ids(&signer), both[1..]);

    // No disk, no rotation: the old key goes on.
    fs::remove_dir_all(folder.path()).unwrap();
    fs::write(folder.path(), "").unwrap();
    let far = NOW.plus(LIFE * 3);
    assert!(matches!(signer.rotate(far), Err(KeysError::File(..))));
    assert_eq!(verified(&signer, &signer.sign(&FACTS, far)).0["kid"], both[1]);
}

#[test]
fn a_damaged_file_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let signer = open(folder.path(), NOW).unwrap();
    let file = folder.path().join("assertion-keys.json");
    let good: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed["keys"][0][name] = value;
        changed.to_string()
    };
    let secret = good["keys"][0]["d"].as_str().unwrap();
    for (content, flaw) in [
        (String::new(), "line 1 is not what the gate has written"),
        (good.to_string().replace(']', ""), "line 1 is not"),
        (json!({"keys": []}).to_string(), "it holds no key"),
        (with("crv", json!("X25519")), "a key is not one of Ed25519"),
        (with("signs_from", json!("soon")), "a `signs_from` is no moment"),
        (with("x", json!(URL_SAFE_NO_PAD.encode([7; 32]))), "do not belong together"),
        (with("d", json!("AAAA")), "do not belong together"),
        (with("d", json!([secret])), "line 1 is not"),
    ] {
        fs::write(&file, &content).unwrap();
        let error = open(folder.path(), NOW).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, KeysError::Damaged { .. }), "{content}");
        assert!(
            text.contains("assertion-keys.json") && text.contains(flaw) && text.contains("remove it"),
            "{text}"
        );
        assert!(!text.contains(secret), "{text}");
        assert_eq!(fs::read_to_string(&file).unwrap(), content, "it is left for the operator");
    }
    fs::remove_file(&file).unwrap();
    let fresh = open(folder.path(), NOW).unwrap();
    assert_ne!(ids(&fresh), ids(&signer));
}
