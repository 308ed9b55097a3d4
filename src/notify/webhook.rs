//! Posts JSON to a URL with a signature: `X-Portcullis-Signature: t=UNIX,v1=HEX`, the HMAC-SHA256 of `t.body`.
//!
//! Each event uses a connection of its own: events are rare, and a restarted receiver is found at once.

use std::{fmt, time::Duration};

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{
    Request, StatusCode, Uri,
    header::{CONNECTION, CONTENT_TYPE, HOST, USER_AGENT},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::net::TcpStream;

use crate::{clock::Timestamp, encoding::hex};

/// The receiver of events.
pub struct Webhook {
    address: (String, u16),
    host: String,
    target: String,
    secret: Vec<u8>,
}

/// The reason why an event was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The URL is not an `http://host[:port]/path`.
    #[error("`{0}` is not an address that events can be posted to; write `http://host:port/path`")]
    Address(String),
    /// The receiver refused the connection.
    #[error("the receiver cannot be reached")]
    Connect(#[source] std::io::Error),
    /// The receiver does not speak HTTP, or closed the connection.
    #[error("the receiver broke the exchange off")]
    Exchange(#[source] hyper::Error),
    /// The deadline has passed.
    #[error("the receiver took longer than {0:?}")]
    Slow(Duration),
    /// The status was not a 2xx.
    #[error("the receiver answered {0}")]
    Refused(StatusCode),
}

/// Time limit from the connection to the end of the answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// Maximum size of the answer's body in bytes. It is read and dropped.
const MAX_ANSWER: usize = 64 * 1024;

impl Webhook {
    /// Creates a receiver for an `http://` URL.
    ///
    /// # Errors
    /// [`WebhookError::Address`]
    pub fn new(url: &str, secret: &str) -> Result<Self, WebhookError> {
        // Without the query, which may contain a token, because the message is logged.
        let wrong = || WebhookError::Address(url.split('?').next().unwrap_or_default().to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong());
        }
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let authority = authority.ok_or_else(wrong)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        Ok(Self {
            address: (host, authority.port_u16().unwrap_or(80)),
            host: authority.to_string(),
            target: uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            secret: secret.as_bytes().to_vec(),
        })
    }

    /// Posts an event. `Ok` means that the receiver has accepted it.
    ///
    /// # Errors
    /// [`WebhookError`]; the caller tries again.
    pub async fn post(&self, body: String, now: Timestamp) -> Result<(), WebhookError> {
        let exchange = self.exchange(body, now.0.div_euclid(1000));
        match tokio::time::timeout(DEADLINE, exchange).await {
            Ok(Ok(status)) if status.is_success() => Ok(()),
            Ok(Ok(status)) => Err(WebhookError::Refused(status)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(WebhookError::Slow(DEADLINE)),
        }
    }

    async fn exchange(&self, body: String, time: i64) -> Result<StatusCode, WebhookError> {
        // The time is signed, too, so that a recorded event cannot be replayed later.
        let signature = format!("t={time},v1={}", self.sign(time, &body));
        let request = Request::post(self.target.as_str())
            .header(HOST, &self.host)
            .header(CONNECTION, "close")
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .header("x-portcullis-signature", signature)
            .body(Full::new(Bytes::from(body)));
        let request = request.map_err(|_| WebhookError::Address(self.host.clone()))?;
        let (host, port) = (self.address.0.as_str(), self.address.1);
        let stream = TcpStream::connect((host, port)).await.map_err(WebhookError::Connect)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(WebhookError::Exchange)?;
        let answer = async move {
            let response = sender.send_request(request).await?;
            let (status, body) = (response.status(), response.into_body());
            // Only the status matters. An error in the body does not change it.
            let _ = Limited::new(body, MAX_ANSWER).collect().await;
            Ok::<_, hyper::Error>(status)
        };
        let (answer, _) = tokio::join!(answer, connection);
        answer.map_err(WebhookError::Exchange)
    }

    fn sign(&self, time: i64, body: &str) -> String {
        // Cannot fail: an HMAC accepts keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return String::new() };
        mac.update(format!("{time}.{body}").as_bytes());
        hex(mac.finalize().into_bytes())
    }
}

/// Without the secret and the query, which may contain a token.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("host", &self.host).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Answers one request with `answer`; gives back what was sent.
    async fn receive(
        answer: &'static str,
        post: impl Future<Output = Result<(), WebhookError>>,
        listener: TcpListener,
    ) -> (Result<(), WebhookError>, String) {
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            while !String::from_utf8_lossy(&got).ends_with('}') {
                let mut buffer = [0; 1024];
                let read = stream.read(&mut buffer).await.unwrap();
                assert!(read > 0, "the request ended early");
                got.extend_from_slice(&buffer[..read]);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(got).unwrap()
        };
        tokio::join!(post, serve)
    }

    async fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?a=b", listener.local_addr().unwrap());
        (listener, url)
    }

    #[tokio::test]
    async fn posts_a_signed_event() {
        let (listener, url) = listener().await;
        let webhook = Webhook::new(&url, "conformance").unwrap();
        let post = webhook.post(r#"{"type":"logout"}"#.to_owned(), Timestamp(1_700_000_000_999));
        let (result, sent) = receive("HTTP/1.1 204 No Content\r\n\r\n", post, listener).await;
        result.unwrap();
        assert!(sent.starts_with("POST /hook?a=b HTTP/1.1\r\n"), "{sent}");
        assert!(sent.contains("content-type: application/json\r\n"), "{sent}");
        // printf '1700000000.{"type":"logout"}' | openssl dgst -sha256 -hmac conformance
        let signature = "x-portcullis-signature: t=1700000000,v1=183203c2a1a434c8d5a5c8f5d9f58cf5b5e39ff947ff49e723a15e85027c3857\r\n";
        assert!(sent.contains(signature), "{sent}");
    }

    #[tokio::test]
    async fn says_why_an_event_was_not_taken() {
        let (listener, url) = listener().await;
        let webhook = Webhook::new(&url, "s").unwrap();
        let post = webhook.post("{}".to_owned(), Timestamp(0));
        let answer = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
        let (result, _) = receive(answer, post, listener).await;
        assert_eq!(result.unwrap_err().to_string(), "the receiver answered 500 Internal Server Error");
        // The listener is closed by now.
        let gone = webhook.post("{}".to_owned(), Timestamp(0)).await;
        assert!(matches!(gone, Err(WebhookError::Connect(_))), "{gone:?}");
    }

    #[tokio::test]
    async fn a_receiver_that_speaks_no_http_is_an_error() {
        let (listener, url) = listener().await;
        let webhook = Webhook::new(&url, "s").unwrap();
        let (result, _) =
            receive("SSH-2.0-x\r\n\r\n", webhook.post("{}".to_owned(), Timestamp(0)), listener).await;
        assert!(matches!(result, Err(WebhookError::Exchange(_))), "{result:?}");
    }

    #[test]
    fn takes_plain_addresses_only() {
        for (url, ok) in [
            ("http://127.0.0.1:31002/", true),
            ("http://localhost", true),
            ("http://[::1]:80/x", true),
            ("https://example.com/", false),
            ("http://me:hush@example.com/", false),
            ("example.com", false),
            ("/x", false),
        ] {
            assert_eq!(Webhook::new(url, "s").is_ok(), ok, "{url}");
        }
        let told = Webhook::new("https://x/?key=hush", "s").unwrap_err().to_string();
        assert!(!told.contains("hush"), "{told}");
        assert!(!format!("{:?}", Webhook::new("http://x/?key=hush", "s3cret").unwrap()).contains("s3cret"));
    }
}
