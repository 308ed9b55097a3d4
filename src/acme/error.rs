//! Why there is no certificate, and what to do.

use std::{io, path::PathBuf};

use instant_acme::Problem;

use super::ChallengeKind;
use crate::tls::{CertificateError, ChallengeError, TlsError};

/// Why an attempt to get a certificate failed.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The ACME server cannot be reached, or does not answer as RFC 8555 says.
    #[error("{step}: the ACME server gives no answer that can be used")]
    Server {
        /// What was asked for.
        step: &'static str,
        /// What went wrong.
        #[source]
        source: instant_acme::Error,
    },
    /// The ACME server refuses.
    #[error("{step}: the ACME server refuses: {}", reason(.problem))]
    Refused {
        /// What was asked for.
        step: &'static str,
        /// Its reason.
        problem: Box<Problem>,
    },
    /// The name could not be proven.
    #[error("the ACME server could not check by {challenge} that the name leads here: {}", reason(.problem))]
    Unproven {
        /// How it was tried.
        challenge: ChallengeKind,
        /// What the server found.
        problem: Box<Problem>,
    },
    /// None of the challenges can be answered.
    #[error("the ACME server does not offer {0}")]
    NotOffered(ChallengeKind),
    /// An attempt takes too long.
    #[error("the ACME server did not finish in time")]
    Slow,
    /// The trusted authorities cannot be read.
    #[error("the authorities for the ACME server cannot be used")]
    Authorities(#[source] TlsError),
    /// The certificate of a challenge cannot be made.
    #[error("the challenge cannot be answered")]
    Challenge(#[from] ChallengeError),
    /// No key, or no request for a certificate, can be made.
    #[error("no request for a certificate can be made")]
    Request(#[from] rcgen::Error),
    /// What was issued cannot be used.
    #[error("the certificate that was issued cannot be used")]
    Certificate(#[from] CertificateError),
    /// A file of accounts or certificates.
    #[error("`{}` cannot be read or written", .0.display())]
    File(PathBuf, #[source] io::Error),
}

/// The steps of an order after the name has been proven, or while it is.
pub(super) const AFTER_ORDER: [&str; 3] = ["the challenge", "the request", "the certificate"];

/// How soon to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The attempt does not count towards a limit of the authority.
    Uncounted,
    /// The authority refused, or could not prove the name. Those have limits: Let's Encrypt allows five failed checks of a
    /// name in an hour.
    Refused,
    /// The name is not proven by one challenge, and the other has not been tried yet.
    OtherChallengeLeft,
    /// A limit of the authority is reached. More attempts only make it longer.
    Limited,
}

/// The kind of a problem in RFC 8555 section 6.7, without the prefix that all have.
pub(super) fn kind(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or_default();
    kind.strip_prefix("urn:ietf:params:acme:error:").unwrap_or(kind)
}

fn reason(problem: &Problem) -> String {
    let detail = problem.detail.as_deref().unwrap_or("no reason is given");
    format!("{detail} ({})", kind(problem))
}

impl AcmeError {
    /// An error of the library at this step.
    pub(super) fn at(step: &'static str) -> impl Fn(instant_acme::Error) -> Self {
        move |source| match source {
            instant_acme::Error::Api(problem) => Self::Refused { step, problem: Box::new(problem) },
            source => Self::Server { step, source },
        }
    }

    pub(super) fn failure(&self) -> Failure {
        match self {
            // The order has been counted, and a certificate may have been issued.
            Self::Server { step, .. } if AFTER_ORDER.contains(step) => Failure::Refused,
            Self::Server { .. } | Self::Authorities(_) => Failure::Uncounted,
            _ if self.is_without_account() => Failure::Uncounted,
            _ if self.kind() == Some("rateLimited") => Failure::Limited,
            _ => Failure::Refused,
        }
    }

    /// Whether the server does not know the account.
    pub(super) fn is_without_account(&self) -> bool {
        self.kind() == Some("accountDoesNotExist")
    }

    /// The kind of the server's problem, as RFC 8555 section 6.7 names it.
    pub(super) fn kind(&self) -> Option<&str> {
        match self {
            Self::Refused { problem, .. } | Self::Unproven { problem, .. } => Some(kind(problem)),
            _ => None,
        }
    }

    /// What an operator can do.
    pub(super) fn fix(&self) -> String {
        let known = match self.kind() {
            Some("accountDoesNotExist") => Some("nothing is to be done: a new account is registered"),
            Some("rateLimited") => Some("wait; the limit ends by itself"),
            Some("caa") => Some("allow this authority in the CAA record of the name"),
            Some("rejectedIdentifier" | "unsupportedIdentifier") => {
                Some("this authority issues no certificate for the name: take it out of `tls.acme_domains`")
            }
            Some("externalAccountRequired") => Some(
                "this authority wants an account that was made elsewhere, which is not built: use another one",
            ),
            Some("invalidContact" | "unsupportedContact") => Some("correct `tls.acme_email`, or take it out"),
            Some("dns") => Some("give the name an address record (A or AAAA) that leads to this host"),
            _ => None,
        };
        if let Some(known) = known {
            return known.to_owned();
        }
        match self {
            Self::Refused { .. } if self.kind() == Some("unauthorized") => {
                "the account may be deactivated: remove its `account.json` below `acme/` in the data folder, and a new one is registered"
                    .to_owned()
            }
            Self::Unproven { challenge, .. } => format!(
                "let the name lead to this host, and port {} of it to `{}`",
                challenge.port(),
                challenge.listener()
            ),
            Self::Server { .. } | Self::Slow => {
                "see whether `tls.acme_directory` is right and can be reached from here, with `tls.acme_ca` if it is of an authority of your own".to_owned()
            }
            Self::NotOffered(_) => "open the other listener: `server.http` for http-01, `server.https` for tls-alpn-01".to_owned(),
            Self::Authorities(_) => "correct `tls.acme_ca`".to_owned(),
            Self::File(..) => "let the gate's user read and write the folder".to_owned(),
            Self::Refused { .. } | Self::Challenge(_) | Self::Request(_) | Self::Certificate(_) => {
                "ask who runs the authority".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use instant_acme::Error;

    use super::*;

    fn problem(kind: &str) -> Problem {
        let kind = Some(format!("urn:ietf:params:acme:error:{kind}"));
        Problem { r#type: kind, detail: Some("because".to_owned()), status: None, subproblems: Vec::new() }
    }

    #[test]
    fn each_kind_of_problem_says_what_to_do_and_how_soon_it_is_tried_again() {
        for (kind, fix, failure) in [
            ("rateLimited", "wait", Failure::Limited),
            ("accountDoesNotExist", "a new account is registered", Failure::Uncounted),
            ("caa", "CAA record", Failure::Refused),
            ("rejectedIdentifier", "take it out of `tls.acme_domains`", Failure::Refused),
            ("externalAccountRequired", "use another one", Failure::Refused),
            ("invalidContact", "tls.acme_email", Failure::Refused),
            ("unauthorized", "account.json", Failure::Refused),
            ("serverInternal", "who runs the authority", Failure::Refused),
        ] {
            let refused = AcmeError::at("the order")(Error::Api(problem(kind)));
            let told = refused.to_string();
            assert_eq!(told, format!("the order: the ACME server refuses: because ({kind})"));
            assert!(refused.fix().contains(fix), "{kind}: {}", refused.fix());
            assert_eq!(refused.failure(), failure, "{kind}");
        }
    }

    #[test]
    fn a_name_that_is_not_proven_says_which_port_has_to_lead_here() {
        for (challenge, port) in [
            (ChallengeKind::Http01, "port 80 of it to `server.http`"),
            (ChallengeKind::TlsAlpn01, "port 443 of it to `server.https`"),
        ] {
            let unproven = |kind| AcmeError::Unproven { challenge, problem: Box::new(problem(kind)) };
            assert!(unproven("connection").fix().contains(port));
            assert!(unproven("unauthorized").fix().contains(port), "another server answered");
            assert!(unproven("dns").fix().contains("address record"));
            assert_eq!(unproven("connection").failure(), Failure::Refused);
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_asked_again_soon() {
        let unheard = AcmeError::at("the directory")(Error::Str("x"));
        assert_eq!((unheard.failure(), unheard.kind()), (Failure::Uncounted, None));
        assert!(unheard.fix().contains("tls.acme_directory"));
    }

    #[test]
    fn what_fails_behind_an_order_is_not_tried_again_at_once() {
        for (step, failure) in [
            ("the account", Failure::Uncounted),
            ("the order", Failure::Uncounted),
            ("the challenge", Failure::Refused),
            ("the request", Failure::Refused),
            ("the certificate", Failure::Refused),
        ] {
            assert_eq!(AcmeError::at(step)(Error::Timeout(None)).failure(), failure, "{step}");
        }
        let file = AcmeError::File("account.json".into(), std::io::ErrorKind::StorageFull.into());
        assert_eq!(file.failure(), Failure::Refused, "an account that cannot be kept is registered again");
    }
}
