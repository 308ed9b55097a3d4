//! The task that keeps certificates: it waits until one is due, and gets it.

use std::{convert::Infallible, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use instant_acme::{Account, CertificateIdentifier};
use tokio::sync::watch;

use super::{
    AcmeError, Settings, Tokens, account,
    error::Failure,
    http::Http,
    order::{self, Answers, Wanted},
    schedule::{self, Jitter, LONGEST_SLEEP, Life, between},
};
use crate::{
    clock::{Clock, Timestamp},
    tls::{
        Certificate, ClientTls, RenewalId, SECRET, ServerTls, UpstreamSettings, check_issued, replace_file,
    },
};

/// Keeps the certificates of the settings in force.
pub struct Acme {
    answers: Answers,
    clock: Clock,
    settings: watch::Receiver<Settings>,
}

/// The names under one version of the settings.
struct Renewals<'a> {
    answers: &'a Answers,
    clock: &'a Clock,
    settings: Settings,
    names: Vec<Name>,
    /// Kept while several names are due.
    account: Option<Account>,
    /// The client of the account. It also holds the last `Retry-After`.
    http: Option<Http>,
}

/// One name.
struct Name {
    domain: String,
    /// When to order.
    due: Timestamp,
    /// When to ask the authority about the renewal; `None` = it does not answer that.
    ask: Option<Timestamp>,
    /// When an order is allowed again, whatever the authority says about the renewal.
    earliest: Timestamp,
    /// Whether the authority has said when to renew.
    advised: bool,
    /// Failures in a row.
    failures: u32,
    /// The challenge to try, as an index into those of the settings.
    challenge: usize,
}

/// Time limit of one attempt, all polls included.
const ATTEMPT: Duration = Duration::from_secs(10 * 60);

/// Puts the kept certificates in force, and says for which names there should be some.
pub fn restore(settings: &Settings, tls: &ServerTls) {
    tls.issued().request(&settings.domains);
    for domain in &settings.domains {
        let file = settings.file(domain);
        // The certificate in force may be of another directory. It stays until there is a new one.
        if file.exists()
            && let Err(error) = tls.issued().install_file(domain, &file)
        {
            tracing::error!(%error, "a kept certificate cannot be used; a new one is requested");
        }
    }
}

impl Acme {
    /// For a gate whose kept certificates are restored.
    #[must_use]
    pub fn new(
        tls: Arc<ServerTls>,
        tokens: Arc<Tokens>,
        clock: Clock,
        settings: watch::Receiver<Settings>,
    ) -> Self {
        Self { answers: Answers { tls, tokens }, clock, settings }
    }

    /// Runs until the sender of the settings is dropped. It may be aborted at any time.
    pub async fn run(self) {
        let Self { answers, clock, mut settings } = self;
        // A change that came before is still one for `changed`.
        let mut current = settings.borrow().clone();
        loop {
            let renewals = Renewals::new(&answers, &clock, current);
            tokio::select! {
                changed = settings.changed() => if changed.is_err() { return },
                never = renewals.run() => match never {},
            }
            current = settings.borrow_and_update().clone();
            restore(&current, &answers.tls);
        }
    }
}

impl<'a> Renewals<'a> {
    fn new(answers: &'a Answers, clock: &'a Clock, settings: Settings) -> Self {
        let now = clock.now();
        // A restart asks for nothing. A second wish of the authority can wait some hours.
        let name = |domain: &String| match answers
            .tls
            .issued()
            .certificate(domain)
            .filter(|_| settings.file(domain).exists())
        {
            Some(certificate) => {
                let ask = now.plus(LONGEST_SLEEP.mul_f64(Jitter::random().0));
                Name::new(domain, life(&certificate).renewal(Jitter::random()), Some(ask))
            }
            None => Name::new(domain, now, None),
        };
        let names = settings.domains.iter().map(name).collect();
        Self { answers, clock, names, account: None, http: None, settings }
    }

    async fn run(mut self) -> Infallible {
        loop {
            let Some((at, wake)) =
                self.names.iter().map(Name::wake).enumerate().min_by_key(|(_, wake)| *wake)
            else {
                return std::future::pending().await;
            };
            let now = self.clock.now();
            if wake > now {
                (self.account, self.http) = (None, None);
                tokio::time::sleep(between(now, wake).min(LONGEST_SLEEP)).await;
            } else {
                self.attend(at, now).await;
            }
        }
    }

