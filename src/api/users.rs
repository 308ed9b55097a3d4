//! Endpoints for registration, login and logout.

use serde_json::{Map, Value};

use super::{Api, Call, Problem, answer::Answer, arguments, faults, shape};
use crate::{
    accounts::{Actor, Fault, Login},
    clock::Clock,
    store::User,
};

impl Api {
    /// `POST /users`: one user or a list.
    pub(super) async fn create(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let actor = actor(call);
        if let Value::Array(items) = &call.body.0 {
            let items = items.iter().map(|item| item.as_object().cloned().unwrap_or_default()).collect();
            let users = self.accounts.register_many(actor, items).await.map_err(|fault| self.fault(fault))?;
            return Ok(Answer::Value(users.iter().map(|user| self.shown(user)).collect()));
        }
        let data = call.body.fields().cloned().unwrap_or_default();
        let user = self.accounts.register(actor, data).await.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Value(self.shown(&user)))
    }

    /// `POST /users/login`.
    pub(super) async fn login(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let include = arguments::value(call.method, "include", &call.body, call.head.into())?;
        let empty = Map::new();
        let credentials = call.body.fields().unwrap_or(&empty);
        let login = Login::read(self.accounts.settings(), credentials).map_err(|fault| self.fault(fault))?;
        let issued = self.accounts.login(actor(call), login).await.map_err(|fault| self.fault(fault))?;
        let mut token = shape::token(&issued, self.accounts.settings());
        if wants_user(include.as_ref()) {
            token.insert("user".to_owned(), self.shown(&issued.user));
        }
        Ok(Answer::Secret(Value::Object(token)))
    }

    /// `/users/logout`. In profile `standard` the body may contain the token, as in LoopBack's documentation.
    pub(super) async fn logout(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let session = match (&call.session, self.token_in_body(call)) {
            // A token in the head wins over one in the body.
            (Some(session), _) => session.clone(),
            (None, Some(token)) => self.accounts.session(token).await.map_err(|fault| self.fault(fault))?,
            (None, None) => return Err(self.fault(Fault::TokenRequired)),
        };
        self.accounts.logout(actor(call), &session).await.map_err(|fault| self.fault(fault))?;
        Ok(Answer::Nothing)
    }

    fn token_in_body<'c>(&self, call: &'c Call<'_>) -> Option<&'c str> {
        let fields = call.body.fields().filter(|_| !self.loopback())?;
        let mut texts = ["access_token", "sid"].iter().filter_map(|name| fields.get(*name)?.as_str());
        texts.find(|text| !text.is_empty())
    }

    pub(super) fn row(&self, user: &User) -> Map<String, Value> {
        shape::user(user, self.accounts.settings())
    }

    pub(super) fn shown(&self, user: &User) -> Value {
        Value::Object(self.row(user))
    }

    pub(super) fn fault(&self, fault: Fault) -> Problem {
        if matches!(
            fault,
            Fault::Store(_) | Fault::NoRandomness | Fault::Contended | Fault::BreachedUnreadable(_)
        ) && let Some(more) = self.failures.say(Clock::System.now())
        {
            tracing::error!(
                error = &fault as &dyn std::error::Error,
                more,
                "an account's wish could not be granted"
            );
        }
        faults::problem(fault, &self.accounts.settings().model)
    }
}

pub(super) fn actor<'c>(call: &'c Call<'_>) -> Actor<'c> {
    let session = call.session.as_deref();
    Actor::Client {
        address: call.client,
        request_id: call.request_id,
        session,
        reach: call.reach,
        by_cookie: call.by_cookie,
    }
}

/// The id of the row in the request.
pub(super) fn instance_id<'c>(call: &Call<'c>) -> &'c str {
    call.id.unwrap_or("undefined")
}

