//! The signed assertion (docs/assertion.md): what the gate sends, and what the middleware of `deploy/` makes of it in real
//! apps.

mod forwarded;
mod kinds;
mod middleware;

use std::fs;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::{Gate, Setup};

const AUDIENCE: &str = "shop";

/// The issuer of a gate without `server.public_url`.
const ISSUER: &str = "portcullis";

/// The path of the public keys.
const JWKS: &str = "/.well-known/portcullis/jwks.json";

/// With assertions.
fn with_assertions(setup: Setup) -> Setup {
    setup.set("identity.assertion", "true").set("identity.assertion_audience", AUDIENCE)
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// The published keys.
fn jwks(gate: &Gate) -> Vec<Value> {
    gate.client().get(JWKS).expect(200).json()["keys"].as_array().unwrap().clone()
}

/// The claims of an assertion that one of the published keys has signed.
fn verified(gate: &Gate, token: &str) -> Value {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("JWT")));
    let key = jwks(gate).into_iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let public = decoded(key["x"].as_str().unwrap());
    UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &decoded(signature)).unwrap();
    serde_json::from_slice(&decoded(claims)).unwrap()
}

/// The key that the gate signs with.
struct SigningKey {
    pair: Ed25519KeyPair,
    kid: String,
    public: Vec<u8>,
}

impl SigningKey {
    fn of(gate: &Gate) -> Self {
        let file = fs::read(gate.path("data/assertion-keys.json")).unwrap();
        let kept: Value = serde_json::from_slice(&file).unwrap();
        let seed = decoded(kept["keys"][0]["d"].as_str().unwrap());
        let published = jwks(gate);
        let kid = published[0]["kid"].as_str().unwrap().to_owned();
        let public = decoded(published[0]["x"].as_str().unwrap());
        Self { pair: Ed25519KeyPair::from_seed_unchecked(&seed).unwrap(), kid, public }
    }

    /// A key that the gate has never had, under the id of one that it has.
    fn forged(&self) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        Self { pair, kid: self.kid.clone(), public: self.public.clone() }
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", encoded(signature))
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "JWT", "kid": self.kid})
    }
}
