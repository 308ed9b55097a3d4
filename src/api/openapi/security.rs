//! Describes the places of tokens.

use serde_json::{Map, Value, json};

use crate::credential::{Bearer, Settings};

/// The security schemes: LoopBack's places, then those of `[credentials]`.
pub(super) fn schemes(credentials: &Settings) -> Map<String, Value> {
    let bearer = match credentials.bearer {
        Bearer::Base64 => "the token in base64",
        Bearer::Raw => "the token",
        Bearer::RawThenBase64 => "the token, as it is or in base64",
    };
    let place = |place: &str, name: &str, about: &str| json!({ "type": "apiKey", "in": place, "name": name, "description": about });
    let mut schemes = Map::new();
    let mut add = |name: String, scheme: Value| drop(schemes.insert(name, scheme));
    let built_in = credentials.default_keys;
    if built_in && credentials.schemes.raw {
        add("authorization".to_owned(), place("header", "Authorization", "The token as it is"));
    }
    if built_in && credentials.schemes.bearer {
        add(
            "bearer".to_owned(),
            json!({ "type": "http", "scheme": "bearer", "bearerFormat": "opaque", "description": format!("`Bearer`, and {bearer}") }),
        );
    }
    if built_in {
        add("accessToken".to_owned(), place("header", "X-Access-Token", "The token as it is"));
    }
    if built_in && credentials.query {
        add(
            "query".to_owned(),
            place("query", "access_token", "The token as it is; logs and histories see it"),
        );
    }
    let further = |kind: &str, place_: &str, names: &[String], about: &str| {
        let numbered = names.iter().enumerate();
        let scheme = |(at, name): (usize, &String)| (format!("{kind}{}", at + 1), place(place_, name, about));
        numbered.map(scheme).collect::<Vec<_>>()
    };
    // Places that are switched off are not listed: a client would send its token where it is ignored.
    let query: &[String] = if credentials.query { &credentials.params } else { &[] };
    let cookies: &[String] = if credentials.cookie_secret.is_some() { &credentials.cookies } else { &[] };
    for (name, scheme) in [
        further("header", "header", &credentials.headers, "The token as it is"),
        further("param", "query", query, "The token as it is"),
        further("cookie", "cookie", cookies, "The token, signed by the app's Express"),
    ]
    .concat()
    {
        add(name, scheme);
    }
    schemes
}

/// One of the schemes; or none for a public route, where a token is optional.
pub(super) fn requirements(credentials: &Settings, is_public: bool) -> Value {
    let schemes = schemes(credentials);
    let each = schemes.keys().map(|name| json!({ name: [] }));
    is_public.then(|| json!({})).into_iter().chain(each).collect()
}
