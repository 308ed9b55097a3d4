//! One login for several hosts: the login page is on the public URL's host, and each other host gets a session of its own
//! by a code that works once, for half a minute, for that host and the browser that asked for it.

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::{
    answer::Answer,
    codes::Code,
    cookies::{Browser, Keep},
    device,
    input::Visit,
    login::{self, LONGEST_COOKIE, MAX_TARGET, SHORT_LIFE, lasting},
    state::{LOGIN, Pages, ROOT},
};
use crate::{
    accounts::{Fault, TokenRequest},
    clock::Timestamp,
    encoding::hex,
    store::Session,
};

/// How long a code works, in milliseconds.
const LIFE: i64 = 30_000;

/// What the login page knows of the browser at the other host: not its cookie.
fn proof(browser: &Browser) -> String {
    hex(Sha256::digest(format!("handover {}", browser.id)))
}

impl Pages {
    /// The origin of the login page that this host shares with others; `None` if it has its own.
    pub(super) fn central(&self, visit: &Visit<'_>) -> Option<&str> {
        let sites = self.settings.sites.as_ref().filter(|sites| !sites.is_central(visit.host))?;
        // A host that the login page would not lead back to has its own.
        sites.lead_to(&visit.origin()).then_some(&*sites.origin)
    }

    /// Sends a browser on another host to a page of the host that all share. It has a cookie of this host already, or
    /// gets one.
    pub(super) fn to_central(&self, visit: &Visit<'_>, page: &str, target: &str) -> Option<Answer> {
        let central = self.central(visit)?;
        if visit.session.is_some() || !target.starts_with('/') {
            return None;
        }
        let browser = Browser::read(visit).or_else(Browser::random)?;
        if browser.was_just_here(visit.now) && !visit.has_cookie {
            // It has been there a moment ago, and has no session: this host's own page explains that.
            return None;
        }
        let target = [format!("{}{target}", visit.origin()), format!("{}/", visit.origin())];
        let target = target.into_iter().find(|target| target.len() <= MAX_TARGET)?;
        let back = login::leading_back(&format!("{central}{page}"), &target);
        let note = login::note(visit).map(|(note, _)| format!("&note={note}")).unwrap_or_default();
        let answer = Answer::redirect(&format!("{back}&for={}{note}", proof(&browser)));
        Some(answer.cookie(browser.cookie(visit.transport)))
    }

    /// The way from the login page to another host that has asked for a session; `None` = the target itself.
    pub(super) fn handed_over(
        &self,
        visit: &Visit<'_>,
        session: &Arc<Session>,
        target: &str,
    ) -> Option<String> {
        let sites = self.settings.sites.as_ref().filter(|sites| sites.is_central(visit.host))?;
        // A token of another host has been handed over itself, and leads no further.
        if session.host.is_some() {
            return None;
        }
        let browser = visit.asked_by()?;
        let host = sites.host_of(target)?;
        let (scheme, rest) = target.split_once("://")?;
        let path = rest.strip_prefix(host)?;
        // A URL may have a query or a fragment right behind its host.
        let slash = if path.starts_with('/') { "" } else { "/" };
        let code = Code {
            session: Arc::clone(session),
            host: host.to_ascii_lowercase(),
            browser: browser.into_owned(),
            until: visit.now.0 + LIFE,
        };
        let code = self.shared.codes.issue(code, visit.now.0)?;
        let path = utf8_percent_encode(path, NON_ALPHANUMERIC);
        Some(format!("{scheme}://{host}{ROOT}handover?code={code}&to={slash}{path}"))
    }

    /// `GET handover`: the browser comes back from the login page. Nothing but this browser can use the code, so nothing
    /// that opens links ahead changes anything.
    pub(super) async fn handover(&self, visit: &Visit<'_>) -> Answer {
        let Ok(target) = self.target(visit) else { return self.message(visit, "target") };
        let code = visit.param("code").and_then(|code| self.shared.codes.take(&code));
        let browser = Browser::read(visit);
        let is_for_us = |code: &Code| {
            let is_browser = browser.as_ref().is_some_and(|browser| proof(browser) == code.browser);
            is_browser && visit.host.eq_ignore_ascii_case(&code.host) && code.until > visit.now.0
        };
        let Some(code) = code.filter(is_for_us) else { return Answer::redirect(&login::address(&target)) };
        match self.session_beside(visit, &code.session, visit.now).await {
            Ok((token, keep)) => {
                let browser = browser.map(|browser| browser.at_login(Some(visit.now)));
                Answer::redirect(&target)
                    .cookie(visit.transport.session_cookie(&token, keep))
                    .cookie(browser.and_then(|browser| browser.cookie(visit.transport)))
            }
            // Logged out meanwhile.
            Err(Fault::SessionEnded | Fault::LoginFailed | Fault::SessionUserGone(_)) => {
                Answer::redirect(&login::address(&target))
            }
            Err(fault) => self.notices(visit, &fault).on(self.told(visit, "target", LOGIN)),
        }
    }

    /// A token that belongs to the same login and ends with it.
    async fn session_beside(
        &self,
        visit: &Visit<'_>,
        session: &Session,
        now: Timestamp,
    ) -> Result<(String, Keep), Fault> {
        let lifetimes = self.accounts.settings().lifetimes();
        let tokens = self.accounts.tokens(&session.subject.load().id).await?;
        let own = tokens.iter().find(|token| token.hash == session.hash).ok_or(Fault::SessionEnded)?;
        #[expect(clippy::cast_precision_loss, reason = "a moment in ms is far below 2^52")]
        let rest =
            own.end_by(&lifetimes, self.accounts.last_use(own)).map(|end| (end - now.0 as f64) / 1000.0);
        let rest = rest.filter(|rest| *rest > 0.0).ok_or(Fault::SessionEnded)?.min(LONGEST_COOKIE);
        let group = device::group_of(own).unwrap_or_default();
        let agent = visit.header(&http::header::USER_AGENT).unwrap_or_default();
        let request = TokenRequest {
            ttl: Some(rest),
            name: Some(device::name(agent, group)),
            fixed: own.fixed,
            // The app of a host may get hold of its code or its cookie, and shall not be the user elsewhere.
            host: Some(visit.host.to_ascii_lowercase()),
            ..TokenRequest::default()
        };
        let issued = self.accounts.issue_beside(session, request).await?;
        let is_short = own.ttl.is_some_and(|ttl| ttl > 0.0 && ttl <= SHORT_LIFE);
        let keep = if is_short { Keep::Session } else { lasting(issued.ttl) };
        Ok((issued.id.expose().to_owned(), keep))
    }
}