/// Whether `include` contains `user`, in any letter case. `user,foo` is a different word.
fn wants_user(include: Option<&Value>) -> bool {
    let Some(Value::Array(names)) = include else { return false };
    names.iter().filter_map(Value::as_str).any(|name| name.eq_ignore_ascii_case("user"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Response};
    use serde_json::json;

    use super::*;
    use crate::policy::{AccountMethod, Reach};
    use crate::{
        accounts::{
            Settings,
            testing::{self, TestAccounts, fixture},
        },
        api::{self, Body, Reply},
        observe::metrics::LoginResult,
    };

    const GOOD: &str = "a-good-password";

    struct Client {
        fixture: TestAccounts,
        api: Api,
    }

    impl Client {
        async fn new(settings: Settings) -> Self {
            let fixture = fixture(settings).await;
            let api = Api::new(
                fixture.accounts.clone(),
                api::Settings { body_limit: 100_000, redirect_hosts: Vec::new() },
            );
            Self { fixture, api }
        }

        /// Calls a method as the gate does: body, arguments, then the method.
        async fn call(
            &self,
            method: &str,
            target: &str,
            body: &Value,
            token: Option<&str>,
        ) -> Response<Bytes> {
            self.reply(method, target, body, token).await.response
        }

        async fn reply(&self, method: &str, target: &str, body: &Value, token: Option<&str>) -> Reply {
            let method = AccountMethod::named(method).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert("content-type", "application/json".parse().unwrap());
            let request = http::Request::post(target).body(()).unwrap();
            let head = request.into_parts().0;
            let body = Body::read(&headers, &Bytes::from(body.to_string()), self.api.reading()).unwrap();
            if let Err(problem) = self.api.check_arguments(method, &body, &head) {
                return Reply { response: problem.into_response(&head), login: None };
            }
            let session = match token {
                Some(token) => self.fixture.accounts.session(token).await.ok(),
                None => None,
            };
            let id = head.uri.path().strip_prefix("/api/users/");
            let client = std::net::IpAddr::from([192, 0, 2, 1]);
            let call = Call {
                method,
                head: &head,
                body,
                id,
                session,
                client,
                request_id: "r1",
                reach: Reach::Everyone,
                by_cookie: false,
            };
            self.api.reply(&call).await
        }

        /// Status and body.
        async fn ask(&self, method: &str, target: &str, body: &Value) -> (u16, String) {
            told(&self.call(method, target, body, None).await)
        }

        async fn token(&self, name: &str) -> String {
            let body = json!({"username": name, "password": GOOD});
            let (_, answer) = self.ask("login", "/api/users/login", &body).await;
            serde_json::from_str::<Value>(&answer).unwrap()["id"].as_str().unwrap().to_owned()
        }
    }

    fn told(response: &Response<Bytes>) -> (u16, String) {
        (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap())
    }

    async fn with_ann(settings: Settings) -> Client {
        let client = Client::new(settings).await;
        let ann = json!({"username": "ann", "email": "ann@b.c", "password": GOOD});
        let answer = client.ask("create", "/api/users", &ann).await;
        assert_eq!(answer, (200, r#"{"username":"ann","email":"ann@b.c","id":1}"#.to_owned()));
        client
    }

    /// An answer with ids and times made equal.
    fn redacted(answer: &str) -> String {
        let mut value: Value = serde_json::from_str(answer).unwrap();
        assert_eq!(value["id"].as_str().unwrap().len(), 64);
        value["id"] = json!("TOKEN");
        value.to_string()
    }

    #[tokio::test]
    async fn logs_in_and_shows_the_user_on_demand() {
        let client = with_ann(testing::loopback()).await;
        let body = json!({"email": "ann@b.c", "password": GOOD, "ttl": 2.5});
        let plain = r#"{"id":"TOKEN","ttl":2.5,"created":"2026-11-21T20:51:11.688Z","userId":1}"#;
        let with_user = r#"{"id":"TOKEN","ttl":2.5,"created":"2026-11-21T20:51:11.688Z","userId":1,"user":{"username":"ann","email":"ann@b.c","id":1}}"#;
        for (query, expected) in [
            ("", plain),
            ("?include=user", with_user),
            ("?include=USER", with_user),
            ("?include=%5B%22user%22%5D", with_user),
            ("?include=foo&include=user", with_user),
            ("?include=user,foo", plain),
            ("?include=", plain),
        ] {
            let (status, answer) = client.ask("login", &format!("/api/users/login{query}"), &body).await;
            assert_eq!((status, redacted(&answer).as_str()), (200, expected), "{query}");
        }
        let response = client.call("login", "/api/users/login", &body, None).await;
        assert_eq!(response.headers()["cache-control"], "no-store");
    }

    #[tokio::test]
    async fn refuses_logins_in_loopbacks_words() {
        let client = with_ann(testing::loopback()).await;
        for (body, status, message, code) in [
            (json!({}), 400, "username or email is required", Some("USERNAME_EMAIL_REQUIRED")),
            (json!({"email": {}, "password": GOOD}), 400, "Invalid email", Some("INVALID_EMAIL")),
            (json!({"username": 5}), 400, "Invalid username", Some("INVALID_USERNAME")),
            (json!({"username": "ann", "password": "no"}), 401, "login failed", Some("LOGIN_FAILED")),
            (json!(null), 400, "credentials is a required argument", None),
            (json!([]), 400, "Value is not an object.", None),
            (json!("x"), 400, "Value is not an object.", None),
        ] {
            let (told, answer) = client.ask("login", "/api/users/login", &body).await;
            let mut expected = json!({"statusCode": status, "name": "Error", "message": message});
            if let Some(code) = code {
                expected["code"] = json!(code);
            }
            assert_eq!((told, answer), (status, json!({ "error": expected }).to_string()), "{body}");
        }
    }

    #[tokio::test]
    async fn the_outcome_of_a_login_stands_beside_its_answer() {
        let client = with_ann(Settings { email_verification_required: true, ..testing::loopback() }).await;
        let login = |password| json!({"username": "ann", "password": password});
        for (method, target, body, expected) in [
            ("login", "/api/users/login", login("no"), Some(LoginResult::Failed)),
            ("login", "/api/users/login", login(GOOD), Some(LoginResult::Unverified)),
            ("login", "/api/users/login?_format=xml", login(GOOD), Some(LoginResult::Unverified)),
            ("login", "/api/users/login", json!({}), Some(LoginResult::Invalid)),
            ("logout", "/api/users/logout", json!({}), None),
        ] {
            assert_eq!(client.reply(method, target, &body, None).await.login, expected, "{target} {body}");
        }
        let client = with_ann(testing::loopback()).await;
        let reply = client.reply("login", "/api/users/login", &login(GOOD), None).await;
        assert_eq!(reply.login, Some(LoginResult::Succeeded));
    }

    #[tokio::test]
    async fn creates_one_or_many() {
        let client = with_ann(testing::loopback()).await;
        let many =
            json!([{"email": "x@y", "password": "x"}, {"email": "z@y", "password": "x", "a": {"b": [1]}}]);
        let expected = r#"[{"email":"x@y","id":2},{"email":"z@y","id":3,"a":{"b":[1]}}]"#;
        assert_eq!(client.ask("create", "/api/users", &many).await, (200, expected.to_owned()));
        assert_eq!(client.ask("create", "/api/users", &json!([])).await, (200, "[]".to_owned()));
        let (status, answer) = client.ask("create", "/api/users", &json!([{"email": "bad"}, null])).await;
        assert_eq!(status, 422);
        assert!(
            answer.starts_with(
                r#"{"error":{"statusCode":422,"name":"Error","message":"Failed with multiple errors"#
            ),
            "{answer}"
        );
        for body in [json!({}), json!(null)] {
            let (status, answer) = client.ask("create", "/api/users", &body).await;
            assert_eq!(status, 422);
            insta::allow_duplicates! {
                insta::assert_snapshot!(answer, @r#"{"error":{"statusCode":422,"name":"ValidationError","message":"The `User` instance is not valid. Details: `password` can't be blank (value: undefined); `email` can't be blank (value: undefined).","details":{"context":"User","codes":{"password":["presence"],"email":["presence"]},"messages":{"password":["can't be blank"],"email":["can't be blank"]}}}}"#);
            }
        }
    }

    #[tokio::test]
    async fn shows_a_user_to_who_may_see_it() {
        let client = with_ann(testing::loopback()).await;
        let ann = r#"{"username":"ann","email":"ann@b.c","id":1}"#;
        assert_eq!(client.ask("findById", "/api/users/1", &json!({})).await, (200, ann.to_owned()));
        let fields = client.ask("findById", "/api/users/1?filter[fields]=email", &json!({})).await;
        assert_eq!(fields, (200, r#"{"email":"ann@b.c"}"#.to_owned()));
        let unknown = r#"{"error":{"statusCode":404,"name":"Error","message":"Unknown \"User\" id \"7\".","code":"MODEL_NOT_FOUND"}}"#;
        assert_eq!(client.ask("findById", "/api/users/7", &json!({})).await, (404, unknown.to_owned()));
        // LoopBack makes a number of an id where it can.
        assert_eq!(client.ask("findById", "/api/users/01", &json!({})).await, (200, ann.to_owned()));
    }

    #[tokio::test]
    async fn logs_out_who_shows_a_token() {
        let client = with_ann(testing::loopback()).await;
        let token = client.token("ann").await;
        let refused =
            r#"{"error":{"statusCode":401,"name":"Error","message":"accessToken is required to logout"}}"#;
        let in_body = json!({ "sid": token });
        assert_eq!(client.ask("logout", "/api/users/logout", &in_body).await, (401, refused.to_owned()));
        let out = client.call("logout", "/api/users/logout", &json!({}), Some(&token)).await;
        assert_eq!(told(&out), (204, String::new()));
        assert_eq!(out.headers()["content-type"], "application/json; charset=utf-8");
        let again = client.call("logout", "/api/users/logout", &json!({}), Some(&token)).await;
        assert_eq!(told(&again), (401, refused.to_owned()));
        assert!(!again.headers().contains_key("www-authenticate"));
    }

    #[tokio::test]
    async fn standard_takes_the_token_from_the_body() {
        let client = with_ann(testing::standard()).await;
        for name in ["sid", "access_token"] {
            let body = json!({ name: client.token("ann").await });
            assert_eq!(client.ask("logout", "/api/users/logout", &body).await.0, 204, "{name}");
            let again = client.call("logout", "/api/users/logout", &body, None).await;
            assert_eq!(again.status(), 401);
            assert_eq!(again.headers()["www-authenticate"], "Bearer");
        }
        for body in [json!({"sid": 5}), json!({"sid": ""}), json!(null), json!("x")] {
            assert_eq!(client.ask("logout", "/api/users/logout", &body).await.0, 401, "{body}");
        }
    }

    #[tokio::test]
    async fn standard_is_safer() {
        let client = with_ann(testing::standard()).await;
        let login = |ttl: Value| json!({"username": "ann", "password": GOOD, "ttl": ttl});
        assert_eq!(client.ask("login", "/api/users/login", &login(json!(-1))).await.0, 400);
        for password in
            ["sh0rt", "password123", "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"]
        {
            let data = json!({"email": "new@b.c", "password": password});
            let (status, answer) = client.ask("create", "/api/users", &data).await;
            assert_eq!(status, 422);
            assert!(!answer.contains(password), "{answer}");
        }
        let batch = json!([{"email": "new@b.c", "password": GOOD}, {"email": "bad", "password": GOOD}]);
        let (status, answer) = client.ask("create", "/api/users", &batch).await;
        assert_eq!(status, 422, "{answer}");
        assert!(answer.contains(r#""details":[null,{"statusCode":422"#), "{answer}");
        let data = json!({"email": "new@b.c", "password": GOOD});
        assert_eq!(client.ask("create", "/api/users", &data).await.0, 200, "nothing of the batch was kept");
    }

    #[tokio::test]
    async fn a_method_that_is_not_built_says_so() {
        let client = with_ann(testing::standard()).await;
        let answer = client.ask("createChangeStream", "/api/users/change-stream", &json!({})).await;
        let expected = r#"{"error":{"statusCode":501,"name":"Error","message":"The method `createChangeStream` is not implemented","code":"NOT_IMPLEMENTED"}}"#;
        assert_eq!(answer, (501, expected.to_owned()));
        let missing = client.ask("resetPassword", "/api/users/reset", &json!(null)).await;
        assert_eq!(missing.0, 400);
    }
}