    async fn attend(&mut self, at: usize, now: Timestamp) {
        let Some(name) = self.names.get(at) else { return };
        if name.due > now {
            let asked = self.ask(&name.domain.clone()).await;
            if let Some(name) = self.names.get_mut(at) {
                name.asked(asked, self.clock.now());
            }
            return;
        }
        let result = match tokio::time::timeout(ATTEMPT, self.renew(at)).await {
            Ok(result) => result,
            Err(_) => Err(AcmeError::Slow),
        };
        let now = self.clock.now();
        match result {
            Ok(certificate) => {
                tracing::info!(certificate = %certificate, "a new certificate is in force");
                let Some(name) = self.names.get_mut(at) else { return };
                name.renewed(life(&certificate), now);
            }
            Err(error) => self.failed(at, &error, now),
        }
    }

    /// Orders a certificate, keeps it and uses it.
    async fn renew(&mut self, at: usize) -> Result<Certificate, AcmeError> {
        let account = self.account().await?;
        let Some(name) = self.names.get(at) else { return Err(AcmeError::Slow) };
        let Some(challenge) = self.settings.challenges.get(name.challenge).copied() else {
            return Err(AcmeError::Slow);
        };
        let replaces = if name.advised {
            self.answers.tls.issued().renewal_id(&name.domain).map(identifier)
        } else {
            None
        };
        let wanted = Wanted { domain: &name.domain, challenge, replaces };
        let pem = order::obtain(&account, self.answers, wanted).await?;
        let file = self.settings.file(&name.domain);
        // Before the file is replaced: the old one is good for longer.
        check_issued(&name.domain, &pem, &file)?;
        let kept = replace_file(&file, SECRET, pem.as_bytes());
        let certificate = self.answers.tls.issued().install(&name.domain, &pem, &file)?;
        if let Err(error) = kept {
            // Another order would count towards the limits of the authority, and could not be written either.
            let (domain, file) = (&name.domain, file.display());
            tracing::error!(domain, %file, %error, "the new certificate is in force and cannot be kept: a restart orders another");
        }
        Ok(certificate)
    }

    async fn account(&mut self) -> Result<Account, AcmeError> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let trusted = UpstreamSettings { ca: self.settings.ca.clone(), identity: None };
        let terms = ClientTls::load(&trusted).map_err(AcmeError::Authorities)?.terms();
        let http = self.http.insert(Http::new(terms, self.clock.clone())).clone();
        let account = account::open(&self.settings, http).await?;
        Ok(self.account.insert(account).clone())
    }

    /// Asks the authority when to renew (RFC 9773).
    async fn ask(&mut self, domain: &str) -> Result<(Timestamp, Duration), AcmeError> {
        let account = self.account().await?;
        let failed = AcmeError::at("the renewal information");
        let (Some(id), Some(certificate)) =
            (self.answers.tls.issued().renewal_id(domain), self.answers.tls.issued().certificate(domain))
        else {
            return Err(failed(instant_acme::Error::Str("an identifier of the certificate")));
        };
        let (info, again) = account.renewal_info(&identifier(id)).await.map_err(failed)?;
        let (begin, end) = (info.suggested_window.start, info.suggested_window.end);
        let moment = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
        let window = Life { begin: moment(begin.unix_timestamp()), end: moment(end.unix_timestamp()) };
        let due = life(&certificate).renewal_in(window, Jitter::random());
        if let Some(reason) = info.explanation_url {
            tracing::info!(domain, reason, "the authority explains when to renew the certificate");
        }
        Ok((due, schedule::ask_again(again)))
    }

    fn failed(&mut self, at: usize, error: &AcmeError, now: Timestamp) {
        self.account = None;
        let retry_after = self.http.take().and_then(|http| http.retry_after());
        let challenges = self.settings.challenges.len();
        let Some(name) = self.names.get_mut(at) else { return };
        name.failures = name.failures.saturating_add(1);
        let unproven = matches!(error, AcmeError::Unproven { .. } | AcmeError::NotOffered(_));
        let failure = match error.failure() {
            Failure::Refused if unproven && name.failures == 1 && challenges > 1 => {
                Failure::OtherChallengeLeft
            }
            failure => failure,
        };
        if unproven {
            name.challenge = (name.challenge + 1) % challenges.max(1);
        }
        let pause = schedule::pause(failure, name.failures, Jitter::random());
        name.pause(schedule::not_before(now, now.plus(pause), retry_after));
        if let Some(until) = schedule::not_before_of_others(now, retry_after) {
            self.names.iter_mut().for_each(|name| name.wait(until));
        }
        let Some(Name { domain, due, .. }) = self.names.get(at) else { return };
        let reason = with_causes(error);
        let fix = error.fix();
        match self
            .answers
            .tls
            .issued()
            .certificate(domain)
            .filter(|certificate| certificate.dated(now).is_ok())
        {
            Some(old) => {
                tracing::warn!(domain, reason, fix, next = %due, until = %old.not_after, "a certificate is not renewed yet");
            }
            None => tracing::error!(domain, reason, fix, next = %due, "there is no certificate by ACME"),
        }
        if error.is_without_account() {
            match account::forget(&self.settings) {
                Ok(()) => {
                    tracing::warn!("the ACME server does not know the account; a new one is registered")
                }
                Err(error) => tracing::error!(reason = with_causes(&error), "the ACME account is kept"),
            }
        }
    }
}

