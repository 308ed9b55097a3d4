//! The challenges of a 401 of the gate (`WWW-Authenticate`, RFC 9110 section 11.6.1).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::WWW_AUTHENTICATE};

use crate::{credential::Schemes, policy::PolicySet, wire::RequestHead};

/// Prefixes of `User-Agent`, in lower case, of tools that send a password only after a `Basic` challenge.
const WAITING: [&str; 34] = [
    "apache-httpclient/",
    "apache-maven/",
    "cadaver/",
    "curl/",
    "davfs2/",
    "dulwich/",
    "git-lfs/",
    "git/",
    "go-git/",
    "gradle/",
    "gvfs/",
    "java-http-client/",
    "java/",
    "jgit/",
    "libcurl/",
    "litmus/",
    "lwp::simple/",
    "lwp-request/",
    "lwp-useragent/",
    "maven/",
    "mercurial/",
    "microsoft-webdav-miniredir/",
    "neon/",
    "nuget",
    "pip/",
    "sardine/",
    "serf/",
    "svn/",
    "tortoisegit/",
    "webdavfs/",
    "webdavlib/",
    "wget/",
    "wget2/",
    "zypp",
];

/// The same for clients of container registries. They take `Bearer` for the address of a token service and give
/// up without one, unless it follows `Basic` in the same line, where they do not look.
const REGISTRY_CLIENTS: [&str; 14] = [
    "buildah/",
    "buildkit/",
    "containerd/",
    "containers/",
    "cri-o/",
    "docker/",
    "go-containerregistry/",
    "helm/",
    "kaniko/",
    "libpod/",
    "nerdctl/",
    "oras",
    "podman/",
    "skopeo/",
];

const BASIC: &str = "Basic realm=\"Portcullis\", charset=\"UTF-8\"";

/// Completes the challenges of an answer. In profile `standard` it has `Bearer` already. In `loopback3` there
/// is none, as in LoopBack, unless a file or a route asks for `Basic`.
pub(super) fn complete(
    response: &mut Response<Bytes>,
    head: &RequestHead,
    set: &PolicySet,
    schemes: Schemes,
    loopback: bool,
) {
    if response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    let headers = response.headers_mut();
    // A client must not be asked for what the gate would not read.
    if !schemes.bearer {
        headers.remove(WWW_AUTHENTICATE);
    }
    let agent = head.field("user-agent").unwrap_or_default();
    let is_registry_client = begins_with_one_of(agent, &REGISTRY_CLIENTS);
    let waits = !loopback && (is_registry_client || begins_with_one_of(agent, &WAITING)) && !is_browser(head);
    if !schemes.basic || !(waits || set.asks_for_basic(head.method(), head.path())) {
        return;
    }
    match headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()) {
        Some(bearer) if is_registry_client => {
            if let Ok(both) = HeaderValue::try_from(format!("{BASIC}, {bearer}")) {
                headers.insert(WWW_AUTHENTICATE, both);
            }
        }
        _ => drop(headers.append(WWW_AUTHENTICATE, HeaderValue::from_static(BASIC))),
    }
}

/// Whether a browser sent the request, whatever its `User-Agent`: it would show a login form of its own.
/// `Sec-Fetch-Mode`: W3C Fetch Metadata; `X-Requested-With`: scripts of pages.
fn is_browser(head: &RequestHead) -> bool {
    head.field("sec-fetch-mode").is_some() || head.field("x-requested-with").is_some()
}

fn begins_with_one_of(agent: &[u8], names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| agent.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes())))
}
