//! The client of the ACME server: HTTPS with a connection for each request, so that nothing stays open between orders.

use std::{
    error::Error,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Uri,
    header::{CONNECTION, HOST, RETRY_AFTER, USER_AGENT},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, HttpClient};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::{
    clock::{Clock, Timestamp},
    tls,
};

/// Time limit from the connection to the end of the answer. Servers answer in seconds, even under load.
const DEADLINE: Duration = Duration::from_secs(30);

/// Maximum size of an answer in bytes. A chain of certificates has some thousands.
const MAX_ANSWER: usize = 1024 * 1024;

type BoxError = Box<dyn Error + Send + Sync>;

/// Sends requests to the ACME server. Clones share what was asked of them.
#[derive(Clone)]
pub(super) struct Http {
    terms: Arc<ClientConfig>,
    clock: Clock,
    /// Until when the server wants to be left alone.
    retry_after: Arc<Mutex<Option<Timestamp>>>,
}

/// Why a request failed, besides errors of the libraries.
#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error("`{0}` is not an address that begins with https://")]
    NotHttps(Uri),
    #[error("no connection to `{0}`")]
    Connect(String, #[source] std::io::Error),
    #[error("no TLS with `{0}`")]
    Handshake(String, #[source] std::io::Error),
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("`{0}` was answered with {1}")]
    Status(Uri, StatusCode),
}

impl Http {
    pub(super) fn new(terms: Arc<ClientConfig>, clock: Clock) -> Self {
        Self { terms, clock, retry_after: Arc::default() }
    }

    /// Until when the server wants to be left alone: the `Retry-After` of a refusal (RFC 8555 section 6.6).
    pub(super) fn retry_after(&self) -> Option<Timestamp> {
        *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn exchange(
        self,
        mut request: Request<BodyWrapper<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, BoxError> {
        let uri = request.uri().clone();
        let (Some("https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(HttpError::NotHttps(uri).into());
        };
        let host = authority.host().trim_matches(['[', ']']);
        let name = tls::server_name(host)?;
        let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(443))).await;
        let stream = stream.map_err(|error| HttpError::Connect(authority.to_string(), error))?;
        let stream = TlsConnector::from(self.terms).connect(name, stream).await;
        let stream = stream.map_err(|error| HttpError::Handshake(authority.to_string(), error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        headers.insert(USER_AGENT, HeaderValue::from_static(OURS));
        *request.uri_mut() = uri.path_and_query().map_or("/", |target| target.as_str()).parse()?;
        let is_get = request.method() == http::Method::GET;
        let answer = async move {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, BoxError>(Response::from_parts(head, Full::new(body)))
        };
        // The end of the connection tells nothing that the answer does not.
        let (answer, _) = tokio::join!(answer, connection);
        let answer = answer?;
        let status = answer.status();
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let wait = retry_after(answer.headers(), self.clock.now());
            *self.retry_after.lock().unwrap_or_else(PoisonError::into_inner) = wait;
        }
        // The library takes any answer to a GET for the document. Problems come as answers to a POST.
        if is_get && !status.is_success() {
            return Err(HttpError::Status(uri, status).into());
        }
        Ok(answer)
    }
}

/// The name of the client (RFC 8555 section 6.1).
const OURS: &str = concat!("portcullis/", env!("CARGO_PKG_VERSION"), " instant-acme");

/// `Retry-After` as a moment (RFC 9110 section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Timestamp> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(now.plus(Duration::from_secs(seconds.into()))),
        Err(_) => Timestamp::parse_http(text),
    }
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, instant_acme::Error>> + Send>> {
        let exchange = tokio::time::timeout(DEADLINE, self.clone().exchange(request));
        Box::pin(async move {
            let answer = exchange.await.unwrap_or_else(|_| Err(HttpError::Slow(DEADLINE).into()));
            answer.map(BytesResponse::from).map_err(instant_acme::Error::Other)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_long_to_wait() {
        let now = Timestamp(784_111_000_000);
        let of = |text: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);
            retry_after(&headers, now)
        };
        assert_eq!(of("120"), Some(Timestamp(784_111_120_000)));
        assert_eq!(of(" 0 "), Some(now));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Timestamp(784_111_777_000)));
        assert_eq!((of("soon"), of("-1"), of("")), (None, None, None));
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