impl Name {
    fn new(domain: &str, due: Timestamp, ask: Option<Timestamp>) -> Self {
        Self {
            domain: domain.to_owned(),
            due,
            ask,
            earliest: Timestamp(i64::MIN),
            advised: false,
            failures: 0,
            challenge: 0,
        }
    }

    /// Waits until then, whatever the authority says meanwhile of the time to renew.
    fn pause(&mut self, until: Timestamp) {
        self.due = until;
        self.earliest = until;
    }

    /// Waits at least until then.
    fn wait(&mut self, until: Timestamp) {
        self.due = self.due.max(until);
        self.earliest = self.earliest.max(until);
    }

    fn wake(&self) -> Timestamp {
        self.ask.map_or(self.due, |ask| ask.min(self.due))
    }

    fn renewed(&mut self, life: Life, now: Timestamp) {
        self.failures = 0;
        self.advised = false;
        self.earliest = now.plus(life.shortest_pause());
        self.due = life.renewal(Jitter::random()).max(self.earliest);
        // At once: the window of the new certificate may be early.
        self.ask = Some(now);
    }

    /// `asked`: when to renew, and when to ask again.
    fn asked(&mut self, asked: Result<(Timestamp, Duration), AcmeError>, now: Timestamp) {
        match asked {
            Ok((due, again)) => {
                self.advised = true;
                self.due = due.max(self.earliest);
                self.ask = Some(now.plus(again));
            }
            // The authority does not do this. A third of the life is left when it is time.
            Err(AcmeError::Server { source: instant_acme::Error::Unsupported(_), .. }) => self.ask = None,
            Err(error) => {
                tracing::info!(
                    domain = self.domain,
                    reason = with_causes(&error),
                    "the authority does not say when to renew the certificate"
                );
                self.ask = Some(now.plus(LONGEST_SLEEP));
            }
        }
    }
}

fn life(certificate: &Certificate) -> Life {
    Life { begin: certificate.not_before, end: certificate.not_after }
}

/// As URLs and orders have it: both parts in base64url (RFC 9773 section 4.1).
fn identifier(RenewalId { issuer, serial }: RenewalId) -> CertificateIdentifier<'static> {
    CertificateIdentifier {
        authority_key_identifier: URL_SAFE_NO_PAD.encode(issuer).into(),
        serial: URL_SAFE_NO_PAD.encode(serial).into(),
    }
}

fn with_causes(error: &AcmeError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_to_renew_now_waits_for_the_pause_after_a_failure() {
        let mut name = Name::new("a.test", Timestamp(0), Some(Timestamp(0)));
        let now = Timestamp(1_000_000);
        name.pause(now.plus(Duration::from_secs(300)));
        name.asked(Ok((Timestamp(0), Duration::from_secs(60))), now);
        assert_eq!(
            (name.due, name.ask),
            (now.plus(Duration::from_secs(300)), Some(now.plus(Duration::from_secs(60))))
        );
        name.wait(now.plus(Duration::from_secs(10)));
        assert_eq!(name.due, now.plus(Duration::from_secs(300)), "it waits for longer already");
        name.asked(Ok((now.plus(Duration::from_secs(900)), Duration::from_secs(60))), now);
        assert_eq!(name.due, now.plus(Duration::from_secs(900)));
    }
}
